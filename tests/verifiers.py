"""The two verifiers, called from tests: on bundles in memory, and as copies with a bug planted."""

import base64
import contextlib
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from scripts import verify_epoch
from tests.bundle_builder import bundle_json

_ROOT = Path(__file__).parents[1]
VERIFY_JS = _ROOT / "api" / "console" / "verify.js"
VERIFY_PY = _ROOT / "scripts" / "verify_epoch.py"

Files = dict[str, bytes]
Bundles = Mapping[str, Files]

_IN_A_BROWSER = """
import { readFileSync } from "node:fs";
const { script, bundles } = JSON.parse(readFileSync(0, "utf8"));
const write = process.stdout.write.bind(process.stdout);
const bytesOf = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
globalThis.process = undefined;
globalThis.Buffer = undefined;
const { EVENT_SIGNATURES, verifyBundle } = await import(script);
const answers = Object.entries(bundles).map(([name, files]) => {
  const map = new Map(Object.entries(files).map(([file, text]) => [file, bytesOf(text)]));
  try {
    return [name, verifyBundle(map).result];
  } catch (error) {
    return [name, { kind: "crash", sentence: error.message }];
  }
});
write(JSON.stringify({ signatures: EVENT_SIGNATURES, answers: Object.fromEntries(answers) }));
"""


def node() -> str:
    found = shutil.which("node")
    if found is None:
        pytest.skip("node is missing")
    return found


def in_a_browser(bundles: Bundles, script: Path = VERIFY_JS) -> dict[str, Any]:
    """What `verifyBundle` of a script answers to each bundle, and the events that it knows."""
    spelled = {
        name: {file: base64.b64encode(data).decode() for file, data in files.items()}
        for name, files in bundles.items()
    }
    done = subprocess.run(
        [node(), "--input-type=module", "-e", _IN_A_BROWSER],
        input=json.dumps({"script": script.as_uri(), "bundles": spelled}),
        capture_output=True,
        check=True,
        text=True,
        timeout=120,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def javascript(bundles: Bundles, script: Path = VERIFY_JS) -> dict[str, Any]:
    """ "OK" or the finding, by bundle."""
    answers: dict[str, Any] = in_a_browser(bundles, script)["answers"]
    return answers


def with_index(files: Files) -> Files:
    """The files and a bundle.json that fits them."""
    return {**files, "bundle.json": bundle_json(files)}


def written(directory: Path, files: Files) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (directory / name).write_bytes(data)
    return directory


def python(bundles: Bundles, directory: Path) -> dict[str, str]:
    """ "OK" or the sentence, by bundle."""
    sentences = {}
    for at, (name, files) in enumerate(bundles.items()):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
            verify_epoch.main([str(written(directory / str(at), files)), "--json"])
        sentences[name] = json.loads(printed.getvalue())["result"]
    return sentences


def planted(source: Path, directory: Path, find: str, replacement: str) -> Path:
    """A copy of a verifier with one change."""
    text = source.read_text()
    assert text.count(find) == 1, f"{text.count(find)} times in {source.name}: {find}"
    directory.mkdir(parents=True, exist_ok=True)
    copy = directory / source.name
    copy.write_text(text.replace(find, replacement))
    if source == VERIFY_JS:
        (directory / "package.json").write_text('{ "type": "module" }')
    return copy


def verdict(script: Path, bundle: Path) -> int:
    """How a copy of the verifier in Python ends."""
    command = [sys.executable, "-I", "-S", str(script), str(bundle)]
    return subprocess.run(command, capture_output=True, check=False, timeout=60).returncode
