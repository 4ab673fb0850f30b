"""What each profile leaves out, and that it leaves out nothing else."""

import pytest

from contracts.evm import Hash32, bytes_from_hex, keccak
from indexer.adapters.block_documents import block_from_document, receipts_from_document
from indexer.block_checks import BlockReport, check_block
from indexer.chain_profiles import CHAIN_PROFILES, Check, chain_profile_named
from indexer.errors import UnknownChainProfile
from tests.block_answers import Answer, made_up_block, made_up_receipts, shown


def checked(block: Answer, receipts: list[Answer], profile: str) -> BlockReport:
    document = block_from_document(block, "block")
    return check_block(
        document.header,
        receipts_from_document(receipts, "receipts"),
        transactions=document.transactions,
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

    assert names == ["ethereum", "arbitrum", "polygon", "hyperevm", "cronos"]


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


def test_polygon__number_above_64_bits__no_crash() -> None:
    block, receipts = block_with_state_sync()
    block["number"] = hex(2**64)

    assert not checked(block, receipts, "polygon").holds


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


def test_profile__unknown__names_the_known() -> None:
    with pytest.raises(UnknownChainProfile, match="'zksync' is not one of ethereum, arbitrum"):
        chain_profile_named("zksync")
