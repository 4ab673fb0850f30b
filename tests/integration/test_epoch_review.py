"""`quittance epoch explain`, `diff` and `shadow` over two computed epochs, as a user sees them.

Subjects: scripts.cli.epochs, scripts.cli.explaining, scripts.cli.differing,
scripts.reviewing.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from contracts.addresses import settlements_to_json
from contracts.evm import Hash32, keccak
from contracts.leaves import FEES_ID, escrow_id, suspense_id
from contracts.units import BaseUnits
from scripts.bootstrap import open_database
from scripts.cli.differing import difference_lines
from scripts.cli.epochs import app
from scripts.cli.explaining import explanation_lines, explanation_out
from scripts.cli.problems import CHECK_FAILED
from scripts.embedded.postgres import PostgresServer
from scripts.errors import Rejected
from scripts.reviewing import (
    NotComputed,
    NothingAnnounced,
    difference_to_previous,
    explained,
    recomputed,
)
from scripts.sharding import ShardedAllocation
from scripts.wiring import snapshot
from settlement.errors import ConflictingComputation
from settlement.royalties.derivation import derive
from settlement.royalties.difference import StoredOutcome, difference
from settlement.royalties.errors import UnknownWork
from settlement.royalties.explanation import explain, explain_leaf
from settlement.royalties.reputation import reputation_of
from settlement.royalties.shares import whole_batch
from tests.integration.test_large_epochs import in_shards
from tests.royalties_builders import (
    ANN,
    DUSD,
    EURT,
    FIRST_EPOCH,
    SETTLEMENT,
    parameters_json,
    work,
)
from tests.ruled_epochs import BAND, CHOIR, FOUND, OPTIONS, nested
from tests.two_epochs import FILM, NEXT_EPOCH, SONG, store, two_epochs

CHAIN, FIRST, NEXT = two_epochs()
_numbers = count()


@pytest.fixture(scope="module")
def template(postgres_server: PostgresServer, _migrated_template: str) -> str:
    """The name of a database with both epochs, to which nobody is connected."""
    name = "review"
    engine = open_database(postgres_server.url(name, template=_migrated_template))
    store(engine, CHAIN, FIRST, NEXT)
    engine.dispose()
    return name


@pytest.fixture
def engine(template: str, postgres_server: PostgresServer) -> Iterator[Engine]:
    """A copy that a test may change."""
    engine = open_database(postgres_server.url(f"review_{next(_numbers)}", template=template))
    yield engine
    engine.dispose()


@pytest.fixture
def environ(template: str, postgres_server: PostgresServer, tmp_path: Path) -> dict[str, str]:
    """The configuration of one chain with the settlement, and a database that stays as it is."""
    (tmp_path / "book.json").write_text(settlements_to_json((SETTLEMENT,)))
    config = tmp_path / "quittance.toml"
    config.write_text(
        "[[chain]]\n"
        f"id = {SETTLEMENT.chain_id}\n"
        'name = "test"\n'
        'rpc = ["http://127.0.0.1:1"]\n'
        "start_block = 0\n"
        'addresses = "book.json"\n'
        'finality = { tag = "finalized", depth = 1 }\n'
    )
    return {
        "QUITTANCE_CONFIG": str(config),
        "QUITTANCE_DATA_DIR": str(tmp_path),
        "QUITTANCE_DATABASE_URL": postgres_server.url("review_shared", template=template),
    }


class Quittance:
    """Runs `quittance epoch` in this environment."""

    def __init__(self, environ: dict[str, str]) -> None:
        self._environ = environ

    def run(self, *arguments: object) -> str:
        """What it prints; an error that it ends with is raised."""
        result = CliRunner().invoke(app, [str(one) for one in arguments], obj=self._environ)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.stderr
        return result.stdout

    def json(self, *arguments: object) -> Any:
        return json.loads(self.run(*arguments, "--json"))

    def failure(self, *arguments: object) -> tuple[int, str]:
        """Exit code and stderr."""
        result = CliRunner().invoke(app, [str(one) for one in arguments], obj=self._environ)
        return result.exit_code, result.stderr


@pytest.fixture
def epoch(environ: dict[str, str]) -> Quittance:
    return Quittance(environ)


def test_epoch_explain__json__adds_up_to_the_leaf(epoch: Quittance) -> None:
    answer = epoch.json("explain", FIRST_EPOCH, SONG)

    assert answer["settlement"] == SETTLEMENT.name
    assert [one["asset"] for one in answer["explanations"]] == [str(DUSD), str(EURT)]
    for one in answer["explanations"]:
        leaf = sum(
            leaf.amount
            for leaf in FIRST.distribution.leaves
            if (str(leaf.work_id), str(leaf.asset)) == (one["work_id"], one["asset"])
        )
        credited = sum(int(part["credited"]) for part in one["subscribers"])
        assert one["split"]["paid"] == str(leaf)
        assert credited == int(one["split"]["amount"]) == leaf > 0
        for part in one["subscribers"]:
            rows = sum(int(row["credited"]) for row in part["rows"])
            assert rows + int(part["unallocated"]) == int(part["fee"])
    assert epoch.json("explain", FIRST_EPOCH, SONG, "--asset", DUSD)["explanations"] == [
        answer["explanations"][0]
    ]


def test_epoch_reputation__every_work__who_used_it_and_how_much(epoch: Quittance) -> None:
    answer = epoch.json("reputation", FIRST_EPOCH)
    lines = epoch.run("reputation", FIRST_EPOCH).splitlines()

    expected = reputation_of([whole_batch(FIRST.distribution.allocations)])
    assert {
        Hash32.from_hex(one["work_id"]): (one["distinct_users"], int(one["weighted_usage"]))
        for one in answer["works"]
    } == {work: (one.distinct_users, one.weighted_usage) for work, one in expected.items()}
    song = expected[SONG]
    assert f"{SONG}: {song.distinct_users} users, weight {song.weighted_usage}" in lines


def test_epoch_explain__every_event__is_a_log_that_the_epoch_depends_on(epoch: Quittance) -> None:
    logs = FIRST.facts.logs
    known = set(zip(logs.block_number, map(str, logs.block_hash), logs.log_index, strict=True))
    found = []

    def collect(node: Any) -> None:
        if isinstance(node, dict) and "log_index" in node:
            found.append((node["block_number"], node["block_hash"], node["log_index"]))
        for inner in node.values() if isinstance(node, dict) else node:
            if isinstance(inner, dict | list):
                collect(inner)

    collect(epoch.json("explain", FIRST_EPOCH, SONG))

    assert len(found) > 10
    assert set(found) <= known


def test_epoch_explain__text__every_calculation_on_it_is_right(epoch: Quittance) -> None:
    """What a creator does on paper: each line `… = …` is worked out again."""
    output = epoch.run("explain", FIRST_EPOCH, SONG)
    checked = 0

    for line in output.splitlines():
        share = re.search(r"= (\d+) remainder \d+, rank \d+, \+ (\d) = (\d+)", line)
        assert share is None or int(share[1]) + int(share[2]) == int(share[3]), line
        claim = re.search(r"(\d[\d·+/^ -]*(?:plays )?)= (\d+)(?: remainder (\d+))?", line)
        if claim is None:
            continue
        formula = claim[1].replace("plays", "").replace("10^6", "1000000")
        top, _, bottom = formula.replace("·", "*").partition("/")
        value, divisor = eval(top), int(bottom or 1)  # noqa: S307 - digits and operators
        assert value // divisor == int(claim[2]), line
        assert claim[3] is None or value % divisor == int(claim[3]), line
        checked += 1

    assert checked > 40


def test_epoch_explain__text__names_work_asset_split_and_reason(epoch: Quittance) -> None:
    output = epoch.run("explain", FIRST_EPOCH, FILM, "--asset", DUSD)

    assert output.startswith(f"Work {FILM} in epoch {FIRST_EPOCH}, attempt 1\n")
    assert f"Manifest {FIRST.manifest_digest}" in output
    assert f"this work, {30} minutes, {1} plays" in output
    assert f"work {SONG}, 120 minutes, 3 plays" in output
    assert "unpayable_payee: suspended" in output
    assert "suspended, unpayable_payee, place " in output
    suspense = epoch.run("explain", FIRST_EPOCH, suspense_id(FILM), "--asset", DUSD)
    assert suspense == output
    assert "credibility 0, a verdict stands: chain" in epoch.run("explain", NEXT_EPOCH, SONG)


def test_epoch_explain__work_that_nobody_used__says_so(epoch: Quittance) -> None:
    unused = work("game")

    assert epoch.json("explain", FIRST_EPOCH, unused)["explanations"] == []
    assert "nobody whose fee was shared in epoch 3" in epoch.run("explain", FIRST_EPOCH, unused)


def test_epoch_explain__unknown_work_or_epoch__refused(epoch: Quittance) -> None:
    with pytest.raises(UnknownWork):
        epoch.run("explain", FIRST_EPOCH, work("ghost"))
    code, errors = epoch.failure("explain", NEXT_EPOCH + 1, SONG)

    assert code == CHECK_FAILED
    assert "cannot be computed yet" in errors


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [(["0x12"], "WORK: '0x12' is not a hash"), ([SONG, "--asset", "0x1"], "--asset: '0x1'")],
)
def test_epoch_explain__bad_argument__refused(
    epoch: Quittance, arguments: list[object], sentence: str
) -> None:
    with pytest.raises(Exception, match=sentence):
        epoch.run("explain", FIRST_EPOCH, *arguments)


def again(engine: Engine) -> object:
    """The first epoch, computed again."""
    with snapshot(engine) as connection:
        shards = ShardedAllocation(engine=engine, settlement=SETTLEMENT)
        return recomputed(FIRST_EPOCH, connection, shards)


def test_recomputed__not_stored__says_how(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("SET LOCAL ROLE NONE; SET LOCAL session_replication_role = replica")
        )
        connection.execute(text("DELETE FROM computed_epoch"))

    with pytest.raises(NotComputed, match="run `quittance epoch compute 3`"):
        again(engine)
    with pytest.raises(NotComputed, match="epoch 4 is not computed yet"):
        difference_to_previous(NEXT_EPOCH, engine=engine, settlement=SETTLEMENT)


def test_recomputed__another_manifest_is_stored__refused(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("SET LOCAL ROLE NONE; SET LOCAL session_replication_role = replica")
        )
        other = {"digest": Hash32(bytes([7]) * 32)}
        statement = "UPDATE computed_epoch SET manifest_digest = :digest WHERE epoch = 3"
        connection.execute(text(statement), other)

    with pytest.raises(ConflictingComputation):
        again(engine)
    with pytest.raises(ConflictingComputation):
        explained(FIRST_EPOCH, SONG, None, shards=in_shards(engine))


def test_epoch_diff__json__what_the_pure_function_says(epoch: Quittance) -> None:
    wanted = difference(NEXT.distribution, FIRST.distribution)

    answer = epoch.json("diff", NEXT_EPOCH)

    assert answer["previous_manifest_digest"] == str(FIRST.manifest_digest)
    assert [(one["payee"], one["change"]["delta"]) for one in answer["payees"]] == [
        (str(one.payee), str(one.change.delta)) for one in wanted.payees
    ]
    for total in answer["totals"]:
        for name in ("payees", "works"):
            deltas = [
                int(one["change"]["delta"])
                for one in answer[name]
                if one["asset"] == total["asset"]
            ]
            terms = ("allocated", "fees", "escrow")
            assert sum(deltas) == sum(int(total[term]["delta"]) for term in terms)


def test_epoch_diff__text__totals_and_what_differs(epoch: Quittance) -> None:
    output = epoch.run("diff", NEXT_EPOCH)

    assert output.startswith("epoch 4, attempt 1, compared with epoch 3\n")
    (total, _) = difference(NEXT.distribution, FIRST.distribution).totals
    change = total.allocated
    assert f"allocated:   {change.now}, before {change.before} ({change.delta:+d})" in output
    assert epoch.run("diff", FIRST_EPOCH).startswith(
        "epoch 3, attempt 1, compared with nothing: it is the first\n"
    )


def test_epoch_diff__never_computed__says_how(epoch: Quittance) -> None:
    with pytest.raises(NotComputed, match="run `quittance epoch compute 9`"):
        epoch.run("diff", 9)


def test_difference_lines__unchanged__counted_and_not_listed() -> None:
    same = StoredOutcome(totals=FIRST.distribution.totals, leaves=FIRST.distribution.leaves)

    lines = list(difference_lines(difference(FIRST.distribution, same)))

    assert any(re.search(r"payees: 0 of \d differ, by 0 in all", line) for line in lines)
    assert not any(str(ANN) in line for line in lines)


def test_explanation_lines__fees_escrow_and_half_life__every_step_told() -> None:
    computed = derive(nested(**OPTIONS["half_life"], **OPTIONS["fees"]))

    fees = list(explanation_lines(explain_leaf(computed, FEES_ID, DUSD)))
    escrow = list(explanation_lines(explain_leaf(computed, escrow_id(keccak(b"found")), DUSD)))
    song = "\n".join(explanation_lines(explain_leaf(computed, SONG, DUSD)))
    found = list(explanation_lines(explain_leaf(computed, FOUND, DUSD)))

    assert any(line.startswith("house, 1000 ppm, ") and "unallocated" in line for line in fees)
    assert any("10000003 · 25000 / 10^6 = 250000" in line for line in fees)
    assert sum("earned" in line for line in escrow) == 2
    assert "  shareable = 10000003 - 250000 - 500000 - 10000 = 9240003\n" in song
    assert "/ 10^6 = 250000, to" in song
    assert "age 120, registered at" in song
    assert "500000 ppm" in song
    assert "a split account:" in song
    place = sorted((ANN, BAND, CHOIR)).index(BAND)
    assert f"suspended, split_cycle, place {place} of the terms: " in song
    assert any("nobody has adopted the work" in line for line in found)


@pytest.mark.parametrize("leaf_id", [SONG, FEES_ID, escrow_id(keccak(b"found"))])
def test_explanation_out__every_kind_of_leaf__a_document_of_strings(leaf_id: Hash32) -> None:
    computed = derive(nested(**OPTIONS["fees"]))

    document = explanation_out(explain_leaf(computed, leaf_id, DUSD)).model_dump(mode="json")

    assert document["asset"] == str(DUSD)
    assert document["root"] == str(computed.manifest.root)
    assert json.loads(json.dumps(document)) == document


def test_explanation_lines__no_weight__target_is_zero() -> None:
    (part, *_) = explain(FIRST, SONG, DUSD).subscribers
    weightless = replace(
        part, raw_sum=0, counted_sum=0, target=0, dust=0, unallocated=BaseUnits(part.fee)
    )
    explained = replace(explain(FIRST, SONG, DUSD), subscribers=(weightless,))

    assert any("target = 0: no row has weight" in line for line in explanation_lines(explained))


def test_epoch_shadow__announced_parameters__the_exact_difference(epoch: Quittance) -> None:
    answer = epoch.json("shadow", FIRST_EPOCH)

    assert answer["parameters_digest"] == str(FIRST.manifest.ruleset_parameters_digest)
    assert answer["shadow_parameters_digest"] == str(NEXT.manifest.ruleset_parameters_digest)
    for total in answer["totals"]:
        gained = sum(
            int(one["change"]["delta"])
            for one in answer["payees"]
            if one["asset"] == total["asset"]
        )
        assert gained == -int(total["unallocated"]["delta"])


def test_epoch_shadow__parameters_of_a_file__under_those(epoch: Quittance, tmp_path: Path) -> None:
    file = tmp_path / "candidate.json"
    file.write_bytes(parameters_json())

    answer = epoch.json("shadow", FIRST_EPOCH, "--parameters", file)
    output = epoch.run("shadow", FIRST_EPOCH, "--parameters", file)

    assert answer["parameters_digest"] == answer["shadow_parameters_digest"]
    assert not any(int(one["change"]["delta"]) for one in answer["payees"])
    assert output.startswith(f"epoch {FIRST_EPOCH} under parameters ")


def test_epoch_shadow__nothing_announced__names_the_way_out(epoch: Quittance) -> None:
    with pytest.raises(NothingAnnounced, match="name a file with --parameters"):
        epoch.run("shadow", NEXT_EPOCH)


def test_epoch_shadow__file_is_missing__names_it(epoch: Quittance, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match=r"--parameters: .*nowhere: No such file"):
        epoch.run("shadow", FIRST_EPOCH, "--parameters", tmp_path / "nowhere")
