"""Every change of a receipt is refused: by the root, or where no header commits, by its place."""

import copy
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.adapters.block_documents import block_from_document, receipts_from_document
from indexer.block_checks import BlockReport, check_block
from indexer.chain_profiles import Check, chain_profile_named
from tests.block_answers import (
    MAINNET,
    Answer,
    made_up_block,
    made_up_receipts,
    published_answer,
    published_block_before_byzantium,
    published_mainnet_block,
    shown,
)

needs_vectors = pytest.mark.skipif(not MAINNET.exists(), reason="../shared/vectors is absent")
PLACES = ("blockHash", "blockNumber", "transactionHash", "transactionIndex", "logIndex")
COMMITTED = ("type", "status", "cumulativeGasUsed", "address", "data")


def checked(block: Any, receipts: Any, profile: str = "ethereum") -> BlockReport:
    document = block_from_document(block, "block")
    return check_block(
        document.header,
        receipts_from_document(receipts, "receipts"),
        transactions=document.transactions,
        profile=chain_profile_named(profile),
    )


def digit_changed(text: str, place: int) -> str:
    return text[:place] + ("0" if text[place] == "1" else "1") + text[place + 1 :]


def flipped(text: str) -> str:
    """The same data, or quantity, with its last digit changed."""
    return digit_changed(text, len(text) - 1)


def listings(receipts: list[Answer]) -> list[tuple[str, list[Any]]]:
    """Every list that the root commits to: the receipts, their logs, and the logs' topics."""
    logs = [receipt["logs"] for receipt in receipts]
    topics = [log["topics"] for several in logs for log in several]
    named = [("receipts", [receipts]), ("logs", logs), ("topics", topics)]
    return [(name, one) for name, several in named for one in several]


def texts(receipts: list[Answer]) -> list[tuple[str, dict[str, Any]]]:
    """Every field of text that the root commits to, with its owner."""
    owners = [*receipts, *(log for receipt in receipts for log in receipt["logs"])]
    return [(field, owner) for owner in owners for field in COMMITTED if field in owner]


def drop(items: list[Any], at: int) -> None:
    del items[at]


def double(items: list[Any], at: int) -> None:
    items.insert(at, copy.deepcopy(items[at]))


def swap(items: list[Any], at: int) -> None:
    items[at - 1], items[at] = items[at], items[at - 1]


def list_mutations(receipts: list[Answer]) -> Iterator[tuple[str, list[Answer]]]:
    """Every receipt, log and topic dropped, doubled, or swapped with its neighbour."""
    for which, (name, items) in enumerate(listings(receipts)):
        for at, change in product(range(len(items)), (drop, double, swap)):
            copied = copy.deepcopy(receipts)
            change(listings(copied)[which][1], at)
            if copied != receipts:
                yield f"{change.__name__} {name}", copied


def text_mutations(receipts: list[Answer]) -> Iterator[tuple[str, list[Answer]]]:
    """Every digit of every committed field changed, one at a time."""
    for which, (field, owner) in enumerate(texts(receipts)):
        for place in range(2, len(owner[field])):
            copied = copy.deepcopy(receipts)
            texts(copied)[which][1][field] = digit_changed(owner[field], place)
            yield f"change {field}", copied
    for which, (name, items) in enumerate(listings(receipts)):
        for at, place in product(range(len(items) if name == "topics" else 0), range(2, 66)):
            copied = copy.deepcopy(receipts)
            listings(copied)[which][1][at] = digit_changed(items[at], place)
            yield "change topics", copied


def test_check_block__honest_answer__holds() -> None:
    report = checked(*made_up_block())

    assert report.holds
    assert report.checks == dict.fromkeys(Check, True)
    assert (report.unproved, report.left_out, report.discrepancies) == ({}, (), ())


def test_check_block__every_mutation__receipts_root_refuses() -> None:
    block, receipts = made_up_block()
    found = [*list_mutations(receipts), *text_mutations(receipts)]

    assert len(found) > 900
    assert len({name for name, _ in found}) == 15
    for name, changed in found:
        report = checked(block, changed)
        assert report.checks[Check.RECEIPTS_ROOT] is False, name
        assert report.checks[Check.BLOCK_HASH] is True, name
        assert not report.holds, name


def test_check_block__value_changed__bloom_alone_accepts() -> None:
    block, receipts = made_up_block()
    receipts[3]["logs"][2]["data"] = flipped(receipts[3]["logs"][2]["data"])

    report = checked(block, receipts)

    assert report.checks[Check.LOGS_BLOOM] is True
    assert report.checks[Check.RECEIPTS_ROOT] is False


@pytest.mark.parametrize(
    ("field", "of_log"),
    [*product(PLACES, [True]), *product(PLACES[:-1], [False])],  # a receipt has no log index
)
def test_check_block__place_changed__only_consistency_refuses(field: str, of_log: bool) -> None:
    block, receipts = made_up_block()
    target = receipts[2]["logs"][1] if of_log else receipts[2]
    target[field] = flipped(target[field])

    report = checked(block, receipts)

    assert report.checks == dict.fromkeys(Check, True)
    assert not report.holds
    (sentence,) = report.discrepancies
    assert sentence.startswith("receipt 2, log 2: " if of_log else "receipt 2: ")


def test_check_block__transaction_hash_changed_throughout__only_the_list_tells() -> None:
    block, receipts = made_up_block()
    for one in (receipts[2], *receipts[2]["logs"]):
        one["transactionHash"] = shown(b"\x05" * 32)

    assert len(checked(block, receipts).discrepancies) == 3
    del block["transactions"]
    assert checked(block, receipts).holds


def test_check_block__nothing_but_committed_fields__holds() -> None:
    block, receipts = made_up_block()
    bare = [
        {name: receipt[name] for name in receipt if name not in PLACES}
        | {
            "logs": [
                {name: log[name] for name in ("address", "topics", "data")}
                for log in receipt["logs"]
            ]
        }
        for receipt in receipts
    ]

    assert checked(block, bare).holds


def test_check_block__stated_bloom_of_receipt_wrong__inconsistent() -> None:
    block, receipts = made_up_block()
    receipts[1]["logsBloom"] = shown(bytes(256))

    report = checked(block, receipts)

    assert report.checks[Check.RECEIPTS_ROOT] is True
    assert report.discrepancies == ("receipt 1: logs_bloom is not that of its logs",)


@pytest.mark.parametrize(
    ("field", "false"),
    [
        ("receiptsRoot", {Check.BLOCK_HASH, Check.RECEIPTS_ROOT}),
        ("logsBloom", {Check.BLOCK_HASH, Check.LOGS_BLOOM}),
        ("gasUsed", {Check.BLOCK_HASH}),
        ("hash", {Check.BLOCK_HASH}),
    ],
)
def test_check_block__header_changed__those_checks_refuse(field: str, false: set[Check]) -> None:
    block, receipts = made_up_block()
    block[field] = flipped(block[field])

    report = checked(block, receipts)

    assert {check for check, found in report.checks.items() if not found} == false


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_check_block__any_byte_of_a_large_block__refused(data: st.DataObject) -> None:
    block, receipts = made_up_block(made_up_receipts(140))
    position = data.draw(st.integers(0, 34)) * 4 + 3
    log = receipts[position]["logs"][2]
    field = data.draw(st.sampled_from(["address", "data", "topics"]))
    text = log[field][0] if field == "topics" else log[field]
    place = data.draw(st.integers(2, len(text) - 1))
    changed = digit_changed(text, place)
    log[field] = [changed, *log["topics"][1:]] if field == "topics" else changed

    assert checked(block, receipts).checks[Check.RECEIPTS_ROOT] is False


@needs_vectors
def test_check_block__published_answers__hold() -> None:
    block = published_answer("eth_getBlockByNumber/get-latest")
    receipts = published_answer("eth_getBlockReceipts/get-block-receipts-latest")

    assert checked(block, receipts).checks == dict.fromkeys(Check, True)
    assert checked(block, receipts).holds
    assert checked(*published_block_before_byzantium()).holds


@needs_vectors
@pytest.mark.parametrize("number", [17173049, 17173050])
def test_check_block__published_mainnet_block__any_log_dropped_refused(number: int) -> None:
    block, receipts = published_mainnet_block(number)
    assert checked(block, receipts).discrepancies == ()
    with_logs = [receipt for receipt in receipts if receipt["logs"]]

    for receipt in with_logs[::9]:
        dropped = receipt["logs"].pop()
        assert checked(block, receipts).checks[Check.RECEIPTS_ROOT] is False
        receipt["logs"].append(dropped)
    assert checked(block, receipts).checks[Check.RECEIPTS_ROOT] is True
