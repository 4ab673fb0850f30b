"""Orders to the payment contracts: what a payer signs, and calls that pay and refund.

Mirrors `src/circuit/OrderLib.sol`, the entries of `IOrderPayments.sol` and
`IRefundablePayments.sol`, the tip of `ITipRelay.sol`, and the redemption of `Ticket.sol`. An order
is bound to its contract and chain by the EIP-712 domain, and is consumed under (payer, order id):
whoever sees an order id cannot use it up for somebody else.
"""

from dataclasses import dataclass

from eth_abi.abi import encode

from contracts.calls import Function
from contracts.evm import ZERO_HASH, Address, ChainId, Hash32, Timestamp, keccak
from contracts.typed_data import Domain
from contracts.units import BaseUnits

_ORDER = "(bytes32,address,address,bytes32,uint32,uint256,uint256,uint64)"
_PERMIT = "(uint256,uint256,uint8,bytes32,bytes32)"
_PAYMENT = "(bytes32,address,address,bytes32,uint256,uint256,uint256)"

PAY = Function("pay", (_ORDER,))
PAY_FOR = Function("payFor", (_ORDER, "bytes", _PERMIT))
REFUND = Function("refund", (_PAYMENT,))
REDEEM = Function("redeem", ("uint256",))
REDEEM_FOR = Function("redeemFor", ("uint256", "address", "uint64", "bytes"))
TIP = Function("tip", ("address", "bytes32", "uint96"))
TRANSFER = Function("transfer", ("address", "uint256"))

_ORDER_TYPE = keccak(
    b"Order(bytes32 orderId,address payer,address creator,bytes32 subject,uint32 tierId,"
    b"uint256 price,uint256 maxFee,uint64 deadline)"
)
_REDEMPTION_TYPE = keccak(b"Redemption(uint256 ticketId,address redeemer,uint64 deadline)")
_PERMIT_TYPE = keccak(
    b"Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a payer agrees to.

    Attributes:
        subject: The content, or the event; zero for a tip.
        tier_id: The tier of an event; zero for all else.
        price: What the creator gets.
        max_fee: The greatest fee on top that the payer accepts.
        deadline: The last second at which the order can be paid.
    """

    order_id: Hash32
    payer: Address
    creator: Address
    subject: Hash32
    tier_id: int
    price: BaseUnits
    max_fee: BaseUnits
    deadline: Timestamp

    def words(self) -> tuple[bytes, bytes, bytes, bytes, int, int, int, int]:
        """The members in ABI order."""
        return (
            bytes(self.order_id),
            bytes(self.payer),
            bytes(self.creator),
            bytes(self.subject),
            self.tier_id,
            self.price,
            self.max_fee,
            self.deadline,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """An EIP-2612 permit of the payer for the contract that it pays; v, r, s as in ECDSA."""

    value: BaseUnits
    deadline: Timestamp
    v: int
    r: Hash32
    s: Hash32

    def words(self) -> tuple[int, int, int, bytes, bytes]:
        """The members in ABI order."""
        return (self.value, self.deadline, self.v, bytes(self.r), bytes(self.s))


NO_PERMIT = Permit(value=BaseUnits(0), deadline=Timestamp(0), v=0, r=ZERO_HASH, s=ZERO_HASH)
"""For a relayed payment out of an allowance that is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A payment as it happened, to be refunded; `ticket_id` is zero where no ticket was sold."""

    order_id: Hash32
    payer: Address
    creator: Address
    subject: Hash32
    ticket_id: int
    price: BaseUnits
    fee: BaseUnits

    def words(self) -> tuple[bytes, bytes, bytes, bytes, int, int, int]:
        """The members in ABI order."""
        return (
            bytes(self.order_id),
            bytes(self.payer),
            bytes(self.creator),
            bytes(self.subject),
            self.ticket_id,
            self.price,
            self.fee,
        )

    @property
    def hash(self) -> Hash32:
        """What `paymentHash` answers while the payment stands; payer and order id are its key."""
        types = ("address", "bytes32", "uint256", "uint256", "uint256")
        return keccak(encode(types, self.words()[2:]))


def consumed_key(payer: Address, order_id: Hash32) -> Hash32:
    """keccak256(abi.encode(payer, orderId)): where the contract remembers that it was paid."""
    return keccak(encode(("address", "bytes32"), (bytes(payer), bytes(order_id))))


def event_id_of(creator: Address, salt: Hash32) -> Hash32:
    """keccak256(abi.encode(creator, salt)): the event that its creator makes with this salt."""
    return keccak(encode(("address", "bytes32"), (bytes(creator), bytes(salt))))


def order_digest(order: Order, *, chain_id: ChainId, contract: Address) -> Hash32:
    """The digest that the payer signs, for one payment contract."""
    struct_hash = keccak(encode(("bytes32", _ORDER), (bytes(_ORDER_TYPE), order.words())))
    return Domain(name="Quittance", chain_id=chain_id, contract=contract).digest(struct_hash)


def redemption_digest(
    ticket_id: int,
    redeemer: Address,
    deadline: Timestamp,
    *,
    chain_id: ChainId,
    contract: Address,
) -> Hash32:
    """The digest that a ticket's holder signs at the gate; `contract` is the ticket's."""
    struct_hash = keccak(
        encode(
            ("bytes32", "uint256", "address", "uint64"),
            (bytes(_REDEMPTION_TYPE), ticket_id, bytes(redeemer), deadline),
        )
    )
    return Domain(name="Quittance Ticket", chain_id=chain_id, contract=contract).digest(struct_hash)


def permit_digest(
    permit: Permit, *, owner: Address, spender: Address, nonce: int, domain: Domain
) -> Hash32:
    """The digest whose signature completes a permit (EIP-2612); `domain` is the token's."""
    types = ("bytes32", "address", "address", "uint256", "uint256", "uint256")
    words = (bytes(_PERMIT_TYPE), bytes(owner), bytes(spender), permit.value, nonce)
    return domain.digest(keccak(encode(types, (*words, permit.deadline))))


def pay_call(order: Order) -> bytes:
    """pay(Order), by the payer."""
    return PAY.encode(order.words())


def pay_for_call(order: Order, signature: bytes, permit: Permit = NO_PERMIT) -> bytes:
    """payFor(Order, bytes, Permit), by anybody."""
    return PAY_FOR.encode(order.words(), signature, permit.words())


def refund_call(payment: Payment) -> bytes:
    """refund(Payment), by the creator or a refunder, who gives the money."""
    return REFUND.encode(payment.words())


def tip_call(creator: Address, order_id: Hash32, amount: BaseUnits) -> bytes:
    """tip(address, bytes32, uint96) of the relay, with amount and fee as the call's value."""
    return TIP.encode(bytes(creator), bytes(order_id), amount)


def transfer_call(target: Address, amount: BaseUnits) -> bytes:
    """transfer(address, uint256) of a token."""
    return TRANSFER.encode(bytes(target), amount)


def redeem_call(ticket_id: int) -> bytes:
    """redeem(uint256), by the holder."""
    return REDEEM.encode(ticket_id)


def redeem_for_call(
    ticket_id: int, redeemer: Address, deadline: Timestamp, signature: bytes
) -> bytes:
    """redeemFor(uint256, address, uint64, bytes), by anybody, with the holder's signature."""
    return REDEEM_FOR.encode(ticket_id, bytes(redeemer), deadline, signature)
