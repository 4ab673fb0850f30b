"""A node's answers, which are answers only if they read as what was asked for.

Nodes, gateways and proxies answer with anything: another error, a page, half a block. Whoever reads
an answer does so within `reading`; what does not read there is `ChainUnavailable`, as if nobody had
answered, so it is asked for again later. What stood there is not repeated: it may hold our key.

Source: EIP-1474.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from eth_abi.exceptions import DecodingError

from settlement.errors import ChainUnavailable

_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}", re.ASCII)

_NOT_READ = (AttributeError, DecodingError, LookupError, RecursionError, TypeError, ValueError)


@contextmanager
def reading(call: str) -> Iterator[None]:
    """Read what a call was answered with.

    Raises:
        ChainUnavailable: a field is missing, or a value is of another kind or form.
    """
    try:
        yield
    except _NOT_READ as error:
        kind = type(error).__name__
        raise ChainUnavailable(call, f"its answer does not read as one ({kind})") from error


def quantity(value: object) -> int:
    """An integer below 2^256, as JSON-RPC spells it; also with zeros before it, as some nodes do.

    Raises:
        ValueError: it is none. `int` would also take a sign, underscores and white space.
    """
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise ValueError("not a quantity")
    return int(value, 16)
