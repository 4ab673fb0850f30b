"""Receipts as columns and receipts one by one: one encoding, and one verdict on every block."""

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.evm import keccak
from indexer.adapters.block_documents import block_from_document, receipts_from_document
from indexer.adapters.receipt_answers import receipts_from_answers
from indexer.adapters.rpc_answers import blocks_from_answers
from indexer.block_checks import check_block
from indexer.chain import header_hash
from indexer.chain_profiles import CHAIN_PROFILES
from indexer.errors import ReceiptsRefused
from indexer.receipt_batch import prove_receipts
from indexer.receipts import block_bloom, receipt_bloom, receipts_root
from tests.block_answers import Answer, block_answer, shown
from tests.fakes_chain import sealed_header

ETHEREUM = CHAIN_PROFILES[0]
Pair = tuple[Answer, list[Answer]]


def logs() -> st.SearchStrategy[Answer]:
    data = st.one_of(
        st.binary(max_size=3), st.binary(min_size=50, max_size=70), st.just(bytes(300))
    )
    return st.fixed_dictionaries(
        {
            "address": st.binary(min_size=20, max_size=20).map(shown),
            "topics": st.lists(st.binary(min_size=32, max_size=32).map(shown), max_size=4),
            "data": data.map(shown),
        }
    )


def receipts() -> st.SearchStrategy[Answer]:
    outcome = st.one_of(
        st.sampled_from([{"status": "0x0"}, {"status": "0x1"}]),
        st.binary(min_size=32, max_size=32).map(lambda root: {"root": shown(root)}),
    )
    deposit = {"type": "0x7e", "depositNonce": "0x3d3bbf"}
    kinds: list[Answer] = [{}, *({"type": hex(kind)} for kind in range(5)), deposit]
    kinds.append(deposit | {"depositReceiptVersion": "0x1"})
    return st.builds(
        lambda kind, outcome, gas, several, states_bloom: {
            **kind,
            **outcome,
            "cumulativeGasUsed": hex(gas),
            "logs": several,
            "states_bloom": states_bloom,
        },
        st.sampled_from(kinds),
        outcome,
        st.integers(0, 2**64 - 1),
        st.lists(logs(), max_size=4),
        st.booleans(),
    )


def block_of(given_receipts: list[Answer], salt: int) -> Pair:
    """A block that commits to these receipts, and the receipts in their places."""
    stated = [one.pop("states_bloom") for one in given_receipts]
    rows = receipts_from_document(given_receipts, "made up")
    header = replace(
        sealed_header(None, timestamp=1_000, salt=salt, logs=()),
        logs_bloom=block_bloom(rows),
        receipts_root=receipts_root(rows),
    )
    header = replace(header, hash=header_hash(header))
    names = [shown(keccak(bytes((salt, place)))) for place in range(len(rows))]
    log_index = 0
    for place, (receipt, row) in enumerate(zip(given_receipts, rows, strict=True)):
        if stated[place]:
            receipt["logsBloom"] = shown(receipt_bloom(row).to_bytes(256, "big"))
        here = {
            "blockHash": shown(header.hash),
            "blockNumber": shown(header.number),
            "transactionHash": names[place],
            "transactionIndex": hex(place),
        }
        receipt.update(here)
        for log in receipt["logs"]:
            log.update(here, logIndex=hex(log_index))
            log_index += 1
    return block_answer(header, names), given_receipts


def blocks() -> st.SearchStrategy[list[Pair]]:
    return st.lists(st.lists(receipts(), max_size=5), max_size=4).map(
        lambda several: [block_of(one, salt) for salt, one in enumerate(several)]
    )


def holds_by_columns(pairs: list[Pair]) -> bool:
    batch = receipts_from_answers([answers for _, answers in pairs])
    try:
        prove_receipts(blocks_from_answers([block for block, _ in pairs]), batch, ETHEREUM)
    except ReceiptsRefused:
        return False
    return True


def holds_one_by_one(pair: Pair) -> bool:
    document = block_from_document(pair[0], "block")
    report = check_block(
        document.header,
        receipts_from_document(pair[1], "receipts"),
        transactions=document.transactions,
        whole_transactions=document.whole_transactions,
        profile=ETHEREUM,
    )
    return report.holds


def texts(receipts: list[Answer]) -> list[tuple[Any, Any]]:
    """Every text of a receipt and a log, by its owner and key; the type of a receipt is not one.

    Another type may ask for other fields.
    """
    logs = [log for receipt in receipts for log in receipt["logs"]]
    owners: list[Any] = [*receipts, *logs, *(log["topics"] for log in logs)]
    return [
        (owner, key)
        for owner in owners
        for key in (owner if isinstance(owner, dict) else range(len(owner)))
        if isinstance(owner[key], str) and len(owner[key]) > 2 and key != "type"
    ]


@given(blocks())
@settings(max_examples=60, deadline=None)
def test_receipts__any_blocks__proved_both_ways_with_the_same_logs(pairs: list[Pair]) -> None:
    batch = receipts_from_answers([answers for _, answers in pairs])
    found = prove_receipts(blocks_from_answers([block for block, _ in pairs]), batch, ETHEREUM)

    rows = [row for _, answers in pairs for row in receipts_from_document(answers, "receipts")]
    expected = [log for row in rows for log in row.logs]
    assert all(holds_one_by_one(pair) for pair in pairs)
    assert [(one.address, one.topics, one.data) for one in found.rows()] == [
        (log.address, log.topics, log.data) for log in expected
    ]
    assert found.log_index.tolist() == [log.place.log_index for log in expected]


@given(blocks(), st.data())
@settings(max_examples=120, deadline=None)
def test_receipts__one_digit_changed__one_verdict(pairs: list[Pair], data: st.DataObject) -> None:
    changeable = [pair for pair in pairs if texts(pair[1])]
    if not changeable:
        return
    pair = data.draw(st.sampled_from(changeable))
    owner, key = data.draw(st.sampled_from(texts(pair[1])))
    text = owner[key]
    place = data.draw(st.integers(2, len(text) - 1))
    digit = "1" if text[place] == "0" else "0"
    if key == "status":
        digit = "1" if text == "0x0" else "0"
    owner[key] = text[:place] + digit + text[place + 1 :]

    is_deposit_of_before = key == "depositNonce" and "depositReceiptVersion" not in owner
    assert holds_one_by_one(pair) is is_deposit_of_before
    assert holds_by_columns(pairs) is is_deposit_of_before
