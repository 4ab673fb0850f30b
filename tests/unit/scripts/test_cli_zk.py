"""`quittance zk verify` as an auditor meets it, without node, database or configuration."""

import json
from collections.abc import Sequence
from contextlib import chdir, redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scripts.cli import zk
from scripts.cli.app import app, expected_errors_end
from scripts.cli.problems import BAD_INPUT, CHECK_FAILED
from settlement.royalties.zk.field import FIELD_MODULUS, SCALAR_ORDER
from tests.zk_vectors import (
    PUBLISHED,
    key_bytes,
    key_documents,
    proved_statements,
    published_files,
)

FIRST = proved_statements()[0].document


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with a key and a valid proof of it."""
    (tmp_path / "key.bin").write_bytes(key_bytes())
    (tmp_path / "proof.json").write_text(json.dumps(FIRST))
    return tmp_path


def verify(place: Path, changes: dict[str, object], *options: str) -> tuple[int, dict[str, Any]]:
    """Exit code and report for the valid document with these fields changed."""
    (place / "proof.json").write_text(json.dumps(FIRST | changes))
    files = [f"--verifying-key={place / 'key.bin'}", f"--proof={place / 'proof.json'}"]
    done = CliRunner().invoke(zk.app, ["verify", *files, "--json", *options])
    return done.exit_code, json.loads(done.stdout)


def refused(place: Path, options: Sequence[str] = ()) -> tuple[int | str | None, str]:
    """Exit code and stderr of the whole command line, run in the directory."""
    with (
        chdir(place),
        redirect_stderr(StringIO()) as errors,
        pytest.raises(SystemExit) as ending,
        expected_errors_end(),
    ):
        app(["zk", "verify", "--verifying-key=key.bin", "--proof=proof.json", *options])
    return ending.value.code, errors.getvalue()


def word(value: int) -> str:
    return f"{value:#066x}"


DIGEST = int(str(FIRST["digest"]), 16)


@pytest.mark.parametrize("backend", ["zksnake", "py-ecc"])
def test_verify__valid_proof__exit_0(place: Path, backend: str) -> None:
    code, report = verify(place, {}, f"--backend={backend}")

    assert code == 0
    assert report == {
        "backend": backend,
        "digest": FIRST["digest"],
        "key_hash": key_documents()[0]["key_hash"],
        "valid": True,
        "verdict": "valid",
    }


@pytest.mark.parametrize("backend", ["zksnake", "py-ecc"])
def test_verify__next_digest__exit_1(place: Path, backend: str) -> None:
    code, report = verify(place, {"digest": word(DIGEST + 1)}, f"--backend={backend}")

    assert (code, report["valid"]) == (1, False)
    assert report["verdict"] == "the proof does not prove this public input"


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"a": [word(1), word(3)]}, "a is no point of G1"),
        ({"a": [word(1), word(2 + FIELD_MODULUS)]}, "a is no point of G1"),
        ({"b": [["0x0", "0x0"], ["0x0", "0x0"]]}, "b is no point of G2"),
        ({"c": ["0x0", "0x0"]}, "c is no point of G1"),
    ],
)
def test_verify__no_point__exit_1_and_says_which(
    place: Path, changes: dict[str, object], verdict: str
) -> None:
    code, report = verify(place, changes)

    assert (code, report["valid"], report["verdict"]) == (1, False, verdict)


@pytest.mark.parametrize("multiple", range(1, 6))
def test_verify__digest_plus_order__exit_2_naming_file_field_and_value(
    place: Path, multiple: int
) -> None:
    digest = word(DIGEST + multiple * SCALAR_ORDER)
    (place / "proof.json").write_text(json.dumps(FIRST | {"digest": digest}))

    code, errors = refused(place)

    assert code == 2
    assert f"proof.json: digest: {digest} is not below the order of the scalar field" in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "proof.json: content: "),
        ("[]", "proof.json: document: '[]' is not an object"),
        ('{"digest": "0x1", "digest": "0x2"}', "'digest' stands twice"),
        ("[" * 100_000, "proof.json: content: 'more than 64 deep' is not JSON"),
        (json.dumps(FIRST | {"digest": 35}), "proof.json: digest: '35' is not 0x and up to 64"),
        (json.dumps(FIRST | {"digest": "0x" + "0" * 65}), "proof.json: digest: "),
        (json.dumps(FIRST | {"a": ["0x1"]}), "proof.json: a: "),
        (json.dumps(FIRST | {"b": [["0x1", "0x2"], ["0x1", "-1"]]}), "proof.json: b[1][1]: '-1'"),
        (json.dumps({"digest": "0x1"}), "proof.json: b: 'None' is not a list of two"),
        (json.dumps({"pi_a": ["1", "2", "1"]}), "is not of a proof as digest, a, b and c"),
        (json.dumps({"protocol": "plonk"}), "protocol: 'plonk' is not of a proof as digest, a, b"),
        (json.dumps(FIRST | {"digest": "0X1"}), "proof.json: digest: '0X1' is not 0x and up to 64"),
        (json.dumps(FIRST | {"digest": "35"}), "proof.json: digest: '35' is not 0x and up to 64"),
        (json.dumps(FIRST | {"a": ["0x1", "0x2", "0x1"]}), "is not a list of two"),
    ],
)
def test_verify__malformed_document__exit_2_and_one_sentence(
    place: Path, content: str, sentence: str
) -> None:
    (place / "proof.json").write_text(content)

    code, errors = refused(place)

    assert code == 2
    assert sentence in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize("length", [0, 295, 297])
def test_verify__key_of_other_length__exit_2(place: Path, length: int) -> None:
    (place / "key.bin").write_bytes((key_bytes() + b"\0")[:length])

    code, errors = refused(place)

    assert (code, errors.count("\n")) == (2, 1)
    assert f"key.bin: verifying key: '{length} bytes' is not 296 bytes" in errors


def test_verify__key_with_a_bad_point__exit_2(place: Path) -> None:
    (place / "key.bin").write_bytes(b"\xff" * 31 + b"\x3f" + key_bytes()[32:])

    code, errors = refused(place)

    assert (code, errors.count("\n")) == (2, 1)
    assert "key.bin: alpha: " in errors


@pytest.mark.parametrize("name", ["key.bin", "proof.json"])
def test_verify__no_such_file__exit_2(place: Path, name: str) -> None:
    (place / name).unlink()

    code, errors = refused(place)

    assert (code, errors.count("\n")) == (2, 1)
    assert f"{name}: file: '{name}' is not readable" in errors


def test_verify__unknown_backend__exit_2(place: Path) -> None:
    code, errors = refused(place, ["--backend=arkworks"])

    assert (code, errors.count("\n")) == (2, 1)
    assert "--backend: 'arkworks' is not one of zksnake, py-ecc" in errors


def test_verify__without_json__one_line_each(place: Path) -> None:
    files = [f"--verifying-key={place / 'key.bin'}", f"--proof={place / 'proof.json'}"]
    done = CliRunner().invoke(zk.app, ["verify", *files])

    assert done.stdout.splitlines()[:2] == ["backend: zksnake", f"digest: {FIRST['digest']}"]


@pytest.mark.skipif(not PUBLISHED.exists(), reason="../shared/vectors is absent")
def test_verify__every_published_proof__holds_for_its_digest_alone(place: Path) -> None:
    files = published_files()

    assert files
    for proof, key in files:
        document = json.loads(proof.read_text())
        bad = document.get("bad_digest", hex(int(document["digest"], 16) + 1))
        refused = BAD_INPUT if int(bad, 16) >= SCALAR_ORDER else CHECK_FAILED
        for digest, expected in ((document["digest"], 0), (bad, refused)):
            (place / "proof.json").write_text(json.dumps(document | {"digest": digest}))
            with chdir(place):
                done = CliRunner().invoke(
                    zk.app, ["verify", f"--verifying-key={key}", "--proof", "proof.json"]
                )
            assert done.exit_code == expected, proof
