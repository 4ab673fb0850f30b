"""The composition root of settlement: builds the jobs, and the views of a chain, from settings."""

import logging
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sqlalchemy import Engine
from web3 import HTTPProvider, Web3

from contracts.addresses import Settlement
from contracts.evm import Epoch
from indexer.adapters.endpoint_address import EndpointAddress
from indexer.adapters.reads import FactReads
from reconciliation.adapters.client import RPCClient
from reconciliation.adapters.reserves import NodeReserves
from reconciliation.adapters.state_proofs import ProvenReadings
from reconciliation.ports import Run
from scripts import wiring
from scripts.bookkeeping import payment_sources, post_books, seal_books
from scripts.bootstrap_indexer import RPC_LIMITS
from scripts.computing import computed_in
from scripts.errors import NotConfigured
from scripts.jobs import JobName, Jobs
from scripts.payments import payment_desk, payment_node, unpaid_intents
from scripts.payout_needs import tell_needs
from scripts.policed_chain import PolicedChain
from scripts.policing import PolicyGate
from scripts.policy_settings import policy_of
from scripts.reconciling import reconcile_settlement, stops_of
from scripts.settings import ChainSettings, Settings
from scripts.settling import warn_if_late
from scripts.sharding import ShardedAllocation
from scripts.signing import settlement_signer
from scripts.solvency import state_settlement
from scripts.wallets import record_wallets, wallet_sources
from settlement.ledger.accounts import Book
from settlement.ledger.adapters.store import LedgerStore
from settlement.ledger.post import post_step
from settlement.payments.forgetting import Turn, forget_unpaid
from settlement.payments.look_again import look_again
from settlement.payments.verify_payment import PaymentDesk
from settlement.payouts.adapters.chain import OP_STACK_ORACLE, NodePayoutChain
from settlement.payouts.adapters.ownership import PayoutsOwner, payouts_owner
from settlement.payouts.adapters.policy_store import PolicyRecords
from settlement.payouts.adapters.store import SqlHistories, SqlPayoutStore
from settlement.payouts.gas import TRANSACTION_GAS_MAX, FeeCaps
from settlement.payouts.guarded_signer import GuardedSigner
from settlement.payouts.needs import NeedKind
from settlement.payouts.preview import Preview, preview
from settlement.payouts.report import TickReport
from settlement.payouts.submit import SubmitLimits, Submitter
from settlement.royalties.adapters.attempts import ComputedAttempts
from settlement.royalties.adapters.chain import RPCChainCheck
from settlement.royalties.compute_epoch import NotYetComputable
from settlement.royalties.due import due_epoch

log = logging.getLogger(__name__)

VERIFIER = Path(__file__).with_name("verify_epoch.py")
_POST_BLOCKS_MAX = 1_000
_DAY_S = 86_400
_LOG_RANGE_BLOCKS = 2_000
_TIP_WEI = 2_000_000_000
_IN_FLIGHT_MAX = 16
_OPEN_OPERATIONS_MAX = 10_000
_NONCES_PER_OPERATION_MAX = 5
_RETRY_AFTER_BLOCKS = 1_000
_REPLACE_AFTER_BLOCKS = 10
_OP_STACK_PROFILES = ("optimism", "base")


def chain_check(chain: ChainSettings, settlement: Settlement) -> RPCChainCheck:
    """A view of the chain of its own, for a guardian or a commit."""
    return RPCChainCheck(
        Web3(HTTPProvider(chain.rpc[0], request_kwargs={"timeout": RPC_LIMITS.timeout_s})),
        settlement,
        finality_tag=chain.finality_tag,
        finality_depth_blocks=chain.finality_depth_blocks,
        log_range_blocks=_LOG_RANGE_BLOCKS,
        told=EndpointAddress.of(chain.rpc[0]).without_secrets,
    )


def payout_chain(chain: ChainSettings, settlement: Settlement) -> NodePayoutChain:
    """The contracts that are paid from, as the configured endpoint shows them."""
    is_op_stack = chain.profile in _OP_STACK_PROFILES
    return NodePayoutChain(
        chain.rpc[0],
        settlement.chain_id,
        wiring.paying_contracts(settlement),
        timeout_s=RPC_LIMITS.timeout_s,
        data_fee_oracle=OP_STACK_ORACLE if is_op_stack else None,
        told=EndpointAddress.of(chain.rpc[0]).without_secrets,
    )


def book_of(settlement: Settlement) -> Book:
    """The books of a settlement."""
    return Book(chain_id=settlement.chain_id, contract=settlement.payouts)


def policy_gate(settings: Settings, engine: Engine, settlement: Settlement) -> PolicyGate | None:
    """The payout policy of a settlement; None on a development chain without one.

    Raises:
        NotConfigured: a policy is needed and there is none.
    """
    policy = policy_of(settings.policy, settlement.chain_id)
    if policy is None:
        return None
    return PolicyGate(
        engine=engine,
        settlement=settlement,
        book=book_of(settlement),
        policy=policy,
        screening=PolicyRecords,
    )


@dataclass(frozen=True, slots=True)
class SettlementJobs:
    """The jobs of all configured settlements, by name of the settlement."""

    settings: Settings
    engine: Engine
    _sharded: dict[str, ShardedAllocation] = field(default_factory=dict)
    _signers: dict[str, GuardedSigner | None] = field(default_factory=dict)
    _judged: set[str] = field(default_factory=set)
    _told: dict[str, frozenset[NeedKind]] = field(default_factory=dict)
    _forgotten: dict[str, Turn | None] = field(default_factory=dict)

    def all(self) -> Jobs:
        """Every job that the worker runs."""
        return {
            JobName.POST_JOURNAL: self.post_journal,
            JobName.RECORD_GAS: self.record_gas,
            JobName.POST_PAYMENTS: self.post_payments,
            JobName.SEAL_JOURNAL: self.seal_journal,
            JobName.ALLOCATE_SHARDS: self.allocate_shards,
            JobName.COMPUTE_EPOCHS: self.compute_epochs,
            JobName.SUBMIT_PAYOUTS: self.submit_payouts,
            JobName.VERIFY_PAYMENTS: self.verify_payments,
            JobName.FORGET_INTENTS: self.forget_intents,
            JobName.RECONCILE: self.reconcile,
            JobName.STATE_SOLVENCY: self.state_solvency,
        }

    def post_journal(self, name: str) -> None:
        """Post finalized events until the books are caught up."""
        _, settlement = self._find(name)
        is_caught_up = False
        while not is_caught_up:
            with self.engine.begin() as connection:
                posted = post_step(
                    FactReads(connection, settlement),
                    wiring.CommittedDistributions(connection, settlement),
                    LedgerStore(connection, book_of(settlement)),
                    start_block=settlement.start_block,
                    blocks_max=_POST_BLOCKS_MAX,
                )
            is_caught_up = posted.is_caught_up

    def record_gas(self, name: str) -> None:
        """Record what final transactions of payout wallets cost."""
        chain, settlement = self._find(name)
        signer = self._signer(settlement)
        record_wallets(self.engine, chain, () if signer is None else (signer.address,))

    def post_payments(self, name: str) -> None:
        """Post finalized events of payment contracts, accepted documents, and gas of wallets."""
        _, settlement = self._find(name)
        wallets = wallet_sources(self.engine, settlement, self.settings.settlements)
        post_books(self.engine, settlement, [*payment_sources(settlement), *wallets])

    def seal_journal(self, name: str) -> None:
        """Number and seal what was recorded in all books of the settlement."""
        _, settlement = self._find(name)
        seal_books(self.engine, settlement, self.settings.settlements)

    def allocate_shards(self, name: str) -> None:
        """Do what is open of a large epoch that is due; small ones are left to `compute_epochs`."""
        _, settlement = self._find(name)
        self._shards_of(settlement).look()

    def compute_epochs(self, name: str) -> None:
        """Compute every epoch that is due; a large one from its shards, once these are done.

        At the first look with facts, and with every epoch, it says if a day is too short for one.
        """
        _, settlement = self._find(name)
        while (epoch := self._compute_next(settlement)) is not None:
            log.info("epoch computed", extra={"settlement": name, "epoch": epoch})
            self._judged.discard(name)  # the lag may have grown since
        if name not in self._judged:
            with wiring.snapshot(self.engine) as connection:
                if warn_if_late(connection, settlement):
                    self._judged.add(name)

    def submit_payouts(self, name: str) -> None:
        """One tick of the submitter; nothing without a signer."""
        self.submit_once(name)

    def submit_once(self, name: str) -> TickReport | None:
        """One tick of the submitter, and what it did; None without a signer."""
        _, settlement = self._find(name)
        signer = self._signer(settlement)
        if signer is None:
            return None
        contracts = wiring.paying_contracts(settlement)
        with payouts_owner(
            self.engine, settlement.chain_id, sender=signer.address, contracts=contracts
        ) as owner:
            report = self._submitter(name, owner, signer).tick()
        told = self._told.get(name, frozenset())
        self._told[name] = tell_needs(self.engine, settlement, report, told)
        return report

    def preview_payouts(self, name: str) -> Preview | None:
        """A dry run of the next tick, without holding the key; None while nothing is final."""
        _, settlement = self._find(name)
        signer = self._signer(settlement)
        if signer is None:
            raise NotConfigured("no signer is configured: say who pays")
        with self.engine.connect() as writer, self.engine.connect() as reader:
            submitter = self._submitter(name, PayoutsOwner(writer, session=None), signer)
            return preview(submitter, SqlHistories(reader))

    def _signer(self, settlement: Settlement) -> GuardedSigner | None:
        """The signer of a settlement; opening a key may take a second, or ask a service."""
        if settlement.name not in self._signers:
            self._signers[settlement.name] = settlement_signer(
                self.settings, self.engine, settlement
            )
        return self._signers[settlement.name]

    def _submitter(self, name: str, owner: PayoutsOwner, signer: GuardedSigner) -> Submitter:
        chain, settlement = self._find(name)
        book, gate = book_of(settlement), policy_gate(self.settings, self.engine, settlement)
        finality = wiring.FinalizedFacts(self.engine, settlement)
        node = payout_chain(chain, settlement)
        return Submitter(
            chain_id=settlement.chain_id,
            contract=settlement.payouts,
            leaves=wiring.PostedLeaves(self.engine, settlement, book, gate),
            commits=wiring.ReadyCommits(self.engine, settlement, chain_check(chain, settlement)),
            lines=wiring.posted_lines(self.engine, settlement, gate),
            finality=finality,
            chain=PolicedChain(node, gate, finality, partial(stops_of, self.engine, settlement)),
            store=SqlPayoutStore(
                owner,
                settlement.chain_id,
                wiring.paying_contracts(settlement),
                wiring.LedgerReservations(),
            ),
            signer=signer,
            limits=SubmitLimits(
                caps=FeeCaps(max_fee_wei=signer.policy.fee_per_gas_wei_max, tip_wei=_TIP_WEI),
                gas_max=TRANSACTION_GAS_MAX,
                in_flight_max=_IN_FLIGHT_MAX,
                open_operations_max=_OPEN_OPERATIONS_MAX,
                nonces_per_operation_max=_NONCES_PER_OPERATION_MAX,
                retry_after_blocks=_RETRY_AFTER_BLOCKS,
                replace_after_blocks=_REPLACE_AFTER_BLOCKS,
            ),
        )

    def verify_payments(self, name: str) -> None:
        """Look again at every payment that is not at its end."""
        look_again(self.payments(name))

    def forget_intents(self, name: str) -> None:
        """Forget what is due of the next intents; each run goes on behind the one before."""
        _, settlement = self._find(name)
        done = forget_unpaid(
            payment_desk(self.engine, settlement, None),
            unpaid_intents(self.engine, settlement),
            kept_s=self.settings.forget_unpaid_days * _DAY_S,
            after=self._forgotten.get(name),
        )
        self._forgotten[name] = done.last
        if done.count:
            log.info("intents were forgotten", extra={"settlement": name, "count": done.count})

    def payments(self, name: str) -> PaymentDesk:
        """The payments of a settlement, with the node for what is not indexed yet."""
        chain, settlement = self._find(name)
        node = payment_node(chain, settlement, timeout_s=RPC_LIMITS.timeout_s)
        return payment_desk(self.engine, settlement, node, neighbours=chain.settlements)

    def reconcile(self, name: str) -> None:
        """Reconcile if the books have moved since the last run."""
        self.reconcile_once(name)

    def reconcile_once(self, name: str) -> Run | None:
        """Reconcile now; None if nothing is posted yet."""
        chain, settlement = self._find(name)
        return reconcile_settlement(self.engine, chain, settlement)

    def state_solvency(self, name: str) -> None:
        """State what contracts owed at the end of every epoch that is due, and what they held."""
        self.state_solvency_once(name)

    def state_solvency_once(self, name: str) -> int:
        """State what is due now; the number of new statements."""
        chain, settlement = self._find(name)
        client = RPCClient(chain.rpc[0], timeout_s=RPC_LIMITS.timeout_s)
        return state_settlement(self.engine, settlement, NodeReserves(ProvenReadings(client)))

    def _compute_next(self, settlement: Settlement) -> Epoch | None:
        with (
            self.engine.connect().execution_options(
                isolation_level="REPEATABLE READ"
            ) as connection,
            connection.begin(),
        ):
            source = FactReads(connection, settlement)
            latest = ComputedAttempts(connection).latest(settlement.chain_id, settlement.payouts)
            epoch = due_epoch(latest, settlement=settlement, source=source)
            if epoch is None:
                return None
            computed = computed_in(connection, epoch, self._shards_of(settlement))
        if isinstance(computed, NotYetComputable):
            if computed.missing is not None:
                log.warning("epoch %d cannot be computed: %s", epoch, computed.missing)
            return None
        return epoch

    def _shards_of(self, settlement: Settlement) -> ShardedAllocation:
        fresh = ShardedAllocation(engine=self.engine, settlement=settlement)
        return self._sharded.setdefault(settlement.name, fresh)

    def _find(self, name: str) -> tuple[ChainSettings, Settlement]:
        for chain in self.settings.chains:
            for settlement in chain.settlements:
                if settlement.name == name:
                    return chain, settlement
        known = ", ".join(one.name for one in self.settings.settlements) or "none"
        raise NotConfigured(f"settlement {name!r} is not configured; known: {known}")
