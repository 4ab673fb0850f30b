"""Pages of earnings, of a work or of a payee: what was earned, how certain it is, where it went."""

from collections.abc import Sequence
from dataclasses import dataclass

from api.adapters.earnings import EarningRow, EarningsPage, op_ids_of
from api.adapters.leaves import SettledLine, read_settled_lines
from api.adapters.snapshot import Snapshot
from api.adapters.standpoint import Standpoint
from api.pagination import PageRequest, encode_cursor, page_of
from api.schemas.accounts import Earning, EarningStatus
from contracts.evm import Hash32
from contracts.leaves import leaf_kind

_KEY_TYPES = (int, bytes, int, bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class EarningsList:
    """One list of earnings; its name is part of its cursors. Lines of a payee, or whole leaves."""

    name: str
    is_of_lines: bool

    def wanted(self, page: PageRequest) -> EarningsPage:
        """The page to read, with one row more than is shown."""
        return EarningsPage(after=page.key(self.name, _KEY_TYPES), limit=page.limit + 1)

    async def shown(
        self,
        reads: Snapshot,
        at: Standpoint,
        rows: Sequence[EarningRow],
        limit: int,
        *,
        is_held: bool = False,
    ) -> tuple[list[Earning], str | None]:
        """The rows of one page with their status, and the cursor of the next.

        `is_held` says that a hold stands against the payee of all rows.
        """
        page, cursor = page_of(rows, limit, lambda row: encode_cursor(self.name, *row.key))
        op_ids = op_ids_of(at, page)
        settled = await read_settled_lines(reads, at, set(op_ids), upto=at.finalized.number)
        items = []
        for row, op_id in zip(page, op_ids, strict=True):
            of_leaf = [one for one in settled if one.op_id == op_id]
            status = _before_active(at, row) or self._status(row, of_leaf, is_held=is_held)
            items.append(_earning(row, op_id, status))
        return items, cursor

    def _status(
        self, row: EarningRow, settled: Sequence[SettledLine], *, is_held: bool
    ) -> EarningStatus:
        """What became of an active leaf, or of one of its lines."""
        is_escrow = leaf_kind(Hash32(row.work_id)).is_escrow
        outcomes = [one.outcome for one in settled if one.line == row.line]
        if outcomes and (is_escrow or self.is_of_lines):
            return EarningStatus(outcomes[0])
        if is_escrow:
            return EarningStatus.ESCROWED
        if self.is_of_lines:
            return EarningStatus.HELD if is_held else EarningStatus.PAYABLE
        if not settled:
            return EarningStatus.PAYABLE
        is_whole = sum(one.amount for one in settled) == row.amount
        return EarningStatus.WITHDRAWN if is_whole else EarningStatus.PARTLY_WITHDRAWN


OF_WORK = EarningsList(name="work-earnings", is_of_lines=False)
OF_ACCOUNT = EarningsList(name="account-earnings", is_of_lines=True)


def _before_active(at: Standpoint, row: EarningRow) -> EarningStatus | None:
    if row.active_at is None:
        return EarningStatus.COMPUTED
    return EarningStatus.PENDING if at.finalized.timestamp < row.active_at else None


def _earning(row: EarningRow, op_id: Hash32, status: EarningStatus) -> Earning:
    return Earning.model_validate(
        {
            "epoch": row.epoch,
            "attempt": row.attempt,
            "work_id": row.work_id,
            "part": row.part,
            "asset": row.asset,
            "amount": row.amount,
            "status": status,
            "op_id": op_id,
        }
    )
