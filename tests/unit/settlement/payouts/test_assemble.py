"""Groups that the node would pay, and the items that spoil them."""

from collections.abc import Sequence

from contracts.calls import COMMIT_EPOCH, WITHDRAW_BATCH, Refusal
from contracts.evm import BlockRef
from settlement.payouts.assemble import Assembled, Assembler, Held
from settlement.payouts.obligations import commit_operation
from settlement.payouts.operation import (
    Operation,
)
from settlement.payouts.view import Objection, OwnCheck
from tests.fakes_payout_chain import (
    ASSET,
    CHAIN_ID,
    CONTRACT,
    SENDER,
    FakeChain,
    approved_commit,
    items_of,
    operation,
    withdrawal,
)

GAS_MAX = 2_000_000


def commit() -> Operation:
    one = approved_commit(2)
    return commit_operation(one.approval, one.signatures, chain_id=CHAIN_ID, contract=CONTRACT)


def assembled(
    due: Sequence[Operation], chain: FakeChain | None = None, *, gas_max: int = GAS_MAX
) -> list[Assembled | Held]:
    one = chain or FakeChain()
    assembler = Assembler(
        chain=one, sender=SENDER, head=one.head(), gas_max=gas_max, underway=(), reverts={}
    )
    return list(assembler.assembled(due))


def test_assembled__commit_and_leaves__two_calls_with_a_quarter_more_gas() -> None:
    due = [operation(1), commit(), operation(0)]

    first, second = assembled(due)

    assert isinstance(first, Assembled)
    assert isinstance(second, Assembled)
    assert (first.data[:4], first.op_ids) == (COMMIT_EPOCH.selector, (commit().op_id,))
    assert second.data[:4] == WITHDRAW_BATCH.selector
    assert second.op_ids == (operation(0).op_id, operation(1).op_id)
    assert [item.event_op_id for item in items_of(second.data)] == list(second.op_ids)
    assert (first.gas, second.gas) == (125_000, 250_000)


def test_assembled__one_item_spoils_the_estimate__it_alone_is_held() -> None:
    """The node refuses every batch with work 3, for whatever reason."""
    spoiler = operation(2)

    class Refusing(FakeChain):
        def estimate_gas(
            self, contract: object, call: bytes, *, sender: object, at: BlockRef
        ) -> int | Objection:
            ids = [item.event_op_id for item in items_of(call)]
            if spoiler.op_id in ids:
                return Objection(None, "reverts with 0x")
            return 100_000 * len(ids)

    found = assembled([operation(index) for index in range(5)], Refusing())

    paid = [op_id for one in found if isinstance(one, Assembled) for op_id in one.op_ids]
    assert paid == [operation(index).op_id for index in (0, 1, 3, 4)]
    assert [one for one in found if isinstance(one, Held)] == [
        Held(spoiler.op_id, Objection(None, "reverts with 0x"))
    ]


def test_assembled__objections_and_missing_backing__held_with_reasons() -> None:
    chain = FakeChain()
    chain.under_verdict = {withdrawal(1).leaf.work_id}
    assert [type(one) for one in assembled([operation(0), operation(1)], chain)] == [
        Held,
        Assembled,
    ]
    chain.shortfalls = {ASSET: 5}

    held, paid = assembled([operation(0), commit()], chain)

    reason = "the contract holds 5 less than it accounts for"
    assert held == Held(operation(0).op_id, Objection(None, reason, OwnCheck.BACKING))
    assert isinstance(paid, Assembled)


def test_assembled__verdict__reason_is_the_contract_s() -> None:
    chain = FakeChain()
    chain.under_verdict = {withdrawal(0).leaf.work_id}

    (held,) = assembled([operation(0)], chain)

    assert isinstance(held, Held)
    assert held.objection.refusal is Refusal.WORK_UNDER_VERDICT


def test_assembled__more_gas_than_the_budget__halved_to_the_last() -> None:
    chain = FakeChain()
    chain.gas_per_item = 300_000

    found = assembled([operation(index) for index in range(3)], chain, gas_max=599_999)
    (held,) = assembled([operation(0)], chain, gas_max=299_999)

    assert [len(one.op_ids) for one in found if isinstance(one, Assembled)] == [1, 1, 1]
    assert held == Held(operation(0).op_id, Objection(None, "needs 300000 gas, budget 299999"))


def test_assembled__nothing_taken__node_not_asked_for_later_groups() -> None:
    asked: list[bytes] = []

    class Counting(FakeChain):
        def estimate_gas(
            self, contract: object, call: bytes, *, sender: object, at: BlockRef
        ) -> int | Objection:
            asked.append(call)
            return 100_000

    one = Counting()
    assembler = Assembler(
        chain=one, sender=SENDER, head=one.head(), gas_max=300_000, underway=(), reverts={}
    )

    next(assembler.assembled([operation(index) for index in range(9)]))

    assert len(asked) == 1
