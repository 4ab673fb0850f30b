"""Records of the payout policy in Postgres. The transaction is the caller's."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from sqlalchemy import BigInteger, Connection, Select, Table, cast, extract, func, select
from sqlalchemy.dialects.postgresql import insert

from contracts.evm import Address, ChainId, Hash32, Timestamp
from settlement.payouts.adapters.policy_tables import (
    PAYEE_HOLD,
    PAYEE_TIER,
    PAYOUT_APPROVAL,
    SCREENING_ACCEPTANCE,
    SCREENING_LIST,
)
from settlement.payouts.adapters.screening_file import read_screening_list
from settlement.payouts.adapters.tables import PAYOUT_INCLUSION
from settlement.payouts.approval import PayoutApproval, PayoutToApprove
from settlement.payouts.errors import HoldStands, ListDiffers
from settlement.payouts.policy_terms import ManualHold
from settlement.payouts.screening import ScreeningList, list_digest

_HOLD, _RELEASE = "hold", "release"
_LOCK = func.pg_advisory_xact_lock(0x706F6C69)  # "poli"


class PolicyRecords:
    """What persons decided about payouts, and the lists they accepted."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def accept(self, source: bytes, *, accepted_by: str) -> Hash32:
        """Put a list in force; its bytes are stored once.

        Raises:
            BadScreeningList: the file is no list; nothing is stored.
        """
        read_screening_list(source)
        digest = list_digest(source)
        self._connection.execute(
            insert(SCREENING_LIST).values(digest=digest, source=source).on_conflict_do_nothing()
        )
        self._connection.execute(
            insert(SCREENING_ACCEPTANCE).values(digest=digest, accepted_by=accepted_by)
        )
        return digest

    def in_force(self) -> ScreeningList | None:
        """`screening.Screening`: the list that was accepted last; None if none ever was.

        Raises:
            ListDiffers: its bytes are not those that were accepted.
        """
        accepted, stored = SCREENING_ACCEPTANCE, SCREENING_LIST
        last = (
            select(accepted.c.digest, stored.c.source, _seconds(accepted))
            .join(stored, stored.c.digest == accepted.c.digest)
            .order_by(accepted.c.id.desc())
            .limit(1)
        )
        row = self._connection.execute(last).one_or_none()
        if row is None:
            return None
        return ScreeningList(
            digest=row.digest,
            accepted_at=Timestamp(row.at),
            listings=_listings(row.digest, bytes(row.source)),
        )

    def hold(self, account: Address, *, reason: str, decided_by: str) -> None:
        """Hold an account back.

        Raises:
            HoldStands: it is held already.
        """
        self._decide(account, _HOLD, reason, decided_by)

    def release(self, account: Address, *, reason: str, decided_by: str) -> None:
        """End the hold of an account.

        Raises:
            HoldStands: it is not held.
        """
        self._decide(account, _RELEASE, reason, decided_by)

    def holds(self) -> dict[Address, ManualHold]:
        """The accounts that are held."""
        names = ("action", "reason", "decided_by")
        return {
            row.account: ManualHold(
                held_by=row.decided_by, reason=row.reason, held_at=Timestamp(row.at)
            )
            for row in self._connection.execute(_last_of_accounts(PAYEE_HOLD, *names))
            if row.action == _HOLD
        }

    def set_tier(self, account: Address, tier: int, *, reason: str, decided_by: str) -> None:
        """Put an account into a KYC tier."""
        self._connection.execute(
            insert(PAYEE_TIER).values(
                account=account, tier=tier, reason=reason, decided_by=decided_by
            )
        )

    def tiers(self) -> dict[Address, int]:
        """The tier of each account that was ever given one."""
        rows = self._connection.execute(_last_of_accounts(PAYEE_TIER, "tier"))
        return {row.account: row.tier for row in rows}

    def approve(self, approval: PayoutApproval) -> None:
        """Record an approval whose signature was checked; the same once more changes nothing."""
        payout = approval.payout
        self._connection.execute(
            insert(PAYOUT_APPROVAL)
            .values(
                op_id=payout.op_id,
                approver=approval.approver,
                chain_id=payout.chain_id,
                contract=payout.contract,
                asset=payout.asset,
                amount=payout.amount,
                signature=approval.signature,
            )
            .on_conflict_do_nothing()
        )

    def approvals(self, chain_id: ChainId, contract: Address) -> list[PayoutApproval]:
        """All approvals of one contract's payouts; whoever trusts them checks the signatures."""
        table = PAYOUT_APPROVAL
        query = select(table).where(table.c.chain_id == chain_id, table.c.contract == contract)
        return [
            PayoutApproval(
                payout=PayoutToApprove(
                    chain_id=row.chain_id,
                    contract=row.contract,
                    op_id=row.op_id,
                    asset=row.asset,
                    amount=row.amount,
                ),
                approver=row.approver,
                signature=bytes(row.signature),
            )
            for row in self._connection.execute(query.order_by(table.c.op_id, table.c.approver))
        ]

    def signed(self, op_ids: Iterable[Hash32]) -> set[Hash32]:
        """Those of these operations that a signed transaction carries."""
        table = PAYOUT_INCLUSION
        query = select(table.c.op_id).where(table.c.op_id.in_(list(op_ids))).distinct()
        return set(self._connection.execute(query).scalars())

    def _decide(self, account: Address, action: str, reason: str, decided_by: str) -> None:
        self._connection.execute(select(_LOCK))
        is_held = account in self.holds()
        if is_held == (action == _HOLD):
            raise HoldStands(account, is_held=is_held)
        self._connection.execute(
            insert(PAYEE_HOLD).values(
                account=account, action=action, reason=reason, decided_by=decided_by
            )
        )


@lru_cache(maxsize=2)
def _listings(digest: Hash32, source: bytes) -> Mapping[Address, str]:
    """What a stored list says; every tick asks, and lists are long."""
    if list_digest(source) != digest:
        raise ListDiffers(digest, list_digest(source))
    return MappingProxyType(read_screening_list(source))


def _seconds(table: Table) -> Any:  # noqa: ANN401 - a column expression
    return cast(func.floor(extract("epoch", table.c.recorded_at)), BigInteger).label("at")


def _last_of_accounts(table: Table, *names: str) -> Select[Any]:
    """The last row of every account."""
    columns = (table.c.account, *(table.c[name] for name in names), _seconds(table))
    last = select(func.max(table.c.id)).group_by(table.c.account)
    return select(*columns).where(table.c.id.in_(last)).order_by(table.c.account)
