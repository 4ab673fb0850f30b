"""Who buys single things, and the calls with which they do: all of them signed.

The roles are of people, told apart by how they pay:

    artist     sells contents and tickets          busker     gets tips, and does nothing
    fan        pays by herself                     reader     has no coins: a relayer pays her gas
    owner      acts through a smart account        patron     tips in native coins
    collector  buys a ticket from a fan            waverer    gives his ticket back
    spender    pays, and spends the nonce anew when the chain is reorganised
"""

from collections.abc import Sequence
from dataclasses import replace

from eth_account.signers.local import LocalAccount
from sqlalchemy import Engine

from contracts.event_spec import ContractName
from contracts.evm import Address, BlockNumber, Hash32, Timestamp, keccak
from contracts.orders import (
    Order,
    Payment,
    Permit,
    event_id_of,
    order_digest,
    pay_call,
    pay_for_call,
    permit_digest,
    redeem_for_call,
    redemption_digest,
    refund_call,
)
from contracts.typed_data import Domain
from contracts.units import UINT256_MAX, BaseUnits
from scripts.demo.actors import Stage, sign_digest
from scripts.devnode import Call, address_of
from settlement.payments.adapters.gate_store import ContentRecords, Offer

BUYERS = ("fan", "owner", "patron", "collector", "waverer", "spender", "relayer")
"""Who needs coins for gas besides the artist; the reader has none."""

DOLLAR, ETHER = 10**6, 10**18
TIER, TICKET_PRICE, PLACES = 1, 30 * DOLLAR, 40
CONTENTS = {"song": 10, "story": 5, "film": 10}
"""What the artist sells, with the price in whole dollars."""

_MONEY = 1_000 * DOLLAR
_SALT = keccak(b"concert")
_CONCERT_IN_S, _CONCERT_S = 20 * 86_400, 3 * 3_600
_TOKEN_NAME = "Demo Dollar"  # noqa: S105 - the name in the domain of its permits


def offer_contents(engine: Engine, stage: Stage) -> None:
    """The artist tells the house what is sold, and for how much."""
    artist = address_of(stage.key("artist"))
    with engine.begin() as connection:
        records = ContentRecords(connection, stage.deployment.settlement)
        for name, dollars in CONTENTS.items():
            records.add_offer(
                Offer(
                    content_id=content_id(stage, name),
                    creator=artist,
                    price=BaseUnits(dollars * DOLLAR),
                    from_block=BlockNumber(0),
                )
            )


def content_id(stage: Stage, name: str) -> Hash32:
    """The id of something that the artist sells."""
    return keccak(f"content/{stage.seed}/{name}".encode())


def event_id(stage: Stage) -> Hash32:
    """The id of the artist's concert."""
    return event_id_of(address_of(stage.key("artist")), _SALT)


def opening_calls(stage: Stage, wallet: Address, now: Timestamp) -> list[Call]:
    """Money for the buyers, allowances of those who pay by themselves, and a concert on sale."""
    artist, issuer, sale = stage.key("artist"), stage.key("admin"), ContractName.TICKET_SALE
    holders = [stage.key(role).address for role in ("fan", "reader", "waverer", "spender")]
    calls = [
        stage.token_call(issuer, "mint", holder, _MONEY)
        for holder in (*holders, artist.address, str(wallet))
    ]
    for role, name in (
        ("fan", ContractName.PAY_PER_VIEW_SPLITTER),
        ("fan", sale),
        ("waverer", sale),
        ("spender", ContractName.PAY_PER_VIEW_SPLITTER),
        ("artist", sale),
    ):
        calls.append(approve_call(stage, stage.key(role), name, UINT256_MAX))
    starts_at = now + _CONCERT_IN_S
    texts = ("Night at the Quay", "Doors open at eight.")
    event, one = bytes(event_id(stage)), (bytes(event_id(stage)), TIER)
    return [
        *calls,
        stage.call(
            artist, sale, "createEvent", bytes(_SALT), starts_at, starts_at + _CONCERT_S, *texts
        ),
        stage.call(artist, sale, "setTier", *one, TICKET_PRICE, PLACES),
        stage.call(artist, sale, "describeTier", *one, "Front row", "ipfs://front-row"),
        stage.call(artist, sale, "activateEvent", event),
    ]


def approve_call(stage: Stage, payer: LocalAccount, name: ContractName, amount: int) -> Call:
    """An allowance for one of the payment contracts."""
    return stage.token_call(payer, "approve", str(stage.address(name)), amount)


def direct_call(payer: LocalAccount, contract: Address, order: Order) -> Call:
    """The payer pays."""
    return Call(payer, contract, pay_call(order))


def permitted_call(stage: Stage, payer: LocalAccount, contract: Address, order: Order) -> Call:
    """A relayer pays the gas for a payer who has none, and who signed order and permit."""
    digest = order_digest(order, chain_id=stage.chain_id, contract=contract)
    signature = sign_digest(payer, digest)
    total = BaseUnits(order.price + order.max_fee)
    permit = _signed_permit(stage, payer, contract, total, order.deadline)
    return Call(stage.key("relayer"), contract, pay_for_call(order, signature, permit))


def wallet_call(stage: Stage, wallet: Address, bought: Sequence[tuple[Address, Order]]) -> Call:
    """The owner has the smart account allow and pay several orders, in one transaction."""
    owner, calls = stage.key("owner"), []
    for name in (ContractName.PAY_PER_VIEW_SPLITTER, ContractName.TIP_SPLITTER):
        approve = approve_call(stage, owner, name, UINT256_MAX)
        calls.append((str(approve.to), approve.data))
    calls += [(str(contract), pay_call(order)) for contract, order in bought]
    data = stage.node.contract("DemoWallet", wallet).encode_abi("execute", [calls])
    return Call(owner, wallet, bytes.fromhex(data.removeprefix("0x")))


def wallet_relayed_call(stage: Stage, contract: Address, order: Order) -> Call:
    """A relayer pays for the smart account, whose owner signed (ERC-1271)."""
    digest = order_digest(order, chain_id=stage.chain_id, contract=contract)
    signature = sign_digest(stage.key("owner"), digest)
    return Call(stage.key("relayer"), contract, pay_for_call(order, signature))


def native_tip_call(stage: Stage, contract: Address, order: Order) -> Call:
    """The patron tips through the relay, in native coins."""
    arguments = (str(order.creator), bytes(order.order_id), order.price)
    call = stage.call(stage.key("patron"), ContractName.TIP_RELAY, "tip", *arguments)
    return replace(call, to=contract, value=order.price + order.max_fee)


def resell_call(stage: Stage, seller: LocalAccount, buyer: LocalAccount, ticket_id: int) -> Call:
    """A holder gives a ticket to another."""
    return stage.call(
        seller, ContractName.TICKET, "transferFrom", seller.address, buyer.address, ticket_id
    )


def gate_call(stage: Stage, holder: LocalAccount, ticket_id: int, deadline: Timestamp) -> Call:
    """The gate redeems a ticket with its holder's signature."""
    contract, who = stage.address(ContractName.TICKET), address_of(holder)
    digest = redemption_digest(ticket_id, who, deadline, chain_id=stage.chain_id, contract=contract)
    data = redeem_for_call(ticket_id, who, deadline, sign_digest(holder, digest))
    return Call(stage.key("relayer"), contract, data)


def ticket_refund_call(stage: Stage, order: Order, ticket_id: int) -> Call:
    """The artist gives a ticket's money back, and the ticket is gone."""
    payment = Payment(
        order_id=order.order_id,
        payer=order.payer,
        creator=order.creator,
        subject=order.subject,
        ticket_id=ticket_id,
        price=order.price,
        fee=order.max_fee,
    )
    contract = stage.address(ContractName.TICKET_SALE)
    return Call(stage.key("artist"), contract, refund_call(payment))


def _signed_permit(
    stage: Stage, owner: LocalAccount, spender: Address, value: BaseUnits, deadline: Timestamp
) -> Permit:
    token = stage.node.contract("DemoToken", stage.deployment.token)
    unsigned = Permit(value=value, deadline=deadline, v=0, r=Hash32(bytes(32)), s=Hash32(bytes(32)))
    digest = permit_digest(
        unsigned,
        owner=address_of(owner),
        spender=spender,
        nonce=token.functions.nonces(owner.address).call(),
        domain=Domain(name=_TOKEN_NAME, chain_id=stage.chain_id, contract=stage.deployment.token),
    )
    signature = sign_digest(owner, digest)
    return replace(unsigned, v=signature[64], r=Hash32(signature[:32]), s=Hash32(signature[32:64]))
