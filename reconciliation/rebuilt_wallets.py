"""Payout wallets from the chain alone: coins, nonces, what transactions cost and sent.

    brought in = coins now + gas + coins sent

Which wallets there are, and from which nonce on their books begin, nothing on chain says: that is
asked of our records, and so are hashes, which help to find transactions and prove nothing. Whatever
is said of a wallet is then of its account and of its receipts. Coins that came make no transaction
of the wallet, so what was brought in is what must have been: it is compared with what all entries
but those of gas say of it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from contracts.evm import ZERO_ADDRESS, Address, BlockRef
from reconciliation.matching import Booked
from reconciliation.wallets import WalletHistory, WalletRecords

COINS, GAS, SENT, BROUGHT_IN = "wallet", "gas", "unexplained", "brought in"
SOURCES = ("opening", "gas", "manual")
"""What makes entries in the book of a wallet."""

_OWN = (COINS, GAS, SENT)
_NATIVE = bytes(ZERO_ADDRESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuiltWallet:
    """One wallet at a block; `receipts` counts its transactions by how they are known.

    `unlocated` are spent nonces whose transactions the node does not show: with these, what the
    wallet spent is not known.
    """

    wallet: Address
    block: BlockRef
    first_nonce: int
    nonce: int
    is_proven: bool
    coins_wei: int
    gas_wei: int
    sent_wei: int
    receipts: Mapping[str, int]
    unlocated: tuple[int, ...]

    @property
    def brought_in_wei(self) -> int:
        """All that must have come, at the beginning and since."""
        return self.coins_wei + self.gas_wei + self.sent_wei

    def accounts(self) -> dict[tuple[str, bytes], int]:
        """Debits less credits, as its book must have them."""
        return {
            (COINS, _NATIVE): self.coins_wei,
            (GAS, _NATIVE): self.gas_wei,
            (SENT, _NATIVE): self.sent_wei,
            (BROUGHT_IN, _NATIVE): -self.brought_in_wei,
        }


def rebuilt_wallet(history: WalletHistory, records: WalletRecords, at: BlockRef) -> RebuiltWallet:
    """Add a wallet up, from the nonce on at which its book begins."""
    first = history.first_nonce if records.book_nonce is None else records.book_nonce
    ours = [one for one in history.transactions if one.nonce >= first]
    return RebuiltWallet(
        wallet=history.wallet,
        block=at,
        first_nonce=first,
        nonce=history.nonce.value,
        is_proven=history.balance.is_proven,
        coins_wei=history.balance.value,
        gas_wei=sum(one.cost_wei for one in ours),
        sent_wei=sum(one.value_wei for one in ours),
        receipts=Counter(one.basis.value for one in ours),
        unlocated=tuple(one for one in history.unlocated if one >= first),
    )


def booked_accounts(entries: Iterable[Booked]) -> dict[tuple[str, bytes], int]:
    """Debits less credits of a wallet's book; every account but its own three is what came in."""
    sums: defaultdict[tuple[str, bytes], int] = defaultdict(int)
    for path, asset, units in _sides(entries):
        sums[path if path in _OWN else BROUGHT_IN, asset] += units
    return dict(sums)


def _sides(entries: Iterable[Booked]) -> Iterator[tuple[str, bytes, int]]:
    for entry in entries:
        for one in entry.movements:
            yield one.debit, bytes(one.asset), one.amount
            yield one.credit, bytes(one.asset), -one.amount
