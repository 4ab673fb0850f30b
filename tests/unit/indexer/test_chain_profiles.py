"""What each profile leaves out, and that it leaves out nothing else."""

from dataclasses import replace

import pytest

from contracts.evm import BlockNumber, Hash32, bytes_from_hex, keccak
from indexer.adapters.block_documents import block_from_document, receipts_from_document
from indexer.block_checks import BlockReport, check_block
from indexer.chain_profiles import (
    CHAIN_PROFILES,
    Check,
    Reach,
    Unproved,
    chain_profile_named,
)
from indexer.errors import UnknownChainProfile
from indexer.levels import Level
from tests.block_answers import Answer, made_up_block, made_up_receipts, shown


def checked(block: Answer, receipts: list[Answer], profile: str) -> BlockReport:
    document = block_from_document(block, "block")
    return check_block(
        document.header,
        receipts_from_document(receipts, "receipts"),
        transactions=document.transactions,
        whole_transactions=document.whole_transactions,
        profile=chain_profile_named(profile),
    )


def state_sync_hash(block: Answer) -> str:
    """Derived as Bor does: prefix, number of eight bytes, block hash."""
    number = int(block["number"], 16).to_bytes(8, "big")
    return shown(keccak(b"matic-bor-receipt-" + number + bytes_from_hex(block["hash"])))


def block_with_state_sync() -> tuple[Answer, list[Answer]]:
    block, receipts = made_up_block(left_out=1)
    name = state_sync_hash(block)
    block["transactions"][-1] = name
    for one in (receipts[-1], *receipts[-1]["logs"]):
        one["transactionHash"] = name
    return block, receipts


def test_profiles__names__differ_and_ethereum_is_first() -> None:
    names = [profile.name for profile in CHAIN_PROFILES]

    assert names == [
        "ethereum",
        "arbitrum",
        "optimism",
        "base",
        "polygon",
        "hyperevm",
        "cronos",
    ]


@pytest.mark.parametrize("profile", [profile.name for profile in CHAIN_PROFILES])
def test_profile__ordinary_block__leaves_nothing_out(profile: str) -> None:
    report = checked(*made_up_block(), profile)

    assert report.holds
    assert report.left_out == ()


def test_polygon__state_sync_receipt__left_out_and_named() -> None:
    block, receipts = block_with_state_sync()

    report = checked(block, receipts, "polygon")

    assert report.holds
    assert report.left_out == (3,)
    assert checked(block, receipts, "ethereum").checks[Check.RECEIPTS_ROOT] is False


def test_polygon__last_receipt_of_another_hash__not_left_out() -> None:
    block, receipts = block_with_state_sync()
    receipts[-1]["transactionHash"] = shown(Hash32(b"\x05" * 32))

    report = checked(block, receipts, "polygon")

    assert report.left_out == ()
    assert report.checks[Check.RECEIPTS_ROOT] is False


def test_hyperevm__receipt_without_gas__left_out() -> None:
    receipts = made_up_receipts()
    receipts[-1]["cumulativeGasUsed"] = "0x0"
    block, answers = made_up_block(receipts, left_out=1)

    assert checked(block, answers, "hyperevm").left_out == (3,)
    assert checked(block, answers, "hyperevm").holds
    assert not checked(block, answers, "ethereum").holds


@pytest.mark.parametrize(("number", "found"), [(19_999_999, None), (20_000_000, False)])
def test_cronos__bloom__unproved_below_its_block(number: int, found: bool | None) -> None:
    block, receipts = made_up_block()
    block["number"] = hex(number)
    block["logsBloom"] = shown(b"\xff" * 256)

    report = checked(block, receipts, "cronos")

    assert report.checks[Check.LOGS_BLOOM] is found
    assert report.checks[Check.RECEIPTS_ROOT] is True
    assert (Check.LOGS_BLOOM in report.unproved) == (found is None)


def test_cronos__log_dropped__receipts_root_still_refuses() -> None:
    block, receipts = made_up_block()
    receipts[3]["logs"].pop()

    assert checked(block, receipts, "cronos").checks[Check.RECEIPTS_ROOT] is False
    assert not checked(block, receipts, "cronos").holds


@pytest.mark.parametrize("name", ["ethereum", "arbitrum", "optimism", "base"])
def test_reach__header_commits_to_all__receipts(name: str) -> None:
    assert chain_profile_named(name).reach(BlockNumber(0)) == Reach(Level.RECEIPTS, "")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("polygon", "state-sync receipts are not in the header"),
        ("hyperevm", "receipts of system transactions are not in the header"),
    ],
)
def test_reach__receipts_left_out_of_bloom_and_root__nothing_and_said(
    name: str, reason: str
) -> None:
    assert chain_profile_named(name).reach(BlockNumber(10**9)) == Reach(Level.NONE, reason)


def test_reach__bloom_broken_below_a_block__only_from_there_receipts() -> None:
    cronos = chain_profile_named("cronos")
    broken = cronos.reach(BlockNumber(19_999_999))

    assert broken.level is Level.NONE
    assert broken.reason.startswith("blooms below block 20000000 may hold")
    assert cronos.reach(BlockNumber(20_000_000)) == Reach(Level.RECEIPTS, "")


@pytest.mark.parametrize(
    ("checks", "level"),
    [
        ([Check.RECEIPTS_ROOT], Level.HEADERS),
        ([Check.TRANSACTIONS_ROOT], Level.RECEIPTS),
        ([Check.RECEIPTS_ROOT, Check.LOGS_BLOOM], Level.NONE),
        ([Check.BLOCK_HASH, Check.RECEIPTS_ROOT], Level.NONE),
    ],
)
def test_reach__checks_that_prove_nothing__the_least_of_their_levels(
    checks: list[Check], level: Level
) -> None:
    broken = tuple(Unproved(check=one, end_block=BlockNumber(9), reason=one) for one in checks)
    profile = replace(chain_profile_named("ethereum"), unproved=broken)

    assert profile.reach(BlockNumber(8)).level is level
    assert profile.reach(BlockNumber(9)).level is Level.RECEIPTS


def test_profile__unknown__names_the_known() -> None:
    with pytest.raises(UnknownChainProfile, match="'zksync' is not one of ethereum, arbitrum"):
        chain_profile_named("zksync")
