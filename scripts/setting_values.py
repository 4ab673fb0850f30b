"""Reading of configuration values: whatever is wrong is put on a list, and reading goes on.

So everything that is wrong with a file is told at once. No message repeats a value that may hold a
password or a key.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that never shows itself."""

    value: str = field(repr=False)

    def __str__(self) -> str:
        return "***"


@dataclass(frozen=True, slots=True)
class TopLevel:
    """Reads one top-level value, environment first; appends to `problems`."""

    document: Mapping[str, Any]
    environ: Mapping[str, str]
    problems: list[str]

    def text(self, name: str) -> str | None:
        """Text, or None where there is none."""
        value = self.environ.get(f"QUITTANCE_{name.upper()}") or self.document.get(name)
        if value is not None and not isinstance(value, str):
            self.problems.append(f"{name}: {spelled(value)} is not text")
            return None
        return value

    def url(self, name: str, beginning: str) -> str | None:
        """A URL that begins so, or None where there is none."""
        value = self.text(name)
        if value is not None and not value.startswith(beginning):
            # It may hold a password, so it is not repeated.
            self.problems.append(f"{name}: the value does not begin with {beginning}")
        elif value is not None and not is_url(value):
            self.problems.append(f"{name}: host or port of the value are not those of a URL")
        return value

    def integer(self, name: str, *, least: int = 0, most: int | None = None) -> int | None:
        """A whole number within bounds, or None where there is none."""
        value: object = self.document.get(name)
        if text := self.environ.get(f"QUITTANCE_{name.upper()}"):
            value = int(text) if text.isdecimal() else text
        if value is None:
            return None
        if not _is_whole(value):
            self.problems.append(f"{name}: {spelled(value)} is not a whole number")
            return None
        number = int(str(value))
        if number < least or (most is not None and number > most):
            limit = f"at least {least}" if number < least else f"at most {most}"
            self.problems.append(f"{name}: {number} is not {limit}")
        return number

    def secret(self, name: str) -> Secret | None:
        """A secret of the environment or of a file that it names; never of the settings file."""
        path = self.environ.get(f"QUITTANCE_{name.upper()}_FILE")
        if not path:
            value = self.environ.get(f"QUITTANCE_{name.upper()}")
            return Secret(value) if value else None
        # What is no path may be the secret itself, in the wrong variable.
        place = f"QUITTANCE_{name.upper()}_FILE: {path if '/' in path else 'the value'}"
        try:
            return Secret(Path(path).read_text().strip())
        except OSError as error:
            self.problems.append(f"{place}: {error.strerror}")
        except UnicodeDecodeError:
            # The cause would show the key.
            self.problems.append(f"{place}: not text")
        return None


@dataclass(frozen=True, slots=True)
class Table:
    """Reads one table of the file.

    For what is wrong it appends to `problems` and returns an empty value: where there is a problem,
    no settings are made.
    """

    place: str
    content: Mapping[str, Any]
    problems: list[str]

    def text(self, name: str) -> str:
        """Text that is not empty."""
        return self._read(name, "text", _is_text, "")

    def whole(self, name: str, *, least: int = 0) -> int:
        """A whole number."""
        wanted = f"a whole number from {least}"
        return self._read(name, wanted, lambda value: _is_whole(value) and value >= least, 0)

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        """One of the choices; the default where none is made."""
        if name not in self.content:
            return default
        wanted = f"one of {', '.join(choices)}"
        return self._read(name, wanted, lambda value: value in choices, default)

    def texts(self, name: str, *, least: int = 0) -> list[str]:
        """A list of texts that are not empty."""
        wanted = f"a list of {least} or more texts"
        return self._read(name, wanted, lambda value: _is_list(value) and len(value) >= least, [])

    def table(self, name: str) -> "Table":
        """A table in this one."""
        content = self.content.get(name)
        if isinstance(content, dict):
            return Table(f"{self.place}{name}.", content, self.problems)
        # The fields of a table that is not there are not missed one by one.
        return Table("", self._read(name, "a table", lambda _: False, {}), [])

    def reject(self, name: str, reason: str) -> None:
        """Put a problem of a value on the list."""
        self.problems.append(f"{self.place}{name}: {reason}")

    def _read(
        self, name: str, wanted: str, is_right: Callable[[Any], bool], empty: _Value
    ) -> _Value:
        if name not in self.content:
            self.problems.append(f"{self.place}{name} is missing")
            return empty
        value: _Value = self.content[name]
        if is_right(value):
            return value
        self.reject(name, f"{spelled(value)} is not {wanted}")
        return empty


def spelled(value: object) -> str:
    """The value, unless an address may be in it: some hold a key or a password."""
    text = repr(value)
    return "the value" if "/" in text or "@" in text else text


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_url(value: str, *, needs_host: bool = False) -> bool:
    """Whether host and port can be read; a URL without host is one of this machine."""
    try:
        parts = urlsplit(value)
        return bool(parts.hostname or not needs_host) and parts.port != 0
    except ValueError:
        return False


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_list(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))
