"""Deployments: which contract stands where, and since which block.

A *settlement* is one deployment: (name, chain id, contract addresses). The committed address book
is `addresses/<chain_id>.json`; a development chain keeps its own file in its data directory.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from contracts.event_spec import ContractName
from contracts.evm import Address, BlockNumber, ChainId

_CONTRACTS = tuple(name for name in ContractName if name is not ContractName.ERC20)


class BadAddressBook(ValueError):
    """An address book file does not say what it must."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """One deployment of the contracts.

    `contracts` holds every `ContractName` but ERC20; `tokens` are the ERC-20 assets that are
    indexed for tie-outs; no event of the settlement is older than `start_block`.
    """

    name: str
    chain_id: ChainId
    start_block: BlockNumber
    contracts: Mapping[ContractName, Address]
    tokens: tuple[Address, ...]

    @property
    def payouts(self) -> Address:
        """The `EpochPayouts` contract: it holds the money, and the leaves name it."""
        return self.contracts[ContractName.EPOCH_PAYOUTS]

    def sources(self) -> dict[Address, ContractName]:
        """Every indexed address with the kind of contract that stands there."""
        sources = {address: name for name, address in self.contracts.items()}
        return sources | dict.fromkeys(self.tokens, ContractName.ERC20)


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
                "contracts": {name.value: str(settlement.contracts[name]) for name in _CONTRACTS},
                "tokens": [str(token) for token in settlement.tokens],
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
    contracts = entry["contracts"]
    tokens = entry["tokens"]
    start_block = entry["start_block"]
    if not isinstance(contracts, dict) or not isinstance(tokens, list):
        raise TypeError(f"settlement {name!r}: contracts must be an object, tokens a list")
    if not isinstance(start_block, int):
        raise TypeError(f"settlement {name!r}: start_block must be an integer")
    return Settlement(
        name=name,
        chain_id=chain_id,
        start_block=BlockNumber(start_block),
        contracts={key: Address.from_hex(contracts[key.value]) for key in _CONTRACTS},
        tokens=tuple(Address.from_hex(token) for token in tokens),
    )
