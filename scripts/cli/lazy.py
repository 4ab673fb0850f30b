"""Commands whose modules are imported when they are called, and of which help knows one line.

So a process imports what it runs: to index takes neither a web framework, nor a queue, nor keys.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, ClassVar, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

from scripts.cli.arguments import with_strict_arguments

BAD_INPUT = 2


class LazyCommand(TyperCommand):
    """A command, or a group of them, as help lists it; `target` is the `module:name` of the real.

    That is a function, or the `Typer` of a group.
    """

    def __init__(self, name: str, target: str, help_line: str) -> None:
        super().__init__(name, help=help_line)
        self.target = target

    def loaded(self) -> object:
        """The real command."""
        module, _, name = self.target.partition(":")
        with recursion_limit_kept():
            found = getattr(import_module(module), name)
        if isinstance(found, typer.Typer):
            real: Any = typer.main.get_group(found)
            real.name = self.name
        else:
            alone = typer.Typer(add_completion=False)
            alone.command(self.name)(found)
            real = typer.main.get_command(alone)
        with_strict_arguments(real, self.name or "")
        return real


class LazyGroup(TyperGroup):
    """A group of lazy commands, those in `members`."""

    members: ClassVar[tuple[LazyCommand, ...]] = ()

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - Typer's own
        super().__init__(**attributes)
        for member in self.members:
            self.add_command(member)

    def main(self, *args: Any, **extra: Any) -> NoReturn:  # noqa: ANN401 - Typer's own
        """Run a command line, and end with its exit code; a wrong one is told in one sentence."""
        try:
            code = super().main(*args, **extra | {"standalone_mode": False})
        except TyperException as error:
            _tell(error)
            sys.exit(BAD_INPUT)
        sys.exit(code if isinstance(code, int) else 0)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - Typer's, unnamed
        """The command that the arguments call: the real one."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.loaded() if isinstance(command, LazyCommand) else command, rest


def _tell(error: Any) -> None:  # noqa: ANN401 - Typer's, unnamed
    message = error.format_message().strip()
    context = getattr(error, "ctx", None)
    if context is None or not message:  # a group without a command: Typer has printed the help
        error.show()
        return
    typer.echo(f"{context.command_path}: {message} (see {context.command_path} --help)", err=True)


@contextmanager
def recursion_limit_kept() -> Iterator[None]:
    """Importing py-ecc, which web3 does too, raises Python's limit of recursion to 100,000.

    Then a document of as many brackets would end the process in a segmentation fault, where it
    should be refused.
    """
    limit = sys.getrecursionlimit()
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
