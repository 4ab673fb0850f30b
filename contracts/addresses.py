"""Deployments: which contract stands where, and since which block.

A *settlement* is one deployment: (name, chain id, contract addresses). The committed address book
is `addresses/<chain_id>.json`; a development chain keeps its own file in its data directory.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from contracts.event_spec import PAYMENT_CONTRACTS, ROYALTY_CONTRACTS, ContractName
from contracts.evm import Address, BlockNumber, ChainId


class BadAddressBook(ValueError):
    """An address book file does not say what it must."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """One deployment of the contracts.

    `contracts` holds all of `ROYALTY_CONTRACTS`, `payments` any of `PAYMENT_CONTRACTS`; `tokens`
    are the ERC-20 assets that are indexed for tie-outs, `collections` the ERC-721 contracts whose
    transfers are; no event of the settlement is older than `start_block`.
    """

    name: str
    chain_id: ChainId
    start_block: BlockNumber
    contracts: Mapping[ContractName, Address]
    tokens: tuple[Address, ...]
    payments: Mapping[ContractName, Address] = field(default_factory=dict)
    collections: tuple[Address, ...] = ()

    @property
    def payouts(self) -> Address:
        """The `EpochPayouts` contract: it holds the money, and the leaves name it."""
        return self.contracts[ContractName.EPOCH_PAYOUTS]

    def sources(self) -> dict[Address, ContractName]:
        """Every indexed address with the kind of contract that stands there."""
        named = {**self.contracts, **self.payments}
        return (
            {address: name for name, address in named.items()}
            | dict.fromkeys(self.tokens, ContractName.ERC20)
            | dict.fromkeys(self.collections, ContractName.ERC721)
        )


def settlements_from_json(text: str, source: str) -> tuple[Settlement, ...]:
    """Read an address book.

    Raises:
        BadAddressBook: naming `source`, the field and the value.
    """
    try:
        book = json.loads(text)
        chain_id = ChainId(int(book["chain_id"]))
        entries = book["settlements"]
        return tuple(_settlement(chain_id, name, entry) for name, entry in entries.items())
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadAddressBook(f"{source}: {error}") from error


def settlements_to_json(settlements: tuple[Settlement, ...]) -> str:
    """Write an address book; all settlements are of one chain."""
    book = {
        "chain_id": settlements[0].chain_id,
        "settlements": {
            settlement.name: {
                "start_block": settlement.start_block,
                "contracts": _spelled(settlement.contracts),
                "payments": _spelled(settlement.payments),
                "tokens": [str(token) for token in settlement.tokens],
                "collections": [str(collection) for collection in settlement.collections],
            }
            for settlement in settlements
        },
    }
    return json.dumps(book, indent=2) + "\n"


def committed_settlements(chain_id: ChainId) -> tuple[Settlement, ...]:
    """The deployments of one chain in the committed address book; empty if it lists none."""
    path = Path(__file__).parent / "addresses" / f"{chain_id}.json"
    if not path.exists():
        return ()
    return settlements_from_json(path.read_text(), path.name)


def _settlement(chain_id: ChainId, name: str, entry: Mapping[str, object]) -> Settlement:
    contracts, payments = entry["contracts"], entry.get("payments", {})
    start_block = entry["start_block"]
    if not isinstance(contracts, dict) or not isinstance(payments, dict):
        raise TypeError(f"settlement {name!r}: contracts and payments must be objects")
    if not isinstance(start_block, int):
        raise TypeError(f"settlement {name!r}: start_block must be an integer")
    return Settlement(
        name=name,
        chain_id=chain_id,
        start_block=BlockNumber(start_block),
        contracts={key: Address.from_hex(contracts[key.value]) for key in ROYALTY_CONTRACTS},
        payments={_payment(key, name): Address.from_hex(at) for key, at in payments.items()},
        tokens=_addresses(name, "tokens", entry["tokens"]),
        collections=_addresses(name, "collections", entry.get("collections", [])),
    )


def _payment(key: str, name: str) -> ContractName:
    if key not in PAYMENT_CONTRACTS:
        raise ValueError(f"settlement {name!r}: payments: no payment contract is named {key!r}")
    return ContractName(key)


def _addresses(name: str, field_name: str, texts: object) -> tuple[Address, ...]:
    if not isinstance(texts, list):
        raise TypeError(f"settlement {name!r}: {field_name} must be a list")
    return tuple(Address.from_hex(text) for text in texts)


def _spelled(contracts: Mapping[ContractName, Address]) -> dict[str, str]:
    return {name.value: str(contracts[name]) for name in ContractName if name in contracts}
