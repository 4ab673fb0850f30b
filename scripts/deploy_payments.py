"""Deployment of the contracts that single payments go through, beside a settlement.

Fees begin with the terms of `FEES`; every change of them is announced and waits. The deployer
grants the planned roles, hands the administration to the settlement's timelock, gives up its own,
and then checks from the logs that exactly the planned accounts hold exactly the planned roles.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from eth_account.signers.local import LocalAccount

from contracts.addresses import Settlement
from contracts.event_spec import ContractName
from contracts.evm import Address, BlockNumber, Hash32
from scripts.deploy import Deployment
from scripts.devnode import Call, DevNode, address_of
from scripts.governance import ADMIN_ROLE, Roles, require_roles, role_id, roles_held


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """What a contract begins with, and the greatest minimum that can ever be announced."""

    minimum: int
    minimum_max: int
    bps: int


FEES: Mapping[ContractName, Fee] = {
    ContractName.PAY_PER_VIEW_SPLITTER: Fee(minimum=10**6, minimum_max=5 * 10**6, bps=1_000),
    ContractName.TIP_SPLITTER: Fee(minimum=10**6, minimum_max=5 * 10**6, bps=500),
    ContractName.TICKET_SALE: Fee(minimum=0, minimum_max=5 * 10**6, bps=1_000),
    ContractName.TIP_RELAY: Fee(minimum=5 * 10**14, minimum_max=5 * 10**15, bps=500),
}
"""Content 10 % and tips 5 %, at least one dollar of 6 decimals; tickets 10 %; tips to the relay
5 %, at least 0.0005 ETH."""

_ADMINISTERED = (
    ContractName.PAY_PER_VIEW_SPLITTER,
    ContractName.TIP_SPLITTER,
    ContractName.TICKET_SALE,
    ContractName.TIP_RELAY,
    ContractName.PAYOUT_BATCH,
)
"""The contracts that have an administrator; tickets have none."""

_SPLITTERS = _ADMINISTERED[:3]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentPlan:
    """Where fees go, and who may act at once.

    Attributes:
        treasury: Gets every fee.
        fee_delay_s: Between announcement and application of other fees.
        operator: Has tips and lines of documents paid.
        pauser: Stops payments.
        compliance: Places and lifts holds over payees of tips and lines.
        refunder: Gives payments back, out of its own money; creators can as well.
    """

    treasury: Address
    fee_delay_s: int
    operator: Address
    pauser: Address
    compliance: Address
    refunder: Address


def deploy_payments(
    node: DevNode, deployer: LocalAccount, deployment: Deployment, plan: PaymentPlan
) -> Deployment:
    """Deploy the payment contracts in the deployment's token, hand them over, and check that.

    Returns:
        The deployment, whose settlement names them.

    Raises:
        NodeRefused: a deployment or a call reverted.
        RolesDiffer: somebody holds a role that the plan does not give them, or misses one.
    """
    token, me = str(deployment.token), str(address_of(deployer))
    payments = {
        name: node.deploy(deployer, name.value, token, *_fee_arguments(name, plan), me)
        for name in _SPLITTERS
    }
    sale = node.contract("TicketSale", payments[ContractName.TICKET_SALE])
    payments[ContractName.TICKET] = Address.from_hex(sale.functions.ticket().call())
    relay_fee = _fee_arguments(ContractName.TIP_RELAY, plan)
    payments[ContractName.TIP_RELAY] = node.deploy(deployer, "TipRelay", *relay_fee, me)
    payments[ContractName.PAYOUT_BATCH] = node.deploy(deployer, "PayoutBatch", me)
    settlement = replace(deployment.settlement, payments=payments)
    _hand_over(node, deployer, settlement, deployment.timelock, plan)
    check_payments_handed_over(node, settlement, deployment.timelock, plan)
    return replace(deployment, settlement=settlement)


def planned_payment_roles(settlement: Settlement, timelock: Address, plan: PaymentPlan) -> Roles:
    """Who holds which role of the payment contracts, and nobody else any other."""
    admins = {(settlement.payments[name], ADMIN_ROLE): timelock for name in _ADMINISTERED}
    granted = {(at, role): to for at, role, to in _grants(settlement, plan)}
    return {where: frozenset({to}) for where, to in (admins | granted).items()}


def check_payments_handed_over(
    node: DevNode, settlement: Settlement, timelock: Address, plan: PaymentPlan
) -> None:
    """Compare who holds which role, by the logs, with the plan.

    Raises:
        RolesDiffer: naming the first difference.
    """
    held = roles_held(node, settlement.payments.values(), BlockNumber(settlement.start_block))
    require_roles(held, planned_payment_roles(settlement, timelock, plan))


def _fee_arguments(name: ContractName, plan: PaymentPlan) -> tuple[tuple[str, int, int], int, int]:
    fee = FEES[name]
    return (str(plan.treasury), fee.minimum, fee.bps), fee.minimum_max, plan.fee_delay_s


def _grants(settlement: Settlement, plan: PaymentPlan) -> Iterator[tuple[Address, Hash32, Address]]:
    """Every role but the administrators': of which contract, which, and who gets it."""
    payments = settlement.payments
    for name in _ADMINISTERED:
        yield payments[name], role_id("PAUSER_ROLE"), plan.pauser
    for name in (ContractName.PAY_PER_VIEW_SPLITTER, ContractName.TICKET_SALE):
        yield payments[name], role_id("REFUNDER_ROLE"), plan.refunder
    for name in (ContractName.TIP_RELAY, ContractName.PAYOUT_BATCH):
        yield payments[name], role_id("OPERATOR_ROLE"), plan.operator
        yield payments[name], role_id("COMPLIANCE_ROLE"), plan.compliance


def _hand_over(
    node: DevNode,
    deployer: LocalAccount,
    settlement: Settlement,
    timelock: Address,
    plan: PaymentPlan,
) -> None:
    """Grant the planned roles, then give up the administrator's."""

    def call(at: Address, function: str, role: Hash32, account: Address) -> Call:
        # All of them are OpenZeppelin's AccessControl: any one's ABI has these calls.
        data = node.contract("PayoutBatch", at).encode_abi(function, [bytes(role), str(account)])
        return Call(deployer, at, bytes.fromhex(data.removeprefix("0x")))

    calls = [call(at, "grantRole", role, to) for at, role, to in _grants(settlement, plan)]
    for name in _ADMINISTERED:
        at = settlement.payments[name]
        calls.append(call(at, "grantRole", ADMIN_ROLE, timelock))
        calls.append(call(at, "renounceRole", ADMIN_ROLE, address_of(deployer)))
    node.transact(calls)
