"""Deployment of one settlement's contracts, in the order in which they need each other."""

from dataclasses import dataclass

from eth_account.signers.local import LocalAccount

from contracts.addresses import Settlement
from contracts.events import ContractName
from contracts.evm import Address, ChainId, Timestamp
from scripts.devnode import Call, DevNode, address_of


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentPlan:
    """What a deployment fixes for ever, and who holds which key.

    Times are in seconds; `threshold` of `guardians` approve an epoch.
    """

    name: str
    genesis: Timestamp
    epoch_length_s: int
    grace_s: int
    veto_window_s: int
    guardians: tuple[Address, ...]
    threshold: int
    attestor: Address
    watcher: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """The deployed settlement, its token, and the verifier that no event names."""

    settlement: Settlement
    token: Address
    verifier: Address


def deploy_settlement(node: DevNode, admin: LocalAccount, plan: DeploymentPlan) -> Deployment:
    """Deploy token, clock, parameters, registry, payouts, tiers, verifier and submissions.

    The administrator keeps every administrative role; the tiers contract alone may fund epochs.
    """
    start_block, _ = node.head()
    me = str(address_of(admin))
    token = node.deploy(admin, "DemoToken", me)
    clock = node.deploy(admin, "EpochClock", plan.genesis, plan.epoch_length_s, plan.grace_s)
    parameters = node.deploy(admin, "RulesetParameters", str(clock), me)
    registry = node.deploy(admin, "WorkRegistry", str(clock), me)
    payouts = node.deploy(
        admin,
        "EpochPayouts",
        str(clock),
        str(registry),
        plan.veto_window_s,
        [str(guardian) for guardian in sorted(plan.guardians)],
        plan.threshold,
        me,
    )
    tiers = node.deploy(admin, "SubscriptionTiers", str(clock), str(payouts), me)
    verifier = node.deploy(admin, "AttestorVerifier", str(plan.attestor))
    submissions = node.deploy(admin, "ConsumptionSubmissions", str(clock), str(verifier))
    _grant(node, admin, ("RulesetParameters", parameters), "GOVERNANCE_ROLE", address_of(admin))
    _grant(node, admin, ("SubscriptionTiers", tiers), "GOVERNANCE_ROLE", address_of(admin))
    _grant(node, admin, ("WorkRegistry", registry), "VERDICT_ROLE", address_of(admin))
    _grant(node, admin, ("EpochPayouts", payouts), "FUNDER_ROLE", tiers)
    _grant(node, admin, ("EpochPayouts", payouts), "VETO_ROLE", plan.watcher)
    settlement = Settlement(
        name=plan.name,
        chain_id=ChainId(node.chain_id),
        start_block=start_block,
        contracts={
            ContractName.EPOCH_CLOCK: clock,
            ContractName.RULESET_PARAMETERS: parameters,
            ContractName.WORK_REGISTRY: registry,
            ContractName.SUBSCRIPTION_TIERS: tiers,
            ContractName.CONSUMPTION_SUBMISSIONS: submissions,
            ContractName.EPOCH_PAYOUTS: payouts,
        },
        tokens=(token,),
    )
    return Deployment(settlement=settlement, token=token, verifier=verifier)


def _grant(
    node: DevNode, admin: LocalAccount, at: tuple[str, Address], role: str, to: Address
) -> None:
    name, address = at
    contract = node.contract(name, address)
    role_id = contract.functions[role]().call()
    data = contract.encode_abi("grantRole", [role_id, str(to)])
    node.transact([Call(admin, address, bytes.fromhex(data.removeprefix("0x")))])
