"""Chains whose nodes answer with more, or commit to less, than Ethereum's.

A profile never makes a check lighter than it has to be: it leaves out the receipts that the chain
is known to keep out of its headers, each told by a rule that no other receipt meets, and it names
the checks that the chain is known to break. What is left out or broken is reported as unproved. A
chain of which we know less has no profile, and is held to Ethereum's rules.

From what is left out or broken follows which level of proof the chain can reach (`reach`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from contracts.evm import BlockNumber, Hash32, keccak
from indexer.chain import Header
from indexer.errors import UnknownChainProfile
from indexer.levels import Level

_BOR_RECEIPT = b"matic-bor-receipt-"


class Check(StrEnum):
    """What is checked of a block."""

    BLOCK_HASH = "block_hash"
    LOGS_BLOOM = "logs_bloom"
    RECEIPTS_ROOT = "receipts_root"
    TRANSACTIONS_ROOT = "transactions_root"


_LEVEL_WITHOUT = {
    Check.BLOCK_HASH: Level.NONE,
    Check.LOGS_BLOOM: Level.NONE,
    Check.RECEIPTS_ROOT: Level.HEADERS,
    Check.TRANSACTIONS_ROOT: Level.RECEIPTS,
}
"""The highest level that a chain reaches where a check proves nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unproved:
    """A check that says nothing in the blocks below `end_block`."""

    check: Check
    end_block: BlockNumber
    reason: str


@dataclass(frozen=True, slots=True)
class Reach:
    """The highest level of proof that a chain can reach, and why it is no higher ("" if it is)."""

    level: Level
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainProfile:
    """How a chain differs: receipts that no header commits to, and checks that prove nothing.

    `is_left_out` tells the receipts that no header commits to by header, transaction hash (None if
    the node states none) and cumulative gas; `left_out_reason` is "" where there are none.
    """

    name: str
    is_left_out: Callable[[Header, Hash32 | None, int], bool]
    left_out_reason: str
    unproved: tuple[Unproved, ...]

    def reach(self, start_block: BlockNumber) -> Reach:
        """What can be proved of all blocks from this one up.

        A receipt that is left out of a block's root is left out of its bloom too. So the header
        tells nothing of its logs, not even that there are none.
        """
        if self.left_out_reason:
            return Reach(Level.NONE, self.left_out_reason)
        reaches = [
            Reach(_LEVEL_WITHOUT[one.check], one.reason)
            for one in self.unproved
            if start_block < one.end_block
        ]
        order = list(Level)
        return min(reaches, key=lambda one: order.index(one.level), default=_WHOLE)


_WHOLE = Reach(Level.RECEIPTS, "")


def _none_left_out(_header: Header, _transaction_hash: Hash32 | None, _gas: int) -> bool:
    return False


def _is_state_sync(header: Header, transaction_hash: Hash32 | None, _gas: int) -> bool:
    """Whether the hash of the transaction is the one that Bor derives from the block itself."""
    number = (header.number & 0xFFFF_FFFF_FFFF_FFFF).to_bytes(8, "big")
    return transaction_hash == keccak(_BOR_RECEIPT + number + header.hash)


def _is_without_gas(
    _header: Header, _transaction_hash: Hash32 | None, cumulative_gas_used: int
) -> bool:
    """Whether no gas is used up to here: a user's transaction costs 21,000 at least."""
    return cumulative_gas_used == 0


def _like_ethereum(name: str) -> ChainProfile:
    return ChainProfile(name=name, is_left_out=_none_left_out, left_out_reason="", unproved=())


CHAIN_PROFILES = (
    _like_ethereum("ethereum"),
    _like_ethereum("arbitrum"),
    _like_ethereum("optimism"),  # deposits have a type of their own: see `receipts`
    _like_ethereum("base"),
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
