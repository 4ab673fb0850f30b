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
        self, reads: Snapshot, at: Standpoint, rows: Sequence[EarningRow], limit: int
    ) -> tuple[list[Earning], str | None]:
        """The rows of one page with their status, and the cursor of the next."""
        page, cursor = page_of(rows, limit, lambda row: encode_cursor(self.name, *row.key))
        op_ids = op_ids_of(at, page)
        settled = await read_settled_lines(reads, at, set(op_ids), upto=at.finalized.number)
        items = [
            _earning(
                row, op_id, self._status(at, row, [one for one in settled if one.op_id == op_id])
            )
            for row, op_id in zip(page, op_ids, strict=True)
        ]
        return items, cursor

    def _status(
        self, at: Standpoint, row: EarningRow, settled: Sequence[SettledLine]
    ) -> EarningStatus:
        if row.active_at is None:
            return EarningStatus.COMPUTED
        if at.finalized.timestamp < row.active_at:
            return EarningStatus.PENDING
        if not self.is_of_lines:
            return EarningStatus.WITHDRAWN if settled else EarningStatus.PAYABLE
        outcomes = [one.outcome for one in settled if one.line == row.line]
        return EarningStatus(outcomes[0]) if outcomes else EarningStatus.PAYABLE


OF_WORK = EarningsList(name="work-earnings", is_of_lines=False)
OF_ACCOUNT = EarningsList(name="account-earnings", is_of_lines=True)


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
