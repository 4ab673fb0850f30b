"""Committed contract artifacts: ABI and creation bytecode, equal to what the sources build.

Deploying and decoding then need neither Node nor a compiler. `python -m scripts.artifacts` builds
the sources and writes one file per contract; `--check` writes nothing, names every artifact
that differs from the build and exits 1 if there is one.

Needs the standard library and the repository's `node_modules` only.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FORGE = ROOT / "node_modules" / ".bin" / "forge"
BUILD_DIR = ROOT / "out"
ARTIFACT_DIR = ROOT / "contracts" / "artifacts"

SOURCES = (
    "contracts/src",
    "node_modules/@openzeppelin/contracts/governance/TimelockController.sol",
)
"""What is built: our contracts, and the one of others that is deployed as it is."""

CONTRACT_NAMES = (
    "AttestorVerifier",
    "ConsumptionSubmissions",
    "ContentClaims",
    "CreatorAttestations",
    "DemoToken",
    "DemoWallet",
    "EpochClock",
    "EpochPayouts",
    "Groth16Verifier",
    "PayPerViewSplitter",
    "PayoutBatch",
    "RulesetParameters",
    "SplitAccounts",
    "SubscriptionTiers",
    "Ticket",
    "TicketSale",
    "TimelockController",
    "TipRelay",
    "TipSplitter",
    "WorkRegistry",
)

EXIT_DONE = 0
EXIT_CHECK_FAILED = 1
EXIT_UNAVAILABLE = 3


class BuildUnavailable(Exception):
    """The build did not run or did not succeed, so there is nothing to compare with."""


def artifact_text(name: str, build_output: str) -> str:
    """Text of an artifact file, from Foundry's output for the contract.

    Invariants: equal builds give equal bytes (sorted keys, two spaces, one newline at the end).

    Raises:
        BuildUnavailable: The contract has no bytecode or needs linking.
    """
    build = json.loads(build_output)
    bytecode = build["bytecode"]
    if bytecode["object"] in ("", "0x"):
        raise BuildUnavailable(f"{name} has no creation bytecode; it is abstract or an interface")
    if bytecode.get("linkReferences"):
        raise BuildUnavailable(f"{name} needs linking: {sorted(bytecode['linkReferences'])}")
    artifact = {"abi": build["abi"], "bytecode": bytecode["object"]}
    return json.dumps(artifact, indent=2, sort_keys=True, ensure_ascii=True) + "\n"


def build_contracts() -> None:
    """Compiles the sources into `out/`.

    Raises:
        BuildUnavailable: Forge is not installed, or the sources do not compile.
    """
    if not FORGE.exists():
        raise BuildUnavailable(f"{FORGE.relative_to(ROOT)} is missing; run: npm ci")
    built = subprocess.run(  # noqa: S603 - a fixed command from the repository's own node_modules
        [FORGE, "build", *SOURCES], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if built.returncode != 0:
        raise BuildUnavailable(f"forge build failed:\n{built.stdout}{built.stderr}")


def built_artifacts() -> dict[str, str]:
    """Artifact texts of the last build, by contract name."""
    return {
        name: artifact_text(name, (BUILD_DIR / f"{name}.sol" / f"{name}.json").read_text("utf-8"))
        for name in CONTRACT_NAMES
    }


def committed_artifacts() -> dict[str, str]:
    """Artifact texts as committed, by contract name; also of contracts that nobody builds."""
    return {path.stem: path.read_text("utf-8") for path in sorted(ARTIFACT_DIR.glob("*.json"))}


def differing_names(built: Mapping[str, str], committed: Mapping[str, str]) -> list[str]:
    """Names whose artifact is missing, superfluous or other than built, ascending."""
    names = built.keys() | committed.keys()
    return sorted(name for name in names if built.get(name) != committed.get(name))


def write_artifacts(built: Mapping[str, str]) -> None:
    """Writes the built artifacts and removes those of contracts that are not built any more."""
    ARTIFACT_DIR.mkdir(parents=True, exist_ok=True)
    for name in committed_artifacts().keys() - built.keys():
        (ARTIFACT_DIR / f"{name}.json").unlink()
    for name, text in built.items():
        (ARTIFACT_DIR / f"{name}.json").write_text(text, "utf-8")


def main(arguments: Sequence[str]) -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scripts.artifacts", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 on a difference")
    check_only = parser.parse_args(arguments).check
    try:
        build_contracts()
        built = built_artifacts()
    except BuildUnavailable as error:
        sys.stderr.write(f"artifacts: {error}\n")
        return EXIT_UNAVAILABLE
    differing = differing_names(built, committed_artifacts())
    if not check_only:
        write_artifacts(built)
    for name in differing:
        verb = "differs from the build" if check_only else "written"
        sys.stdout.write(f"contracts/artifacts/{name}.json: {verb}\n")
    return EXIT_CHECK_FAILED if check_only and differing else EXIT_DONE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
