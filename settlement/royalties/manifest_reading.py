"""Reading a manifest that somebody else may have written."""

import re

from contracts.approvals import AssetTotals
from contracts.canonical import JsonValue, json_from_bytes
from contracts.evm import Address, BlockNumber, ChainId, Epoch, Hash32, Timestamp
from contracts.units import UINT256_MAX, BaseUnits
from settlement.errors import BadManifest
from settlement.royalties.certificate import Level
from settlement.royalties.epoch import Timeline
from settlement.royalties.manifest import (
    AMOUNTS,
    CONTRACTS,
    BlockPoint,
    Manifest,
    manifest_bytes,
)

_SHOWN_MAX = 100
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,77}", re.ASCII)
_HASH = re.compile(r"0x[0-9a-f]{64}", re.ASCII)
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)


def manifest_from_bytes(data: bytes) -> Manifest:
    """Read a manifest.

    Raises:
        BadManifest: it is not in the published form, or not in its one spelling.
    """
    try:
        document = json_from_bytes(data)
    except ValueError as error:  # also: not UTF-8, a key twice
        raise BadManifest("document", data[:64], f"JSON ({error})") from error
    manifest = _manifest(_Node(document, ""))
    if manifest_bytes(manifest) != data:
        raise BadManifest("document", data[:64], "canonical JSON of exactly the known fields")
    return manifest


def _short(value: JsonValue) -> JsonValue:
    """A value as a sentence can name it; of a long one the beginning."""
    text = repr(value)
    return value if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"


class _Node:
    """One place in a document, with its path for messages."""

    def __init__(self, value: JsonValue, path: str) -> None:
        self._value = value
        self._path = path

    def __getitem__(self, name: str) -> "_Node":
        path = f"{self._path}.{name}".removeprefix(".")
        if not isinstance(self._value, dict) or name not in self._value:
            raise BadManifest(path, _short(self._value), "there")
        return _Node(self._value[name], path)

    def document(self) -> dict[str, JsonValue]:
        if not isinstance(self._value, dict):
            raise BadManifest(self._path, _short(self._value), "an object")
        return self._value

    def items(self) -> list["_Node"]:
        if not isinstance(self._value, list):
            raise BadManifest(self._path, _short(self._value), "a list")
        return [_Node(item, f"{self._path}[{at}]") for at, item in enumerate(self._value)]

    def text(self) -> str:
        if not isinstance(self._value, str):
            raise BadManifest(self._path, _short(self._value), "text")
        return self._value

    def number(self) -> int:
        if not _DECIMAL.fullmatch(self.text()) or int(self.text()) > UINT256_MAX:
            raise BadManifest(self._path, _short(self._value), "a decimal string below 2^256")
        return int(self.text())

    def hash(self) -> Hash32:
        if not _HASH.fullmatch(self.text()):
            raise BadManifest(self._path, _short(self._value), "a hash in lower case")
        return Hash32.from_hex(self.text())

    def level(self) -> Level:
        if self.text() not in list(Level):
            raise BadManifest(self._path, _short(self._value), "a level of completeness")
        return Level(self.text())

    def address(self) -> Address:
        if not _ADDRESS.fullmatch(self.text()):
            raise BadManifest(self._path, _short(self._value), "an address")
        return Address.from_hex(self.text())


def _manifest(node: _Node) -> Manifest:
    settlement, clock, ruleset = node["settlement"], node["clock"], node["ruleset"]
    completeness = node["completeness"]
    return Manifest(
        settlement_name=settlement["name"].text(),
        chain_id=ChainId(settlement["chain_id"].number()),
        start_block=BlockNumber(settlement["start_block"].number()),
        contracts={name: node["contracts"][name.value].address() for name in CONTRACTS},
        epoch=Epoch(node["epoch"].number()),
        attempt=node["attempt"].number(),
        previous_manifest_digest=node["previous_manifest_digest"].hash(),
        clock=Timeline(
            genesis=Timestamp(clock["genesis"].number()),
            length=clock["length"].number(),
            grace=clock["grace"].number(),
        ),
        boundary_block=_point(node["boundary_block"]),
        reference_block=_point(node["reference_block"]),
        completeness_level=completeness["level"].level(),
        completeness_digest=completeness["digest"].hash(),
        completeness_previous=completeness["previous"].hash(),
        input_count=node["inputs"]["count"].number(),
        input_rolling_hash=node["inputs"]["rolling_hash"].hash(),
        registry_digest=node["registry_digest"].hash(),
        ruleset_name=ruleset["name"].text(),
        ruleset_parameters_digest=ruleset["parameters_digest"].hash(),
        ruleset_parameters=ruleset["parameters"].document(),
        totals=tuple(_totals(item) for item in node["totals"].items()),
        quarantine_count=node["quarantine"]["count"].number(),
        quarantine_digest=node["quarantine"]["digest"].hash(),
        leaf_count=node["tree"]["leaf_count"].number(),
        root=node["tree"]["root"].hash(),
    )


def _point(node: _Node) -> BlockPoint:
    return BlockPoint(
        number=BlockNumber(node["number"].number()),
        hash=node["hash"].hash(),
        timestamp=Timestamp(node["timestamp"].number()),
    )


def _totals(node: _Node) -> AssetTotals:
    amounts = {name: BaseUnits(node[name].number()) for name in AMOUNTS}
    return AssetTotals(asset=node["asset"].address(), **amounts)
