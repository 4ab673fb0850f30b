"""Gates: whoever holds enough of a token may see a content; as data, with the window of a reading.

A gate belongs to one content and is told by its digest, so what is known of a wallet at a gate says
that the wallet asked for that content.

    reading ──────────────── 24 h ────────────────┤ expires
       │ block at which the chain was asked       │
       └ gone at once with its block (a reorg), or when an indexed transfer touches the wallet

A transfer that is indexed takes the readings of both wallets away, so a reading of such a token
that is still there is right at the head. Nobody tells us when another token moves: its reading is
right at its own block, and is taken anew at each later one; within the window it stands in for the
chain only while the chain cannot be asked.
"""

from collections.abc import Container
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from contracts.evm import ZERO_ADDRESS, Address, BlockNumber, ChainId, Hash32, Timestamp, keccak
from contracts.units import UINT256_MAX, BaseUnits
from settlement.payments.errors import BadGate

WINDOW_S: Final = 86_400
"""So long a reading says what a wallet may see."""

_DOMAIN: Final = keccak(b"quittance.gate.v1")


class GateKind(StrEnum):
    """What is counted: tokens of an ERC-721 contract, units of an ERC-20, or the native coin."""

    ERC721 = "erc721"
    ERC20 = "erc20"
    NATIVE = "native"


_KINDS: Final = tuple(GateKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """At least `minimum` of a token lets a wallet see a content of a settlement.

    `contract` is the settlement's `EpochPayouts`; the token of the native coin is the zero address.

    Raises:
        BadGate: a member is not what this kind of gate needs.
    """

    chain_id: ChainId
    contract: Address
    content_id: Hash32
    kind: GateKind
    token: Address
    minimum: BaseUnits

    def __post_init__(self) -> None:
        """Check what the digest will be made of."""
        if not 0 < self.minimum <= UINT256_MAX:
            raise BadGate("minimum", self.minimum, "a number from 1 that a uint256 holds")
        is_native = self.kind is GateKind.NATIVE
        if is_native and self.token != ZERO_ADDRESS:
            raise BadGate("token", self.token, "left out: the native coin has no contract")
        if not is_native and self.token == ZERO_ADDRESS:
            raise BadGate("token", self.token, f"the contract of an {self.kind.value} token")

    @property
    def id(self) -> Hash32:
        """keccak256(abi.encode(domain, chainId, contract, contentId, kind, token, minimum))."""
        addresses = [int.from_bytes(one, "big") for one in (self.contract, self.token)]
        content = int.from_bytes(self.content_id, "big")
        contract, token = addresses
        kind = _KINDS.index(self.kind)
        numbers = (self.chain_id, contract, content, kind, token, self.minimum)
        return keccak(bytes(_DOMAIN) + b"".join(one.to_bytes(32, "big") for one in numbers))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a wallet held of a gate's token at the end of a block; a fact of that block."""

    balance: int
    block: BlockNumber
    timestamp: Timestamp

    @property
    def expires(self) -> Timestamp:
        """The first second at which it says nothing any more."""
        return Timestamp(self.timestamp + WINDOW_S)

    def stands(self, at: Timestamp) -> bool:
        """Whether it is within its window at the time of a block."""
        return at < self.expires

    def is_current(self, token: Address, head: BlockNumber, indexed: Container[Address]) -> bool:
        """Whether it is right at the head: taken there, or of a token whose moves are indexed."""
        return self.block == head or token in indexed
