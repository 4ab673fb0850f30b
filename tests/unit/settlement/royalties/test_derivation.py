import json
from dataclasses import replace
from pathlib import Path

import pytest

from contracts.evm import Hash32, keccak
from contracts.leaves import LeafKind
from settlement.errors import InputsDisagree
from settlement.royalties.derivation import ComputedEpoch, bundle_files, derive
from settlement.royalties.reasons import Reason
from settlement.royalties.tree import leaf_tree
from settlement.royalties.tree_profiles import QUITTANCE_V1
from tests.royalties_builders import ANN, FIRST_EPOCH, ScriptedChain, facts_of, sample_chain
from tests.ruled_epochs import bounded, everything, golden_epochs, leaf_text

_GOLDEN = Path(__file__).parents[3] / "vectors" / "royalties_epoch.json"
_GOLDEN_RULES = _GOLDEN.with_name("royalties_rules.json")


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


def test_derive__sample_epoch__works_alone_have_the_root_of_before_suspense() -> None:
    """What works are paid has not changed since unpayable parts were unallocated."""
    golden, epoch = json.loads(_GOLDEN.read_text()), computed()

    of_works = [
        leaf_hash
        for leaf, leaf_hash in zip(epoch.distribution.leaves, epoch.leaf_hashes, strict=True)
        if leaf.kind is LeafKind.WORK
    ]

    assert str(leaf_tree(QUITTANCE_V1, of_works).root) == golden["root_of_works"]
    assert len(of_works) == len(epoch.leaf_hashes) - 1


def test_derive__sample_epoch__reasons() -> None:
    reasons = {item.reason for item in computed().distribution.quarantine}

    assert reasons == {
        Reason.UNPAID_TIER,
        Reason.UNREGISTERED_WORK,
        Reason.DUPLICATE_WORK,
        Reason.REUSED_PSEUDONYM,
        Reason.UNKNOWN_REGION_RULE,
        Reason.UNPAYABLE_PAYEE,
    }


def test_derive__every_rule_by_itself_and_all_together__golden() -> None:
    golden = json.loads(_GOLDEN_RULES.read_text())

    found = {name: derive(facts) for name, facts in golden_epochs().items()}

    assert {name: str(one.manifest.root) for name, one in found.items()} == golden["roots"]
    leaves = {
        name: [leaf_text(leaf) for leaf in one.distribution.leaves] for name, one in found.items()
    }
    assert leaves == golden["leaves"]
    files = bundle_files(found["everything"])
    assert {name: str(keccak(data)) for name, data in files.items()} == golden["files"]


def test_derive__everything_and_bounded__every_reason() -> None:
    reasons, at_bounds = (
        {item.reason for item in derive(facts).distribution.quarantine}
        for facts in (everything(), bounded())
    )

    assert at_bounds == {Reason.SPLIT_TOO_DEEP, Reason.SPLIT_TOO_LARGE}
    assert reasons == set(Reason) - at_bounds


@pytest.mark.parametrize("top", [1, 2, 3, 0x30])
def test_derive__work_id_that_could_be_of_another_leaf__corrupt(top: int) -> None:
    chain = ScriptedChain()
    chain.set_terms(Hash32(bytes([top]) + bytes(31)), {ANN: 1_000_000}, effective=FIRST_EPOCH)
    chain.finish(FIRST_EPOCH)

    with pytest.raises(InputsDisagree, match="no registered work can have the id 0x"):
        derive(facts_of(chain, FIRST_EPOCH))


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


def test_derive__decoded_event_twice__corrupt() -> None:
    """Every log is a column's and every column's a log: only their number gives it away."""
    facts = facts_of(sample_chain(), FIRST_EPOCH)
    money = facts.funded
    twice = replace(
        money,
        **{name: [*getattr(money, name), getattr(money, name)[-1]] for name in money.__slots__},
    )

    with pytest.raises(InputsDisagree, match="1 of them in only one of the two") as refused:
        derive(replace(facts, funded=twice))

    assert refused.value.epoch == FIRST_EPOCH


@pytest.mark.parametrize(
    ("batch", "column"),
    [
        ("funded", "log_index"),
        ("funded", "amount"),
        ("subscribed", "subscriber"),
        ("subscribed", "tier_id"),
        ("subscribed", "amount"),
        ("consumption", "log_index"),
        ("logs", "log_index"),
    ],
)
def test_derive__column_shorter_than_the_others__refused(batch: str, column: str) -> None:
    facts = facts_of(sample_chain(), FIRST_EPOCH)
    columns = getattr(facts, batch)
    shorter = replace(columns, **{column: getattr(columns, column)[:-1]})

    with pytest.raises(ValueError, match="shorter"):
        derive(replace(facts, **{batch: shorter}))


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
