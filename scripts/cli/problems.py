"""Bad input on the command line: one sentence on stderr, exit code 2."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import typer

from contracts.canonical import json_from_bytes
from scripts.errors import Rejected
from settlement.errors import Rejected as SettlementRejected

CHECK_FAILED = 1
BAD_INPUT = 2


class BadInput(Rejected):
    """A file or an option that does not say what the command needs."""

    def __init__(self, place: str, field: str, value: object, wanted: str) -> None:
        super().__init__(f"{place}: {field}: {_shown(value)} is not {wanted}")
        self.place, self.field = place, field


def fail(sentence: str, code: int) -> NoReturn:
    """Say why on stderr, and end with this code."""
    typer.echo(sentence, err=True)
    raise typer.Exit(code)


@contextmanager
def bad_input_ends(place: str) -> Iterator[None]:
    """End with code 2 when the input read from `place` is refused."""
    try:
        yield
    except Rejected as error:
        fail(str(error), BAD_INPUT)
    except SettlementRejected as error:
        fail(f"{place}: {error}", BAD_INPUT)


def read_object(path: Path) -> dict[str, object]:
    """Read a file that holds one JSON object, in which no key stands twice.

    Raises:
        BadInput: naming the file and what is wrong with it.
    """
    document = read_json(path, "one JSON object")
    if not isinstance(document, dict):
        raise BadInput(str(path), "content", document, "one JSON object")
    return document


def read_json(path: Path, wanted: str) -> object:
    """Read a file that holds JSON, in which no object has a key twice and nothing is very deep.

    Raises:
        BadInput: naming the file and what is wrong with it.
    """
    try:
        return json_from_bytes(read_bytes(path))
    except ValueError as error:
        raise BadInput(str(path), "content", str(error), wanted) from error


def read_bytes(path: Path) -> bytes:
    """Read a file.

    Raises:
        BadInput: naming the file and what is wrong with it.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(str(path), "file", path.name, f"readable ({error.strerror})") from error


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
