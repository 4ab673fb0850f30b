"""`quittance tree`: Merkle trees over typed values, of our profile and of foreign ones.

VALUES is `{"types": ["bytes32", …], "values": [[…], …]}`; integers are JSON numbers, decimal
strings or `0x…` strings. Wherever VALUES are read, a dump written by `tree build --dump` or by
OpenZeppelin's `StandardMerkleTree.dump` may stand instead, or the `claims` of Uniswap's
merkle-distributor.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from contracts.evm import Hash32
from scripts.cli.problems import CHECK_FAILED, BadInput, bad_input_ends, fail, read_object
from scripts.errors import Rejected
from settlement.royalties.tree import build_tree, is_proof, profiles_of_root
from settlement.royalties.tree_claims import TYPES as CLAIM_TYPES
from settlement.royalties.tree_claims import claims_from_document, is_distribution
from settlement.royalties.tree_dump import dump_document, dump_from_document, is_whole
from settlement.royalties.tree_profiles import PROFILES, profile_named
from settlement.royalties.tree_values import abi_types, evm_value

app = typer.Typer(
    no_args_is_help=True, help="Merkle trees: build, prove, verify, and tell their profile."
)

_HASH = re.compile(r"0x[0-9a-fA-F]{64}", re.ASCII)
_NAMES = ", ".join(profile.name for profile in PROFILES)

ValuesFile = Annotated[Path, typer.Argument(metavar="VALUES.json", help="types and values")]
ProfileName = Annotated[str, typer.Option(help=_NAMES)]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object")]


@dataclass(frozen=True, slots=True)
class _Values:
    types: tuple[str, ...]
    values: list[object]


@app.command()
def build(
    values: ValuesFile,
    profile: ProfileName,
    dump: Annotated[Path | None, typer.Option(help="write the whole tree here")] = None,
    as_json: AsJson = False,
) -> None:
    """Build a tree and print its root."""
    with bad_input_ends(str(values)):
        read = _read_values(values)
        tree = build_tree(profile_named(profile), read.types, read.values)
    if dump is not None:
        document = dump_document(tree, read.types, read.values)
        try:
            dump.write_text(json.dumps(document, separators=(",", ":")) + "\n")
        except OSError as error:
            fail(f"{dump}: cannot be written: {error.strerror}", 2)
    report = {"leaf_count": len(tree.place_of), "profile": profile, "root": str(tree.root)}
    _print(report, as_json)


@app.command()
def prove(
    values: ValuesFile,
    profile: ProfileName,
    index: Annotated[int | None, typer.Option(help="place of the value in VALUES, from 0")] = None,
    value: Annotated[str | None, typer.Option(help="the value itself, as JSON")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the proof of one value."""
    with bad_input_ends(str(values)):
        read = _read_values(values)
        tree = build_tree(profile_named(profile), read.types, read.values)
        place = _place(read, index, value)
    report = {
        "index": place,
        "leaf": str(tree.leaf(place)),
        "profile": profile,
        "proof": [str(sibling) for sibling in tree.proof(place)],
        "root": str(tree.root),
        "types": list(read.types),
        "value": read.values[place],
    }
    _print(report, as_json)


@app.command()
def verify(
    document: Annotated[
        Path,
        typer.Argument(
            metavar="FILE.json", help="output of `prove --json`, dump, claims, or VALUES"
        ),
    ],
    profile: Annotated[str | None, typer.Option(help=f"{_NAMES}; else the file's")] = None,
    root: Annotated[str | None, typer.Option(help="the root to hold it against")] = None,
    as_json: AsJson = False,
) -> None:
    """Check a proof, a dumped tree, claims, or that values have a root; exit 1 if it does not hold.

    A root that stands in the file proves nothing but consistency: give the one you trust.
    """
    with bad_input_ends(str(document)):
        content = read_object(document)
        wanted = None if root is None else _hash(root, "--root", "root")
        if "proof" in content:
            holds = _proof_holds(content, profile, wanted, str(document))
        elif "tree" in content:
            holds = _dump_holds(content, wanted)
        elif "claims" in content:
            holds = _claims_hold(content, wanted)
        else:
            holds = _values_hold(content, profile, wanted, str(document))
    _print({"valid": holds}, as_json)
    if not holds:
        raise typer.Exit(CHECK_FAILED)


@app.command()
def detect(
    values: ValuesFile,
    root: Annotated[
        str | None, typer.Option(help="the tree's root; a dump and claims have their own")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell under which profiles these values have this root; exit 1 if under none.

    Leaves of quittance-v1 have the same root under oz-standard: both are named. oz-unsorted is
    named where sorted leaves would have another root.
    """
    with bad_input_ends(str(values)):
        given = None if root is None else _hash(root, "--root", "root")
        content = read_object(values)
        read = _values_of(content, str(values))
        given = given or _root_of(content)
        wanted = given or _hash(root, "--root", "root")
        names = profiles_of_root(read.types, read.values, wanted)
    _print({"profiles": list(names), "root": str(wanted)}, as_json)
    if not names:
        raise typer.Exit(CHECK_FAILED)


def _proof_holds(
    content: Mapping[str, object], profile: str | None, root: Hash32 | None, place: str
) -> bool:
    proof, types = content["proof"], content.get("types")
    if not isinstance(proof, list):
        raise BadInput(place, "proof", proof, "a list of hashes")
    if not isinstance(types, list):
        raise BadInput(place, "types", types, "a list of Solidity types")
    return is_proof(
        profile_named(profile or str(content.get("profile"))),
        types,
        content.get("value"),
        proof=[_hash(node, place, f"proof[{at}]") for at, node in enumerate(proof)],
        root=root or _hash(content.get("root"), place, "root"),
    )


def _dump_holds(content: Mapping[str, object], root: Hash32 | None) -> bool:
    dump = dump_from_document(content)
    return is_whole(dump) and root in (None, dump.root)


def _claims_hold(content: Mapping[str, object], root: Hash32 | None) -> bool:
    claims = claims_from_document(content)
    return is_distribution(claims) and root in (None, claims.root)


def _root_of(content: Mapping[str, object]) -> Hash32 | None:
    """The root that a dump or claims give themselves."""
    if "tree" in content:
        return dump_from_document(content).root
    return claims_from_document(content).root if "claims" in content else None


def _values_hold(
    content: Mapping[str, object], profile: str | None, root: Hash32 | None, place: str
) -> bool:
    read = _values_of(content, place)
    if profile is None or root is None:
        raise Rejected(f"{place}: to verify VALUES, give --profile and --root")
    return build_tree(profile_named(profile), read.types, read.values).root == root


def _read_values(path: Path) -> _Values:
    return _values_of(read_object(path), str(path))


def _values_of(content: Mapping[str, object], place: str) -> _Values:
    if "tree" in content:
        dump = dump_from_document(content)
        return _Values(dump.types, list(dump.values))
    if "claims" in content:
        return _Values(CLAIM_TYPES, list(claims_from_document(content).values))
    types, values = content.get("types"), content.get("values")
    if not isinstance(types, list):
        raise BadInput(place, "types", types, "a list of Solidity types")
    if not isinstance(values, list):
        raise BadInput(place, "values", values, "a list of values")
    return _Values(abi_types(types), values)


def _place(read: _Values, index: int | None, value: str | None) -> int:
    if (index is None) == (value is None):
        raise Rejected("give exactly one of --index and --value")
    if index is not None:
        if not 0 <= index < len(read.values):
            raise BadInput("--index", "index", index, f"below {len(read.values)}")
        return index
    try:
        wanted = evm_value(read.types, json.loads(value or ""), "--value")
    except ValueError as error:
        raise BadInput("--value", "value", value, f"JSON ({error})") from error
    for place, candidate in enumerate(read.values):
        if evm_value(read.types, candidate, f"values[{place}]") == wanted:
            return place
    raise BadInput("--value", "value", value, "one of the values")


def _hash(value: object, place: str, field: str) -> Hash32:
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise BadInput(place, field, value, "a hash (0x and 64 hexadecimal digits)")
    return Hash32.from_hex(value)


def _print(report: Mapping[str, object], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(report, sort_keys=True))
        return
    for name, value in report.items():
        shown = value if isinstance(value, str) else json.dumps(value)
        typer.echo(f"{name}: {shown}")
