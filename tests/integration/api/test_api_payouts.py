"""Payout operations over HTTP.

Subjects: api.routes.payouts, api.adapters.payouts,
api.schemas.payouts.
"""

from dataclasses import replace
from typing import Any

from sqlalchemy import insert

from api.context import Deps
from contracts.calls import SkipReason, Withdrawal
from contracts.event_spec import ContractName
from contracts.evm import ZERO_ADDRESS, Address, BlockNumber, Hash32
from contracts.operations import TIP_LIST
from contracts.payment_event_specs import RELAY_LINE_PAID
from contracts.units import BaseUnits
from settlement.payouts.adapters.retraction import retract_outcomes
from settlement.payouts.adapters.rows import operation_row
from settlement.payouts.adapters.tables import (
    PAYOUT_INCLUSION,
    PAYOUT_OPERATION,
    PAYOUT_OUTCOME,
    PAYOUT_TRANSACTION,
)
from settlement.payouts.obligations import line_operation, tip_line, withdraw_operation
from tests.api_client import APIClient, problem_of, running_api
from tests.api_world import (
    ALICE,
    BOB,
    CHAIN_ID,
    FILM_0,
    REGISTRANT,
    SONG,
    SONG_0,
    SONG_1,
    World,
    block_hash,
    leaf,
    name_hash,
)


def test_payout__planned_signed_settled__state_follows(api: APIClient, world: World) -> None:
    op_id = world.op_id_of(FILM_0)
    path = f"/v1/payouts/{op_id}"
    assert api.get(path).json()["operation"] is None
    assert api.get(path).json()["state"] == "used_elsewhere"

    _plan(world)
    _sign(world, op_id)
    mined = api.get(path).json()
    _settle(world, op_id)
    final = api.get(path).json()

    assert (mined["state"], final["state"]) == ("mined", "final")
    assert mined["operation"]["amount"] == "50"
    assert [one["is_final"] for one in mined["lines"]] == [False]
    assert [one["tx_hash"] for one in mined["transactions"]] == [str(name_hash("transaction"))]
    assert final["outcomes"][0]["fate"] == "settled"
    assert final["outcomes"][0]["refusal"] is None


def test_payout__outcome_taken_back__not_shown(api: APIClient, world: World) -> None:
    op_id = world.op_id_of(FILM_0)
    _plan(world)
    _sign(world, op_id)
    _settle(world, op_id)
    with world.engine.begin() as connection:
        retract_outcomes(connection, CHAIN_ID, BlockNumber(27))

    payout = api.get(f"/v1/payouts/{op_id}").json()

    assert (payout["state"], payout["outcomes"]) == ("mined", [])


def test_payout__only_planned__planned(api: APIClient, world: World) -> None:
    operation = withdraw_operation(
        Withdrawal(SONG_1, ()), chain_id=CHAIN_ID, contract=world.settlement.payouts
    )
    _plan_operation(world, operation)

    payout = api.get(f"/v1/payouts/{operation.op_id}").json()

    assert (payout["state"], payout["lines"]) == ("planned", [])
    assert payout["operation"]["calldata"] == "0x" + operation.call.hex()


def test_payout__remainder__its_leaf_s_lines_and_a_state_of_its_own(
    api: APIClient, world: World
) -> None:
    """Whoever asks for the leaf is led to the remainder; what was settled before is not its own."""
    both = leaf(1, SONG, {ALICE: 50, BOB: 20})
    world.veto(1, 2)
    world.mine(31)
    world.commit(1, 3, world.compute(1, 3, [both], paid_in=100), paid_in=100)
    world.mine(34)
    leaf_op_id = world.withdraw(both, held=[BOB])
    held = [line.payee for line in both.lines].index(BOB)
    remainder = withdraw_operation(
        Withdrawal(both, ()),
        settled=0b11 & ~(1 << held),
        chain_id=CHAIN_ID,
        contract=world.settlement.payouts,
    )
    _plan_operation(world, remainder)
    path = f"/v1/payouts/{remainder.op_id}"
    of_leaf = api.get(f"/v1/payouts/{leaf_op_id}").json()
    planned = api.get(path).json()
    world.mine(35)
    world.withdraw(both, settled=[ALICE])
    paid = api.get(path).json()

    assert of_leaf["remainders"] == [str(remainder.op_id)]
    assert [line["payee"] for line in of_leaf["lines"]] == [str(ALICE)]
    assert planned["operation"]["event_op_id"] == str(leaf_op_id)
    assert planned["operation"]["settled"] == 0b11 & ~(1 << held)
    assert (planned["state"], planned["remainders"]) == ("planned", [])
    assert [line["payee"] for line in planned["lines"]] == [str(ALICE)]
    assert paid["state"] == "used_elsewhere"
    assert len(paid["lines"]) == 2


def test_payout__unknown__not_found(shared: APIClient) -> None:
    response = shared.get(f"/v1/payouts/{name_hash('none')}")

    assert problem_of(response) == (404, "not-found", ["op_id"])


def _plan(world: World) -> None:
    operation = withdraw_operation(
        Withdrawal(FILM_0, (world.hash_of(SONG_0),)),
        chain_id=CHAIN_ID,
        contract=world.settlement.payouts,
    )
    _plan_operation(world, operation)


def test_payout__tip__planned_then_paid_in_an_indexed_block_or_skipped(
    deps: Deps, world: World
) -> None:
    relay = Address(b"\xc1" * 20)
    settlement = replace(world.settlement, payments={ContractName.TIP_RELAY: relay})
    tips = [tip_line(number, payee=ALICE, amount=BaseUnits(70)) for number in range(2)]
    paid, skipped = (line_operation(tip, chain_id=CHAIN_ID, contract=relay) for tip in tips)
    with world.engine.begin() as connection:
        rows = [operation_row(one) for one in (paid, skipped)]
        connection.execute(insert(PAYOUT_OPERATION), rows)
    _sign(world, skipped.op_id)
    with world.engine.begin() as connection:
        connection.execute(
            insert(PAYOUT_OUTCOME).values(
                op_id=skipped.op_id,
                fate="refused",
                refusal=SkipReason.PAYEE_HELD,
                sender=REGISTRANT,
                nonce=4,
                tx_hash=name_hash("transaction"),
                block_number=25,
                block_hash=block_hash(25),
                version=0,
            )
        )
    with running_api(replace(deps, settlements=(settlement,))) as api:
        planned = api.get(f"/v1/payouts/{paid.op_id}").json()
        assert "state" in planned, planned
        held = api.get(f"/v1/payouts/{skipped.op_id}").json()
        here = replace(
            settlement, contracts={**settlement.contracts, ContractName.TIP_RELAY: relay}
        )
        world.settlement = here
        world.emit(
            RELAY_LINE_PAID,
            op_id=paid.op_id,
            list_id=TIP_LIST,
            payee=ALICE,
            index=0,
            asset=ZERO_ADDRESS,
            amount=70,
        )
        mined = api.get(f"/v1/payouts/{paid.op_id}").json()

    assert (planned["state"], planned["lines"]) == ("planned", [])
    operation = planned["operation"]
    assert (operation["kind"], operation["contract"]) == ("tip", str(relay))
    assert (operation["payee"], operation["amount"]) == (str(ALICE), "70")
    assert (operation["list_id"], operation["list_index"]) == (str(TIP_LIST), "0")
    assert operation["epoch"] is None
    assert (held["state"], held["outcomes"][0]["refusal"]) == ("refused_final", "payee_held")
    assert mined["state"] == "used_elsewhere"
    ((line, outcome, is_final),) = [
        (one["line"], one["outcome"], one["is_final"]) for one in mined["lines"]
    ]
    assert (line, outcome, is_final) == (0, "paid", False)


def _plan_operation(world: World, operation: Any) -> None:
    subject = operation.subject
    with world.engine.begin() as connection:
        connection.execute(
            insert(PAYOUT_OPERATION).values(
                op_id=operation.op_id,
                kind=operation.kind.value,
                chain_id=operation.chain_id,
                contract=operation.contract,
                list_id=operation.list_id,
                list_index=operation.index,
                content_digest=operation.content_digest,
                call=operation.call,
                epoch=subject.epoch,
                work_id=subject.work_id,
                part=subject.part,
                asset=subject.asset,
                amount=subject.amount,
                settled=subject.settled,
                lines=subject.lines,
                proof_nodes=subject.proof_nodes,
            )
        )


def _sign(world: World, op_id: Hash32) -> None:
    nonce = {"chain_id": CHAIN_ID, "sender": REGISTRANT, "nonce": 4}
    with world.engine.begin() as connection:
        connection.execute(
            insert(PAYOUT_TRANSACTION).values(
                **nonce,
                tx_hash=name_hash("transaction"),
                ordinal=0,
                raw=b"raw",
                recipient=world.settlement.payouts,
                gas=100_000,
                max_fee_wei=2**70,
                tip_wei=1,
                signed_at=1,
            )
        )
        connection.execute(insert(PAYOUT_INCLUSION).values(op_id=op_id, **nonce))


def _settle(world: World, op_id: Hash32) -> None:
    with world.engine.begin() as connection:
        connection.execute(
            insert(PAYOUT_OUTCOME).values(
                op_id=op_id,
                fate="settled",
                sender=REGISTRANT,
                nonce=4,
                tx_hash=name_hash("transaction"),
                block_number=28,
                block_hash=block_hash(28),
                version=0,
            )
        )
