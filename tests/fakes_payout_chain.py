"""A chain with a mempool and a store that can both fail, for the submitter's laws.

`FakeChain` is `PayoutChain` and `Finality`. Its contract settles the open lines of a leaf that are
not held, and refuses to settle a line twice, as the real one does; a relay and a payout batch
beside it skip lines that are settled or held. But it notes whenever a transaction of ours reaches a
leaf or line, so that `World.second_payments` can count what one was signed to pay after another of
ours had settled it: the submitter must not rely on being refused.

`Faults` is shared by chain and store: it can end the process (`Crash`) at any of their borders.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from eth_abi.abi import decode, encode

from contracts.approvals import Approval, AssetTotals
from contracts.calls import (
    COMMIT_EPOCH,
    PAY_BATCH,
    PAY_TIPS,
    WITHDRAW,
    WITHDRAW_BATCH,
    GuardianSignature,
    Refusal,
    SkipReason,
    Withdrawal,
    withdraw_call,
    withdrawal_from_call,
)
from contracts.evm import (
    ZERO_ADDRESS,
    ZERO_HASH,
    Address,
    BlockNumber,
    BlockRef,
    ChainId,
    Epoch,
    Hash32,
    Timestamp,
    keccak,
)
from contracts.leaves import Leaf, SplitLine
from contracts.operations import (
    commit_operation_id,
    payout_operation_id,
    withdraw_operation_id,
)
from contracts.units import BaseUnits
from settlement.errors import ChainUnavailable, NonceTaken, OperationConflict
from settlement.payouts.broadcast import Answer, SendResult
from settlement.payouts.gas import NOOP_GAS, TRANSACTION_GAS_MAX, FeeCaps, FeeQuote
from settlement.payouts.obligations import line_operation, tip_line, withdraw_operation
from settlement.payouts.operation import (
    Adoption,
    Attempt,
    History,
    Kind,
    LeafSubject,
    LineSubject,
    Operation,
    Outcome,
    SignedTransaction,
    TransactionDraft,
)
from settlement.payouts.protocols import ApprovedCommit, OwedLeaf
from settlement.payouts.signing_policy import Refusal as SigningRefusal
from settlement.payouts.submit import SubmitLimits, Submitter
from settlement.payouts.view import Backing, Fund, Objection, Receipt, Usage, leaf_usage

CHAIN_ID = ChainId(31337)
CONTRACT = Address(b"\xc0" * 20)
RELAY = Address(b"\xc1" * 20)
BATCH = Address(b"\xc2" * 20)
ASSET = Address(b"\xa5" * 20)
LIST = Hash32(b"\x11" * 32)
SENDER = Address(b"\x5e" * 20)
_DRAFT_TYPES = ("uint256", "uint256", "address", "bytes", "uint256", "uint256", "uint256")


def withdrawal(index: int, *, lines: int = 1, epoch: int = 1) -> Withdrawal:
    """The leaf of work `index`."""
    split = tuple(
        SplitLine(payee=Address(bytes([1, line + 1]) * 10), amount=BaseUnits(100 + line))
        for line in range(lines)
    )
    work_id = Hash32.from_int(index + 1)
    leaf = Leaf(epoch=Epoch(epoch), work_id=work_id, part=0, asset=ASSET, lines=split)
    return Withdrawal(leaf, (Hash32(bytes(32)),))


def operation(index: int = 0, *, lines: int = 1, epoch: int = 1, settled: int = 0) -> Operation:
    """The withdrawal of the leaf of work `index`, or of its remainder."""
    leaf = withdrawal(index, lines=lines, epoch=epoch)
    return withdraw_operation(leaf, settled=settled, chain_id=CHAIN_ID, contract=CONTRACT)


def payee_of(number: int) -> Address:
    """Who is owed line `number`, and line `number` of a leaf."""
    return Address(bytes([1, number % 255 + 1]) * 10)


def tip(number: int = 0, *, payee: Address | None = None) -> LineSubject:
    """Tip `number` of the relay."""
    return tip_line(number, payee=payee or payee_of(number), amount=BaseUnits(100 + number))


def payment(
    number: int = 0, *, amount: int | None = None, asset: Address = ASSET, list_id: Hash32 = LIST
) -> LineSubject:
    """Line `number` of a list that the batch pays."""
    return LineSubject(
        kind=Kind.PAYOUT,
        list_id=list_id,
        index=number,
        payee=payee_of(number),
        asset=asset,
        amount=BaseUnits(100 + number if amount is None else amount),
    )


def line(subject: LineSubject) -> Operation:
    """The operation that pays a line."""
    contract = RELAY if subject.kind is Kind.TIP else BATCH
    return line_operation(subject, chain_id=CHAIN_ID, contract=contract)


def approved_commit(
    epoch: int = 1, *, attempt: int = 1, manifest: int = 7, deadline: int = 10**10
) -> ApprovedCommit:
    """An approval with two signatures."""
    totals = AssetTotals(
        asset=ASSET,
        paid_in=BaseUnits(100),
        carried_in=BaseUnits(0),
        allocated=BaseUnits(100),
        escrow=BaseUnits(0),
        unallocated=BaseUnits(0),
        fees=BaseUnits(0),
    )
    approval = Approval(
        epoch=Epoch(epoch),
        attempt=attempt,
        guardian_set=1,
        manifest_digest=Hash32.from_int(manifest),
        root=Hash32.from_int(8),
        totals=(totals,),
        deadline=Timestamp(deadline),
    )
    signers = (Address(b"\x01" * 20), Address(b"\x02" * 20))
    return ApprovedCommit(
        approval, tuple(GuardianSignature(signer, b"\x33" * 65) for signer in signers)
    )


LIMITS = SubmitLimits(
    caps=FeeCaps(max_fee_wei=10**11, tip_wei=10**9),
    gas_max=600_000,
    in_flight_max=4,
    open_operations_max=100,
    nonces_per_operation_max=1_000,
    retry_after_blocks=50,
    replace_after_blocks=5,
)


class Crash(BaseException):
    """The process ended here; nothing after it ran."""


@dataclass
class Faults:
    """At which border the process ends next; the name of a border, or None for never."""

    crash_at: str | None = None

    def border(self, name: str) -> None:
        """One border between the process and the outside."""
        if self.crash_at == name:
            self.crash_at = None
            raise Crash(name)


BORDERS = (
    *("before plan", "after plan", "read", "ask", "before record", "after record"),
    *("before add", "after add", "before send", "after arrival"),
)
"""Every border of an ordinary tick: of the store's transactions, of reads, and of a broadcast."""

ADOPTION_BORDERS = ("before adopt", "after adopt")
"""Borders of a tick that finds nonces which the store does not have."""


@dataclass(frozen=True)
class FakeTransaction:
    """A transaction as the chain sees it."""

    tx_hash: Hash32
    sender: Address
    nonce: int
    data: bytes
    is_ours: bool
    max_fee_wei: int = 10**18
    tip_wei: int = 10**18
    to: Address = CONTRACT
    gas: int = TRANSACTION_GAS_MAX


@dataclass(frozen=True)
class FakeBlock:
    """A block with what it executed; `foreign` are leaves that strangers withdrew."""

    ref: BlockRef
    transactions: tuple[FakeTransaction, ...] = ()
    failed: frozenset[Hash32] = frozenset()
    foreign: tuple["Item", ...] = ()
    under_verdict: frozenset[Hash32] = frozenset()
    held: frozenset[Address] = frozenset()
    paused: frozenset[Address] = frozenset()
    float_units: int = 10**30


@dataclass(frozen=True)
class Item:
    """One obligation in calldata, as the contract's events name it; a commit has one line.

    `amount` is what it takes from the batch's float.
    """

    event_op_id: Hash32
    work_id: Hash32
    payees: tuple[Address, ...]
    is_line: bool = False
    amount: int = 0

    def lines(self, *, without: Collection[Address] = ()) -> int:
        """The bitmap of its lines, or of those for other payees."""
        return sum(1 << n for n, payee in enumerate(self.payees) if payee not in without)


@dataclass(frozen=True)
class Settling:
    """A settlement of lines: which were settled before and after, by which transaction of ours."""

    before: int
    after: int
    tx_hash: Hash32 | None


@dataclass(frozen=True)
class Reached:
    """A transaction of ours came to a leaf of which ours had settled these lines."""

    sender: Address
    nonce: int
    event_op_id: Hash32
    ours_before: int


@dataclass
class Effects:
    """The state after a block."""

    settled: dict[Hash32, list[Settling]] = field(default_factory=dict)
    receipts: dict[Hash32, Receipt] = field(default_factory=dict)
    counts: Counter[Address] = field(default_factory=Counter)
    reached: list[Reached] = field(default_factory=list)
    spent_float: int = 0

    def lines(self, event_op_id: Hash32) -> int:
        """`paidLines`."""
        return self.settled[event_op_id][-1].after if event_op_id in self.settled else 0

    def ours(self, event_op_id: Hash32) -> int:
        """The lines that transactions of ours settled."""
        steps = self.settled.get(event_op_id, [])
        return sum(step.after & ~step.before for step in steps if step.tx_hash is not None)

    def refusal(
        self, item: Item, under_verdict: Collection[Hash32], held: Collection[Address]
    ) -> Refusal | SkipReason | None:
        """Why the contract would not settle it."""
        if item.is_line and self.lines(item.event_op_id):
            return SkipReason.SETTLED
        if item.is_line:
            return SkipReason.PAYEE_HELD if item.payees[0] in held else None
        if item.work_id in under_verdict:
            return Refusal.WORK_UNDER_VERDICT
        is_open = item.lines() & ~self.lines(item.event_op_id)
        if not is_open:
            return Refusal.ALREADY_WITHDRAWN
        return None if is_open & item.lines(without=held) else Refusal.ALL_LINES_HELD

    def settle(self, item: Item, held: Collection[Address], tx_hash: Hash32 | None) -> None:
        """Settle the open lines that are not held."""
        before = self.lines(item.event_op_id)
        step = Settling(before, before | item.lines(without=held), tx_hash)
        self.settled.setdefault(item.event_op_id, []).append(step)
        self.spent_float += item.amount

    def closed_by(self, operation: Operation) -> Hash32 | None:
        """The transaction of ours that settled lines which the operation was planned for."""
        settled = settled_before(operation)
        steps = self.settled[operation.event_op_id]
        return next(step.tx_hash for step in steps if step.before == settled)


class FakeSigner:
    """Signs by spelling the draft: the same draft gives the same bytes."""

    def __init__(self, address: Address = SENDER) -> None:
        self.address = address

    def refusal(self, draft: TransactionDraft) -> SigningRefusal | None:
        """It signs everything."""
        return None

    def sign(self, draft: TransactionDraft) -> SignedTransaction:
        words = (draft.chain_id, draft.nonce, bytes(draft.to), draft.data)
        fees = (draft.gas, draft.max_fee_wei, draft.tip_wei)
        raw = bytes(self.address) + encode(_DRAFT_TYPES, (*words, *fees))
        return SignedTransaction(
            chain_id=draft.chain_id,
            sender=self.address,
            nonce=draft.nonce,
            tx_hash=keccak(raw),
            raw=raw,
            to=draft.to,
            gas=draft.gas,
            max_fee_wei=draft.max_fee_wei,
            tip_wei=draft.tip_wei,
        )


def transaction_from_raw(raw: bytes) -> FakeTransaction:
    """What a node reads in `FakeSigner`'s bytes."""
    _, nonce, to, data, gas, max_fee_wei, tip_wei = decode(_DRAFT_TYPES, raw[20:])
    return FakeTransaction(
        tx_hash=keccak(raw),
        sender=Address(raw[:20]),
        nonce=nonce,
        data=data,
        is_ours=True,
        max_fee_wei=max_fee_wei,
        tip_wei=tip_wei,
        to=Address.from_hex(to),
        gas=gas,
    )


def is_replacement(old: FakeTransaction, new: FakeTransaction) -> bool:
    """geth's rule for the same nonce: both fields higher, and by a tenth, rounded down."""
    pairs = ((old.max_fee_wei, new.max_fee_wei), (old.tip_wei, new.tip_wei))
    return all(higher > lower and higher >= lower * 110 // 100 for lower, higher in pairs)


def item_of(paid: Withdrawal) -> Item:
    """What a withdrawal would settle."""
    leaf = paid.leaf
    place = (leaf.epoch, leaf.work_id, leaf.part, leaf.asset)
    op_id = withdraw_operation_id(*place, chain_id=CHAIN_ID, contract=CONTRACT)
    return Item(op_id, leaf.work_id, tuple(line.payee for line in leaf.lines))


def items_of(data: bytes) -> list[Item]:
    """Everything that the calldata would settle."""
    if data[:4] == COMMIT_EPOCH.selector:
        approval, _ = COMMIT_EPOCH.decode(data)
        op_id = commit_operation_id(approval[0], approval[1], chain_id=CHAIN_ID, contract=CONTRACT)
        return [Item(op_id, Hash32(bytes(32)), (ZERO_ADDRESS,))]
    if data[:4] == PAY_TIPS.selector:
        (numbers,) = PAY_TIPS.decode(data)
        return [line_item(tip(number)) for number in numbers]
    if data[:4] == PAY_BATCH.selector:
        list_id, asset, payments = PAY_BATCH.decode(data)
        return [_payment_item(list_id, asset, *words) for words in payments]
    if data[:4] != WITHDRAW_BATCH.selector:
        return []
    (items,) = WITHDRAW_BATCH.decode(data)
    return [item_of(withdrawal_from_call(WITHDRAW.encode(item))) for item in items]


def line_item(subject: LineSubject) -> Item:
    """What paying a line would settle; tips are owed as `tip` says."""
    amount = subject.amount if subject.kind is Kind.PAYOUT else 0
    return Item(line(subject).op_id, ZERO_HASH, (subject.payee,), is_line=True, amount=amount)


def _payment_item(list_id: bytes, asset: str, index: int, payee: str, amount: int) -> Item:
    op_id = payout_operation_id(Hash32(list_id), index, chain_id=CHAIN_ID, contract=BATCH)
    return Item(op_id, ZERO_HASH, (Address.from_hex(payee),), is_line=True, amount=amount)


class FakeChain:
    """Blocks, a mempool, and a node that misbehaves on request."""

    def __init__(self, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self.blocks = [FakeBlock(_block_ref(0, Hash32(bytes(32)), salt=0))]
        self.finalized_number = 0
        self.mempool: dict[Hash32, FakeTransaction] = {}
        self.under_verdict: set[Hash32] = set()
        self.held: set[Address] = set()
        self.quote = FeeQuote(base_fee_wei=10**9, tip_wei=10**8)
        self.gas_per_item = 100_000
        self.intrinsic_gas = NOOP_GAS
        self.tip_wei_min = 0
        self.wei = 10**30
        self.shortfalls: dict[Address, int] = {}
        self.float_units = 10**30  # of the batch, from the next block on
        self.paused_contracts: set[Address] = set()
        self.no_tokens: set[Address] = set()
        self.data_fee_wei = 0
        self.moods: set[str] = set()  # down, paused, hides_receipts, hides_transactions
        self.sends: list[str] = []  # how the next broadcasts go: "lost", "timeout_after", …
        self.salt = 0
        self._effects: dict[Hash32, Effects] = {}

    # What the world does.

    def mine(self, *, failing: bool = False) -> None:
        """Put what is executable into a block; `failing` makes every transaction revert.

        Left out is what pays less than the base fee, or tips less than `tip_wei_min`.
        """
        counts = Counter(self.effects().counts)
        chosen: list[FakeTransaction] = []
        for transaction in sorted(self.mempool.values(), key=lambda one: one.nonce):
            is_paying = transaction.max_fee_wei >= self.quote.base_fee_wei
            is_tipping = transaction.tip_wei >= self.tip_wei_min
            is_next = transaction.nonce == counts[transaction.sender]
            if is_paying and is_tipping and is_next:
                chosen.append(transaction)
                counts[transaction.sender] += 1
        failed = frozenset(one.tx_hash for one in chosen) if failing else frozenset()
        self._append(tuple(chosen), failed)

    def finalize(self, *, depth: int = 0) -> None:
        """Move finality up to `depth` below the head; it never moves back."""
        self.finalized_number = max(self.finalized_number, len(self.blocks) - 1 - depth)

    def reorg(self, depth: int, *, returns_to_mempool: bool) -> None:
        """Replace up to `depth` unfinalized blocks by empty ones, one more of them."""
        depth = min(depth, len(self.blocks) - 1 - self.finalized_number)
        removed = [self.blocks.pop() for _ in range(depth)]
        for block in removed:
            for transaction in block.transactions:
                if returns_to_mempool:
                    self._admit(transaction)
        for _ in range(depth + 1 if depth else 0):
            self._append((), frozenset())

    def set_float(self, units: int) -> None:
        """The batch has so much more than it has spent, from the next block on."""
        self.float_units = self.effects().spent_float + units

    def drop_mempool(self) -> None:
        """Forget everything that waits."""
        self.mempool.clear()

    def spend_nonce_elsewhere(self, nonce: int) -> None:
        """Somebody signs another transaction with our key for one of our nonces."""
        self.salt += 1
        tx_hash = keccak(b"elsewhere" + self.salt.to_bytes(8, "big"))
        self.mempool = {
            key: one
            for key, one in self.mempool.items()
            if (one.sender, one.nonce) != (SENDER, nonce)
        }
        self._append((FakeTransaction(tx_hash, SENDER, nonce, b"", is_ours=False),), frozenset())

    def withdraw_elsewhere(self, paid: Withdrawal) -> None:
        """A stranger withdraws what is open and not held of a leaf."""
        self._append((), frozenset(), foreign=(item_of(paid),))

    def block(self, number: int) -> BlockRef:
        """The canonical block of that height."""
        return self.blocks[number].ref

    def effects(self, at: BlockRef | None = None) -> Effects:
        """The state after a block; by default the head."""
        ref = at or self.blocks[-1].ref
        if ref.number >= len(self.blocks) or self.blocks[ref.number].ref != ref:
            raise ChainUnavailable("eth_call", f"no canonical block {ref.hash}")
        if ref.hash not in self._effects:
            self._effects[ref.hash] = self._replay(ref)
        return self._effects[ref.hash]

    # Finality and PayoutChain.

    def finalized(self) -> BlockRef | None:
        return self.block(self.finalized_number)

    def head(self) -> BlockRef:
        self._answer("head")
        return self.blocks[-1].ref

    def paused(self, contracts: Collection[Address], at: BlockRef) -> frozenset[Address]:
        self._answer("paused")
        is_all = "paused" in self.moods
        return frozenset(one for one in contracts if is_all or one in self.paused_contracts)

    def nonce_count(self, sender: Address, at: BlockRef) -> int:
        self._answer("nonce_count")
        return self.effects(at).counts[sender]

    def pending_count(self, sender: Address) -> int:
        self._answer("pending_count")
        waiting = {one.nonce for one in self.mempool.values() if one.sender == sender}
        count = self.effects().counts[sender]
        while count in waiting:
            count += 1
        return count

    def balance(self, sender: Address, at: BlockRef) -> int:
        self._answer("balance")
        return self.wei

    def backing(self, funds: Sequence[Fund], at: BlockRef) -> list[Backing | Objection]:
        self._answer("backing")
        return [self._backing(fund, at) for fund in funds]

    def data_fee(self, data: bytes, at: BlockRef) -> int:
        self._answer("data_fee")
        return self.data_fee_wei

    def usages(self, operations: Sequence[Operation], at: BlockRef) -> list[Usage]:
        self._answer("usages")
        effects = self.effects(at)
        return [_usage(one, effects) for one in operations]

    def receipts(self, hashes: Sequence[Hash32]) -> Mapping[Hash32, Receipt]:
        self._answer("receipts")
        if "hides_receipts" in self.moods:
            return {}
        receipts = self.effects().receipts
        return {one: receipts[one] for one in hashes if one in receipts}

    def known(self, hashes: Sequence[Hash32]) -> frozenset[Hash32]:
        self._answer("known")
        if "hides_transactions" in self.moods:
            return frozenset()
        return frozenset(
            one for one in hashes if one in self.mempool or one in self.effects().receipts
        )

    def objections(
        self, operations: Sequence[Operation], *, sender: Address, at: BlockRef
    ) -> list[Objection | None]:
        self._answer("objections")
        return [self._objection(one) for one in operations]

    def estimate_gas(
        self, contract: Address, call: bytes, *, sender: Address, at: BlockRef
    ) -> int | Objection:
        self._answer("estimate_gas")
        return self.gas_per_item * len(items_of(call)) or self.intrinsic_gas

    def fees(self, at: BlockRef) -> FeeQuote:
        self._answer("fees")
        return self.quote

    def send_raw(self, raw: bytes) -> SendResult:
        self.faults.border("before send")
        transaction = transaction_from_raw(raw)
        how = self.sends.pop(0) if self.sends else "accept"
        if how == "timeout_before":
            return SendResult(Answer.UNCLEAR, "timeout")
        if how != "lost":
            self._admit(transaction)
        self.faults.border("after arrival")
        if how == "timeout_after":
            return SendResult(Answer.UNCLEAR, "timeout")
        if transaction.nonce < self.effects().counts[transaction.sender]:
            return SendResult(Answer.NONCE_SPENT, "nonce too low")
        return SendResult(Answer.ACCEPTED, "")

    def _answer(self, call: str) -> None:
        self.faults.border("ask")
        if "down" in self.moods:
            raise ChainUnavailable(call, "down")

    def _admit(self, transaction: FakeTransaction) -> None:
        is_spent = transaction.nonce < self.effects().counts[transaction.sender]
        if is_spent or transaction.gas < self.intrinsic_gas:
            return
        rivals = [
            one
            for one in self.mempool.values()
            if (one.sender, one.nonce) == (transaction.sender, transaction.nonce)
        ]
        if all(is_replacement(one, transaction) for one in rivals):
            for one in rivals:
                del self.mempool[one.tx_hash]
            self.mempool[transaction.tx_hash] = transaction

    def _backing(self, fund: Fund, at: BlockRef) -> Backing | Objection:
        if fund.asset in self.no_tokens:
            return Objection(None, f"asset {fund.asset} is no token: it tells no balance")
        if fund.kind is Kind.PAYOUT:
            block = self.blocks[at.number]
            left = block.float_units - self.effects(at).spent_float
            return Backing(left, self.shortfalls.get(fund.asset, 0))
        return Backing(1_000 - self.shortfalls.get(fund.asset, 0), 1_000)

    def _objection(self, operation: Operation) -> Objection | None:
        match operation.subject:
            case LineSubject() as subject:
                item = line_item(subject)
            case LeafSubject():
                item = item_of(withdrawal_from_call(operation.call))
            case _:
                return None
        refusal = self.effects().refusal(item, self.under_verdict, self.held)
        return None if refusal is None else Objection(refusal, refusal.name)

    def _append(
        self,
        transactions: tuple[FakeTransaction, ...],
        failed: frozenset[Hash32],
        foreign: tuple[Item, ...] = (),
    ) -> None:
        self.salt += 1
        ref = _block_ref(len(self.blocks), self.blocks[-1].ref.hash, salt=self.salt)
        paused = frozenset(self.paused_contracts)
        stopped = frozenset(self.under_verdict), frozenset(self.held), paused
        stands = (*stopped, self.float_units)
        self.blocks.append(FakeBlock(ref, transactions, failed, foreign, *stands))
        spent = {one.tx_hash for one in transactions}
        self.mempool = {key: one for key, one in self.mempool.items() if key not in spent}

    def _replay(self, ref: BlockRef) -> Effects:
        effects = Effects()
        for block in self.blocks[: ref.number + 1]:
            for item in block.foreign:
                if effects.refusal(item, (), block.held) is None:
                    effects.settle(item, block.held, None)
            for transaction in block.transactions:
                _execute(effects, block, transaction)
        return effects


def _execute(effects: Effects, block: FakeBlock, transaction: FakeTransaction) -> None:
    effects.counts[transaction.sender] += 1
    if not transaction.is_ours:
        return
    items = items_of(transaction.data)
    open_items = [one for one in items if effects.refusal(one, (), block.held) is None]
    needed = sum(one.amount for one in open_items)
    is_success = (
        transaction.tx_hash not in block.failed
        and transaction.to not in block.paused
        and (not needed or needed <= block.float_units - effects.spent_float)
    )
    settled: set[Hash32] = set()
    refused: dict[Hash32, Refusal | SkipReason] = {}
    for item in items if is_success else ():
        op_id = item.event_op_id
        place = (transaction.sender, transaction.nonce, op_id)
        effects.reached.append(Reached(*place, effects.ours(op_id)))
        refusal = effects.refusal(item, block.under_verdict, block.held)
        if refusal is not None:
            refused[op_id] = refusal
        else:
            settled.add(op_id)
            effects.settle(item, block.held, transaction.tx_hash)
    effects.receipts[transaction.tx_hash] = Receipt(
        tx_hash=transaction.tx_hash,
        block_number=block.ref.number,
        block_hash=block.ref.hash,
        is_success=is_success,
        settled=frozenset(settled),
        refused=refused,
    )


def _usage(operation: Operation, effects: Effects) -> Usage:
    lines = effects.lines(operation.event_op_id)
    if isinstance(operation.subject, LeafSubject):
        return leaf_usage(operation.op_id, operation.subject, lines)
    return Usage.SETTLED if lines else Usage.UNUSED


def _block_ref(number: int, parent: Hash32, *, salt: int) -> BlockRef:
    return BlockRef(
        number=BlockNumber(number),
        hash=keccak(parent + number.to_bytes(8, "big") + salt.to_bytes(8, "big")),
        parent_hash=parent,
        timestamp=Timestamp(1_700_000_000 + 12 * number),
    )


class MemoryStore:
    """`PayoutStore` and `Histories`; a crash hits before or after a transaction, never inside.

    `ever_hashes` and `ever_aims` are what no backup forgets: everything that was ever signed, and
    what it was to pay, by sender, nonce and the leaf's id.
    """

    def __init__(self, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self.operations: dict[Hash32, Operation] = {}
        self.reserved: list[Hash32] = []
        self.transactions: list[SignedTransaction] = []
        self.signed_at: dict[Hash32, BlockNumber] = {}
        self.adoptions: list[Adoption] = []
        self.inclusions: set[tuple[Hash32, Address, int]] = set()
        self.outcomes: list[Outcome] = []
        self.ever_hashes: set[Hash32] = set()
        self.ever_aims: dict[tuple[Address, int, Hash32], Operation] = {}

    def backup(self) -> "MemoryStore":
        """A copy as of now."""
        one = MemoryStore(self.faults)
        one.operations, one.reserved = dict(self.operations), list(self.reserved)
        one.transactions, one.signed_at = list(self.transactions), dict(self.signed_at)
        one.inclusions, one.adoptions = set(self.inclusions), list(self.adoptions)
        one.outcomes = list(self.outcomes)
        one.ever_hashes, one.ever_aims = self.ever_hashes, self.ever_aims
        return one

    def plan(self, operations: Sequence[Operation]) -> int:
        self.faults.border("before plan")
        for one in operations:
            stored = self.operations.get(one.op_id)
            if stored is not None and stored.content_digest != one.content_digest:
                raise OperationConflict(
                    one.op_id, stored=stored.content_digest, planned=one.content_digest
                )
        new = {one.op_id: one for one in operations if one.op_id not in self.operations}
        self.operations |= new
        self.reserved += [key for key, one in new.items() if one.kind is not Kind.COMMIT]
        self.faults.border("after plan")
        return len(new)

    def open_count(self) -> int:
        self.faults.border("read")
        return len(self._open())

    def open_histories(self) -> list[History]:
        self.faults.border("read")
        return [self._history(one) for one in sorted(self._open(), key=lambda one: one.order)]

    def _open(self) -> list[Operation]:
        closed = {one.op_id for one in self.outcomes if one.is_closing}
        return [one for one in self.operations.values() if one.op_id not in closed]

    def open_attempts(self, sender: Address, *, first_nonce: int) -> list[Attempt]:
        nonces = sorted({one.nonce for one in self.transactions if one.sender == sender})
        return [self._attempt(sender, nonce) for nonce in nonces if nonce >= first_nonce]

    def next_nonce(self, sender: Address) -> int | None:
        above = [one.nonce + 1 for one in self.transactions if one.sender == sender]
        above += [one.next_nonce for one in self.adoptions if one.sender == sender]
        return max(above, default=None)

    def adopt(self, adoption: Adoption) -> None:
        self.faults.border("before adopt")
        following = self.next_nonce(adoption.sender)
        first = adoption.first_nonce
        if following is not None and first < following:
            raise NonceTaken(adoption.sender, nonce=first, following=following)
        self.adoptions.append(adoption)
        self.faults.border("after adopt")

    def adopted_at(self, sender: Address, nonce: int) -> BlockNumber | None:
        self.faults.border("read")
        found = (one for one in self.adoptions if one.first_nonce <= nonce < one.next_nonce)
        return next((one.block_number for one in found if one.sender == sender), None)

    def add_transaction(
        self, transaction: SignedTransaction, op_ids: Sequence[Hash32], *, head: BlockNumber
    ) -> None:
        self.faults.border("before add")
        following = self.next_nonce(transaction.sender)
        if following is not None and transaction.nonce != following:
            raise NonceTaken(transaction.sender, nonce=transaction.nonce, following=following)
        self._add(transaction, head)
        self.inclusions |= {(one, transaction.sender, transaction.nonce) for one in op_ids}
        for operation in (self.operations[one] for one in op_ids):
            place = (transaction.sender, transaction.nonce, operation.event_op_id)
            self.ever_aims[place] = operation
        self.faults.border("after add")

    def add_version(self, transaction: SignedTransaction, *, head: BlockNumber) -> None:
        self.faults.border("before add")
        following = self.next_nonce(transaction.sender) or 0
        if transaction.nonce >= following:
            raise NonceTaken(transaction.sender, nonce=transaction.nonce, following=following)
        self._add(transaction, head)
        self.faults.border("after add")

    def _add(self, transaction: SignedTransaction, head: BlockNumber) -> None:
        assert transaction.tx_hash not in self.signed_at
        self.transactions.append(transaction)
        self.signed_at[transaction.tx_hash] = head
        self.ever_hashes.add(transaction.tx_hash)

    def record(self, outcomes: Sequence[Outcome]) -> None:
        self.faults.border("before record")
        keys = {(one.op_id, one.sender, one.nonce) for one in self.outcomes}
        closed = {one.op_id for one in self.outcomes if one.is_closing}
        for one in outcomes:
            assert (one.op_id, one.sender, one.nonce) not in keys
            assert one.op_id not in closed
        self.outcomes += outcomes
        self.faults.border("after record")

    def history(self, op_id: Hash32) -> History | None:
        stored = self.operations.get(op_id)
        return None if stored is None else self._history(stored)

    def _history(self, operation: Operation) -> History:
        keys = {(who, nonce) for one, who, nonce in self.inclusions if one == operation.op_id}
        of_leaf = {
            (who, nonce)
            for one, who, nonce in self.inclusions
            if self.operations[one].event_op_id == operation.event_op_id
        }
        return History(
            operation=operation,
            attempts=tuple(self._attempt(*key) for key in sorted(keys)),
            others=tuple(self._attempt(*key) for key in sorted(of_leaf - keys)),
            outcomes=tuple(one for one in self.outcomes if one.op_id == operation.op_id),
        )

    def _attempt(self, sender: Address, nonce: int) -> Attempt:
        name = (sender, nonce)
        versions = [one for one in self.transactions if (one.sender, one.nonce) == name]
        signed_at = self.signed_at[versions[-1].tx_hash]
        return Attempt(
            sender=sender, nonce=nonce, transactions=tuple(versions), signed_at=signed_at
        )


@dataclass
class FakeBooks:
    """`PayableLeaves`, `ApprovedCommits`, and lines: what is owed, whatever was planned already.

    With a chain it is what that says is open and not held, `lag` blocks below the one asked for.
    """

    leaves: list[Withdrawal] = field(default_factory=list)
    commits: list[ApprovedCommit] = field(default_factory=list)
    chain: FakeChain | None = None
    lag: int = 0
    tips: list[LineSubject] = field(default_factory=list)
    payments: list[LineSubject] = field(default_factory=list)

    @property
    def lines(self) -> tuple["FakeLines", "FakeLines"]:
        """What the relay and the batch owe."""
        return FakeLines(RELAY, self), FakeLines(BATCH, self)

    def open_lines(self, owed: Sequence[LineSubject], at: BlockRef) -> list[LineSubject]:
        """Those that are open."""
        if self.chain is None:
            return list(owed)
        block = self.chain.blocks[max(0, at.number - self.lag)]
        effects = self.chain.effects(block.ref)
        return [one for one in owed if not effects.lines(line(one).op_id)]

    def payable(self, at: BlockRef, *, limit: int) -> Sequence[OwedLeaf]:
        owed = (self._owed(leaf, at) for leaf in self.leaves)
        return [one for one in owed if one is not None][:limit]

    def _owed(self, leaf: Withdrawal, at: BlockRef) -> OwedLeaf | None:
        if self.chain is None:
            return OwedLeaf(leaf, settled=0)
        item, block = item_of(leaf), self.chain.blocks[max(0, at.number - self.lag)]
        settled = self.chain.effects(block.ref).lines(item.event_op_id)
        if settled == item.lines() or not item.lines(without=block.held) & ~settled:
            return None
        return OwedLeaf(leaf, settled)

    def approved(self, at: BlockRef) -> Sequence[ApprovedCommit]:
        return self.commits


@dataclass(frozen=True)
class FakeLines:
    """`PayableLines` of the relay or the batch."""

    contract: Address
    books: FakeBooks

    def payable(self, at: BlockRef, *, limit: int) -> Sequence[LineSubject]:
        owed = self.books.tips if self.contract == RELAY else self.books.payments
        return self.books.open_lines(owed, at)[:limit]


@dataclass(frozen=True)
class FixedFinality:
    """`Finality` that says what it is told."""

    block: BlockRef | None

    def finalized(self) -> BlockRef | None:
        return self.block


@dataclass
class World:
    """A submitter with everything around it."""

    faults: Faults = field(default_factory=Faults)
    books: FakeBooks = field(default_factory=FakeBooks)
    limits: SubmitLimits = LIMITS
    key: Address = SENDER

    def __post_init__(self) -> None:
        self.chain = FakeChain(self.faults)
        self.store = MemoryStore(self.faults)
        self.books.chain = self.chain

    def second_payments(self) -> int:
        """Lines that a transaction of ours was to pay when another of ours had settled them."""
        aims = self.store.ever_aims
        return sum(
            (reached.ours_before & ~settled_before(aims[place])).bit_count()
            for reached in self.chain.effects().reached
            for place in [(reached.sender, reached.nonce, reached.event_op_id)]
        )

    def open_nonces(self) -> Counter[Hash32]:
        """For each leaf or commit, nonces signed for it that are not spent at the final block."""
        spent = self.chain.effects(self.chain.finalized()).counts
        return Counter(
            event_op_id
            for event_op_id, _ in {
                (self.store.operations[op_id].event_op_id, (sender, nonce))
                for op_id, sender, nonce in self.store.inclusions
                if nonce >= spent[sender]
            }
        )

    @property
    def submitter(self) -> Submitter:
        """A new process: nothing is kept but store and chain."""
        return Submitter(
            chain_id=CHAIN_ID,
            contract=CONTRACT,
            leaves=self.books,
            commits=self.books,
            lines=self.books.lines,
            finality=self.chain,
            chain=self.chain,
            store=self.store,
            signer=FakeSigner(self.key),
            limits=self.limits,
        )

    def settle(self, *, rounds: int) -> None:
        """Let time pass without faults."""
        for _ in range(rounds):
            self.submitter.tick()
            self.chain.mine()
            self.chain.finalize()


def settled_before(one: Operation) -> int:
    """The lines that were settled when an operation was planned."""
    return one.subject.settled if isinstance(one.subject, LeafSubject) else 0


def replaced(transaction: SignedTransaction, *, fee_wei: int) -> SignedTransaction:
    """The same nonce and call signed again with another fee."""
    plain = transaction_from_raw(transaction.raw)
    draft = TransactionDraft(
        chain_id=transaction.chain_id,
        nonce=transaction.nonce,
        to=transaction.to,
        data=plain.data,
        gas=transaction.gas,
        max_fee_wei=fee_wei,
        tip_wei=max(transaction.tip_wei * 110 // 100, transaction.tip_wei + 1),
    )
    return FakeSigner(transaction.sender).sign(draft)


def single_call(item: Withdrawal, *, amount: int) -> Operation:
    """The same leaf with another amount: other content under the same op-id."""
    line = SplitLine(payee=item.leaf.lines[0].payee, amount=BaseUnits(amount))
    other = Withdrawal(replace(item.leaf, lines=(line,)), item.proof)
    assert withdraw_call(other) != withdraw_call(item)
    return withdraw_operation(other, chain_id=CHAIN_ID, contract=CONTRACT)
