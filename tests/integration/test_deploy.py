"""A settlement handed over: who may do what, and the demo's opening on a real chain."""

from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import decode

from contracts.event_spec import ROYALTY_CONTRACTS, ContractName
from contracts.evm import Address, Hash32, Timestamp, keccak
from contracts.typed_data import split_account_of
from scripts.demo.actors import Stage, parameters_json
from scripts.demo.population import make_population
from scripts.demo.scenes import Scenes
from scripts.deploy import (
    Delays,
    Deployment,
    DeploymentPlan,
    Offices,
    check_handed_over,
    deploy_settlement,
    planned_roles,
)
from scripts.devnet import officials, plan_of
from scripts.devnode import DevNode, NodeRefused, account_from_seed, address_of
from scripts.embedded.anvil import AnvilNode
from scripts.governance import (
    ADMIN_ROLE,
    Change,
    RolesDiffer,
    govern,
    require_roles,
    role_id,
    roles_held,
)
from settlement.royalties.parameters import parameters_from_bytes

SEED = 5
ADMIN, GOVERNOR, STRANGER = (
    account_from_seed(SEED, role) for role in ("admin", "governor", "stranger")
)
TERMS_SET = keccak(
    b"WorkTermsSet(bytes32,address,bytes32,uint64,uint32,uint64,bytes32,address[],uint32[])"
)
SPLIT_SET = keccak(b"SplitTermsSet(address,address,uint64,uint32,address[],uint32[])")


@pytest.fixture
def node(anvil: AnvilNode) -> DevNode:
    node = DevNode(anvil.url)
    node.fund([*officials(SEED), STRANGER], 10**21)
    return node


def plan_from(node: DevNode, *, timelock_s: int = 100) -> DeploymentPlan:
    _, now = node.head()
    return plan_of(
        SEED,
        name="test",
        genesis=Timestamp(now),
        epoch_length_s=86_400,
        grace_s=7_200,
        delays=Delays(timelock_s=timelock_s),
    )


@pytest.fixture
def plan(node: DevNode) -> DeploymentPlan:
    return plan_from(node)


@pytest.fixture
def deployment(node: DevNode, plan: DeploymentPlan) -> Deployment:
    return deploy_settlement(node, ADMIN, plan)


def change_of(
    node: DevNode, deployment: Deployment, name: ContractName, function: str, *arguments: object
) -> Change:
    at = deployment.settlement.contracts[name]
    data = node.contract(name.value, at).encode_abi(function, list(arguments))
    return Change(at, bytes.fromhex(data.removeprefix("0x")))


def logs_of(node: DevNode, at: Address, topic: Hash32) -> list[dict[str, Any]]:
    question = {"address": str(at), "fromBlock": "0x0", "topics": [str(topic)]}
    logs: list[dict[str, Any]] = node.request("eth_getLogs", question)
    return logs


def test_deploy__contracts__all_that_a_settlement_names(
    node: DevNode, deployment: Deployment
) -> None:
    assert set(deployment.settlement.contracts) == set(ROYALTY_CONTRACTS)
    for at in (*deployment.settlement.contracts.values(), deployment.timelock):
        assert node.request("eth_getCode", str(at), "latest") != "0x"


def test_deploy__registry_and_claims__name_each_other(
    node: DevNode, deployment: Deployment
) -> None:
    contracts = deployment.settlement.contracts
    registry_at = contracts[ContractName.WORK_REGISTRY]
    claims_at = contracts[ContractName.CONTENT_CLAIMS]
    registry = node.contract("WorkRegistry", registry_at)
    claims = node.contract("ContentClaims", claims_at)
    payouts = node.contract("EpochPayouts", deployment.settlement.payouts)

    assert registry.functions.claims().call() == str(claims_at)
    assert claims.functions.registry().call() == str(registry_at)
    assert payouts.functions.beneficiaries().call() == str(claims_at)


def test_roles__after_deployment__of_the_deployer_none(
    node: DevNode, deployment: Deployment
) -> None:
    contracts = [*deployment.settlement.contracts.values(), deployment.timelock]
    held = roles_held(node, contracts, deployment.settlement.start_block)

    assert held
    assert not [where for where, who in held.items() if address_of(ADMIN) in who]
    administrators = {who for (_, role), who in held.items() if role == ADMIN_ROLE}
    assert administrators == {frozenset({deployment.timelock})}


def test_roles__by_the_logs__are_those_that_the_contracts_know(
    node: DevNode, deployment: Deployment, plan: DeploymentPlan
) -> None:
    for (at, role), holders in planned_roles(deployment, plan).items():
        contract = node.contract("WorkRegistry", at)  # any contract with roles
        for holder in holders:
            assert contract.functions.hasRole(bytes(role), str(holder)).call()
        assert not contract.functions.hasRole(bytes(role), ADMIN.address).call()


def test_check__role_given_by_governance__named(
    node: DevNode, deployment: Deployment, plan: DeploymentPlan
) -> None:
    role, name = role_id("VERDICT_ROLE"), ContractName.WORK_REGISTRY
    grant = change_of(node, deployment, name, "grantRole", bytes(role), STRANGER.address)
    revoke = change_of(node, deployment, name, "revokeRole", bytes(role), STRANGER.address)
    govern(node, deployment.timelock, GOVERNOR, [grant])

    with pytest.raises(RolesDiffer, match=STRANGER.address):
        check_handed_over(node, deployment, plan)
    govern(node, deployment.timelock, GOVERNOR, [revoke])
    check_handed_over(node, deployment, plan)


def test_check__office_of_another_account__named(
    node: DevNode, deployment: Deployment, plan: DeploymentPlan
) -> None:
    offices: Offices = replace(plan.offices, arbiter=address_of(STRANGER))

    with pytest.raises(RolesDiffer, match=str(plan.offices.arbiter)):
        check_handed_over(node, deployment, replace(plan, offices=offices))


def test_require_roles__missing_holder__named(deployment: Deployment, plan: DeploymentPlan) -> None:
    expected = planned_roles(deployment, plan)
    key = (deployment.settlement.payouts, role_id("VETO_ROLE"))
    actual = {where: who for where, who in expected.items() if where != key}

    require_roles(expected, expected)
    with pytest.raises(RolesDiffer, match="held by nobody"):
        require_roles(actual, expected)


def test_govern__stranger__refused(node: DevNode, deployment: Deployment) -> None:
    change = change_of(
        node, deployment, ContractName.CREATOR_ATTESTATIONS, "setIssuer", STRANGER.address, True
    )

    with pytest.raises(NodeRefused, match="reverted"):
        govern(node, deployment.timelock, STRANGER, [change])
    govern(node, deployment.timelock, GOVERNOR, [change])
    govern(node, deployment.timelock, GOVERNOR, [change])  # the same change again


def test_opening__on_chain__works_band_and_recognised_work(
    node: DevNode, deployment: Deployment
) -> None:
    people = make_population(SEED, subscribers=2, works=5)
    node.fund([people.sponsor, *people.subscribers, *people.registrants], 10**20)
    _, now = node.head()
    Scenes.of(Stage(node, deployment, SEED), people, genesis=now, seed=SEED).open()

    contracts = deployment.settlement.contracts
    registry_at = contracts[ContractName.WORK_REGISTRY]
    splits_at = contracts[ContractName.SPLIT_ACCOUNTS]
    registry = node.contract("WorkRegistry", registry_at)
    splits = node.contract("SplitAccounts", splits_at)
    registered = {str(log["topics"][1]) for log in logs_of(node, registry_at, TERMS_SET)}
    assert registered == {str(work_id) for work_id in people.work_ids(registry_at)}
    recognised = bytes(people.recognised.work_id(registry_at))
    assert registry.functions.registrantOf(recognised).call() == str(registry_at)
    assert registry.functions.latestTermsOf(recognised).call()[3] == []

    leader = address_of(people.band.leader)
    band = split_account_of(splits_at, leader, keccak(b"band"))
    label = split_account_of(splits_at, leader, keccak(b"label"))
    band_terms = registry.functions.latestTermsOf(bytes(people.band.work_id)).call()
    assert band_terms[3] == [str(label)]
    assert all(splits.functions.isAccount(str(one)).call() for one in (band, label))
    types = ("uint64", "uint32", "address[]", "uint32[]")
    made = [
        decode(types, bytes.fromhex(str(log["data"]).removeprefix("0x")))
        for log in logs_of(node, splits_at, SPLIT_SET)
    ]
    assert [len(payees) for _, _, payees, _ in made] == [len(people.band.members), 2]
    assert str(band).lower() in made[1][2]


def test_opening__parameters__are_those_that_the_engine_reads(
    node: DevNode, deployment: Deployment
) -> None:
    parameters = parameters_from_bytes(parameters_json(Stage(node, deployment, SEED)))

    (fee,) = parameters.fees
    assert (fee.name, fee.rate_ppm) == ("protocol", 25_000)
    assert fee.payee == address_of(account_from_seed(SEED, "protocol"))
