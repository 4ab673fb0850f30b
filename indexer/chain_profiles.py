"""Chains whose nodes answer with more, or commit to less, than Ethereum's.

A profile never makes a check lighter than it has to be: it leaves out the receipts that the chain
is known to keep out of its headers, each told by a rule that no other receipt meets, and it names
the checks that the chain is known to break. What is left out or broken is reported as unproved. A
chain of which we know less has no profile, and is held to Ethereum's rules.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from contracts.evm import BlockNumber, keccak
from indexer.chain import Header
from indexer.errors import UnknownChainProfile
from indexer.receipts import Receipt

_BOR_RECEIPT = b"matic-bor-receipt-"


class Check(StrEnum):
    """What is checked of a block."""

    BLOCK_HASH = "block_hash"
    LOGS_BLOOM = "logs_bloom"
    RECEIPTS_ROOT = "receipts_root"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unproved:
    """A check that says nothing in the blocks below `end_block`."""

    check: Check
    end_block: BlockNumber
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainProfile:
    """How a chain differs: receipts that no header commits to, and checks that prove nothing."""

    name: str
    is_left_out: Callable[[Header, Receipt], bool]
    left_out_reason: str
    unproved: tuple[Unproved, ...]


def _none_left_out(_header: Header, _receipt: Receipt) -> bool:
    return False


def _is_state_sync(header: Header, receipt: Receipt) -> bool:
    """Whether the hash of the transaction is the one that Bor derives from the block itself."""
    number = (header.number & 0xFFFF_FFFF_FFFF_FFFF).to_bytes(8, "big")
    derived = keccak(_BOR_RECEIPT + number + header.hash)
    return receipt.place.transaction_hash == derived


def _is_without_gas(_header: Header, receipt: Receipt) -> bool:
    """Whether no gas is used up to here: a user's transaction costs 21,000 at least."""
    return receipt.cumulative_gas_used == 0


CHAIN_PROFILES = (
    ChainProfile(name="ethereum", is_left_out=_none_left_out, left_out_reason="", unproved=()),
    ChainProfile(name="arbitrum", is_left_out=_none_left_out, left_out_reason="", unproved=()),
    ChainProfile(
        name="polygon",
        is_left_out=_is_state_sync,
        left_out_reason="state-sync receipts are not in the header",
        unproved=(),
    ),
    ChainProfile(
        name="hyperevm",
        is_left_out=_is_without_gas,
        left_out_reason="receipts of system transactions are not in the header",
        unproved=(),
    ),
    ChainProfile(
        name="cronos",
        is_left_out=_none_left_out,
        left_out_reason="",
        unproved=(
            Unproved(
                check=Check.LOGS_BLOOM,
                end_block=BlockNumber(20_000_000),
                reason="blooms below block 20000000 may hold bits of logs of other blocks",
            ),
        ),
    ),
)
"""Source: the exemptions that public verifiers make (maticjs, squid-sdk)."""


def chain_profile_named(name: str) -> ChainProfile:
    """The profile of this name.

    Raises:
        UnknownChainProfile: there is none.
    """
    for profile in CHAIN_PROFILES:
        if profile.name == name:
            return profile
    raise UnknownChainProfile(name, tuple(profile.name for profile in CHAIN_PROFILES))
