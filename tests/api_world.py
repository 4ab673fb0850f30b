"""A small settlement for tests of the API: blocks, facts, books and intents as rows.

Block n has timestamp 1000 + 10 n; genesis is 1000, an epoch lasts 100 s, its grace 20 s, the veto
window 20 s. So epoch e is blocks 10 e to 10 e + 9.
"""

from collections.abc import Sequence
from datetime import timedelta

import orjson
from sqlalchemy import Connection, Engine, insert, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from contracts.addresses import Settlement
from contracts.approvals import AssetTotals
from contracts.event_spec import ROYALTY_CONTRACTS, ContractName, EventSpec
from contracts.events import (
    CLAIM_RESOLVED,
    CONTENT_CLAIMED,
    EPOCH_CLOCK_STARTED,
    EPOCH_COMMITTED,
    EPOCH_FUNDED,
    EPOCH_VETOED,
    ESCROW_RELEASED,
    GUARDIAN_SET_CHANGED,
    LEAF_WITHDRAWN,
    PAYEE_HELD,
    PAYEE_HOLD_LIFTED,
    PAYEE_HOLD_PLACED,
    PAYEE_PAID,
    PAYEE_UNCLAIMED,
    SETTLEMENT_STARTED,
    UNCLAIMED_WITHDRAWN,
    VERDICT_LIFTED,
    VERDICT_PLACED,
    WORK_REGISTERED,
    WORK_TERMS_SET,
)
from contracts.evm import Address, BlockNumber, BlockRef, ChainId, Epoch, Hash32, Timestamp, keccak
from contracts.leaves import Leaf, LeafKind, SplitLine, leaf_hash, split_hash
from contracts.operations import withdraw_operation_id
from contracts.units import BaseUnits
from indexer.adapters.reads import FactReads
from indexer.adapters.status import INDEXER_STATUS, SqlStatus
from indexer.adapters.tables import BLOCK, CHAIN_FINALITY, CURSOR, FACTS, LOG
from indexer.blocks import Proof
from indexer.endpoint_health import EndpointHealth, ErrorClass
from indexer.levels import Level
from indexer.status import Coverage, IndexerStatus, State, Tally
from reconciliation.adapters.store import SqlRegister
from reconciliation.discrepancy import Discrepancy, Kind
from reconciliation.ports import Run
from settlement.ledger.accounts import Book
from settlement.ledger.adapters.store import LedgerStore
from settlement.ledger.commitments import Distribution
from settlement.ledger.post import post_step
from settlement.royalties.adapters import tables as royalties
from settlement.royalties.manifest import manifest_digest
from settlement.royalties.tree_flat import flat_tree

CHAIN_ID = ChainId(31337)
GENESIS, LENGTH, GRACE, VETO_WINDOW = 1000, 100, 20, 20


def address(name: str) -> Address:
    return Address(keccak(name.encode())[:20])


def name_hash(name: str) -> Hash32:
    """A hash with room for a tag, as the id of a registered work is one."""
    return Hash32.from_int(int.from_bytes(keccak(name.encode()), "big") >> 8)


USD, EUR = address("usd"), address("eur")
ALICE, BOB, CAROL, REGISTRANT = (address(name) for name in ("alice", "bob", "carol", "registrant"))
GUARDIANS = tuple(sorted(address(f"guardian {number}") for number in range(3)))
SONG, FILM = name_hash("song"), name_hash("film")


def settlement_named(name: str) -> Settlement:
    names = ROYALTY_CONTRACTS
    return Settlement(
        name=name,
        chain_id=CHAIN_ID,
        start_block=BlockNumber(1),
        contracts={one: address(f"{name} {one}") for one in names},
        tokens=(USD,),
    )


def leaf(epoch: int, work_id: Hash32, shares: dict[Address, int], *, asset: Address = USD) -> Leaf:
    lines = tuple(SplitLine(payee=who, amount=BaseUnits(shares[who])) for who in sorted(shares))
    return Leaf(epoch=Epoch(epoch), work_id=work_id, part=0, asset=asset, lines=lines)


class World:
    """Writes rows as the indexer and the engine do; each call is one transaction."""

    def __init__(self, engine: Engine, name: str = "main") -> None:
        self.engine = engine
        self.settlement = settlement_named(name)
        self.head = 0
        self.log_index = 0
        self.distributions: dict[Hash32, Distribution] = {}
        self.digests: dict[tuple[int, int], Hash32] = {}

    def on(self, engine: Engine) -> "World":
        """The same world in a copy of its database."""
        copy = World(engine, self.settlement.name)
        copy.head, copy.log_index = self.head, self.log_index
        copy.distributions = dict(self.distributions)
        copy.digests = dict(self.digests)
        return copy

    def mine(self, upto: int, *, fork: str = "") -> None:
        """Index empty blocks up to this number; its events follow."""
        with self.engine.begin() as connection:
            for number in range(self.head + 1, upto + 1):
                connection.execute(insert(BLOCK).values(**self._block(number, fork)))
            cursor = {"number": upto, "hash": block_hash(upto, fork)}
            connection.execute(
                pg_insert(CURSOR)
                .values(chain_id=CHAIN_ID, sources_digest=name_hash("sources"), **cursor)
                .on_conflict_do_update(index_elements=["chain_id"], set_=cursor)
            )
        self.head, self.log_index = upto, 0

    def finalize(self, number: int) -> None:
        final = {"number": number, "hash": block_hash(number)}
        with self.engine.begin() as connection:
            connection.execute(
                pg_insert(CHAIN_FINALITY)
                .values(chain_id=CHAIN_ID, **final)
                .on_conflict_do_update(index_elements=["chain_id"], set_=final)
            )

    def report(
        self,
        state: State,
        reason: str | None = None,
        *,
        age_s: int = 0,
        head: int = 33,
        disputed: tuple[BlockNumber, ...] = (),
    ) -> None:
        """Report as the indexer does; every fifth finalized block has a rebuilt receipts root."""
        store = SqlStatus(self.engine, CHAIN_ID)
        height, finalized = store.place()
        tally = Tally(
            began_ms=0,
            moved_at_ms=0,
            height=height,
            finalized=finalized,
            head=BlockNumber(head),
            disputed=disputed,
            range_blocks=50,
            fetch_stalled_ms=1_500,
            storage_stalled_ms=250,
        )
        nothing = Coverage(end_block=self.settlement.start_block)
        errors = {ErrorClass.LIMITED: 2}
        store.write(
            IndexerStatus(
                chain_id=CHAIN_ID,
                level=Level.RECEIPTS,
                state=state,
                reason=reason,
                tally=tally,
                coverage=store.counted(nothing, finalized or BlockNumber(0)),
                endpoints=(EndpointHealth(host="node.example", requests=9, errors=errors),),
            )
        )
        with self.engine.begin() as connection:
            since = INDEXER_STATUS.c.updated_at - timedelta(seconds=age_s)
            connection.execute(update(INDEXER_STATUS).values(updated_at=since))

    def start(self) -> None:
        """The first events of the settlement, in the head block."""
        self.emit(EPOCH_CLOCK_STARTED, genesis=GENESIS, length=LENGTH, grace=GRACE)
        self.emit(
            SETTLEMENT_STARTED,
            clock=self.settlement.contracts[ContractName.EPOCH_CLOCK],
            registry=self.settlement.contracts[ContractName.WORK_REGISTRY],
            veto_window=VETO_WINDOW,
        )
        self.emit(GUARDIAN_SET_CHANGED, guardian_set=1, threshold=2, guardians=list(GUARDIANS))

    def register(self, work_id: Hash32, payees: dict[Address, int]) -> None:
        self.emit(WORK_REGISTERED, work_id=work_id, registrant=REGISTRANT, salt=work_id)
        self.set_terms(work_id, payees, version=1, effective_epoch=0)

    def set_terms(
        self, work_id: Hash32, payees: dict[Address, int], *, version: int, effective_epoch: int
    ) -> None:
        self.emit(
            WORK_TERMS_SET,
            work_id=work_id,
            registrant=REGISTRANT,
            content_id=name_hash("content"),
            effective_epoch=effective_epoch,
            version=version,
            price_ppm=1_000_000,
            region_rule=Hash32(bytes(32)),
            payees=sorted(payees),
            shares_ppm=[payees[payee] for payee in sorted(payees)],
        )

    def place_verdict(self, work_id: Hash32) -> None:
        self.emit(VERDICT_PLACED, work_id=work_id, case_digest=name_hash("case"))

    def lift_verdict(self, work_id: Hash32) -> None:
        self.emit(VERDICT_LIFTED, work_id=work_id, case_digest=name_hash("case"))

    def fund(self, epoch: int, amount: int, *, asset: Address = USD) -> None:
        self.emit(EPOCH_FUNDED, epoch=epoch, asset=asset, source=REGISTRANT, amount=amount)

    def compute(self, epoch: int, attempt: int, leaves: Sequence[Leaf], *, paid_in: int) -> Hash32:
        """Store a computation; its reference block is the last one before the grace end."""
        hashes = [self.hash_of(one) for one in leaves]
        tree = flat_tree(hashes)
        root = tree.root
        manifest = orjson.dumps({"attempt": str(attempt), "epoch": str(epoch), "root": str(root)})
        digest = manifest_digest(manifest)
        row = {
            "chain_id": CHAIN_ID,
            "contract": self.settlement.payouts,
            "epoch": epoch,
            "attempt": attempt,
            "settlement": self.settlement.name,
            "manifest_digest": digest,
            "manifest": manifest,
            "root": root,
            "leaf_count": len(leaves),
            "boundary_block": 10 * epoch + 9,
            "reference_block": 10 * epoch + 11,
        }
        totals = _totals(leaves, paid_in)
        with self.engine.begin() as connection:
            connection.execute(insert(royalties.COMPUTED_EPOCH).values(row))
            for total in totals:
                words = dict(zip(_TOTAL_COLUMNS, total.words(), strict=True))
                connection.execute(
                    insert(royalties.COMPUTED_TOTAL).values(manifest_digest=digest, **words)
                )
            connection.execute(
                insert(royalties.COMPUTED_TREE).values(
                    manifest_digest=digest, chunk=0, nodes=tree.nodes
                )
            )
            for one, hashed in zip(leaves, hashes, strict=True):
                _store_leaf(connection, digest, one, hashed)
            connection.execute(
                insert(royalties.COMPUTED_QUARANTINE).values(
                    manifest_digest=digest,
                    ordinal=0,
                    block_number=10 * epoch + 1,
                    log_index=0,
                    position=0,
                    reason="unregistered_work",
                    submitter=ALICE,
                    work_id=name_hash("nothing"),
                )
            )
        self.digests[epoch, attempt] = digest
        self.distributions[digest] = Distribution(manifest_digest=digest, root=root, leaves=leaves)
        return digest

    def manifest_of(self, epoch: int, attempt: int) -> Hash32:
        return self.digests[epoch, attempt]

    def approve(self, epoch: int, attempt: int, digest: Hash32, guardian: Address) -> None:
        row = {
            "chain_id": CHAIN_ID,
            "contract": self.settlement.payouts,
            "epoch": epoch,
            "attempt": attempt,
            "guardian": guardian,
            "guardian_set": 1,
            "manifest_digest": digest,
            "deadline": 2**31,
            "digest": name_hash("approval"),
            "signature": bytes(65),
        }
        with self.engine.begin() as connection:
            connection.execute(insert(royalties.APPROVAL).values(row))

    def commit(self, epoch: int, attempt: int, digest: Hash32, *, paid_in: int) -> None:
        """Commit a stored computation; active one veto window after the head block."""
        distribution = self.distributions[digest]
        totals = _totals(distribution.leaves, paid_in)
        columns = zip(*(one.words() for one in totals), strict=True)
        self.emit(
            EPOCH_COMMITTED,
            epoch=epoch,
            attempt=attempt,
            manifest_digest=digest,
            root=distribution.root,
            active_at=timestamp(self.head) + VETO_WINDOW,
            guardian_set=1,
            signers=list(GUARDIANS[:2]),
            **{
                f"totals_{name}": list(column)
                for name, column in zip(_TOTAL_COLUMNS, columns, strict=True)
            },
        )

    def veto(self, epoch: int, attempt: int) -> None:
        self.emit(
            EPOCH_VETOED,
            epoch=epoch,
            attempt=attempt,
            by=GUARDIANS[0],
            reason_digest=name_hash("reason"),
        )

    def withdraw(
        self,
        one: Leaf,
        *,
        refused: Sequence[Address] = (),
        held: Sequence[Address] = (),
        settled: Sequence[Address] = (),
    ) -> Hash32:
        """Settle the lines of a leaf in the head block, but for held and for settled ones."""
        op_id = self.op_id_of(one)
        amount = 0
        for number, line in enumerate(one.lines):
            if line.payee in settled:
                continue
            spec = PAYEE_UNCLAIMED if line.payee in refused else PAYEE_PAID
            amount += 0 if line.payee in held else line.amount
            self.emit(
                PAYEE_HELD if line.payee in held else spec,
                op_id=op_id,
                payee=line.payee,
                asset=one.asset,
                amount=line.amount,
                line=number,
            )
        self.emit(
            LEAF_WITHDRAWN,
            op_id=op_id,
            epoch=one.epoch,
            work_id=one.work_id,
            part=one.part,
            asset=one.asset,
            amount=amount,
        )
        return op_id

    def hold(self, account: Address, *, expires_at: int) -> None:
        digest = name_hash("reason")
        self.emit(PAYEE_HOLD_PLACED, account=account, reason_digest=digest, expires_at=expires_at)

    def lift_hold(self, account: Address) -> None:
        self.emit(PAYEE_HOLD_LIFTED, account=account)

    def release(self, one: Leaf, beneficiary: Address) -> Hash32:
        """Release an escrow leaf in the head block."""
        op_id = self.op_id_of(one)
        self.emit(
            ESCROW_RELEASED,
            op_id=op_id,
            epoch=one.epoch,
            escrow_id=one.work_id,
            asset=one.asset,
            beneficiary=beneficiary,
            amount=one.amount,
        )
        return op_id

    def escrow(self, epoch: int, leaf_id: Hash32, amount: int) -> Leaf:
        """An escrow or suspense leaf of this settlement."""
        return leaf(epoch, leaf_id, {self.settlement.payouts: amount})

    def claim(self, content_id: Hash32, claimant: Address) -> None:
        work_id = name_hash("claiming work")
        place = {"content_id": content_id, "claimant": claimant, "work_id": work_id}
        self.emit(CONTENT_CLAIMED, **place, final_at=timestamp(self.head) + 1_000)

    def refuse_claim(self, content_id: Hash32, claimant: Address) -> None:
        self.emit(CLAIM_RESOLVED, content_id=content_id, claimant=claimant, is_upheld=0)

    def pull_unclaimed(self, payee: Address, amount: int) -> None:
        self.emit(UNCLAIMED_WITHDRAWN, payee=payee, asset=USD, to=payee, amount=amount)

    def emit(self, spec: EventSpec, **columns: object) -> None:
        """One fact with its raw log, in the head block."""
        place = {
            "chain_id": CHAIN_ID,
            "block_number": self.head,
            "log_index": self.log_index,
            "address": self.settlement.contracts[spec.contract],
        }
        with self.engine.begin() as connection:
            connection.execute(insert(FACTS[spec.table]).values(**place, **columns))
            connection.execute(
                insert(LOG).values(
                    **place,
                    data=b"",
                    transaction_hash=name_hash(f"transaction {self.head}"),
                    transaction_index=0,
                    topics=[bytes(spec.topic0)],
                )
            )
        self.log_index += 1

    def reconcile(self, *found: Discrepancy, at: int = 25) -> None:
        """Record a run of the reconciliation at a block, as it does itself."""
        register = SqlRegister(self.engine, CHAIN_ID, self.settlement.payouts)
        block = BlockRef(
            number=BlockNumber(at),
            hash=block_hash(at),
            parent_hash=block_hash(at - 1),
            timestamp=timestamp(at),
        )
        register.record(Run(block=block, checks=11, discrepancies=found), lambda _: None)

    def post_books(self) -> None:
        """Post finalized events with the real use case."""
        is_caught_up = False
        while not is_caught_up:
            with self.engine.begin() as connection:
                is_caught_up = post_step(
                    FactReads(connection, self.settlement),
                    self,
                    self.books(connection),
                    start_block=self.settlement.start_block,
                    blocks_max=1_000,
                ).is_caught_up

    def books(self, connection: Connection) -> LedgerStore:
        return LedgerStore(connection, Book(chain_id=CHAIN_ID, contract=self.settlement.payouts))

    def distribution(self, epoch: Epoch, manifest_digest: Hash32) -> Distribution | None:
        """`ledger.books.CommittedLeaves`."""
        return self.distributions.get(manifest_digest)

    def has_computed(self, epoch: Epoch, attempt: int) -> bool:
        """`ledger.books.CommittedLeaves`."""
        return True

    def hash_of(self, one: Leaf) -> Hash32:
        return leaf_hash(one, chain_id=CHAIN_ID, contract=self.settlement.payouts)

    def op_id_of(self, one: Leaf) -> Hash32:
        return withdraw_operation_id(
            one.epoch,
            one.work_id,
            one.part,
            one.asset,
            chain_id=CHAIN_ID,
            contract=self.settlement.payouts,
        )

    def replace_head(self, fork: str) -> None:
        """The head block has another hash from now on, as after a reorg of depth one."""
        changed = {"hash": block_hash(self.head, fork)}
        with self.engine.begin() as connection:
            connection.execute(update(BLOCK).where(BLOCK.c.number == self.head).values(changed))
            connection.execute(update(CURSOR).values(changed))

    def _block(self, number: int, fork: str) -> dict[str, object]:
        return {
            "chain_id": CHAIN_ID,
            "number": number,
            "hash": block_hash(number, fork),
            "parent_hash": block_hash(number - 1),
            "timestamp": timestamp(number),
            "header": b"",
            "rows_digest": name_hash(f"rows {number}"),
            "proof": (Proof.EMPTY if number % 5 else Proof.RECEIPTS).value,
        }


SONG_0 = leaf(0, SONG, {ALICE: 600, BOB: 300})
FILM_0 = leaf(0, FILM, {CAROL: 50})
SONG_1 = leaf(1, SONG, {ALICE: 70})
PAID_IN_DIFFERS = Discrepancy(
    kind=Kind.AMOUNT, subject="epoch 0", expected="1000", actual="999", evidence=()
)


def tell(world: World) -> None:
    """Epoch 0 is active and half withdrawn; epoch 1 was vetoed and is computed again.

    block   1 start, works      13 commit 0      16 song of 0 withdrawn, bob's line refused
    block  20 film: new terms   23 commit 1      24 veto          25 finalized, books posted
    block  28 film of 0 withdrawn                29 bob pulls 100 30 head
    """
    world.mine(1)
    world.start()
    world.register(SONG, {ALICE: 666_667, BOB: 333_333})
    world.register(FILM, {CAROL: 1_000_000})
    world.mine(2)
    world.fund(0, 1000)
    world.mine(13)
    world.fund(1, 100)
    digest = world.compute(0, 1, [SONG_0, FILM_0], paid_in=1000)
    world.commit(0, 1, digest, paid_in=1000)
    world.mine(16)
    world.withdraw(SONG_0, refused=[BOB])
    world.mine(20)
    world.set_terms(FILM, {REGISTRANT: 1_000_000}, version=2, effective_epoch=3)
    world.mine(23)
    first = world.compute(1, 1, [leaf(1, SONG, {BOB: 100})], paid_in=100)
    world.commit(1, 1, first, paid_in=100)
    world.mine(24)
    world.veto(1, 1)
    world.finalize(24)
    second = world.compute(1, 2, [SONG_1], paid_in=100)
    world.approve(1, 2, second, GUARDIANS[0])
    world.mine(25)
    world.finalize(25)
    world.mine(28)
    world.withdraw(FILM_0)
    world.mine(29)
    world.pull_unclaimed(BOB, 100)
    world.mine(30)
    world.post_books()
    world.report(State.SYNCED)


_TOTAL_COLUMNS = ("asset", "paid_in", "carried_in", "allocated", "escrow", "unallocated", "fees")


def block_hash(number: int, fork: str = "") -> Hash32:
    return name_hash(f"block {number}{fork}")


def timestamp(number: int) -> Timestamp:
    return Timestamp(GENESIS + 10 * number)


def _totals(leaves: Sequence[Leaf], paid_in: int) -> tuple[AssetTotals, ...]:
    def of(*kinds: LeafKind) -> BaseUnits:
        return BaseUnits(sum(one.amount for one in leaves if one.kind in kinds))

    return (
        AssetTotals(
            asset=USD,
            paid_in=BaseUnits(paid_in),
            carried_in=BaseUnits(0),
            allocated=of(LeafKind.WORK),
            escrow=of(LeafKind.ESCROW, LeafKind.SUSPENSE),
            unallocated=BaseUnits(paid_in - of(*LeafKind)),
            fees=of(LeafKind.FEES),
        ),
    )


def _store_leaf(connection: Connection, digest: Hash32, one: Leaf, hashed: Hash32) -> None:
    key = {
        "manifest_digest": digest,
        "work_id": one.work_id,
        "part": one.part,
        "asset": one.asset,
    }
    connection.execute(
        insert(royalties.COMPUTED_LEAF).values(
            **key, amount=one.amount, split_hash=split_hash(one.lines), leaf_hash=hashed
        )
    )
    for number, line in enumerate(one.lines):
        connection.execute(
            insert(royalties.COMPUTED_LINE).values(
                **key, line=number, payee=line.payee, amount=line.amount
            )
        )
