"""Every command of `quittance` with its parameters, and values for them: good ones and bad ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

import typer

from scripts.cli.app import app
from scripts.cli.lazy import LazyCommand

HASH = "0x" + "11" * 32
ADDRESS = "0x" + "22" * 20
LONE_SURROGATE = "\udcff"
"""What Python makes of a byte that is not UTF-8 on the command line."""

_GOOD = {
    "amount": "1",
    "price": "1",
    "minimum": "1",
    "period": "2026-01",
    "month": "2026-01",
    "profile": "quittance-v1",
    "asset": ADDRESS,
    "address": ADDRESS,
    "account": ADDRESS,
    "debit": "unclaimed:" + ADDRESS,
    "credit": "unclaimed:0x" + "33" * 20,
    "transaction": HASH,
    "intent_id": HASH,
    "wanted": HASH,
    "gate_id": HASH,
}
_HASHES = frozenset({"transaction", "intent_id", "gate_id", "only", "digest", "root"})
_ADDRESSES = frozenset({"token", "asset"})


@dataclass(frozen=True, slots=True)
class Leaf:
    """One command with its path, as a user calls it."""

    path: str
    parameters: tuple[Any, ...]

    def line(self, parameter: Any, value: str) -> list[str]:
        """A command line that is right but for the value of one parameter."""
        given = [(each, good(each)) for each in self.parameters if each.required]
        given = [(each, text) for each, text in given if each is not parameter]
        given.append((parameter, value))
        options = [f"{each.opts[0]}={text}" for each, text in given if is_option(each)]
        places = {id(each): place for place, each in enumerate(self.parameters)}
        given.sort(key=lambda pair: places[id(pair[0])])
        arguments = [text for each, text in given if not is_option(each)]
        return [*self.path.split(), *options, "--", *arguments]


def leaves() -> Iterator[Leaf]:
    """Every command that does something, in the order of help."""
    yield from _leaves(typer.main.get_command(app), "")


def is_option(parameter: Any) -> bool:
    """Whether it is given by its name."""
    return bool(parameter.param_type_name == "option")


def kind_of(parameter: Any) -> str:
    """What its values are: flag, choice, number, path, hash, address, amount, period or text."""
    by_type = {
        "BoolParamType": "flag",
        "TyperChoice": "choice",
        "IntParamType": "number",
        "IntRange": "number",
        "TyperPath": "path",
    }
    kind = by_type.get(type(parameter.type).__name__, "text")
    said = parameter.help or ""
    if kind == "text" and ("64 digits" in said or parameter.name in _HASHES):
        return "hash"
    if kind == "text" and ("40 digits" in said or parameter.name in _ADDRESSES):
        return "address"
    if kind == "text" and "base units" in said.lower():
        return "amount"
    return "period" if kind == "text" and "YYYY-MM" in said else kind


def good(parameter: Any) -> str:
    """A value that a command takes, as far as it can be told before anything is looked up."""
    kind = kind_of(parameter)
    if kind == "choice":
        first = next(iter(parameter.type.choices))
        return str(first.value if isinstance(first, Enum) else first)
    by_kind = {
        "number": str(getattr(parameter.type, "min", None) or 0),
        "hash": HASH,
        "address": ADDRESS,
        "path": "key" if parameter.name == "key_file" else "object.json",
    }
    return _GOOD.get(parameter.name, by_kind.get(kind, "words"))


def bad(parameter: Any) -> tuple[str, ...]:
    """Values that no command can use for a parameter of that kind."""
    values = {
        "flag": (),
        "choice": ("nope",),
        "number": ("one", "-1", str(2**63)),
        "path": (),
        "hash": ("", "0x12", LONE_SURROGATE),
        "address": ("", HASH, LONE_SURROGATE),
        "amount": ("", "-1", "1.5", str(2**256)),
        "period": ("", "2026-13", "epoch:4-3"),
        "text": ("", LONE_SURROGATE, "two\nlines"),
    }[kind_of(parameter)]
    return tuple(value for value in values if value != parameter.default)


def _leaves(command: Any, path: str) -> Iterator[Leaf]:
    real = command.loaded() if isinstance(command, LazyCommand) else command
    if hasattr(real, "commands"):
        for name, member in real.commands.items():
            yield from _leaves(member, f"{path} {name}".strip())
        return
    parameters: tuple[Any, ...] = tuple(getattr(real, "params", ()))
    yield Leaf(path, tuple(each for each in parameters if each.name != "help"))
