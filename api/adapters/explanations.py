"""Reads for an explanation: what was computed of an attempt, beside the events that it came from.

Usage is read from the events; of the computation come only the numbers that it made. What no event
backs is not found, and then the explanation does not add up.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from api.adapters.snapshot import Snapshot
from api.adapters.standpoint import Standpoint
from api.schemas.epochs import QuarantineCount
from contracts.batches import SubscribedColumns
from contracts.event_spec import ContractName
from contracts.evm import Address, BlockNumber, Hash32, LogIndex, Timestamp
from contracts.units import BaseUnits
from settlement.royalties.distribution import Credit, SubscriberAllocation
from settlement.royalties.registry import WorkTerms
from settlement.royalties.split_graph import SplitTerms
from settlement.royalties.submissions import UsageRow


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedAttempt:
    """The attempt that is explained, and the blocks up to which its inputs counted."""

    epoch: int
    number: int
    manifest_digest: Hash32
    root: Hash32
    boundary_block: int
    reference_block: int
    reference_at: Timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkTotal:
    """What all subscribers together gave to a work, in one asset."""

    asset: bytes
    amount: int
    subscribers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberRow:
    """A subscriber who used a work: the fee in one asset, and what of it went to the work."""

    subscriber: bytes
    credited: int
    fee: int
    charged: list[int]
    unallocated: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditRow:
    """One usage row as its event says it, with the numbers that were computed of it."""

    block_number: int
    block_hash: bytes
    log_index: int
    position: int
    submitter: bytes
    tier_id: bytes
    work_id: bytes
    minutes: int
    plays: int
    pseudonym: bytes
    price_ppm: int
    region_ppm: int
    discount_ppm: int
    factor_ppm: int
    credibility_ppm: int
    raw: int
    counted: int
    credited: int

    def credit(self) -> Credit:
        """The record that the formula made."""
        return Credit(
            row=UsageRow(
                BlockNumber(self.block_number),
                LogIndex(self.log_index),
                self.position,
                Address(self.submitter),
                Hash32(self.tier_id),
                Hash32(self.work_id),
                self.minutes,
                self.plays,
                Hash32(self.pseudonym),
            ),
            price_ppm=self.price_ppm,
            region_ppm=self.region_ppm,
            discount_ppm=self.discount_ppm,
            factor_ppm=self.factor_ppm,
            credibility_ppm=self.credibility_ppm,
            raw=self.raw,
            counted=self.counted,
            credited=BaseUnits(self.credited),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRow:
    """One `Subscribed` event."""

    block_number: int
    block_hash: bytes
    log_index: int
    subscriber: bytes
    tier_id: bytes
    payer: bytes
    asset: bytes
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsRow:
    """The terms of a work in force, and the timestamp of its first terms."""

    block_number: int
    block_hash: bytes
    log_index: int
    work_id: bytes
    registrant: bytes
    registered_at: int
    content_id: bytes
    version: int
    price_ppm: int
    region_rule: bytes
    payees: list[bytes]
    shares_ppm: list[int]

    def terms(self) -> WorkTerms:
        """The record of the registry."""
        return WorkTerms(
            work_id=Hash32(self.work_id),
            registrant=Address(self.registrant),
            registered_at=Timestamp(self.registered_at),
            content_id=Hash32(self.content_id),
            version=self.version,
            price_ppm=self.price_ppm,
            region_rule=Hash32(self.region_rule),
            payees=tuple(Address(payee) for payee in self.payees),
            shares_ppm=tuple(self.shares_ppm),
            block_number=BlockNumber(self.block_number),
            log_index=LogIndex(self.log_index),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """The terms of a split account in force."""

    block_number: int
    block_hash: bytes
    log_index: int
    account: bytes
    owner: bytes
    version: int
    payees: list[bytes]
    shares_ppm: list[int]

    def terms(self) -> SplitTerms:
        """The record of the registry."""
        return SplitTerms(
            account=Address(self.account),
            owner=Address(self.owner),
            version=self.version,
            payees=tuple(Address(payee) for payee in self.payees),
            shares_ppm=tuple(self.shares_ppm),
            block_number=BlockNumber(self.block_number),
            log_index=LogIndex(self.log_index),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ParametersRow:
    """The parameters in force."""

    block_number: int
    block_hash: bytes
    log_index: int
    parameters: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictRow:
    """The last `VerdictPlaced` of a work."""

    block_number: int
    block_hash: bytes
    log_index: int
    work_id: bytes


@dataclass(frozen=True, slots=True)
class _Sum:
    amount: int


_TOTALS = """
    SELECT asset, sum(credited) AS amount, count(DISTINCT subscriber) AS subscribers
    FROM computed_credit
    WHERE manifest_digest = %(manifest_digest)s AND work_id = %(work_id)s
    GROUP BY asset ORDER BY asset
"""

_SUBSCRIBERS = """
    WITH used AS (
        SELECT subscriber, sum(credited) AS credited FROM computed_credit
        WHERE manifest_digest = %(manifest_digest)s AND work_id = %(work_id)s
          AND asset = %(asset)s AND subscriber > %(after)s
        GROUP BY subscriber ORDER BY subscriber LIMIT %(limit)s
    )
    SELECT u.subscriber, u.credited, a.fee, a.charged, a.unallocated
    FROM used u
    JOIN computed_allocation a
      ON a.manifest_digest = %(manifest_digest)s AND a.subscriber = u.subscriber
     AND a.asset = %(asset)s
    ORDER BY u.subscriber
"""

_CREDITED_UPTO = """
    SELECT coalesce(sum(credited), 0) AS amount FROM computed_credit
    WHERE manifest_digest = %(manifest_digest)s AND work_id = %(work_id)s
      AND asset = %(asset)s AND subscriber <= %(after)s
"""

_CREDITS = """
    SELECT f.block_number, b.hash AS block_hash, f.log_index, c.position, f.submitter, f.tier_id,
           f.work_ids[c.position + 1] AS work_id, f.minutes_played[c.position + 1] AS minutes,
           f.plays[c.position + 1] AS plays, f.pseudonyms[c.position + 1] AS pseudonym,
           c.price_ppm, c.region_ppm, c.discount_ppm, c.factor_ppm, c.credibility_ppm,
           c.raw, c.counted, c.credited
    FROM fact_consumption_submitted f
    JOIN block b ON b.chain_id = f.chain_id AND b.number = f.block_number
    JOIN computed_credit c
      ON c.manifest_digest = %(manifest_digest)s AND c.asset = %(asset)s
     AND c.block_number = f.block_number AND c.log_index = f.log_index
    WHERE f.chain_id = %(chain_id)s AND f.address = %(submissions)s AND f.epoch = %(epoch)s
      AND f.submitter = ANY(%(subscribers)s) AND f.block_number <= %(reference_block)s
    ORDER BY f.block_number, f.log_index, c.position
"""

_PAYMENTS = """
    SELECT s.block_number, b.hash AS block_hash, s.log_index, s.subscriber, s.tier_id, s.payer,
           s.asset, s.amount
    FROM fact_subscribed s
    JOIN block b ON b.chain_id = s.chain_id AND b.number = s.block_number
    WHERE s.chain_id = %(chain_id)s AND s.address = %(tiers)s AND s.epoch = %(epoch)s
      AND s.subscriber = ANY(%(subscribers)s) AND s.asset = %(asset)s
      AND s.block_number <= %(boundary_block)s
    ORDER BY s.block_number, s.log_index
"""

_TERMS = """
    SELECT DISTINCT ON (w.work_id) w.block_number, b.hash AS block_hash, w.log_index, w.work_id,
           w.registrant, w.content_id, w.version, w.price_ppm, w.region_rule, w.payees,
           w.shares_ppm, first_value(b.timestamp) OVER (
               PARTITION BY w.work_id ORDER BY w.block_number, w.log_index
           ) AS registered_at
    FROM fact_work_terms_set w
    JOIN block b ON b.chain_id = w.chain_id AND b.number = w.block_number
    WHERE w.chain_id = %(chain_id)s AND w.address = %(registry)s AND w.work_id = ANY(%(works)s)
      AND w.effective_epoch <= %(epoch)s AND w.block_number <= %(reference_block)s
    ORDER BY w.work_id, w.block_number DESC, w.log_index DESC
"""

_ACCOUNTS = """
    SELECT DISTINCT ON (s.account) s.block_number, b.hash AS block_hash, s.log_index, s.account,
           s.owner, s.version, s.payees, s.shares_ppm
    FROM fact_split_terms_set s
    JOIN block b ON b.chain_id = s.chain_id AND b.number = s.block_number
    WHERE s.chain_id = %(chain_id)s AND s.address = %(split_accounts)s
      AND s.effective_epoch <= %(epoch)s AND s.block_number <= %(reference_block)s
    ORDER BY s.account, s.block_number DESC, s.log_index DESC
"""

_PARAMETERS = """
    SELECT p.block_number, b.hash AS block_hash, p.log_index, p.parameters
    FROM fact_parameters_set p
    JOIN block b ON b.chain_id = p.chain_id AND b.number = p.block_number
    WHERE p.chain_id = %(chain_id)s AND p.address = %(parameters)s
      AND p.effective_epoch <= %(epoch)s AND p.block_number <= %(reference_block)s
    ORDER BY p.block_number DESC, p.log_index DESC LIMIT 1
"""

_VERDICTS = """
    SELECT DISTINCT ON (v.work_id) v.block_number, b.hash AS block_hash, v.log_index, v.work_id
    FROM fact_verdict_placed v
    JOIN block b ON b.chain_id = v.chain_id AND b.number = v.block_number
    WHERE v.chain_id = %(chain_id)s AND v.address = %(registry)s AND v.work_id = ANY(%(works)s)
      AND v.block_number <= %(reference_block)s
    ORDER BY v.work_id, v.block_number DESC, v.log_index DESC
"""

_LEFT_OUT = """
    SELECT reason, count(*) AS count FROM computed_quarantine
    WHERE manifest_digest = %(manifest_digest)s AND work_id = %(work_id)s
    GROUP BY reason ORDER BY reason
"""


class ExplanationReads:
    """Everything about one attempt, inside one snapshot."""

    def __init__(self, reads: Snapshot, at: Standpoint, attempt: ExplainedAttempt) -> None:
        self.attempt = attempt
        self._reads = reads
        contracts = at.settlement.contracts
        self._scope = at.scope | {
            "epoch": attempt.epoch,
            "manifest_digest": bytes(attempt.manifest_digest),
            "boundary_block": attempt.boundary_block,
            "reference_block": attempt.reference_block,
            "submissions": bytes(contracts[ContractName.CONSUMPTION_SUBMISSIONS]),
            "tiers": bytes(contracts[ContractName.SUBSCRIPTION_TIERS]),
            "parameters": bytes(contracts[ContractName.RULESET_PARAMETERS]),
            "split_accounts": bytes(contracts[ContractName.SPLIT_ACCOUNTS]),
        }

    async def totals(self, work_id: Hash32) -> list[WorkTotal]:
        """What a work was credited, by asset."""
        return await self._reads.rows(WorkTotal, _TOTALS, self._scope | {"work_id": bytes(work_id)})

    async def subscribers(
        self, work_id: Hash32, asset: Address, *, after: bytes, limit: int
    ) -> list[SubscriberRow]:
        """A page of the subscribers who used a work, ascending."""
        values = self._of_work(work_id, asset) | {"after": after, "limit": limit}
        return await self._reads.rows(SubscriberRow, _SUBSCRIBERS, values)

    async def credited_upto(self, work_id: Hash32, asset: Address, after: bytes) -> int:
        """What the subscribers of earlier pages gave to a work."""
        values = self._of_work(work_id, asset) | {"after": after}
        row = await self._reads.row(_Sum, _CREDITED_UPTO, values)
        return 0 if row is None else row.amount

    async def credits(self, asset: Address, subscribers: Sequence[bytes]) -> list[CreditRow]:
        """All rows of these subscribers, in chain order."""
        values = self._scope | {"asset": bytes(asset), "subscribers": list(subscribers)}
        return await self._reads.rows(CreditRow, _CREDITS, values)

    async def payments(self, asset: Address, subscribers: Sequence[bytes]) -> list[PaymentRow]:
        """What was paid for these subscribers, in chain order."""
        values = self._scope | {"asset": bytes(asset), "subscribers": list(subscribers)}
        return await self._reads.rows(PaymentRow, _PAYMENTS, values)

    async def terms(self, works: Sequence[bytes]) -> list[TermsRow]:
        """The terms of these works in force."""
        return await self._reads.rows(TermsRow, _TERMS, self._scope | {"works": list(works)})

    async def accounts(self) -> list[AccountRow]:
        """All split accounts in force."""
        return await self._reads.rows(AccountRow, _ACCOUNTS, self._scope)

    async def verdicts(self, works: Sequence[bytes]) -> list[VerdictRow]:
        """The verdicts on these works, which are known to be held."""
        return await self._reads.rows(VerdictRow, _VERDICTS, self._scope | {"works": list(works)})

    async def parameters(self) -> ParametersRow | None:
        """The parameters in force."""
        return await self._reads.row(ParametersRow, _PARAMETERS, self._scope)

    async def left_out(self, work_id: Hash32) -> list[QuarantineCount]:
        """How many rows or lines of a work were left out, by reason."""
        values = self._scope | {"work_id": bytes(work_id)}
        return await self._reads.rows(QuarantineCount, _LEFT_OUT, values)

    def _of_work(self, work_id: Hash32, asset: Address) -> dict[str, object]:
        return self._scope | {"work_id": bytes(work_id), "asset": bytes(asset)}


def allocation_of(
    row: SubscriberRow, asset: Address, credits: Sequence[CreditRow]
) -> SubscriberAllocation:
    """The record of one subscriber; `credits` may be of others too."""
    return SubscriberAllocation(
        subscriber=Address(row.subscriber),
        asset=asset,
        fee=BaseUnits(row.fee),
        charged=tuple(BaseUnits(units) for units in row.charged),
        unallocated=BaseUnits(row.unallocated),
        credits=tuple(one.credit() for one in credits if one.submitter == row.subscriber),
    )


def payment_columns(rows: Sequence[PaymentRow]) -> SubscribedColumns:
    """Payments as the columns that epochs are computed from."""
    return SubscribedColumns(
        block_number=[BlockNumber(row.block_number) for row in rows],
        log_index=[LogIndex(row.log_index) for row in rows],
        subscriber=[Address(row.subscriber) for row in rows],
        tier_id=[Hash32(row.tier_id) for row in rows],
        payer=[Address(row.payer) for row in rows],
        asset=[Address(row.asset) for row in rows],
        amount=[BaseUnits(row.amount) for row in rows],
    )
