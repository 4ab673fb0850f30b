"""The section `[policy]`: which payouts must wait, by asset.

But for `signed_documents`, nothing in it has a default.

    [policy]
    approvers = { ann = "0x…", ben = "0x…" }   # persons, each with a key of their own
    signed_documents = true                    # two of them sign each document; else: false
    chain_hold_margin_s = 86400                # a hold on chain counts if it lasts so much longer

    [[policy.asset]]
    chain = 8453
    asset = "0x…"
    minimum = "1000000"                        # base units
    kyc_window_s = 2592000
    kyc_max = ["500000000", "unlimited"]       # tier 0 first
    velocity_window_s = 3600
    velocity_max = "20"                        # lines to one payee
    payee_day_max = "1000000000"
    settlement_day_max = "50000000000"
    unapproved_max = "250000000"               # above it, two of the approvers must sign

Whoever wants no limit writes "unlimited". Without the section no payout is planned, except on
development chains, where there is then no policy: so it is off in the demo.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.evm import Address, ChainId
from contracts.wire import BadWireValue, address_from_wire, amount_from_wire
from scripts.errors import NotConfigured
from scripts.setting_values import Table, TopLevel
from scripts.signer_settings import DEVELOPMENT_CHAINS
from settlement.payouts.policy import APPROVALS_NEEDED
from settlement.payouts.policy_terms import AssetPolicy, Policy

UNLIMITED = "unlimited"
_NO_ADDRESS = Address(bytes(20))
_SECTION = {"approvers", "signed_documents", "chain_hold_margin_s", "asset"}
_ASSET = {
    *("chain", "asset", "minimum", "kyc_window_s", "kyc_max", "velocity_window_s"),
    *("velocity_max", "payee_day_max", "settlement_day_max", "unapproved_max"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySettings:
    """The policy of each chain, the names of the approvers, and what they must sign."""

    policies: Mapping[ChainId, Policy]
    approvers: Mapping[Address, str]
    are_documents_signed: bool


def policy_settings(reader: TopLevel, chain_ids: tuple[ChainId, ...]) -> PolicySettings | None:
    """Read the section; None where there is none.

    Args:
        reader: of the whole file.
        chain_ids: the chains that payouts are made on.
    """
    content = reader.document.get("policy")
    if content is None:
        return None
    if not isinstance(content, dict):
        reader.problems.append("policy: write it as a table [policy]")
        return None
    section = Table("policy.", content, reader.problems)
    _reject_unknown(section, _SECTION)
    approvers = _approvers(section)
    margin_s = section.whole("chain_hold_margin_s", least=1)
    assets = _assets(section, chain_ids)
    is_approved = any(one.unapproved_units_max is not None for one in assets.values())
    are_signed = _are_documents_signed(section)
    if (is_approved or are_signed) and len(approvers) < APPROVALS_NEEDED:
        section.reject("approvers", f"{len(approvers)} cannot approve, it takes {APPROVALS_NEEDED}")
    policies = {
        chain_id: Policy(
            assets={asset: one for (of, asset), one in assets.items() if of == chain_id},
            approvers=frozenset(approvers),
            chain_hold_margin_s=margin_s,
        )
        for chain_id in chain_ids
    }
    return PolicySettings(policies=policies, approvers=approvers, are_documents_signed=are_signed)


def policy_of(settings: PolicySettings | None, chain_id: ChainId) -> Policy | None:
    """The policy of a chain; None on a development chain without one.

    Raises:
        NotConfigured: payouts of any other chain need a policy.
    """
    if settings is not None:
        return settings.policies[chain_id]
    if chain_id in DEVELOPMENT_CHAINS:
        return None
    raise NotConfigured(f"policy has no default: say in [policy] what chain {chain_id} may pay")


def _approvers(section: Table) -> dict[Address, str]:
    """Names by address; every person has one key, and every key one person."""
    content = section.table("approvers").content
    named: dict[Address, str] = {}
    for name, text in content.items():
        try:
            approver = address_from_wire(text, f"approvers.{name}")
        except BadWireValue as error:
            section.problems.append(f"{section.place}{error}")
            continue
        if approver in named:
            section.reject(f"approvers.{name}", f"has the key of {named[approver]}")
        named[approver] = name
    return named


def _are_documents_signed(section: Table) -> bool:
    value = section.content.get("signed_documents", False)
    if not isinstance(value, bool):
        section.reject("signed_documents", "is neither true nor false")
    return value is True


def _assets(
    section: Table, chain_ids: tuple[ChainId, ...]
) -> dict[tuple[ChainId, Address], AssetPolicy]:
    entries = section.content.get("asset", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        section.reject("asset", "write each asset as a table [[policy.asset]]")
        return {}
    assets: dict[tuple[ChainId, Address], AssetPolicy] = {}
    for index, content in enumerate(entries):
        entry = Table(f"policy.asset[{index}]: ", content, section.problems)
        _reject_unknown(entry, _ASSET)
        chain_id = ChainId(entry.whole("chain", least=1))
        if chain_id and chain_id not in chain_ids:
            entry.reject("chain", f"no payouts are configured on chain {chain_id}")
        asset = _address(entry, "asset")
        if (chain_id, asset) in assets:
            entry.reject("asset", f"asset {asset} of chain {chain_id} has a policy already")
        assets[chain_id, asset] = _asset(entry)
    return assets


def _asset(entry: Table) -> AssetPolicy:
    minimum = _units(entry, "minimum", entry.text("minimum"))
    if minimum is None:
        entry.reject("minimum", "a minimum cannot be unlimited")
    return AssetPolicy(
        minimum_units=minimum or 0,
        kyc_window_s=entry.whole("kyc_window_s", least=1),
        kyc_units_max=tuple(
            _units(entry, "kyc_max", text) for text in entry.texts("kyc_max", least=1)
        ),
        velocity_window_s=entry.whole("velocity_window_s", least=1),
        velocity_lines_max=_units(entry, "velocity_max", entry.text("velocity_max")),
        payee_day_units_max=_units(entry, "payee_day_max", entry.text("payee_day_max")),
        settlement_day_units_max=_units(
            entry, "settlement_day_max", entry.text("settlement_day_max")
        ),
        unapproved_units_max=_units(entry, "unapproved_max", entry.text("unapproved_max")),
    )


def _units(entry: Table, name: str, text: str) -> int | None:
    """Base units, or None for what is said to be unlimited."""
    if text == UNLIMITED:
        return None
    try:
        return amount_from_wire(text, name) if text else 0
    except BadWireValue as error:
        entry.problems.append(f'{entry.place}{error}, nor "{UNLIMITED}"')
        return 0


def _address(entry: Table, name: str) -> Address:
    text = entry.text(name)
    try:
        return address_from_wire(text, name) if text else _NO_ADDRESS
    except BadWireValue as error:
        entry.problems.append(f"{entry.place}{error}")
        return _NO_ADDRESS


def _reject_unknown(section: Table, known: set[str]) -> None:
    for name in sorted(section.content.keys() - known):
        section.reject(name, f"no such setting here; known: {', '.join(sorted(known))}")
