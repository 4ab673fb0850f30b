"""Configuration: one TOML file and the environment, read once, all problems reported at once.

The environment wins over the file; a secret is named by `NAME` or by `NAME_FILE` (a path). With no
chain configured only the development chain runs. With one configured, nothing that could lose
money has a default: the fee cap and the signer must be named before a payout is sent.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from contracts.addresses import (
    BadAddressBook,
    Settlement,
    committed_settlements,
    settlements_from_json,
)
from contracts.event_spec import ContractName
from contracts.evm import Address, BlockNumber, ChainId
from indexer.chain_profiles import CHAIN_PROFILES
from scripts.embedded.places import data_directory
from scripts.setting_values import Secret, Table, TopLevel, is_url
from scripts.signer_settings import SignerSettings, signer_settings

if TYPE_CHECKING:
    from scripts.api_settings import APISettings
    from scripts.policy_settings import PolicySettings

AddressBook = Callable[[ChainId], tuple[Settlement, ...]]
"""The settlements of one chain."""

_NOT_ENCODED = re.compile(r"\s|%(?![0-9A-Fa-f]{2})|//[^/?]*@[^/?]*@")
_FINALITY_TAGS = ("finalized", "none")
LEVELS = ("none", "headers", "receipts")
_PROFILES = tuple(profile.name for profile in CHAIN_PROFILES)
_PROFILE_BY_CHAIN_ID = {
    10: "optimism",
    25: "cronos",
    137: "polygon",
    999: "hyperevm",
    8453: "base",
    42161: "arbitrum",
}
_WORKERS = 2
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
    and at least `finality_depth_blocks` below the head. `verify` is the level of completeness that
    each range must reach (`none`, `headers`, `receipts`), and `profile` says what differs on this
    chain. So many `workers` fetch while far behind; with 0 the indexer's own process does.
    `tokens` are ERC-20 contracts that are indexed besides those of the settlements.
    """

    id: ChainId
    name: str
    rpc: tuple[str, ...] = field(repr=False)
    start_block: BlockNumber
    finality_tag: str
    finality_depth_blocks: int
    verify: str
    profile: str
    workers: int
    tokens: tuple[Address, ...]
    settlements: tuple[Settlement, ...]

    def sources(self) -> dict[Address, ContractName]:
        """Every indexed address with the kind of contract that stands there."""
        sources = dict.fromkeys(self.tokens, ContractName.ERC20)
        for settlement in self.settlements:
            sources |= settlement.sources()
        return sources


FORGET_UNPAID_DAYS = 90
"""So long after its end an intent that nobody paid is kept, unless `forget_unpaid_days` says so."""

_FORGET_UNPAID_DAYS_MIN = 7
"""The database forgets nothing sooner (`settlement.payments.adapters.tables`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that the processes need from outside; URLs do not show, they may hold keys.

    `forget_unpaid_days` is how long intents are kept that nobody paid in time.
    """

    data_directory: Path
    database_url: str | None = field(repr=False)
    broker_url: str | None = field(repr=False)
    chains: tuple[ChainSettings, ...]
    signer: SignerSettings | None
    policy: "PolicySettings | None" = None
    watcher_key: Secret | None = None
    fee_per_gas_wei_max: int | None
    poll_interval_ms: int
    forget_unpaid_days: int = FORGET_UNPAID_DAYS
    api_host: str
    api_port: int
    api: "APISettings | None" = None

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
    reader = TopLevel(document, environ, problems)
    chains = _chains(document, base, committed, problems)
    paying = tuple(chain.id for chain in chains if chain.settlements)
    settings = Settings(
        data_directory=data_directory(environ),
        database_url=_database_url(reader),
        broker_url=reader.url("broker_url", "redis"),
        chains=chains,
        signer=signer_settings(reader, base, paying),
        policy=_policy(reader, paying),
        watcher_key=reader.secret("watcher_key"),
        fee_per_gas_wei_max=reader.integer("fee_per_gas_wei_max"),
        poll_interval_ms=reader.integer("poll_interval_ms", least=1) or 1_000,
        forget_unpaid_days=reader.integer("forget_unpaid_days", least=_FORGET_UNPAID_DAYS_MIN)
        or FORGET_UNPAID_DAYS,
        api_host=reader.text("api_host") or "127.0.0.1",
        api_port=reader.integer("api_port", most=_PORT_MAX) or 0,
        api=_api(reader),
    )
    if problems:
        raise BadSettings(tuple(problems))
    return settings


def _database_url(reader: TopLevel) -> str | None:
    """The address of the database, of which every reader understands the same.

    What libpq cannot decode it repeats in its message, and what follows the first @ is its host: of
    a password that is not encoded, a part would be told.
    """
    url = reader.url("database_url", "postgresql://")
    if url and _NOT_ENCODED.search(url):
        reader.problems.append(
            "database_url: in user and password write % as %25, @ as %40 and a space as %20"
        )
    return url


def _policy(reader: TopLevel, paying: tuple[ChainId, ...]) -> "PolicySettings | None":
    """The section `[policy]`; where there is none, nothing that knows payouts is imported."""
    if "policy" not in reader.document:
        return None
    from scripts.policy_settings import policy_settings  # noqa: PLC0415 - see above

    return policy_settings(reader, paying)


def _api(reader: TopLevel) -> "APISettings | None":
    """The section `[api]`; where there is none, nothing of the API is imported."""
    if "api" not in reader.document:
        return None
    from scripts.api_settings import api_settings  # noqa: PLC0415 - see above

    return api_settings(reader)


def _document(environ: Mapping[str, str], problems: list[str]) -> tuple[Mapping[str, Any], Path]:
    named = environ.get("QUITTANCE_CONFIG")
    path = Path(named or "quittance.toml")
    if not named and not path.exists():
        return {}, Path()
    try:
        return tomllib.loads(path.read_text()), path.parent
    except OSError as error:
        problems.append(f"QUITTANCE_CONFIG: {path}: {error.strerror}")
    except ValueError as error:
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
        _chain(Table(f"chain[{index}]: ", entry, problems), base, committed)
        for index, entry in enumerate(entries)
    )
    ids = [chain.id for chain in chains if chain.id]
    names = [settlement.name for chain in chains for settlement in chain.settlements]
    problems += [f"chain: id {each} is configured twice" for each in _repeated(ids)]
    problems += [f"chain: two settlements are named {each!r}" for each in _repeated(names)]
    return chains


def _chain(entry: Table, base: Path, committed: AddressBook) -> ChainSettings:
    chain_id = ChainId(entry.whole("id", least=1))
    finality = entry.table("finality")
    tag = finality.text("tag")
    if tag and tag not in _FINALITY_TAGS:
        finality.reject("tag", f"{tag!r} is neither finalized nor none")
    settlements = _settlements(chain_id, entry, base, committed) if chain_id else ()
    return ChainSettings(
        id=chain_id,
        name=entry.text("name"),
        rpc=_endpoints(entry),
        start_block=BlockNumber(entry.whole("start_block")),
        finality_tag=tag,
        finality_depth_blocks=finality.whole("depth"),
        verify=entry.choice("verify", LEVELS, "receipts"),
        profile=entry.choice("profile", _PROFILES, _PROFILE_BY_CHAIN_ID.get(chain_id, "ethereum")),
        workers=entry.whole("workers") if "workers" in entry.content else _WORKERS,
        tokens=_tokens(entry, settlements),
        settlements=settlements,
    )


def _endpoints(entry: Table) -> tuple[str, ...]:
    urls = tuple(entry.texts("rpc", least=1))
    for place, url in enumerate(urls, 1):
        if not url.startswith(("http://", "https://")) or not is_url(url, needs_host=True):
            # It may hold a key, so it is not repeated.
            entry.reject("rpc", f"number {place} is not an http or https URL")
    return urls


def _settlements(
    chain_id: ChainId, entry: Table, base: Path, committed: AddressBook
) -> tuple[Settlement, ...]:
    """From the committed address book; a file may only add a chain that the book lacks.

    A chain may also have none, if it names tokens.
    """
    try:
        settlements = committed(chain_id)
        if settlements and "addresses" in entry.content:
            raise BadAddressBook(f"chain {chain_id} is in the committed address book")
        is_needed = "addresses" in entry.content or not entry.content.get("tokens")
        if not settlements and is_needed and (name := entry.text("addresses")):
            settlements = settlements_from_json((base / name).read_text(), name)
        for settlement in settlements:
            if settlement.chain_id != chain_id:
                raise BadAddressBook(f"they are of chain {settlement.chain_id}, not {chain_id}")
    except (OSError, ValueError) as error:
        entry.reject("addresses", str(error))
        return ()
    return settlements


def _tokens(entry: Table, settlements: tuple[Settlement, ...]) -> tuple[Address, ...]:
    contracts = {
        address: f"the {name.value} of settlement {settlement.name!r}"
        for settlement in settlements
        for name, address in {**settlement.contracts, **settlement.payments}.items()
    }
    tokens = []
    for text in entry.texts("tokens") if "tokens" in entry.content else ():
        try:
            token = Address.from_hex(text)
        except ValueError as error:
            entry.reject("tokens", f"{text!r}: {error}")
            continue
        if token in contracts:
            entry.reject("tokens", f"{text!r} is {contracts[token]}")
        tokens.append(token)
    return tuple(dict.fromkeys(tokens))


def _repeated(values: Iterable[_Value]) -> list[_Value]:
    return [value for value, times in Counter(values).items() if times > 1]
