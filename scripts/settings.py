"""Configuration: one TOML file and the environment, read once, all problems reported at once.

The environment wins over the file; a secret is named by `NAME` or by `NAME_FILE` (a path). With no
chain configured only the development chain runs. With one configured, nothing that could lose
money has a default: the fee cap and the signer must be named before a payout is sent.
"""

import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from contracts.addresses import (
    BadAddressBook,
    Settlement,
    committed_settlements,
    settlements_from_json,
)
from contracts.evm import Address, BlockNumber, ChainId
from scripts.embedded.places import data_directory

AddressBook = Callable[[ChainId], tuple[Settlement, ...]]
"""The settlements of one chain."""

_FINALITY_TAGS = ("finalized", "none")
_PORT_MAX = 65_535
_Value = TypeVar("_Value")


class BadSettings(ValueError):
    """The configuration is wrong; one line for each problem, naming field and value."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainSettings:
    """One configured chain.

    `finality_tag` is `finalized` or `none`; a block is final when it is at or below the tag's block
    and at least `finality_depth_blocks` below the head.
    """

    id: ChainId
    name: str
    rpc: tuple[str, ...] = field(repr=False)
    start_block: BlockNumber
    finality_tag: str
    finality_depth_blocks: int
    settlements: tuple[Settlement, ...]


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that never shows itself."""

    value: str = field(repr=False)

    def __str__(self) -> str:
        return "***"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that the processes need from outside; URLs do not show, they may hold keys."""

    data_directory: Path
    database_url: str | None = field(repr=False)
    broker_url: str | None = field(repr=False)
    chains: tuple[ChainSettings, ...]
    signer_key: Secret | None
    fee_per_gas_wei_max: int | None
    poll_interval_ms: int
    api_host: str
    api_port: int

    @property
    def settlements(self) -> tuple[Settlement, ...]:
        """Every configured deployment."""
        return tuple(settlement for chain in self.chains for settlement in chain.settlements)


def load_settings(
    environ: Mapping[str, str], *, committed: AddressBook = committed_settlements
) -> Settings:
    """Read `QUITTANCE_CONFIG` (or `quittance.toml` here, if present) and `QUITTANCE_…`.

    Raises:
        BadSettings: with every problem found.
    """
    problems: list[str] = []
    document, base = _document(environ, problems)
    reader = _Reader(document, environ, problems)
    settings = Settings(
        data_directory=data_directory(environ),
        database_url=reader.url("database_url", "postgresql://"),
        broker_url=reader.url("broker_url", "redis"),
        chains=_chains(document, base, committed, problems),
        signer_key=reader.secret("signer_key"),
        fee_per_gas_wei_max=reader.integer("fee_per_gas_wei_max"),
        poll_interval_ms=reader.integer("poll_interval_ms", least=1) or 1_000,
        api_host=reader.text("api_host") or "127.0.0.1",
        api_port=reader.integer("api_port", most=_PORT_MAX) or 0,
    )
    if problems:
        raise BadSettings(tuple(problems))
    return settings


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one top-level value, environment first; appends to `problems`."""

    document: Mapping[str, Any]
    environ: Mapping[str, str]
    problems: list[str]

    def text(self, name: str) -> str | None:
        value = self.environ.get(f"QUITTANCE_{name.upper()}") or self.document.get(name)
        if value is not None and not isinstance(value, str):
            self.problems.append(f"{name}: {value!r} is not text")
            return None
        return value

    def url(self, name: str, beginning: str) -> str | None:
        value = self.text(name)
        if value is not None and not value.startswith(beginning):
            # It may hold a password, so it is not repeated.
            self.problems.append(f"{name}: the value does not begin with {beginning}")
        return value

    def integer(self, name: str, *, least: int = 0, most: int | None = None) -> int | None:
        value: object = self.document.get(name)
        if text := self.environ.get(f"QUITTANCE_{name.upper()}"):
            value = int(text) if text.isdecimal() else text
        if value is None:
            return None
        if not _is_whole(value):
            self.problems.append(f"{name}: {value!r} is not a whole number")
            return None
        number = int(str(value))
        if number < least or (most is not None and number > most):
            limit = f"at least {least}" if number < least else f"at most {most}"
            self.problems.append(f"{name}: {number} is not {limit}")
        return number

    def secret(self, name: str) -> Secret | None:
        path = self.environ.get(f"QUITTANCE_{name.upper()}_FILE")
        if not path:
            value = self.environ.get(f"QUITTANCE_{name.upper()}")
            return Secret(value) if value else None
        try:
            return Secret(Path(path).read_text().strip())
        except OSError as error:
            self.problems.append(f"QUITTANCE_{name.upper()}_FILE: {path}: {error.strerror}")
        except UnicodeDecodeError:
            # The cause would show the key.
            self.problems.append(f"QUITTANCE_{name.upper()}_FILE: {path}: not text")
        return None


@dataclass(frozen=True, slots=True)
class _Table:
    """Reads one table of the file.

    For what is wrong it appends to `problems` and returns an empty value: where there is a problem,
    no settings are made.
    """

    place: str
    content: Mapping[str, Any]
    problems: list[str]

    def text(self, name: str) -> str:
        return self._read(name, "text", _is_text, "")

    def whole(self, name: str, *, least: int = 0) -> int:
        wanted = f"a whole number from {least}"
        return self._read(name, wanted, lambda value: _is_whole(value) and value >= least, 0)

    def texts(self, name: str, *, least: int = 0) -> list[str]:
        wanted = f"a list of {least} or more texts"
        return self._read(name, wanted, lambda value: _is_list(value) and len(value) >= least, [])

    def table(self, name: str) -> "_Table":
        content = self.content.get(name)
        if isinstance(content, dict):
            return _Table(f"{self.place}{name}.", content, self.problems)
        # The fields of a table that is not there are not missed one by one.
        return _Table("", self._read(name, "a table", lambda _: False, {}), [])

    def reject(self, name: str, reason: str) -> None:
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
        self.reject(name, f"{value!r} is not {wanted}")
        return empty


def _document(environ: Mapping[str, str], problems: list[str]) -> tuple[Mapping[str, Any], Path]:
    named = environ.get("QUITTANCE_CONFIG")
    path = Path(named or "quittance.toml")
    if not named and not path.exists():
        return {}, Path()
    try:
        return tomllib.loads(path.read_text()), path.parent
    except (OSError, ValueError) as error:
        problems.append(f"{path}: {error}")
        return {}, Path()


def _chains(
    document: Mapping[str, Any], base: Path, committed: AddressBook, problems: list[str]
) -> tuple[ChainSettings, ...]:
    entries = document.get("chain", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        problems.append("chain: write each chain as a table [[chain]]")
        return ()
    chains = tuple(
        _chain(_Table(f"chain[{index}]: ", entry, problems), base, committed)
        for index, entry in enumerate(entries)
    )
    ids = [chain.id for chain in chains if chain.id]
    names = [settlement.name for chain in chains for settlement in chain.settlements]
    problems += [f"chain: id {each} is configured twice" for each in _repeated(ids)]
    problems += [f"chain: two settlements are named {each!r}" for each in _repeated(names)]
    return chains


def _chain(entry: _Table, base: Path, committed: AddressBook) -> ChainSettings:
    chain_id = ChainId(entry.whole("id", least=1))
    finality = entry.table("finality")
    tag = finality.text("tag")
    if tag and tag not in _FINALITY_TAGS:
        finality.reject("tag", f"{tag!r} is neither finalized nor none")
    return ChainSettings(
        id=chain_id,
        name=entry.text("name"),
        rpc=tuple(entry.texts("rpc", least=1)),
        start_block=BlockNumber(entry.whole("start_block")),
        finality_tag=tag,
        finality_depth_blocks=finality.whole("depth"),
        settlements=_settlements(chain_id, entry, base, committed) if chain_id else (),
    )


def _settlements(
    chain_id: ChainId, entry: _Table, base: Path, committed: AddressBook
) -> tuple[Settlement, ...]:
    """From the committed address book; a file may only add a chain that the book lacks."""
    tokens = _tokens(entry)
    try:
        settlements = committed(chain_id)
        if settlements and "addresses" in entry.content:
            raise BadAddressBook(f"chain {chain_id} is in the committed address book")
        if not settlements and (name := entry.text("addresses")):
            settlements = settlements_from_json((base / name).read_text(), name)
        for settlement in settlements:
            if settlement.chain_id != chain_id:
                raise BadAddressBook(f"they are of chain {settlement.chain_id}, not {chain_id}")
    except (OSError, ValueError) as error:
        entry.reject("addresses", str(error))
        return ()
    return tuple(
        replace(settlement, tokens=tuple(dict.fromkeys(settlement.tokens + tokens)))
        for settlement in settlements
    )


def _tokens(entry: _Table) -> tuple[Address, ...]:
    tokens = []
    for text in entry.texts("tokens") if "tokens" in entry.content else ():
        try:
            tokens.append(Address.from_hex(text))
        except ValueError as error:
            entry.reject("tokens", f"{text!r}: {error}")
    return tuple(tokens)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_list(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _repeated(values: Iterable[_Value]) -> list[_Value]:
    return [value for value, times in Counter(values).items() if times > 1]
