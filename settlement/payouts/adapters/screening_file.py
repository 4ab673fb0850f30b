"""The file of a screening list.

It is UTF-8 text. A line is an account (0x and 40 hexadecimal digits) and, after white space, why it
is listed; lines that are empty or begin with `#` say nothing.
"""

from contracts.evm import Address
from contracts.wire import BadWireValue, address_from_wire
from settlement.payouts.errors import BadScreeningList

LABEL_LENGTH_MAX = 500


def read_screening_list(source: bytes) -> dict[Address, str]:
    """The accounts of a list, with the reasons that it gives.

    Raises:
        BadScreeningList: with every line that cannot be read; a list is taken whole or not at all.
    """
    try:
        lines = source.decode().splitlines()
    except UnicodeDecodeError as error:
        raise BadScreeningList((f"byte {error.start} is not UTF-8 text",)) from error
    listings: dict[Address, str] = {}
    problems: list[str] = []
    for number, line in enumerate(lines, 1):
        text, *reason = line.split(maxsplit=1) or ("",)
        if not text or text.startswith("#"):
            continue
        label = "".join(reason).strip()
        try:
            account = address_from_wire(text, f"line {number}")
        except BadWireValue as error:
            problems.append(str(error))
            continue
        if account in listings:
            problems.append(f"line {number}: {account} is listed twice")
        if len(label) > LABEL_LENGTH_MAX:
            problems.append(f"line {number}: the reason is over {LABEL_LENGTH_MAX} characters")
        listings[account] = label
    if problems:
        raise BadScreeningList(tuple(problems))
    if not listings:
        raise BadScreeningList(("no account is on it",))
    return listings
