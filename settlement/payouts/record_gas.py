"""Record what every transaction of a payout wallet cost, once it is final.

    start block          seen                finalized
    ────┴──────────────────┴───────────────────┴──►
    opening: coins and    transactions          one step: every nonce that was spent
    nonces of the wallet  recorded up to here   since, then `seen` is moved

Each transaction of an account spends one nonce, and the chain says how many were spent at a block:
so none can be left out, whatever became of the operations that it carried. Those that we signed are
found by their hashes, all versions of each nonce; any other (of a database that was lost, of a
version that a restored backup does not have) is looked for in the chain.

A step is one database transaction: what it read, what it writes, and how far it came. Receipts are
only taken from blocks that the index has, by their hash, so a receipt of a block that is gone is
never recorded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from contracts.evm import Address, BlockNumber, BlockRef, Hash32
from settlement.errors import ChainUnavailable

LOCATED_MAX = 100
"""Transactions that we did not sign here, and that one step looks for."""


@dataclass(frozen=True, slots=True)
class AccountAt:
    """Coins, and spent nonces, of an account at a block."""

    balance_wei: int
    nonce: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletOpening:
    """Where the record of a wallet begins: its account at the end of `block`."""

    block: BlockRef
    account: AccountAt


@dataclass(frozen=True, slots=True)
class Seen:
    """Every nonce below `nonce` is recorded; no other was spent up to `block`."""

    block: BlockRef
    nonce: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MinedTransaction:
    """One transaction of a wallet and its receipt.

    `value_wei` are the coins that left the wallet: none if it reverted, or was to the wallet
    itself. `recipient` is None where it created a contract. `data` is its calldata, which says what
    it was for, also if it failed. `other_fee_wei` is charged beside gas and the data of a rollup.
    """

    nonce: int
    tx_hash: Hash32
    recipient: Address | None
    data: bytes
    value_wei: int
    is_success: bool
    block_number: BlockNumber
    block_hash: Hash32
    gas_used: int
    effective_gas_price_wei: int
    l1_fee_wei: int
    other_fee_wei: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """Result of one step."""

    transactions: int
    is_caught_up: bool


class WalletChain(Protocol):
    """Transactions of one wallet, as a node shows them.

    Every method may raise `ChainUnavailable`.
    """

    def account(self, at: BlockRef) -> AccountAt | None:
        """The account at a block; None where the node has no such state any more."""
        ...

    def mined(self, hashes: Sequence[Hash32]) -> Mapping[int, MinedTransaction]:
        """Those of the transactions that are in the chain, by nonce."""
        ...

    def located(
        self, nonce: int, *, after: BlockNumber, upto: BlockNumber
    ) -> MinedTransaction | None:
        """The transaction in blocks (after, upto] that spent a nonce; None if none is shown."""
        ...


class FinalBlocks(Protocol):
    """Blocks of the index."""

    def finalized(self) -> BlockRef | None:
        """The newest finalized block."""
        ...

    def block(self, number: BlockNumber) -> BlockRef | None:
        """A block by number."""
        ...


class WalletRecord(Protocol):
    """What is recorded of one wallet, in one database transaction."""

    def opening(self) -> WalletOpening | None:
        """Where it begins; None before the first step."""
        ...

    def open(self, opening: WalletOpening) -> None:
        """Begin it."""
        ...

    def seen(self) -> Seen | None:
        """How far it goes; None before the first transaction was looked for."""
        ...

    def signed(self, first_nonce: int, end_nonce: int) -> Sequence[Hash32]:
        """Hashes of everything that was signed for nonces [first, end)."""
        ...

    def add(self, transactions: Sequence[tuple[MinedTransaction, BlockRef]], upto: Seen) -> None:
        """Add transactions with their blocks, and move `seen`."""
        ...


def record_step(
    chain: WalletChain,
    blocks: FinalBlocks,
    record: WalletRecord,
    *,
    start_block: BlockNumber,
) -> Recorded:
    """Record the transactions of one wallet up to the finalized block, or a part of them.

    Call it, each time in a new database transaction, until it is caught up. The record begins at
    `start_block`, or at the finalized block where the node does not know the account so far back.

    Raises:
        ChainUnavailable: no answer, or not of the chain that is indexed.
    """
    finalized = blocks.finalized()
    if finalized is None or finalized.number < start_block:
        return Recorded(transactions=0, is_caught_up=True)
    seen = record.seen() or _begun(chain, blocks, record, start_block, finalized)
    if seen.block.number >= finalized.number:
        return Recorded(transactions=0, is_caught_up=True)
    upto = _seen_at(chain, finalized)
    found, missing = _by_hash(chain, record, seen, upto)
    target = upto
    if len(missing) > LOCATED_MAX:
        target = _nearer(chain, blocks, missing[LOCATED_MAX], seen=seen, upto=upto)
    _locate(chain, found, missing, seen=seen, upto=target)
    added = [
        (one, _block_of(one, blocks))
        for nonce, one in sorted(found.items())
        if nonce < target.nonce
    ]
    record.add(added, target)
    return Recorded(transactions=len(added), is_caught_up=target == upto)


def _begun(
    chain: WalletChain,
    blocks: FinalBlocks,
    record: WalletRecord,
    start_block: BlockNumber,
    finalized: BlockRef,
) -> Seen:
    """Where the first step begins; nothing of ours is at or before the start block."""
    opening = record.opening()
    if opening is None:
        block = blocks.block(start_block)
        account = chain.account(block) if block is not None else None
        if block is None or account is None:
            block, account = finalized, _account(chain, finalized)
        opening = WalletOpening(block=block, account=account)
        record.open(opening)
    return Seen(opening.block, opening.account.nonce)


def _by_hash(
    chain: WalletChain, record: WalletRecord, seen: Seen, upto: Seen
) -> tuple[dict[int, MinedTransaction], list[int]]:
    """Transactions of the nonces in between that we signed, and the nonces that are left."""
    nonces = range(seen.nonce, upto.nonce)
    mined = chain.mined(record.signed(seen.nonce, upto.nonce)) if nonces else {}
    found = {
        nonce: one
        for nonce, one in mined.items()
        if nonce in nonces and seen.block.number < one.block_number <= upto.block.number
    }
    return found, [nonce for nonce in nonces if nonce not in found]


def _locate(
    chain: WalletChain,
    found: dict[int, MinedTransaction],
    missing: Sequence[int],
    *,
    seen: Seen,
    upto: Seen,
) -> None:
    """Find the missing ones below the nonce that is gone up to; nonces ascend with blocks."""
    low = seen.block.number
    for nonce in range(seen.nonce, upto.nonce):
        if nonce not in found:
            found[nonce] = _located(chain, nonce, after=low, upto=upto.block.number)
        # The next one may be in the same block.
        low = max(low, BlockNumber(found[nonce].block_number - 1))


def _located(
    chain: WalletChain, nonce: int, *, after: BlockNumber, upto: BlockNumber
) -> MinedTransaction:
    one = chain.located(nonce, after=after, upto=upto)
    if one is None:
        raise ChainUnavailable(
            "eth_getTransactionCount",
            f"nonce {nonce} was spent in blocks {after + 1} to {upto}, by what is not shown",
        )
    return one


def _nearer(chain: WalletChain, blocks: FinalBlocks, nonce: int, *, seen: Seen, upto: Seen) -> Seen:
    """The block before the one that spent a nonce, if that is a step at all."""
    one = _located(chain, nonce, after=seen.block.number, upto=upto.block.number)
    before = blocks.block(BlockNumber(one.block_number - 1))
    if before is None or before.number <= seen.block.number:
        return upto
    return _seen_at(chain, before)


def _seen_at(chain: WalletChain, block: BlockRef) -> Seen:
    return Seen(block, _account(chain, block).nonce)


def _account(chain: WalletChain, block: BlockRef) -> AccountAt:
    account = chain.account(block)
    if account is None:
        raise ChainUnavailable("eth_getBalance", f"no state of block {block.number} {block.hash}")
    return account


def _block_of(one: MinedTransaction, blocks: FinalBlocks) -> BlockRef:
    """The indexed block that a receipt is of, by hash."""
    block = blocks.block(one.block_number)
    if block is None or block.hash != one.block_hash:
        indexed = "none" if block is None else block.hash
        raise ChainUnavailable(
            "eth_getTransactionReceipt",
            f"{one.tx_hash} is in block {one.block_number} {one.block_hash}, indexed is {indexed}",
        )
    return block
