"""Deployment of one settlement's contracts, in the order in which they need each other.

The deployer sets up as administrator, hands every administrative role to the timelock, gives up its
own, and then checks from the logs that exactly the planned accounts hold exactly the planned roles.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from eth_account.signers.local import LocalAccount

from contracts.addresses import Settlement
from contracts.event_spec import ContractName
from contracts.evm import ZERO_ADDRESS, Address, BlockNumber, ChainId, Hash32, Timestamp
from scripts.devnode import Call, DevNode, address_of
from scripts.governance import ADMIN_ROLE, Roles, require_roles, role_id, roles_held

_TIMELOCK = "TimelockController"
_ADMINISTERED = (
    ContractName.RULESET_PARAMETERS,
    ContractName.WORK_REGISTRY,
    ContractName.SUBSCRIPTION_TIERS,
    ContractName.EPOCH_PAYOUTS,
    ContractName.CREATOR_ATTESTATIONS,
    ContractName.CONTENT_CLAIMS,
)
"""The contracts that have an administrator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays:
    """How long things wait, in seconds; what is not said suits epochs of a day on a test chain.

    Attributes:
        veto_s: In which a committed epoch may be vetoed.
        governance_s: Between announcement and application of guardians and of transfers of
            unallocated money; longer than `veto_s`.
        escrow_expiry_s: After which escrow that nobody claims becomes unallocated.
        challenge_s: In which a claim to a content may be challenged.
        arbitration_s: In which the arbiter may decide about a challenge, at least.
        beneficiary_s: Between announcement and assignment of whom suspense belongs to.
        timelock_s: Between announcement and application of every other change of governance.
    """

    veto_s: int = 3_600
    governance_s: int = 7_200
    escrow_expiry_s: int = 365 * 86_400
    challenge_s: int = 86_400
    arbitration_s: int = 86_400
    beneficiary_s: int = 86_400
    timelock_s: int = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Offices:
    """Who may act at once, each in its own matter."""

    court: Address
    curator: Address
    arbiter: Address
    compliance: Address
    watcher: Address
    issuer: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentPlan:
    """What a deployment fixes, and who holds which key.

    `threshold` of `guardians` approve an epoch; `governors` announce changes.
    """

    name: str
    genesis: Timestamp
    epoch_length_s: int
    grace_s: int
    guardians: tuple[Address, ...]
    threshold: int
    attestor: Address
    governors: tuple[Address, ...]
    offices: Offices
    delays: Delays = field(default_factory=Delays)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """The deployed settlement, its timelock and token, and the verifier that no event names."""

    settlement: Settlement
    timelock: Address
    token: Address
    verifier: Address


def deploy_settlement(node: DevNode, deployer: LocalAccount, plan: DeploymentPlan) -> Deployment:
    """Deploy everything, hand it over, and check that it is handed over.

    The deployer keeps the token, which is an asset and no part of the settlement.

    Raises:
        NodeRefused: a deployment or a call reverted.
        RolesDiffer: somebody holds a role that the plan does not give them, or misses one.
    """
    start_block, _ = node.head()
    me = str(address_of(deployer))
    token = node.deploy(deployer, "DemoToken", me)
    governors = [str(governor) for governor in plan.governors]
    anybody = [str(ZERO_ADDRESS)]
    timelock = node.deploy(
        deployer, _TIMELOCK, plan.delays.timelock_s, governors, anybody, str(ZERO_ADDRESS)
    )
    contracts = _deploy_contracts(node, deployer, plan)
    verifier = node.deploy(deployer, "AttestorVerifier", str(plan.attestor))
    clock = contracts[ContractName.EPOCH_CLOCK]
    contracts[ContractName.CONSUMPTION_SUBMISSIONS] = node.deploy(
        deployer, "ConsumptionSubmissions", str(clock), str(verifier)
    )
    settlement = Settlement(
        name=plan.name,
        chain_id=ChainId(node.chain_id),
        start_block=start_block,
        contracts=contracts,
        tokens=(token,),
    )
    deployment = Deployment(
        settlement=settlement, timelock=timelock, token=token, verifier=verifier
    )
    _hand_over(node, deployer, deployment, plan)
    return deployment


def planned_roles(deployment: Deployment, plan: DeploymentPlan) -> Roles:
    """Who holds which role once the settlement is handed over, and nobody else any other."""
    timelock, contracts = deployment.timelock, deployment.settlement.contracts
    governors = frozenset(plan.governors)
    roles = {(contracts[name], ADMIN_ROLE): frozenset({timelock}) for name in _ADMINISTERED}
    roles |= {
        (timelock, ADMIN_ROLE): frozenset({timelock}),
        (timelock, role_id("PROPOSER_ROLE")): governors,
        (timelock, role_id("CANCELLER_ROLE")): governors,
        (timelock, role_id("EXECUTOR_ROLE")): frozenset({ZERO_ADDRESS}),
    }
    return roles | {(at, role): frozenset({to}) for at, role, to in _grants(deployment, plan)}


def check_handed_over(node: DevNode, deployment: Deployment, plan: DeploymentPlan) -> None:
    """Compare who holds which role, by the logs, with the plan.

    Raises:
        RolesDiffer: naming the first difference.
    """
    contracts = [deployment.settlement.contracts[name] for name in _ADMINISTERED]
    start_block = BlockNumber(deployment.settlement.start_block)
    held = roles_held(node, [deployment.timelock, *contracts], start_block)
    require_roles(held, planned_roles(deployment, plan))


def _deploy_contracts(
    node: DevNode, deployer: LocalAccount, plan: DeploymentPlan
) -> dict[ContractName, Address]:
    """All contracts of the settlement but the submissions, which need a verifier."""
    me, delays = str(address_of(deployer)), plan.delays
    clock = node.deploy(deployer, "EpochClock", plan.genesis, plan.epoch_length_s, plan.grace_s)
    parameters = node.deploy(deployer, "RulesetParameters", str(clock), me)
    attestations = node.deploy(deployer, "CreatorAttestations", me)
    splits = node.deploy(deployer, "SplitAccounts", str(clock))
    # Claims and registry name each other: the registry comes next and checks that it is the one.
    registry_to_be = node.creation_address(deployer, creations_before=1)
    windows = (delays.challenge_s, delays.arbitration_s, delays.beneficiary_s)
    claims = node.deploy(
        deployer, "ContentClaims", str(registry_to_be), str(attestations), windows, me
    )
    registry = node.deploy(
        deployer, "WorkRegistry", str(clock), str(attestations), str(splits), str(claims), me
    )
    payouts = node.deploy(
        deployer,
        "EpochPayouts",
        str(clock),
        str(registry),
        str(claims),
        (delays.veto_s, delays.governance_s, delays.escrow_expiry_s),
        [str(guardian) for guardian in sorted(plan.guardians)],
        plan.threshold,
        me,
    )
    tiers = node.deploy(deployer, "SubscriptionTiers", str(clock), str(payouts), me)
    return {
        ContractName.EPOCH_CLOCK: clock,
        ContractName.RULESET_PARAMETERS: parameters,
        ContractName.WORK_REGISTRY: registry,
        ContractName.SUBSCRIPTION_TIERS: tiers,
        ContractName.EPOCH_PAYOUTS: payouts,
        ContractName.CREATOR_ATTESTATIONS: attestations,
        ContractName.SPLIT_ACCOUNTS: splits,
        ContractName.CONTENT_CLAIMS: claims,
    }


def _grants(
    deployment: Deployment, plan: DeploymentPlan
) -> Iterator[tuple[Address, Hash32, Address]]:
    """Every role but the administrators': of which contract, which, and who gets it."""
    contracts, offices = deployment.settlement.contracts, plan.offices
    tiers = contracts[ContractName.SUBSCRIPTION_TIERS]
    for name, role, to in (
        (ContractName.RULESET_PARAMETERS, "GOVERNANCE_ROLE", deployment.timelock),
        (ContractName.SUBSCRIPTION_TIERS, "GOVERNANCE_ROLE", deployment.timelock),
        (ContractName.WORK_REGISTRY, "VERDICT_ROLE", offices.court),
        (ContractName.WORK_REGISTRY, "CURATOR_ROLE", offices.curator),
        (ContractName.CONTENT_CLAIMS, "ARBITER_ROLE", offices.arbiter),
        (ContractName.EPOCH_PAYOUTS, "FUNDER_ROLE", tiers),
        (ContractName.EPOCH_PAYOUTS, "VETO_ROLE", offices.watcher),
        (ContractName.EPOCH_PAYOUTS, "COMPLIANCE_ROLE", offices.compliance),
    ):
        yield contracts[name], role_id(role), to


def _hand_over(
    node: DevNode, deployer: LocalAccount, deployment: Deployment, plan: DeploymentPlan
) -> None:
    """Trust the issuer, grant the planned roles, give up the administrator's, and check."""

    def call(name: ContractName, function: str, *arguments: object) -> Call:
        at = deployment.settlement.contracts[name]
        data = node.contract(name.value, at).encode_abi(function, list(arguments))
        return Call(deployer, at, bytes.fromhex(data.removeprefix("0x")))

    names = {at: name for name, at in deployment.settlement.contracts.items()}
    admin, me = bytes(ADMIN_ROLE), str(address_of(deployer))
    issuer = str(plan.offices.issuer)
    calls = [call(ContractName.CREATOR_ATTESTATIONS, "setIssuer", issuer, True)]
    for at, role, to in _grants(deployment, plan):
        calls.append(call(names[at], "grantRole", bytes(role), str(to)))
    for name in _ADMINISTERED:
        calls.append(call(name, "grantRole", admin, str(deployment.timelock)))
        calls.append(call(name, "renounceRole", admin, me))
    node.transact(calls)
    check_handed_over(node, deployment, plan)
