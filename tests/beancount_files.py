"""Reads beancount files back: with beancount itself as another program, and with a few lines here.

beancount is GPL and no part of the product: it is run as a process, and only by tests.
"""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from contracts.evm import Address
from reconciliation.beancount import DIGITS_OF_BEANCOUNT

_POSTING = re.compile(r"  (\S+)  (-?\d+) (T[0-9A-F]{40})")
_BALANCE = re.compile(r"\d{4}-\d\d-\d\d balance (\S+)  (-?\d+) (T[0-9A-F]{40})")
_DIGITS = re.compile(r"; the longest number has (\d+) digits")
_PRECISE = "import decimal; decimal.getcontext().prec = 200; "

Place = tuple[int, Address, str, Address]
"""Chain id, contract, path of the account, asset."""


def bean_check(path: Path) -> str:
    """What `bean-check` finds wrong with a file; nothing if it is right.

    Numbers that are longer than what beancount computes with are checked at a higher precision.
    """
    digits = _DIGITS.search(path.read_text())
    assert digits, "the file is not whole"
    command = [str(Path(sys.executable).with_name("bean-check")), "--no-cache", str(path)]
    if int(digits[1]) > DIGITS_OF_BEANCOUNT:
        check = "from beancount.scripts.check import main; main()"
        command = [sys.executable, "-c", _PRECISE + check, "--no-cache", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or done.stderr, "bean-check failed without a word"
    return done.stderr


def totals_of(path: Path) -> dict[Place, int]:
    """Sums of all postings in a file, by account and asset, without the opening account."""
    sums: Counter[Place] = Counter()
    for name, amount, unit in _POSTING.findall(path.read_text()):
        if not name.startswith("Equity") or not name.endswith(":Opening"):
            sums[(*account_path(name), asset_of(unit))] += int(amount)
    return dict(sums)


def assertions_of(path: Path) -> dict[Place, int]:
    """Balances that a file asserts."""
    found = _BALANCE.findall(path.read_text())
    return {(*account_path(name), asset_of(unit)): int(amount) for name, amount, unit in found}


def asset_of(commodity: str) -> Address:
    """The asset of a commodity."""
    return Address(bytes.fromhex(commodity.removeprefix("T")))


def account_path(name: str) -> tuple[int, Address, str]:
    """Chain id, contract and path of the account with this name."""
    _, chain, contract, words, *attributes = name.split(":")
    kind = words.lower().replace("-", "_")
    path = ":".join((kind, *map(_plain, attributes)))
    return int(chain.removeprefix("Chain-")), Address.from_hex(contract), path


def _plain(component: str) -> str:
    """A part of a path; what beancount would not take as a name is behind X- in hexadecimal."""
    if component.startswith("X-"):
        return bytes.fromhex(component.removeprefix("X-")).decode()
    return component
