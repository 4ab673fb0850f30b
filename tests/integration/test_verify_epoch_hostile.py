"""Bundles made to hurt the verifier: each is refused in one sentence, soon, and with exit code 2.

Falsified files have the digests in `bundle.json` made right again, as an attacker would. What is
read in groups is also read in groups of two, so that falsifications lie beyond the first one.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import rlp

from scripts import verify_epoch
from tests import bundle_builder as story
from tests.verifiers import VERIFY_PY, planted

FILES = story.story_files()
LONG = 10**5

Files = dict[str, bytes]


def run(directory: Path, script: Path = VERIFY_PY, **environ: str) -> tuple[int, str]:
    """Exit code and sentence, as an auditor gets them."""
    isolated = [] if environ else ["-I", "-S"]
    done = subprocess.run(
        [sys.executable, *isolated, str(script), str(directory)],
        capture_output=True,
        check=False,
        timeout=30,
        env={**os.environ, **environ},
    )
    return done.returncode, (done.stdout + done.stderr).decode(errors="backslashreplace")


def with_manifest(text: bytes) -> Files:
    return {**FILES, "manifest.json": text}


def with_line(name: str, at: int, change: Callable[[Any], object]) -> Files:
    """One record of a file changed."""
    records = [json.loads(line) for line in FILES[name].splitlines()]
    change(records[at])
    return {**FILES, name: story.json_lines(records)}


MANIFEST = FILES["manifest.json"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param(MANIFEST + b"\n", "canonical JSON", id="newline at the end"),
        pytest.param(MANIFEST + b"\r\n", "canonical JSON", id="CRLF"),
        pytest.param(b"\xef\xbb\xbf" + MANIFEST, "not JSON", id="byte order mark"),
        pytest.param(MANIFEST.replace(b":", b": ", 1), "canonical JSON", id="a space"),
        pytest.param(
            MANIFEST.replace(b'"attempt":"1"', b'"attempt":"1","attempt":"1"'),
            "canonical JSON",
            id="a key twice",
        ),
        *(
            pytest.param(
                MANIFEST.replace(b'"attempt":"1"', b'"attempt":' + number),
                "manifest.json",
                id=f"attempt {number[:12].decode()}",
            )
            for number in (
                b"NaN",
                b"-Infinity",
                b"-0",
                b"1e400",
                b'"-0"',
                b'"1e2"',
                b'"+1"',
                b'" 1"',
                b'"\xd9\xa1"',
                b'"0x1"',
                b"9" * 4_000,
                b"9" * 5_000,
                b'"' + b"9" * LONG + b'"',
            )
        ),
        pytest.param(
            MANIFEST.replace(b'"attempt":"1"', b'"attempt":"\\ud800"'),
            "canonical JSON",
            id="half a surrogate",
        ),
        pytest.param(
            MANIFEST[:-1] + b',"\\ud800":1}', r"manifest.json", id="half a surrogate as a key"
        ),
        pytest.param(
            MANIFEST[:-1] + b',"\\u001b[2J\\rOK":1}',
            r"\x1b[2J\rOK",
            id="a key that clears the screen",
        ),
        pytest.param(b"[" * 20 + b"]" * 20, "nested deeper than 16", id="20 arrays"),
        pytest.param(
            b'{"a":' * 900 + b'""' + b"}" * 900, "nested deeper than 16", id="900 objects"
        ),
        pytest.param(
            b'{"' + b"k" * LONG + b'":{"' + b"k" * LONG + b'":1}}', "manifest.json", id="long keys"
        ),
        pytest.param(b'"' + b" " * 1_000_001 + b'"', "longer than 1000000", id="a megabyte"),
    ],
)
def test_main__hostile_manifest__one_short_sentence(
    text: bytes, sentence: str, tmp_path: Path
) -> None:
    code, said = run(story.write_bundle(tmp_path, with_manifest(text)))

    assert code in (1, 2)
    assert sentence in said
    assert said.startswith("manifest.json")
    assert said.count("\n") == 1
    assert len(said) < 2_500
    assert said.rstrip("\n").isprintable()


@pytest.mark.parametrize("name", ["blocks.jsonl", "headers.jsonl", "logs.jsonl", "leaves.jsonl"])
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda data: data[:-1], id="no newline at the end"),
        pytest.param(lambda data: data.replace(b"\n", b"\r\n"), id="CRLF"),
        pytest.param(lambda data: b"\xef\xbb\xbf" + data, id="byte order mark"),
        pytest.param(lambda data: data + b"\n", id="an empty line"),
        pytest.param(lambda data: b"\n" + data, id="an empty line first"),
        pytest.param(lambda data: data + b"\0\n", id="a zero"),
        pytest.param(lambda data: data.replace(b"\n", b"", 1), id="two records in a line"),
    ],
)
def test_main__odd_lines__one_sentence(
    name: str, change: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    code, said = run(story.write_bundle(tmp_path, {**FILES, name: change(FILES[name])}))

    assert code in (1, 2)
    assert said.startswith(name)
    assert said.count("\n") == 1


@pytest.mark.parametrize("name", ["bundle.json", *verify_epoch.FILES.split()])
def test_main__link_in_place_of_a_file__exit_2(name: str, tmp_path: Path) -> None:
    directory = story.write_bundle(tmp_path / "bundle", FILES)
    (directory / name).rename(tmp_path / "elsewhere")
    (directory / name).symlink_to(tmp_path / "elsewhere")

    assert run(directory) == (2, f"{name}: a link, not a file of the bundle\n")


@pytest.mark.parametrize("name", ["bundle.json", "logs.jsonl"])
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "directory"])
def test_main__no_file__exit_2_at_once(
    name: str, make: Callable[[Path], None], tmp_path: Path
) -> None:
    directory = story.write_bundle(tmp_path, FILES)
    (directory / name).unlink()
    make(directory / name)

    sentence = f"{name}: a directory, pipe or device, not a file of the bundle\n"
    assert run(directory) == (2, sentence)


def test_main__index_without_end__exit_2(tmp_path: Path) -> None:
    directory = story.write_bundle(tmp_path, FILES)
    with (directory / "bundle.json").open("wb") as file:
        file.truncate(1 << 40)

    assert run(directory) == (2, "bundle.json: longer than 1000000 bytes\n")


@pytest.mark.parametrize("field", [8, 11], ids=["number", "time"])
def test_main__header_with_a_number_of_thousands_of_digits__exit_2(
    field: int, tmp_path: Path
) -> None:
    def change(record: dict[str, str]) -> None:
        fields: list[bytes] = rlp.decode(bytes.fromhex(record["header"][2:]))
        fields = [*fields[:field], b"\xff" * 3_000, *fields[field + 1 :]]
        record["header"] = story.hex0x(rlp.encode(fields))

    code, said = run(story.write_bundle(tmp_path, with_line("headers.jsonl", -1, change)))

    assert code == 2
    assert said.endswith("header: a number or a time that is no uint64\n")


def test_main__terminal_that_cannot_print_it__still_a_sentence(tmp_path: Path) -> None:
    files = with_line("quarantine.jsonl", 0, lambda record: record.update(reason="\u65e5\u672c"))

    code, said = run(story.write_bundle(tmp_path, files), PYTHONIOENCODING="latin-1")

    assert code == 1
    assert said.startswith("quarantine.jsonl line 1 reason")
    assert "Traceback" not in said


def test_main__line_longer_than_the_limit__exit_2(tmp_path: Path) -> None:
    script = planted(VERIFY_PY, tmp_path, "LINE_BYTES_MAX = 1 << 28", "LINE_BYTES_MAX = 1 << 8")

    code, said = run(story.write_bundle(tmp_path / "bundle", FILES), script)

    assert code == 2
    assert said == "headers.jsonl line 1: longer than 256 bytes, or cut off\n"


def changed_while_read(directory: Path) -> verify_epoch.BundleFile:
    data = b"".join(b"%08d\n" % at for at in range(100_000))
    path = directory / "logs.jsonl"
    path.write_bytes(data)
    return verify_epoch.BundleFile("logs.jsonl", str(path), sha256(data).digest())


def test_lines__file_changed_between_two_readings__difference(tmp_path: Path) -> None:
    file = changed_while_read(tmp_path)
    assert sum(1 for _ in file.lines()) == file.line_count() == 100_000

    (tmp_path / "logs.jsonl").write_bytes(b"00000000\n")

    with pytest.raises(verify_epoch.Difference, match=r"logs\.jsonl, SHA-256"):
        list(file.lines())


def test_lines__file_changed_during_a_reading__difference(tmp_path: Path) -> None:
    file = changed_while_read(tmp_path)
    lines = file.lines()
    next(lines)

    with (tmp_path / "logs.jsonl").open("r+b") as opened:
        opened.seek(9 * 99_999)
        opened.write(b"99999999")

    with pytest.raises(verify_epoch.Difference, match=r"logs\.jsonl, SHA-256"):
        list(lines)


def last_usage(record: dict[str, Any]) -> None:
    """One minute more, of the last submission that counts."""
    record["data"] = record["data"].replace(f"{60:064x}", f"{61:064x}", 1)


FALSIFIED = {
    "usage": with_line("logs.jsonl", 19, last_usage),
    "log left out": {**FILES, "logs.jsonl": b"".join(FILES["logs.jsonl"].splitlines(True)[:-1])},
    "header": with_line("headers.jsonl", -2, lambda record: record.update(claim="unproved")),
    "allocation": with_line("allocations.jsonl", -1, lambda record: record.update(fee="1")),
    "allocation left out": {
        **FILES,
        "allocations.jsonl": b"".join(FILES["allocations.jsonl"].splitlines(True)[:-1]),
    },
    "allocation twice": {
        **FILES,
        "allocations.jsonl": FILES["allocations.jsonl"]
        + FILES["allocations.jsonl"].splitlines(True)[-1],
    },
    "leaf": with_line("leaves.jsonl", -1, lambda record: record.update(amount="1")),
    "quarantine": with_line("quarantine.jsonl", -1, lambda record: record.update(position="9")),
}


@pytest.fixture(scope="module")
def in_twos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The verifier, reading in groups of two."""
    return planted(VERIFY_PY, tmp_path_factory.mktemp("twos"), "PIECE = 1_024", "PIECE = 2")


def test_groups_of_two__honest_bundle__accepted(in_twos: Path, tmp_path: Path) -> None:
    directory = story.write_bundle(tmp_path, FILES)

    assert run(directory, in_twos) == run(directory)
    assert run(directory)[0] == 0


@pytest.mark.parametrize("name", FALSIFIED)
def test_groups_of_two__falsified__the_same_difference(
    name: str, in_twos: Path, tmp_path: Path
) -> None:
    directory = story.write_bundle(tmp_path, FALSIFIED[name])

    code, said = run(directory, in_twos)

    assert (code, said) == run(directory)
    assert code == 1


def test_repeats__all_keys_in_one_slot__compared_exactly(tmp_path: Path) -> None:
    """An attacker may choose pseudonyms with equal checksums: nothing is taken for a repetition."""
    script = planted(VERIFY_PY, tmp_path, "SLOTS = 1 << 24", "SLOTS = 1")
    directory = story.write_bundle(tmp_path / "bundle", FILES)

    assert run(directory, script) == run(directory)


def test_repeats__denied_where_there_are_some__exposed(tmp_path: Path) -> None:
    """The story has repeated works and pseudonyms: forgetting them is seen."""
    script = planted(VERIFY_PY, tmp_path, "% SLOTS] > 1", "% SLOTS] > 2")

    assert run(story.write_bundle(tmp_path / "bundle", FILES), script)[0] == 1


def test_repeats__key_counted_twice__possible() -> None:
    repeats = verify_epoch.Repeats()
    for key in (b"one", b"two", b"one"):
        repeats.count(key)

    assert repeats.is_possible(b"one")
    assert not repeats.is_possible(b"two")
    assert not repeats.is_possible(b"three")
