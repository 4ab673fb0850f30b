"""`quittance zk`: proofs of consumption, offline.

Neither chain nor database nor configuration is needed.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

from contracts.evm import keccak
from scripts.cli.problems import CHECK_FAILED, bad_input_ends, read_bytes, read_json
from settlement.royalties.zk.backends import BACKENDS, backend_named
from settlement.royalties.zk.encoding import (
    proof_from_document,
    verifying_key_from_bytes,
    verifying_key_to_words,
)
from settlement.royalties.zk.errors import NotCanonicalInput
from settlement.royalties.zk.groth16 import Verdict, verify_proof

app = typer.Typer(no_args_is_help=True, help="Proofs of consumption: verify one.")

_NAMES = ", ".join(name for name, _ in BACKENDS)


@app.callback()
def _group() -> None:
    """Keep `verify` a command of its group while it is the only one."""


@app.command()
def verify(
    verifying_key: Annotated[
        Path, typer.Option(metavar="VK", help="the key, compressed (296 bytes)")
    ],
    proof: Annotated[Path, typer.Option(metavar="P.json", help="digest, a, b and c")],
    backend: Annotated[str, typer.Option(help=_NAMES)] = BACKENDS[0][0],
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Check a Groth16 proof over BN254 of one public input; exit 1 if it does not hold.

    A digest that is not below the order of the scalar field is refused with exit code 2: it would
    be a second name of the same statement. `key_hash` is what the verifier contract of this key
    says of itself in its first event.
    """
    with bad_input_ends("zk verify"):
        library = backend_named(backend)
    with bad_input_ends(str(verifying_key)):
        key = verifying_key_from_bytes(read_bytes(verifying_key))
    with bad_input_ends(str(proof)):
        given, digest = proof_from_document(read_json(proof, "JSON"))
        verdict = verify_proof(key, given, digest, library)
        if verdict is Verdict.INPUT_NOT_CANONICAL:
            raise NotCanonicalInput(digest)
    report = {
        "backend": backend,
        "digest": f"{digest:#066x}",
        "key_hash": str(keccak(verifying_key_to_words(key))),
        "valid": verdict is Verdict.VALID,
        "verdict": str(verdict),
    }
    if as_json:
        typer.echo(json.dumps(report, sort_keys=True))
    else:
        typer.echo("\n".join(f"{name}: {value}" for name, value in report.items()))
    if verdict is not Verdict.VALID:
        raise typer.Exit(CHECK_FAILED)
