"""Every change of a receipt is refused: by the root, or where no header commits, by its place."""

import copy
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.adapters.block_documents import block_from_document, receipts_from_document
from indexer.block_checks import BlockReport, check_block
from indexer.chain_profiles import Check, chain_profile_named
from tests.block_answers import Answer, made_up_block, made_up_receipts, shown
from tests.published import REASON, PublishedBlock, lists_whole_transactions, published_blocks
from tests.receipt_mutations import (
    PLACES,
    digit_changed,
    flipped,
    list_mutations,
    text_mutations,
)

PUBLISHED = published_blocks()
WHOLE = [one for one in PUBLISHED if lists_whole_transactions(one.block)]
needs_whole = pytest.mark.skipif(not WHOLE, reason=REASON)
OF_RECEIPTS = (Check.BLOCK_HASH, Check.LOGS_BLOOM, Check.RECEIPTS_ROOT)
"""All checks of a block that lists its transactions by hash."""


def whole_block() -> tuple[Answer, list[Answer]]:
    """A published block that lists whole transactions, and its receipts."""
    block, receipts = copy.deepcopy((WHOLE[0].block, WHOLE[0].receipts))
    return block, receipts


def checked(block: Any, receipts: Any, profile: str = "ethereum") -> BlockReport:
    document = block_from_document(block, "block")
    return check_block(
        document.header,
        receipts_from_document(receipts, "receipts"),
        transactions=document.transactions,
        whole_transactions=document.whole_transactions,
        profile=chain_profile_named(profile),
    )


def test_check_block__honest_answer__holds() -> None:
    report = checked(*made_up_block())

    assert report.holds
    assert report.checks == dict.fromkeys(OF_RECEIPTS, True)
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

    assert report.checks == dict.fromkeys(OF_RECEIPTS, True)
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


@pytest.mark.parametrize("one", PUBLISHED, ids=[one.name for one in PUBLISHED])
def test_check_block__published_block__holds_and_any_log_dropped_refused(
    one: PublishedBlock,
) -> None:
    block, receipts = copy.deepcopy((one.block, one.receipts))
    report = checked(block, receipts)

    assert report.discrepancies == ()
    assert report.checks == dict.fromkeys(report.checks, True) | {Check.BLOCK_HASH: one.is_whole}
    assert report.proves_transaction_hashes == lists_whole_transactions(block)
    with_logs = [receipt for receipt in receipts if receipt["logs"]]
    for receipt in with_logs[::9]:
        dropped = receipt["logs"].pop()
        assert checked(block, receipts).checks[Check.RECEIPTS_ROOT] is False
        receipt["logs"].append(dropped)


def test_check_block__hashes_listed_only__no_hash_of_a_transaction_proved() -> None:
    report = checked(*made_up_block())

    assert Check.TRANSACTIONS_ROOT not in report.checks
    assert not report.proves_transaction_hashes


@needs_whole
def test_check_block__whole_transaction_changed__root_and_hash_tell() -> None:
    block, receipts = whole_block()
    changed = block["transactions"][1]
    changed["value"] = flipped(changed["value"])

    report = checked(block, receipts)

    assert report.checks == dict.fromkeys(OF_RECEIPTS, True) | {Check.TRANSACTIONS_ROOT: False}
    (sentence,) = report.discrepancies
    assert sentence.startswith(f"transaction 1: hash is {changed['hash']}, not 0x")
    assert not report.proves_transaction_hashes


@needs_whole
def test_check_block__hash_of_whole_transaction_changed_throughout__only_its_content_tells() -> (
    None
):
    block, receipts = whole_block()
    for one in (block["transactions"][1], receipts[1]):
        key = "hash" if "hash" in one else "transactionHash"
        one[key] = shown(b"\x05" * 32)
    for log in receipts[1]["logs"]:
        log["transactionHash"] = shown(b"\x05" * 32)

    report = checked(block, receipts)

    assert report.checks == dict.fromkeys(Check, True)
    assert [sentence[:22] for sentence in report.discrepancies] == ["transaction 1: hash is"]
    assert not report.proves_transaction_hashes


@needs_whole
def test_check_block__transaction_of_unknown_type__root_unproved_and_said() -> None:
    block, receipts = whole_block()
    block["transactions"][0]["type"] = "0x6a"

    report = checked(block, receipts)

    assert report.checks[Check.TRANSACTIONS_ROOT] is None
    assert report.unproved == {
        Check.TRANSACTIONS_ROOT: "transaction 0 has type 0x6a, whose encoding is not known"
    }
    assert not report.proves_transaction_hashes
