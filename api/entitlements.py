"""Answering about entitlements: one statement, and a question to the chain only where it is needed.

    read the facts ─► decide ─► a gate without a current reading? ─no─► answer
          ▲                                  │ yes
          └── its block was replaced ◄── ask the chain at that block, keep the reading ─► answer

No answer is remembered between requests, so none outlives the block that it names. While the
chain cannot be asked, a reading within its window still grants; without one there is no answer, for
what nobody read is not nothing.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import TypeVar

from api.adapters.entitlements import EntitlementRead, EntitlementReads
from api.adapters.gate_readings import NewReading, store_readings
from api.adapters.snapshot import Pool
from api.errors import Transient
from contracts.addresses import Settlement
from contracts.event_spec import ContractName
from contracts.evm import Address, ChainId, Hash32
from indexer.errors import IndexerError
from settlement.payments.entitlements import (
    Entitlement,
    Facts,
    Finding,
    GateVisit,
    Standing,
    entitlement,
)
from settlement.payments.gates import Reading

BalanceSource = Callable[[ChainId, Address, Sequence[Address], Hash32], Sequence[int | None]]
"""What a wallet holds of tokens at a block; blocks, raises `IndexerError` without an answer."""

Answers = TypeVar("Answers")

ANSWER_S = 5.0
ASKED_MAX = 4
"""Questions to chains at once: others need threads too, to sign wallets in, say."""

_TRIES = 3
_log = logging.getLogger(__name__)


class GateNotRead(Transient):
    """A gate could not be read from the chain, and nothing else grants.

    Source: `entitlements`. Effect: 503; that nobody could ask is no denial.
    """

    slug, title = "gate-not-read", "The chain could not be asked"

    def __init__(self, settlement: str) -> None:
        super().__init__(f"settlement {settlement!r}: balances at the head could not be read")
        self.settlement = settlement


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An answer, and what it was read from."""

    read: EntitlementRead
    answer: Entitlement


class EntitlementDesk:
    """Answers about all settlements; `direct` is for single reads, `pool` for what is written."""

    def __init__(self, *, direct: Pool, pool: Pool, balances: BalanceSource | None) -> None:
        self._direct, self._pool, self._balances = direct, pool, balances
        self._reads: dict[str, EntitlementReads] = {}
        self._asking = asyncio.Semaphore(ASKED_MAX)

    async def answer(self, settlement: Settlement, wallet: Address, content: Hash32) -> Answered:
        """Whether a wallet may see a content of a settlement, at the head.

        Raises:
            NotIndexed: there is no head.
            GateNotRead: it depends on a gate, and the chain could not be asked.
        """
        for _ in range(_TRIES):
            read = await self._reads_of(settlement).read(wallet, content)
            answer = entitlement(read.facts, read.at, indexed_tokens(settlement))
            if not answer.unread:
                return Answered(read=read, answer=answer)
            balances = await self._ask(settlement, read, answer.unread)
            if balances is None:
                break
            if await self._keep(settlement, read, answer.unread, balances):
                facts = _with_readings(read.facts, read.at, answer.unread, balances)
                known = replace(read, facts=facts)
                again = entitlement(facts, read.at, indexed_tokens(settlement))
                if again.is_granted or None not in balances:
                    return Answered(read=known, answer=again)
                break
        if answer.is_granted:
            return Answered(read=read, answer=answer)
        raise GateNotRead(settlement.name)

    def _reads_of(self, settlement: Settlement) -> EntitlementReads:
        reads = self._reads.get(settlement.name)
        if reads is None:
            reads = self._reads[settlement.name] = EntitlementReads(self._direct, settlement)
        return reads

    async def _ask(
        self, settlement: Settlement, read: EntitlementRead, gates: Sequence[GateVisit]
    ) -> Sequence[int | None] | None:
        """Balances at the head; None where the chain did not answer."""
        if self._balances is None:
            return None
        tokens = [gate.token for gate in gates]
        asked = partial(
            self._balances, settlement.chain_id, read.facts.wallet, tokens, read.head_hash
        )
        try:
            async with asyncio.timeout(ANSWER_S):
                return await self._in_a_thread(asked)
        except (IndexerError, TimeoutError) as error:
            cause = str(error) or type(error).__name__
            _log.warning("gates were not read", extra={"gates": len(gates), "cause": cause})
            return None

    async def _in_a_thread(self, asked: Callable[[], Answers]) -> Answers:
        """Ask when it is our turn; who gives up waiting keeps the turn until its thread ends."""
        await self._asking.acquire()
        answering = asyncio.get_running_loop().run_in_executor(None, asked)
        answering.add_done_callback(self._asked)
        return await asyncio.shield(answering)

    def _asked(self, answering: "asyncio.Future[Answers]") -> None:
        self._asking.release()
        if not answering.cancelled():
            answering.exception()  # whoever asked may be gone

    async def _keep(
        self,
        settlement: Settlement,
        read: EntitlementRead,
        gates: Sequence[GateVisit],
        balances: Sequence[int | None],
    ) -> bool:
        """Store what was read; False if its block is not in the index any more."""
        readings = [
            NewReading(
                gate_id=gate.gate_id,
                token=gate.token,
                balance=balance,
                is_met=balance >= gate.minimum,
            )
            for gate, balance in zip(gates, balances, strict=True)
            if balance is not None
        ]
        return await store_readings(
            self._pool,
            settlement.chain_id,
            read.facts.wallet,
            readings,
            at=(read.at.head, read.head_hash),
        )


@lru_cache(maxsize=256)
def _tokens(
    tokens: tuple[Address, ...], collections: tuple[Address, ...], ticket: Address | None
) -> frozenset[Address]:
    return frozenset({*tokens, *collections, *(() if ticket is None else (ticket,))})


def indexed_tokens(settlement: Settlement) -> frozenset[Address]:
    """Tokens whose transfers are indexed, so that no reading of them outlives a move."""
    ticket = settlement.payments.get(ContractName.TICKET)
    return _tokens(settlement.tokens, settlement.collections, ticket)


def _with_readings(
    facts: Facts, at: Standing, gates: Sequence[GateVisit], balances: Sequence[int | None]
) -> Facts:
    """The facts as they are once these readings are stored."""
    found = {gate.gate_id: one for gate, one in zip(gates, balances, strict=True)}
    return replace(facts, gates=tuple(_visited(gate, found, at) for gate in facts.gates))


def _visited(gate: GateVisit, found: dict[Hash32, int | None], at: Standing) -> GateVisit:
    balance = found.get(gate.gate_id)
    if balance is None:
        return gate
    reading = Reading(balance=balance, block=at.head, timestamp=at.timestamp)
    if balance < gate.minimum or gate.first_met is not None:
        return replace(gate, reading=reading)
    return replace(gate, reading=reading, first_met=at.head, first_met_at=at.timestamp)


def document(settlement: Settlement, answered: Answered) -> dict[str, object]:
    """The answer as `schemas.entitlements.EntitlementAnswer` describes it."""
    read, answer = answered.read, answered.answer
    findings = [_finding(one, read) for one in answer.findings]
    return {
        "settlement": settlement.name,
        "chain_id": settlement.chain_id,
        "contract": _spelled(settlement.payouts),
        "block": {
            "number": read.at.head,
            "hash": str(read.head_hash),
            "timestamp": read.at.timestamp,
        },
        "finality": answer.level.value,
        "account": str(read.facts.wallet),
        "content_id": str(read.facts.content_id),
        "is_granted": answer.is_granted,
        "reason": answer.reason.value,
        "until": answer.until,
        "evidence": findings[0] if answer.is_granted else None,
        "failed": [] if answer.is_granted else findings,
    }


_spelled = lru_cache(maxsize=256)(str)


def _finding(found: Finding, read: EntitlementRead) -> dict[str, object]:
    block_hash = None if found.block is None else read.hashes.get(found.block)
    return {
        "check": found.check.value,
        "reason": found.reason.value,
        "content_id": str(found.content_id),
        "block_number": found.block,
        "block_hash": _text(block_hash),
        "log_index": found.log_index,
        "order_id": _text(found.order_id),
        "ticket_id": _text(found.ticket_id),
        "gate_id": _text(found.gate_id),
        "balance": _text(found.balance),
        "minimum": _text(found.minimum),
    }


def _text(value: Hash32 | int | None) -> str | None:
    return None if value is None else str(value)
