import json
from dataclasses import replace
from pathlib import Path

import pytest

from contracts.evm import keccak
from settlement.errors import InputsDisagree
from settlement.royalties.derivation import ComputedEpoch, bundle_files, derive
from settlement.royalties.quarantine import Reason
from tests.royalties_builders import FIRST_EPOCH, facts_of, sample_chain

_GOLDEN = Path(__file__).parents[3] / "vectors" / "royalties_epoch.json"


def computed() -> ComputedEpoch:
    return derive(facts_of(sample_chain(), FIRST_EPOCH))


def test_derive__sample_epoch__golden() -> None:
    """A published ruleset, tree profile and manifest form never change."""
    golden = json.loads(_GOLDEN.read_text())

    epoch = computed()

    assert str(epoch.manifest.root) == golden["root"]
    assert epoch.manifest_bytes.decode() == golden["manifest"]
    digests = {name: str(keccak(data)) for name, data in bundle_files(epoch).items()}
    assert digests == golden["files"]


def test_derive__sample_epoch__has_every_reason_but_verdict() -> None:
    reasons = {item.reason for item in computed().distribution.quarantine}

    assert reasons == set(Reason) - {Reason.WORK_UNDER_VERDICT}


def test_derive__twice__equal() -> None:
    assert computed() == computed()


def test_derive__decoded_event_missing__corrupt() -> None:
    facts = facts_of(sample_chain(), FIRST_EPOCH)
    usage = facts.consumption
    shorter = replace(
        usage,
        **{name: getattr(usage, name)[:-1] for name in usage.__slots__},
    )

    with pytest.raises(InputsDisagree, match="2 of them in only one of the two"):
        derive(replace(facts, consumption=shorter))


def test_derive__raw_log_missing__corrupt() -> None:
    facts = facts_of(sample_chain(), FIRST_EPOCH)
    logs = facts.logs
    shorter = replace(logs, **{name: getattr(logs, name)[1:] for name in logs.__slots__})

    with pytest.raises(InputsDisagree, match="0 of them in only one of the two"):
        derive(replace(facts, logs=shorter))


def test_derive__logs_out_of_order__corrupt() -> None:
    facts = facts_of(sample_chain(), FIRST_EPOCH)
    logs = facts.logs
    turned = replace(logs, **{name: getattr(logs, name)[::-1] for name in logs.__slots__})

    with pytest.raises(InputsDisagree, match="not in chain order"):
        derive(replace(facts, logs=turned))
