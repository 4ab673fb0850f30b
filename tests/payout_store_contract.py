"""What any store of payouts must do: run against the simulated one and against Postgres."""

from dataclasses import replace

import pytest

from contracts.calls import SkipReason
from contracts.evm import Address, BlockNumber, Hash32
from settlement.errors import NonceTaken, OperationConflict
from settlement.payouts.operation import (
    Adoption,
    Fate,
    Operation,
    Outcome,
    SignedTransaction,
    TransactionDraft,
)
from settlement.payouts.protocols import PayoutStore
from tests.fakes_payout_chain import (
    CHAIN_ID,
    SENDER,
    FakeSigner,
    line,
    operation,
    payment,
    replaced,
    single_call,
    tip,
    withdrawal,
)

HEAD = BlockNumber(7)


class PayoutStoreContract:
    """`PayoutStore`, with a fixture `store` whose books reserve whatever is asked."""

    def test_plan__twice__stored_once_in_canonical_order(self, store: PayoutStore) -> None:
        both = [operation(1, lines=2), operation(0, lines=3)]

        assert (store.plan(both), store.plan(both)) == (2, 0)
        assert [one.operation for one in store.open_histories()] == both[::-1]
        assert store.open_count() == 2

    def test_plan__same_id_other_content__nothing_of_it_stored(self, store: PayoutStore) -> None:
        store.plan([operation(0)])

        with pytest.raises(OperationConflict):
            store.plan([operation(1), single_call(withdrawal(0), amount=7)])

        assert [one.operation for one in store.open_histories()] == [operation(0)]

    def test_add_transaction__nonces__in_turn_and_found_again(self, store: PayoutStore) -> None:
        ids = _planned(store, operation(0), operation(1))
        assert store.next_nonce(SENDER) is None
        store.add_transaction(signed(5), ids, head=HEAD)
        for nonce in (4, 5, 7):
            with pytest.raises(NonceTaken):
                store.add_transaction(replaced(signed(nonce), fee_wei=3), ids, head=HEAD)
        store.add_transaction(signed(6), ids[:1], head=HEAD)

        assert store.next_nonce(SENDER) == 7
        assert store.next_nonce(Address(b"\x77" * 20)) is None
        open_from_six = store.open_attempts(SENDER, first_nonce=6)
        assert [(one.nonce, one.signed_at) for one in open_from_six] == [(6, HEAD)]
        attempts = [history.attempts for history in store.open_histories()]
        assert [[one.nonce for one in each] for each in attempts] == [[5, 6], [5]]

    def test_add_version__for_a_nonce_that_is_taken__every_hash_kept(
        self, store: PayoutStore
    ) -> None:
        (op_id,) = _planned(store, operation(0))
        store.add_transaction(signed(5), [op_id], head=HEAD)
        second = replaced(signed(5), fee_wei=2**201)
        store.add_version(second, head=BlockNumber(9))
        with pytest.raises(NonceTaken):
            store.add_version(replaced(signed(6), fee_wei=2**201), head=HEAD)

        ((attempt,),) = [one.attempts for one in store.open_histories()]
        assert attempt.hashes == (signed(5).tx_hash, second.tx_hash)
        assert attempt.signed_at == 9
        assert store.next_nonce(SENDER) == 6

    def test_adopt__nonces_of_others__taken(self, store: PayoutStore) -> None:
        _planned(store, operation(0))
        store.adopt(adoption(3, 5))
        with pytest.raises(NonceTaken):
            store.adopt(adoption(4, 9))

        assert store.next_nonce(SENDER) == 5
        found = [store.adopted_at(SENDER, nonce) for nonce in (2, 3, 4, 5)]
        assert found == [None, HEAD, HEAD, None]
        assert store.open_attempts(SENDER, first_nonce=0) == []

    def test_histories__operations_of_one_leaf__know_each_other(self, store: PayoutStore) -> None:
        first, second = operation(0, lines=2), operation(0, lines=2, settled=0b01)
        ids = _planned(store, first, second)
        store.add_transaction(signed(5), ids[:1], head=HEAD)

        found = store.open_histories()

        assert [[one.nonce for one in each.attempts] for each in found] == [[5], []]
        assert [[one.nonce for one in each.others] for each in found] == [[], [5]]

    def test_record__closing_outcome__operation_over_and_nonce_kept(
        self, store: PayoutStore
    ) -> None:
        (op_id,) = _planned(store, operation(0))
        store.add_transaction(signed(5), [op_id], head=HEAD)
        store.record([outcome(op_id, Fate.REVERTED)])
        still = store.open_histories()
        store.record([outcome(op_id, Fate.SETTLED_ELSEWHERE)])

        assert [[one.fate for one in each.outcomes] for each in still] == [[Fate.REVERTED]]
        assert (store.open_count(), store.open_histories()) == (0, [])
        assert [one.nonce for one in store.open_attempts(SENDER, first_nonce=0)] == [5]

    def test_lines__planned_and_skipped__come_back_with_their_own_reasons(
        self, store: PayoutStore
    ) -> None:
        owed = [line(payment(300)), line(tip(7)), operation(0)]
        _planned(store, *owed)
        store.add_transaction(signed(5), [one.op_id for one in owed[:2]], head=HEAD)
        skipped = replace(outcome(owed[1].op_id, Fate.REVERTED), fate=Fate.REFUSED)
        store.record([replace(skipped, refusal=SkipReason.PAYEE_HELD)])

        found = store.open_histories()

        assert [one.operation for one in found] == [owed[2], owed[1], owed[0]]
        assert [[each.refusal for each in one.outcomes] for one in found] == [
            [],
            [SkipReason.PAYEE_HELD],
            [],
        ]
        assert [one.others for one in found] == [(), (), ()]

    @pytest.mark.parametrize("change", ["payee", "asset", "amount"])
    def test_plan__same_line_with_other_content__conflict(
        self, store: PayoutStore, change: str
    ) -> None:
        store.plan([line(payment(0))])
        other = {
            "payee": replace(payment(0), payee=SENDER),
            "asset": replace(payment(0), asset=SENDER),
            "amount": payment(0, amount=7),
        }[change]

        with pytest.raises(OperationConflict):
            store.plan([line(payment(1)), line(other)])

        assert store.open_count() == 1


def signed(nonce: int) -> SignedTransaction:
    """A transaction of the sender."""
    draft = TransactionDraft(
        chain_id=CHAIN_ID,
        nonce=nonce,
        to=Address(b"\x01" * 20),
        data=b"\x01",
        gas=50_000,
        max_fee_wei=2**200,
        tip_wei=1,
    )
    return FakeSigner(SENDER).sign(draft)


def adoption(first: int, following: int) -> Adoption:
    """Nonces that the chain showed."""
    return Adoption(
        chain_id=CHAIN_ID,
        sender=SENDER,
        first_nonce=first,
        next_nonce=following,
        block_number=HEAD,
        block_hash=Hash32.from_int(7),
    )


def outcome(op_id: Hash32, fate: Fate) -> Outcome:
    """An outcome of nonce 5, or of nobody's."""
    is_ours = fate is Fate.REVERTED
    return Outcome(
        op_id=op_id,
        fate=fate,
        refusal=None,
        sender=SENDER if is_ours else None,
        nonce=5 if is_ours else None,
        tx_hash=signed(5).tx_hash if is_ours else None,
        block_number=BlockNumber(9),
        block_hash=Hash32.from_int(9),
    )


def _planned(store: PayoutStore, *operations: Operation) -> list[Hash32]:
    store.plan(operations)
    return [one.op_id for one in operations]
