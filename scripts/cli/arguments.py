"""What holds for the arguments of every command, added where a command is loaded.

Text on a command line is kept for ever (who, why) or looked up (an id, a name): so it says
something, in one line of UTF-8. Numbers are blocks, epochs, seconds and counts: so they are whole
and fit the database. `--json` is taken by every command whose answer is JSON anyway.
"""

from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

WHOLE_MAX = 2**63 - 1
TEXT_CHARACTERS_MAX = 10_000
WITHOUT_ANSWER = frozenset({"up", "schedule", "worker", "serve", "devnet"})
"""Processes: they run until they are stopped."""

_OTHER_FORMS = frozenset({"reconcile export"})
"""Commands that write another format to stdout."""


def with_strict_arguments(command: TyperCommand | TyperGroup, name: str) -> None:
    """Let a command, or all of a group, refuse what no command can use, and take `--json`."""
    for path, leaf in _leaves(command, name):
        names = {param.name for param in leaf.params}
        for param in leaf.params:
            param.callback = _checked
        if path not in WITHOUT_ANSWER | _OTHER_FORMS and not names & {"json", "as_json"}:
            leaf.params.append(_always_json())


def _leaves(
    command: TyperCommand | TyperGroup, path: str
) -> Iterator[tuple[str, TyperCommand | TyperGroup]]:
    if not isinstance(command, TyperGroup):
        yield path, command
        return
    for name, member in command.commands.items():
        if isinstance(member, TyperCommand | TyperGroup):
            yield from _leaves(member, f"{path} {name}")


def _always_json() -> TyperOption:
    return TyperOption(
        param_decls=["--json"],
        is_flag=True,
        expose_value=False,
        help="One JSON object; that is always so.",
    )


def _checked(_: Any, param: Any, value: Any) -> Any:  # noqa: ANN401 - Typer's, unnamed
    """The value as it is, unless it is of no use.

    Raises:
        BadParameter: naming the parameter and what is wrong with its value.
    """
    if value != param.default:
        for one in value if isinstance(value, list | tuple) else (value,):
            problem = _problem_of(one)
            if problem is not None:
                raise typer.BadParameter(problem)
    return value


def _problem_of(value: object) -> str | None:
    """What is wrong with one value; paths may be named as the file system likes."""
    if isinstance(value, int) and not 0 <= value <= WHOLE_MAX:
        return f"{value} is not a whole number from 0 to {WHOLE_MAX}."
    if not isinstance(value, str):
        return None
    if not value.strip():
        return f"{value!r} says nothing."
    if len(value) > TEXT_CHARACTERS_MAX:
        return f"it has {len(value)} characters, more than {TEXT_CHARACTERS_MAX}."
    if not value.isprintable():
        return f"{value[:100]!r} is not one line of text."
    return None
