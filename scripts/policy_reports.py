"""What the policy means for the money that is there: refused payouts, screened and held accounts.

The rules bind what we submit. On chain anybody may withdraw any leaf, and a payee its unclaimed
balance, so for every account that must not be paid this names the call that the compliance role has
to send; once it is mined, the contract holds the account's lines, and pays the others.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from contracts.addresses import Settlement
from contracts.evm import Address, BlockRef, Hash32, Timestamp, keccak
from contracts.holds import HOLD_DURATION_MAX_S, place_hold_call
from indexer.adapters.line_hold_reads import line_holds
from indexer.adapters.reads import FactReads
from reconciliation.standing import standing_holds
from scripts.wiring import LINE_KINDS
from settlement.ledger.accounts import AccountKind, Book
from settlement.ledger.adapters.reads import LedgerReads
from settlement.payouts.adapters.policy_store import PolicyRecords
from settlement.payouts.policy_terms import LeafVerdict, LineVerdict, ManualHold, Reason
from settlement.payouts.screening import ScreeningList

NOT_BOUND = (
    "This binds what we submit. It cannot stop `withdraw`, which anybody may call on chain, nor a "
    "transaction that is signed already: only a hold that the compliance role places can."
)

_Units = Mapping[Address, Mapping[Address, int]]  # account → asset → units


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What a contract has to pay: open lines and unclaimed balances; and whom it holds."""

    contract: Address
    owed: _Units
    unclaimed: _Units
    chain_holds: Mapping[Address, Timestamp]

    @property
    def accounts(self) -> set[Address]:
        """Everybody to whom something could go."""
        return self.owed.keys() | self.unclaimed.keys()


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldToPlace:
    """A call for the compliance role: to which contract, why, and what."""

    contract: Address
    account: Address
    why: str
    reason_digest: Hash32
    expires_at: Timestamp

    @property
    def calldata(self) -> bytes:
        """`placeHold` with these arguments."""
        return place_hold_call(self.account, self.reason_digest, self.expires_at)


def exposures(connection: Connection, settlement: Settlement, at: BlockRef) -> list[Exposure]:
    """Read the money of one settlement that is not paid out, contract by contract."""
    book = Book(chain_id=settlement.chain_id, contract=settlement.payouts)
    leaves = LedgerReads(connection, book).payable_leaves()
    owed = [
        (line.payee, leaf.asset, int(line.amount)) for leaf in leaves for line in leaf.open_lines
    ]
    events = FactReads(connection, settlement).hold_events(at)
    holds = standing_holds(events, at.timestamp)
    found = [_exposure(connection, book, owed, holds)]
    for name in LINE_KINDS:
        if name in settlement.payments:
            book = Book(chain_id=settlement.chain_id, contract=settlement.payments[name])
            lines = LedgerReads(connection, book).payable_lines()
            owed = [(line.payee, line.asset, line.amount) for line in lines]
            holds = line_holds(connection, settlement, name, at)
            found.append(_exposure(connection, book, owed, holds))
    return found


def _exposure(
    connection: Connection,
    book: Book,
    owed: Iterable[tuple[Address, Address, int]],
    holds: Mapping[Address, Timestamp],
) -> Exposure:
    pulls = [
        (balance.account.payee, balance.asset, balance.posted)
        for balance in LedgerReads(connection, book).balances(kind=AccountKind.UNCLAIMED)
        if balance.account.payee is not None and balance.posted
    ]
    return Exposure(
        contract=book.contract, owed=_summed(owed), unclaimed=_summed(pulls), chain_holds=holds
    )


def holds_to_place(
    exposed: Exposure, records: PolicyRecords, *, at: BlockRef, margin_s: int
) -> list[HoldToPlace]:
    """Calls for every account that must not be paid and is not held on chain long enough."""
    screening, holds = records.in_force(), records.holds()
    expires_at = Timestamp(at.timestamp + HOLD_DURATION_MAX_S)
    calls = []
    for account in sorted(exposed.accounts):
        because = _why(account, screening, holds)
        if because is None or exposed.chain_holds.get(account, 0) >= at.timestamp + margin_s:
            continue
        why, reason_digest = because
        calls.append(
            HoldToPlace(
                contract=exposed.contract,
                account=account,
                why=why,
                reason_digest=reason_digest,
                expires_at=expires_at,
            )
        )
    return calls


def refused_json(found: Iterable[LeafVerdict]) -> list[dict[str, object]]:
    """The leaves that are refused, with every line and every objection."""
    return [
        {
            "op_id": str(verdict.leaf.op_id),
            "contract": str(verdict.leaf.contract),
            "leaf": str(verdict.leaf.leaf_id),
            "asset": str(verdict.leaf.asset),
            "amount": str(verdict.leaf.outstanding),
            "stage": verdict.leaf.stage.value,
            "owed_since": verdict.leaf.owed_since,
            "held_since": _held_since(verdict),
            "lines": [_line_json(line) for line in verdict.lines],
        }
        for verdict in found
        if not verdict.is_allowed
    ]


def call_json(call: HoldToPlace) -> dict[str, object]:
    """A call for the compliance role, ready to be sent."""
    return {
        "account": str(call.account),
        "why": call.why,
        "reason_digest": str(call.reason_digest),
        "expires_at": call.expires_at,
        "to": str(call.contract),
        "data": "0x" + call.calldata.hex(),
    }


def units_json(units: Iterable[_Units], account: Address) -> dict[str, str]:
    """What an account has of each asset, with all contracts together."""
    parts = [(account, *one) for each in units for one in each.get(account, {}).items()]
    sums = _summed(parts).get(account, {})
    return {str(asset): str(amount) for asset, amount in sorted(sums.items())}


def _held_since(verdict: LeafVerdict) -> int:
    """Since when something has objected without a break, as far as the records say."""
    return min(
        reason.since for line in verdict.lines if not line.is_allowed for reason in line.reasons
    )


def _line_json(line: LineVerdict) -> dict[str, object]:
    return {
        "payee": str(line.payee),
        "amount": str(line.amount),
        "held_on_chain_until": line.held_until,
        "reasons": [_reason_json(reason) for reason in line.reasons],
    }


def _reason_json(reason: Reason) -> dict[str, object]:
    return {
        "rule": reason.rule.value,
        "detail": reason.detail,
        "since": reason.since,
        "actual": None if reason.actual is None else str(reason.actual),
        "limit": None if reason.limit is None else str(reason.limit),
    }


def _why(
    account: Address, screening: ScreeningList | None, holds: Mapping[Address, ManualHold]
) -> tuple[str, Hash32] | None:
    """Why an account must not be paid, and the digest that a hold names as its reason."""
    if screening is not None and account in screening.listings:
        label = screening.listings[account] or "no reason given"
        return f"on screening list {screening.digest}: {label}", screening.digest
    hold = holds.get(account)
    if hold is not None:
        return f"held by {hold.held_by}: {hold.reason}", keccak(hold.reason.encode())
    return None


def _summed(parts: Iterable[tuple[Address, Address, int]]) -> _Units:
    sums: dict[Address, dict[Address, int]] = {}
    for account, asset, amount in parts:
        of_account = sums.setdefault(account, {})
        of_account[asset] = of_account.get(asset, 0) + amount
    return sums
