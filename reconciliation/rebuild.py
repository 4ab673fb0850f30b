"""Everything from the chain alone: balances, allocations and payouts, and only then the books.

It reads one endpoint and the accepted documents; no fact table, and no book until everything is
rebuilt. What is not on chain at all, how an epoch is divided among leaves, comes from documents,
and each is checked against the root that the chain committed to.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from contracts.addresses import Settlement
from contracts.evm import Address, BlockRef, Epoch
from reconciliation.checks import money_against_debts, state_against_logs
from reconciliation.discrepancy import Discrepancy
from reconciliation.matching import Booked
from reconciliation.ports import Chain, Documents
from reconciliation.reconcile import ChainSide, chain_side

FROM_LOGS, FROM_STATE, FROM_DOCUMENT = "chain: logs", "chain: state", "document, root on chain"


class StandingBooks(Protocol):
    """The books, asked last."""

    def cursor(self) -> BlockRef | None:
        """The block that everything final is posted up to."""
        ...

    def entries(self, source_kind: str) -> Iterator[Booked]:
        """Posted entries of one kind of cause."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One rebuilt number, and what it follows from."""

    name: str
    asset: Address
    amount: int
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Differs:
    """An account of which chain and books have other balances, debits less credits."""

    account: str
    asset: Address
    chain: int
    books: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FromChain:
    """A settlement, rebuilt at `block`.

    `unsound` are committed epochs without a document that hashes to their root: nothing is
    allocated for these. `contradictions` are within the chain itself.
    """

    block: BlockRef
    parts: Sequence[Part]
    unsound: Sequence[Epoch]
    contradictions: Sequence[Discrepancy]
    differences: Sequence[Differs]


def from_chain_only(
    chain: Chain, documents: Documents, books: StandingBooks, *, settlement: Settlement
) -> FromChain:
    """Rebuild a settlement, then compare the balance of every account with the books.

    At the books' cursor, or at the finalized block where nothing is posted.

    Raises:
        ChainUnavailable: the endpoint does not answer for this block.
        BadAnswer, BadLog: a contract answers what its interface rules out.
    """
    cursor = books.cursor()
    at = chain.finalized() if cursor is None else chain.block(cursor.number)
    side = chain_side(chain, at or chain.finalized(), documents, None, settlement=settlement)
    return FromChain(
        block=side.at,
        parts=tuple(_parts(side)),
        unsound=tuple(
            epoch
            for epoch, one in sorted(side.rebuilt.commitments.items())
            if not side.is_sound(one)
        ),
        contradictions=(
            *state_against_logs(side.state, side.rebuilt),
            *money_against_debts(side.state, {}, side.flows),
        ),
        differences=tuple(_differences(side.rebuilt.accounts, books)),
    )


def _parts(side: ChainSide) -> Iterator[Part]:
    """Balances of the contract first, then every account that is not empty."""
    for asset, reading in sorted(side.state.balances.items()):
        basis = f"{FROM_STATE}, {reading.basis}"
        yield Part(name="balance", asset=asset, amount=reading.value, basis=basis)
    paid: dict[Address, int] = {}
    for log_line in side.logs.only_expected:
        if log_line.name == "PayeePaid":
            for one in log_line.movements:
                asset = Address(one.asset)
                paid[asset] = paid.get(asset, 0) + one.amount
    for asset, units in sorted(paid.items()):
        yield Part(name="payouts", asset=asset, amount=units, basis=FROM_LOGS)
    for (path, raw), units in sorted(side.rebuilt.accounts.items()):
        if units:
            is_allocated = path.startswith(("payable:", "escrow:", "suspense:"))
            yield Part(
                name=path,
                asset=Address(raw),
                amount=abs(units),
                basis=FROM_DOCUMENT if is_allocated else FROM_LOGS,
            )


def _differences(
    accounts: Mapping[tuple[str, bytes], int], books: StandingBooks
) -> Iterator[Differs]:
    booked: dict[tuple[str, bytes], int] = {}
    for source_kind in ("log", "manifest_leaf"):
        for entry in books.entries(source_kind):
            for asset, amount, debit, credit in entry.movements:
                booked[debit, asset] = booked.get((debit, asset), 0) + amount
                booked[credit, asset] = booked.get((credit, asset), 0) - amount
    for path, raw in sorted(accounts.keys() | booked.keys()):
        one, other = accounts.get((path, raw), 0), booked.get((path, raw), 0)
        if one != other:
            yield Differs(account=path, asset=Address(raw), chain=one, books=other)
