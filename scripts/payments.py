"""Where payments meet the index and the node: the desk of a settlement, built from settings.

`settlement.payments` declares `PaymentFacts`; `IndexedPayments` serves it from the indexer's reads,
all of one snapshot of the database.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine

from contracts.addresses import Settlement
from contracts.event_spec import ContractName
from contracts.evm import Address, BlockNumber, BlockRef, Hash32, Timestamp
from contracts.payment_event_specs import TICKET_REDEEMED, TICKET_TRANSFER
from indexer.adapters.payment_reads import PaymentReads
from scripts.bootstrap_indexer import RPC_LIMITS
from scripts.settings import ChainSettings, Settings
from scripts.wiring import snapshot
from settlement.payments.adapters.chain import NodePayments
from settlement.payments.adapters.forgetting import SqlUnpaidIntents
from settlement.payments.adapters.store import SqlPayments
from settlement.payments.adapters.watch import SqlWatch
from settlement.payments.evidence import Heights, LogSeen, Source, TransactionSeen
from settlement.payments.families import FAMILIES
from settlement.payments.fees import FeeTerms
from settlement.payments.intent import LATE_S, PaymentIntent
from settlement.payments.ports import PaymentFacts
from settlement.payments.rulebook import (
    AllowedContract,
    FeeTermsInForce,
    LogPlace,
    Rulebook,
    TierPriceInForce,
)
from settlement.payments.verify_payment import PaymentDesk
from settlement.payments.watching import OrderEvent


@dataclass(frozen=True, slots=True)
class IndexedPayments:
    """`settlement.payments.ports.PaymentFacts`, from one snapshot of the index.

    `contracts` are ours on this chain: of the settlement, and of others that share its index.
    """

    reads: PaymentReads
    settlement: Settlement
    contracts: tuple[AllowedContract, ...]

    def heights(self) -> Heights | None:
        """How far the index is, without a safe block; None while it is empty."""
        head = self.reads.head()
        if head is None:
            return None
        return Heights(head=head, safe=None, finalized=self.reads.finalized())

    def block(self, number: BlockNumber) -> BlockRef | None:
        """The indexed block of this height."""
        return self.reads.block(number)

    def block_hashes(self, numbers: Sequence[BlockNumber]) -> dict[BlockNumber, Hash32]:
        """The hashes of the indexed blocks among these heights."""
        return self.reads.block_hashes(numbers)

    def transactions_of(self, intent: PaymentIntent) -> Sequence[Hash32]:
        """Transactions whose events name the intent's order, oldest first; some, if many do."""
        family, order_id = intent.family, intent.order_id
        if family.order is None or order_id is None:
            return ()
        return self.reads.transactions_of_order(
            family.event, family.order, order_id, intent.contract
        )

    def blocks_of(self, intent: PaymentIntent, tx_hash: Hash32) -> Sequence[BlockNumber]:
        """Blocks in which events of the transaction name the intent's order."""
        family, order_id = intent.family, intent.order_id
        if family.order is None or order_id is None:
            return ()
        return self.reads.blocks_of_order(
            family.event, family.order, order_id, intent.contract, tx_hash
        )

    def blocks_moved_in(self, intent: PaymentIntent, tx_hash: Hash32) -> Sequence[BlockNumber]:
        """Blocks of the intent's time, and up to `LATE_S` later, in which it moved tokens."""
        end = Timestamp(intent.until + LATE_S)
        return self.reads.blocks_of_transfers(tx_hash, intent.since, end)

    def order_events(self, after: LogPlace, limit: int) -> Sequence[OrderEvent]:
        """Events that name orders, after a place of the chain, in order."""
        found = [
            OrderEvent(
                contract=contract,
                order_id=row.order_id,
                transaction_hash=row.transaction_hash,
                block_number=row.block_number,
                block_hash=row.block_hash,
                log_index=row.log_index,
            )
            for family in FAMILIES
            if family.order is not None
            and (contract := self.settlement.payments.get(family.event.contract)) is not None
            for row in self.reads.orders_after(family.event, family.order, contract, after, limit)
        ]
        return sorted(found, key=lambda one: (one.block_number, one.log_index))[:limit]

    def transaction(self, tx_hash: Hash32, number: BlockNumber) -> TransactionSeen | None:
        """The logs that we hold of a transaction in that block; None if we hold none.

        A transaction that failed has no logs, so one that has them succeeded.
        """
        block = self.reads.block(number)
        logs = self.reads.transaction_logs(tx_hash, number)
        if block is None or not logs:
            return None
        return TransactionSeen(
            source=Source.FACTS,
            chain_id=self.settlement.chain_id,
            transaction_hash=tx_hash,
            is_success=True,
            block=block,
            is_canonical=True,
            logs=tuple(
                LogSeen(
                    address=log.address, topics=log.topics, data=log.data, log_index=log.log_index
                )
                for log in logs
            ),
        )

    def rulebook(self, intent: PaymentIntent) -> Rulebook:
        """What was ever in force for payments of this intent, up to the head of the index."""
        return Rulebook(
            contracts=self.contracts,
            fee_terms=self._fee_terms(intent),
            prices=self._prices(intent),
        )

    def refunded_in(self, intent: PaymentIntent, payer: Address) -> BlockNumber | None:
        """The block in which the contract gave this payer's payment of the order back."""
        refund = intent.family.refund
        if refund is None:
            return None
        values = {"order_id": intent.order_id, "payer": payer}
        found = self.reads.events(refund, intent.contract, values)
        return BlockNumber(found[0]["block_number"]) if found else None

    def is_given_up(self, ticket_id: int, payer: Address) -> bool:
        """Whether a ticket was redeemed, or is somebody else's than the payer's."""
        contract = self.settlement.payments.get(ContractName.TICKET)
        if contract is None:
            return False
        moves = self.reads.events(TICKET_TRANSFER, contract, {"token_id": ticket_id})
        is_moved = bool(moves) and moves[-1]["target"] != payer
        return is_moved or bool(
            self.reads.events(TICKET_REDEEMED, contract, {"ticket_id": ticket_id})
        )

    def _fee_terms(self, intent: PaymentIntent) -> list[FeeTermsInForce]:
        spec = intent.family.fee_terms
        rows = [] if spec is None else self.reads.events(spec, intent.contract, {})
        return [
            FeeTermsInForce(
                since=(row["block_number"], row["log_index"]),
                contract=intent.contract,
                terms=FeeTerms(treasury=row["treasury"], minimum=row["minimum"], bps=row["bps"]),
            )
            for row in rows
        ]

    def _prices(self, intent: PaymentIntent) -> list[TierPriceInForce]:
        spec = intent.family.price_list
        if spec is None or intent.subject is None or intent.tier_id is None:
            return []
        values = {"event_id": intent.subject, "tier_id": intent.tier_id}
        return [
            TierPriceInForce(
                since=(row["block_number"], row["log_index"]),
                contract=intent.contract,
                subject=intent.subject,
                tier_id=intent.tier_id,
                price=row["price"],
            )
            for row in self.reads.events(spec, intent.contract, values)
        ]


def allowed_contracts(settlement: Settlement) -> tuple[AllowedContract, ...]:
    """The contracts that payments may come from, since the settlement's start block."""
    named = [*settlement.payments.items()]
    named += [(ContractName.ERC20, token) for token in settlement.tokens]
    return tuple(
        AllowedContract(name=name, address=address, start_block=settlement.start_block)
        for name, address in named
    )


def payment_desk(
    engine: Engine,
    settlement: Settlement,
    node: NodePayments | None,
    *,
    neighbours: Sequence[Settlement] = (),
) -> PaymentDesk:
    """The payments of a settlement; without a node only what is indexed is known.

    `neighbours` are the other settlements of the chain: what their contracts move is not free to
    pay something here.
    """
    ours = allowed_contracts(settlement)
    theirs = [one for other in neighbours for one in allowed_contracts(other) if one not in ours]

    @contextmanager
    def open_facts() -> Iterator[PaymentFacts]:
        with snapshot(engine) as connection:
            reads = PaymentReads(connection, settlement.chain_id)
            yield IndexedPayments(reads, settlement, (*ours, *theirs))

    contracts = [one.address for one in ours]
    return PaymentDesk(
        store=payment_store(engine, settlement),
        watch=SqlWatch(engine, settlement.chain_id, contracts),
        open_facts=open_facts,
        node=node,
    )


def payment_store(engine: Engine, settlement: Settlement) -> SqlPayments:
    """The stored payments of a settlement."""
    contracts = [one.address for one in allowed_contracts(settlement)]
    return SqlPayments(engine, settlement.chain_id, contracts)


def unpaid_intents(engine: Engine, settlement: Settlement) -> SqlUnpaidIntents:
    """The stored intents of a settlement, where those may be forgotten that nobody paid."""
    contracts = [one.address for one in allowed_contracts(settlement)]
    return SqlUnpaidIntents(engine, settlement.chain_id, contracts)


def payment_desks(settings: Settings, engine: Engine) -> dict[str, PaymentDesk]:
    """The payments of every configured settlement, by its name."""
    return {
        settlement.name: payment_desk(
            engine,
            settlement,
            payment_node(chain, settlement, timeout_s=RPC_LIMITS.timeout_s),
            neighbours=chain.settlements,
        )
        for chain in settings.chains
        for settlement in chain.settlements
    }


def payment_node(chain: ChainSettings, settlement: Settlement, *, timeout_s: int) -> NodePayments:
    """The first endpoint of a chain."""
    return NodePayments(
        chain.rpc[0],
        timeout_s=timeout_s,
        has_finality_tag=chain.finality_tag == "finalized",
        depth_blocks=chain.finality_depth_blocks,
        start_block=settlement.start_block,
    )
