"""How people write a token's amounts, as the token itself says: a help to readers, no evidence.

A token may answer neither question, or nonsense: then its amounts are shown in base units alone.
"""

from collections.abc import Sequence

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from contracts.calls import Function
from contracts.evm import Address, bytes_from_hex
from reconciliation.adapters.client import Refused, RPCClient
from reconciliation.close_figures import AssetUnit

_DECIMALS, _SYMBOL = Function("decimals", ()), Function("symbol", ())
_DECIMALS_MAX = 36
_SYMBOL_MAX = 12


def token_units(client: RPCClient, tokens: Sequence[Address]) -> dict[Address, AssetUnit]:
    """Units of those tokens that say them.

    Raises:
        ChainUnavailable: the node does not answer at all.
    """
    found = {}
    for token in tokens:
        decimals, symbol = client.tried(
            [
                ("eth_call", ({"to": str(token), "data": "0x" + one.encode().hex()}, "latest"))
                for one in (_DECIMALS, _SYMBOL)
            ]
        )
        unit = _unit(decimals, symbol)
        if unit is not None:
            found[token] = unit
    return found


def _unit(decimals: object, symbol: object) -> AssetUnit | None:
    if isinstance(decimals, Refused) or isinstance(symbol, Refused):
        return None
    try:
        (places,) = decode(("uint256",), bytes_from_hex(str(decimals)))
        (name,) = decode(("string",), bytes_from_hex(str(symbol)))
    except (DecodingError, ValueError):
        return None
    is_sound = places <= _DECIMALS_MAX and 0 < len(name) <= _SYMBOL_MAX and name.isprintable()
    return AssetUnit(name, places) if is_sound else None
