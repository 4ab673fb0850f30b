"""The section `[signer]`: whose key pays for gas, where it is, and how much it may move.

    kind      what it needs besides `address`, the key's own, which is checked when it is opened
    keystore  file; the password is QUITTANCE_SIGNER_PASSWORD, or in the file of …_PASSWORD_FILE
    aws-kms   key_id, region
    remote    url, certificate, key, authority; the password, if the key is encrypted
    key       nothing: QUITTANCE_SIGNER_KEY, or the file of …_KEY_FILE. Development chains only

Without the section a key in the environment is of kind `key`. Every other kind needs a
`[[signer.limit]]` for each asset that is to be paid out: what has no limit is not signed.
"""

from dataclasses import dataclass
from pathlib import Path

from contracts.evm import Address, ChainId
from contracts.wire import BadWireValue, address_from_wire, amount_from_wire
from scripts.setting_values import Secret, Table, TopLevel, is_url

DEVELOPMENT_CHAINS = (31_337, 1_337)
KINDS = ("keystore", "aws-kms", "remote", "key")
_FIELDS = {
    "keystore": {"address", "file"},
    "aws-kms": {"address", "key_id", "region", "endpoint_url"},
    "remote": {"address", "url", "certificate", "key", "authority"},
    "key": set[str](),
}
_PASSWORD = "signer_password"  # noqa: S105 - the name of a variable
_NO_ADDRESS = Address(bytes(20))


@dataclass(frozen=True, slots=True, kw_only=True)
class KeystoreSettings:
    """An encrypted file, and what opens it."""

    address: Address
    file: Path
    password: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class KMSSettings:
    """A key of AWS KMS; credentials are found by boto3 in its usual places."""

    address: Address
    key_id: str
    region: str
    endpoint_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteSettings:
    """A service over mTLS; all three files are PEM."""

    address: Address
    url: Secret
    certificate: Path
    key: Path
    authority: Path
    key_password: Secret | None


@dataclass(frozen=True, slots=True)
class KeySettings:
    """A key in the clear."""

    key: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """The most that may be moved of one asset of one chain, in base units."""

    chain_id: ChainId
    asset: Address
    transaction_units: int
    day_units: int


KindSettings = KeystoreSettings | KMSSettings | RemoteSettings | KeySettings


@dataclass(frozen=True, slots=True)
class SignerSettings:
    """A key, and how much it may move; without limits only a key in the clear moves anything."""

    kind: KindSettings
    limits: tuple[LimitSettings, ...] = ()


def signer_settings(
    reader: TopLevel, base: Path, chain_ids: tuple[ChainId, ...]
) -> SignerSettings | None:
    """Read the section; None where there is no signer.

    Args:
        reader: of the whole file.
        base: the folder that files are named from.
        chain_ids: the chains that the key would pay on.
    """
    key = reader.secret("signer_key")
    content = reader.document.get("signer")
    if content is None and key is None:
        return None
    if content is not None and not isinstance(content, dict):
        reader.problems.append("signer: write it as a table [signer]")
        return None
    section = Table("signer.", {"kind": "key"} if content is None else content, reader.problems)
    name = section.text("kind")
    if name not in KINDS:
        if name:
            section.reject("kind", f"{name!r} is not one of {', '.join(KINDS)}")
        return None
    _reject_unknown(section, _FIELDS[name] | {"kind", "limit"})
    if key is not None and name != "key":
        section.reject("kind", f"QUITTANCE_SIGNER_KEY is set too, but the key is of kind {name}")
    kind: KindSettings | None
    if name == "key":
        kind = _key(section, key, chain_ids)
    elif name == "keystore":
        kind = _keystore(section, base, reader.secret(_PASSWORD))
    elif name == "aws-kms":
        kind = _kms(section)
    else:
        kind = _remote(section, base, reader.secret(_PASSWORD))
    limits = _limits(section, chain_ids)
    if name != "key" and not limits:
        section.reject("limit", "there is none: name a [[signer.limit]] for each asset to pay out")
    return None if kind is None else SignerSettings(kind, limits)


def _key(section: Table, key: Secret | None, chain_ids: tuple[ChainId, ...]) -> KeySettings | None:
    if key is None:
        section.reject("kind", "a key needs QUITTANCE_SIGNER_KEY or QUITTANCE_SIGNER_KEY_FILE")
        return None
    for chain_id in sorted({*chain_ids} - {*DEVELOPMENT_CHAINS}):
        section.reject(
            "kind",
            f"a key in the clear signs on development chains only "
            f"({', '.join(map(str, DEVELOPMENT_CHAINS))}), not on chain {chain_id}: "
            f"use one of {', '.join(KINDS[:-1])}",
        )
    return KeySettings(key)


def _keystore(section: Table, base: Path, password: Secret | None) -> KeystoreSettings | None:
    if password is None:
        section.reject("kind", "a keystore needs QUITTANCE_SIGNER_PASSWORD or …_PASSWORD_FILE")
        return None
    return KeystoreSettings(
        address=_address(section), file=base / section.text("file"), password=password
    )


def _kms(section: Table) -> KMSSettings:
    endpoint_url = section.text("endpoint_url") if "endpoint_url" in section.content else None
    if endpoint_url is not None and not is_url(endpoint_url, needs_host=True):
        section.reject("endpoint_url", "the value is not a URL with a host")
    return KMSSettings(
        address=_address(section),
        key_id=section.text("key_id"),
        region=section.text("region"),
        endpoint_url=endpoint_url,
    )


def _remote(section: Table, base: Path, password: Secret | None) -> RemoteSettings:
    url = section.text("url")
    if url and not (url.startswith("https://") and is_url(url, needs_host=True)):
        # It may hold a token, so it is not repeated.
        section.reject("url", "the value is not an https URL")
    return RemoteSettings(
        address=_address(section),
        url=Secret(url),
        certificate=base / section.text("certificate"),
        key=base / section.text("key"),
        authority=base / section.text("authority"),
        key_password=password,
    )


def _limits(section: Table, chain_ids: tuple[ChainId, ...]) -> tuple[LimitSettings, ...]:
    entries = section.content.get("limit", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        section.reject("limit", "write each limit as a table [[signer.limit]]")
        return ()
    limits = tuple(
        _limit(Table(f"signer.limit[{index}]: ", entry, section.problems), chain_ids)
        for index, entry in enumerate(entries)
    )
    subjects = [(limit.chain_id, limit.asset) for limit in limits]
    for chain_id, asset in sorted({one for one in subjects if subjects.count(one) > 1}):
        section.reject("limit", f"asset {asset} of chain {chain_id} has two limits")
    return limits


def _limit(entry: Table, chain_ids: tuple[ChainId, ...]) -> LimitSettings:
    _reject_unknown(entry, {"chain", "asset", "transaction", "day"})
    chain_id = ChainId(entry.whole("chain", least=1))
    if chain_id and chain_id not in chain_ids:
        entry.reject("chain", f"chain {chain_id} is not configured")
    transaction_units, day_units = _units(entry, "transaction"), _units(entry, "day")
    if transaction_units > day_units:
        entry.reject("transaction", f"{transaction_units} is more than the {day_units} of a day")
    return LimitSettings(
        chain_id=chain_id,
        asset=_address(entry, "asset"),
        transaction_units=transaction_units,
        day_units=day_units,
    )


def _units(entry: Table, name: str) -> int:
    text = entry.text(name)
    try:
        return amount_from_wire(text, name) if text else 0
    except BadWireValue as error:
        entry.problems.append(f"{entry.place}{error}")
        return 0


def _address(section: Table, name: str = "address") -> Address:
    text = section.text(name)
    try:
        return address_from_wire(text, name) if text else _NO_ADDRESS
    except BadWireValue as error:
        section.problems.append(f"{section.place}{error}")
        return _NO_ADDRESS


def _reject_unknown(section: Table, known: set[str]) -> None:
    # The value is not repeated: somebody may have written a password here.
    for name in sorted(set(section.content) - known):
        section.reject(name, f"no such setting here; known: {', '.join(sorted(known))}")
