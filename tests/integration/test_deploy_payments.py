"""The payment contracts handed over, and the fee of each against our own function."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.event_spec import PAYMENT_CONTRACTS, ContractName
from contracts.evm import Timestamp
from contracts.units import BaseUnits
from scripts.deploy import Delays, Deployment, check_handed_over, deploy_settlement
from scripts.deploy_payments import (
    FEES,
    PaymentPlan,
    check_payments_handed_over,
    deploy_payments,
    planned_payment_roles,
)
from scripts.devnet import officials, payment_plan_of, plan_of
from scripts.devnode import DevNode, account_from_seed, address_of
from scripts.embedded.anvil import AnvilNode
from scripts.governance import ADMIN_ROLE, Change, RolesDiffer, govern, role_id
from settlement.payments.fees import FeeTerms, fee_of

SEED = 6
ADMIN, GOVERNOR, STRANGER = (
    account_from_seed(SEED, role) for role in ("admin", "governor", "stranger")
)
PLAN = payment_plan_of(SEED, fee_delay_s=1_000)


@pytest.fixture(scope="module")
def deployed(module_anvil: AnvilNode) -> tuple[DevNode, Deployment]:
    node = DevNode(module_anvil.url)
    node.fund([*officials(SEED), STRANGER], 10**21)
    _, now = node.head()
    plan = plan_of(
        SEED,
        name="test",
        genesis=Timestamp(now),
        epoch_length_s=86_400,
        grace_s=7_200,
        delays=Delays(timelock_s=100),
    )
    deployment = deploy_payments(node, ADMIN, deploy_settlement(node, ADMIN, plan), PLAN)
    check_handed_over(node, deployment, plan)
    return node, deployment


def test_deploy__payment_contracts__all_of_them_stand(
    deployed: tuple[DevNode, Deployment],
) -> None:
    node, deployment = deployed
    payments = deployment.settlement.payments

    assert set(payments) == set(PAYMENT_CONTRACTS)
    for at in payments.values():
        assert node.request("eth_getCode", str(at), "latest") != "0x"
    assert set(payments.values()) <= set(deployment.settlement.sources())
    ticket = node.contract("Ticket", payments[ContractName.TICKET])
    assert ticket.functions.minter().call() == str(payments[ContractName.TICKET_SALE])


def test_roles__after_deployment__of_the_deployer_none(
    deployed: tuple[DevNode, Deployment],
) -> None:
    node, deployment = deployed
    settlement, timelock = deployment.settlement, deployment.timelock
    check_payments_handed_over(node, settlement, timelock, PLAN)

    for (at, role), holders in planned_payment_roles(settlement, timelock, PLAN).items():
        contract = node.contract("PayoutBatch", at)  # any contract with roles
        assert address_of(ADMIN) not in holders
        assert not contract.functions.hasRole(bytes(role), ADMIN.address).call()
        for holder in holders:
            assert contract.functions.hasRole(bytes(role), str(holder)).call()
        if role == ADMIN_ROLE:
            assert holders == {timelock}


def test_check__another_refunder__named(deployed: tuple[DevNode, Deployment]) -> None:
    node, deployment = deployed
    other: PaymentPlan = replace(PLAN, refunder=address_of(STRANGER))

    with pytest.raises(RolesDiffer, match=str(PLAN.refunder)):
        check_payments_handed_over(node, deployment.settlement, deployment.timelock, other)


def test_check__role_given_by_governance__named(deployed: tuple[DevNode, Deployment]) -> None:
    node, deployment = deployed
    at = deployment.settlement.payments[ContractName.TIP_RELAY]

    def change(function: str) -> Change:
        arguments = [bytes(role_id("OPERATOR_ROLE")), STRANGER.address]
        data = node.contract("TipRelay", at).encode_abi(function, arguments)
        return Change(at, bytes.fromhex(data.removeprefix("0x")))

    govern(node, deployment.timelock, GOVERNOR, [change("grantRole")])

    with pytest.raises(RolesDiffer, match=STRANGER.address):
        check_payments_handed_over(node, deployment.settlement, deployment.timelock, PLAN)
    govern(node, deployment.timelock, GOVERNOR, [change("revokeRole")])
    check_payments_handed_over(node, deployment.settlement, deployment.timelock, PLAN)


@pytest.mark.parametrize("name", FEES, ids=str)
def test_terms__of_the_contract__are_those_planned(
    deployed: tuple[DevNode, Deployment], name: ContractName
) -> None:
    node, deployment = deployed
    contract = node.contract(name.value, deployment.settlement.payments[name])

    treasury, minimum, bps = contract.functions.feeTerms().call()

    assert (treasury, minimum, bps) == (str(PLAN.treasury), FEES[name].minimum, FEES[name].bps)
    assert contract.functions.feeMinimumMax().call() == FEES[name].minimum_max
    assert contract.functions.feeDelay().call() == PLAN.fee_delay_s


@pytest.mark.parametrize("name", FEES, ids=str)
def test_fee__any_amount__is_the_contract_s(
    deployed: tuple[DevNode, Deployment], name: ContractName
) -> None:
    node, deployment = deployed
    contract = node.contract(name.value, deployment.settlement.payments[name])
    fee = FEES[name]
    terms = FeeTerms(treasury=PLAN.treasury, minimum=BaseUnits(fee.minimum), bps=fee.bps)

    @settings(max_examples=40, deadline=None)
    @given(st.one_of(st.integers(0, 10**9), st.integers(0, 10**20), st.integers(0, 2**240)))
    def agree(amount: int) -> None:
        assert contract.functions.feeOf(amount).call() == fee_of(BaseUnits(amount), terms)

    agree()
