"""Real proofs of small circuits, and points that are almost right."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from settlement.royalties.zk.curve import G2_B
from settlement.royalties.zk.encoding import proof_from_document, verifying_key_from_bytes
from settlement.royalties.zk.field import Fq2, fq2_add, fq2_mul, fq2_root, fq2_square
from settlement.royalties.zk.groth16 import Proof, VerifyingKey

_VECTORS = Path(__file__).parent / "vectors" / "groth16.json"
PUBLISHED = Path(__file__).resolve().parents[2] / "shared" / "vectors" / "zk"
"""A third party's keys and proofs, where they are present."""


class ProvedStatement(NamedTuple):
    """A proof that another implementation made."""

    key: VerifyingKey
    proof: Proof
    public_input: int
    document: dict[str, object]


def proved_statements() -> list[ProvedStatement]:
    """Every committed proof, by circuit."""
    found = []
    for circuit in key_documents():
        key = verifying_key_from_bytes(bytes.fromhex(circuit["verifying_key"][2:]))
        for document in circuit["proofs"]:
            found.append(ProvedStatement(key, *proof_from_document(document), document))
    return found


def key_documents() -> list[dict[str, Any]]:
    """Every committed circuit: its key, compressed and as words, and the hash of the words."""
    circuits: list[dict[str, Any]] = json.loads(_VECTORS.read_text())["circuits"]
    return circuits


def published_statements() -> list[ProvedStatement]:
    """Every proof of a third party, with the key beside it; none where they are absent."""
    found = []
    for path, key_path in published_files():
        document = json.loads(path.read_text())
        key = verifying_key_from_bytes(key_path.read_bytes())
        found.append(ProvedStatement(key, *proof_from_document(document), document))
    return found


def published_files() -> list[tuple[Path, Path]]:
    """Every proof and its key: of the folder's keys, the one whose name is nearest."""
    proofs = [path for path in sorted(PUBLISHED.rglob("*.json")) if "digest" in path.read_text()]
    return [(path, _nearest(path, sorted(path.parent.glob("*.bin")))) for path in proofs]


def _nearest(proof: Path, keys: list[Path]) -> Path:
    words = set(proof.stem.split("_"))
    return max(keys, key=lambda key: len(words & set(key.stem.split("_"))))


def key_bytes() -> bytes:
    """The compressed key of the first circuit."""
    return bytes.fromhex(key_documents()[0]["verifying_key"][2:])


def point_outside_of_g2() -> tuple[Fq2, Fq2]:
    """A point of the curve that G2 lies on, in no subgroup of order r."""
    for real in range(1, 100):
        x = (real, 1)
        y = fq2_root(fq2_add(fq2_mul(fq2_square(x), x), G2_B))
        if y is not None:
            return x, y
    raise AssertionError("half of all x are those of a point")
