"""The file of a payout document: JSON, read strictly, with every problem told at once."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

from contracts.canonical import RepeatedKey, json_from_bytes
from contracts.evm import ZERO_ADDRESS, Address, ChainId
from contracts.units import UINT256_MAX, BaseUnits
from contracts.wire import BadWireValue, address_from_wire, amount_from_wire
from settlement.ledger.documents import DocumentLine
from settlement.payouts.documents import PayoutDocument, totals
from settlement.payouts.errors import BadDocument

LINES_MAX = 10_000
_T = TypeVar("_T")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}", re.ASCII)
_FIELDS = frozenset({"list", "chain_id", "contract", "lines"})
_LINE_FIELDS = frozenset({"payee", "asset", "amount"})


def read_document(source: bytes) -> PayoutDocument:
    """Read a document, also one that was kept.

    Raises:
        BadDocument: with every problem, by field and value.
    """
    raw = object_of(source)
    if raw.keys() != _FIELDS:
        raise BadDocument((f"it is no object with the fields {', '.join(sorted(_FIELDS))}",))
    problems: list[str] = []
    name, listed = raw["list"], raw["lines"]
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        problems.append(f"list: {name!r} is not 1 to 128 of A-Z a-z 0-9 . _ : / -")
    if not isinstance(listed, list) or not 0 < len(listed) <= LINES_MAX:
        problems.append(f"lines: not a list of 1 to {LINES_MAX} lines")
        listed = []
    chain_id = _read(problems, amount_from_wire, raw["chain_id"], "chain_id")
    contract = _read(problems, address_from_wire, raw["contract"], "contract")
    read = [_line(problems, index, entry, contract) for index, entry in enumerate(listed)]
    lines = tuple(line for line in read if line is not None)
    for asset, units in sorted(totals(lines).items()):
        if units > UINT256_MAX:
            problems.append(f"lines: {units} of {asset} in all is more than there can be")
    if problems or chain_id is None or contract is None:
        raise BadDocument(tuple(problems))
    return PayoutDocument(
        name=name,
        chain_id=ChainId(chain_id),
        contract=contract,
        lines=lines,
    )


def object_of(source: bytes) -> dict[str, Any]:
    """Read a JSON object; a key that stands twice says two things, of which a reader sees one.

    Raises:
        BadDocument: it is none.
    """
    try:
        raw: object = json_from_bytes(source)
    except RepeatedKey as error:
        raise BadDocument((f"{error} in one object",)) from error
    except ValueError as error:
        raise BadDocument((f"it is no JSON: {error}",)) from error
    if not isinstance(raw, dict):
        raise BadDocument(("it is no JSON object",))
    return raw


def _line(
    problems: list[str],
    index: int,
    entry: object,
    contract: Address | None,
) -> DocumentLine | None:
    where = f"lines[{index}]"
    if not isinstance(entry, dict) or entry.keys() != _LINE_FIELDS:
        problems.append(f"{where}: no object with the fields {', '.join(sorted(_LINE_FIELDS))}")
        return None
    payee = _read(problems, address_from_wire, entry["payee"], f"{where}.payee")
    asset = _read(problems, address_from_wire, entry["asset"], f"{where}.asset")
    amount = _read(problems, amount_from_wire, entry["amount"], f"{where}.amount")
    if payee is None or asset is None or amount is None:
        return None
    if amount == 0:
        problems.append(f"{where}.amount: '0' is nothing to pay")
    if payee in (ZERO_ADDRESS, asset, contract):
        problems.append(f"{where}.payee: {payee} cannot be paid")
    return DocumentLine(index=index, payee=payee, asset=asset, amount=BaseUnits(amount))


def _read(
    problems: list[str], reader: Callable[[object, str], _T], value: object, field: str
) -> _T | None:
    """What a reader makes of a value; None, and a problem more, if it refuses."""
    try:
        return reader(value, field)
    except BadWireValue as error:
        problems.append(str(error))
        return None
