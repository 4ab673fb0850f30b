"""The file that Uniswap's merkle-distributor publishes: who may claim what, each with its proof.

    {"merkleRoot": "0x…", "tokenTotal": "0x…",
     "claims": {"0x<account>": {"index": 0, "amount": "0x…", "proof": ["0x…", …]}, …}}

It is a tree of profile `uniswap-v1`. Other members, such as `flags`, may stand beside these.

Source: Uniswap/merkle-distributor, `src/parse-balance-map.ts`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.evm import Hash32, bytes_from_hex
from settlement.errors import BadValue
from settlement.royalties.tree import build_tree
from settlement.royalties.tree_profiles import UNISWAP_V1
from settlement.royalties.tree_values import evm_value

TYPES = ("uint256", "address", "uint256")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """A distribution as read from its file; nothing of it is checked against anything else.

    `values[i]` is (index, account, amount), ascending by index, and `proofs[i]` the proof given
    for it.
    """

    values: tuple[tuple[int, str, int], ...]
    proofs: tuple[tuple[Hash32, ...], ...]
    total: int
    root: Hash32


def claims_from_document(document: Mapping[str, object]) -> Claims:
    """Read a distribution.

    Raises:
        BadValue: naming the member.
    """
    claims = document.get("claims")
    if not isinstance(claims, dict):
        raise BadValue("claims", claims, "an object")
    read = sorted((_claim(account, claim) for account, claim in claims.items()), key=_index)
    return Claims(
        values=tuple(value for value, _ in read),
        proofs=tuple(proof for _, proof in read),
        total=_number(document.get("tokenTotal"), "tokenTotal"),
        root=_hash(document.get("merkleRoot"), "merkleRoot"),
    )


def is_distribution(claims: Claims) -> bool:
    """Whether root, proofs and total are those of the claims.

    Raises:
        BadValue: there is no claim, or two have one index.
    """
    tree = build_tree(UNISWAP_V1, TYPES, claims.values)
    proofs = tuple(tree.proof(position) for position in range(len(claims.values)))
    total = sum(amount for _, _, amount in claims.values)
    return (tree.root, proofs, total) == (claims.root, claims.proofs, claims.total)


def _claim(account: str, claim: object) -> tuple[tuple[int, str, int], tuple[Hash32, ...]]:
    field = f"claims[{account}]"
    if not isinstance(claim, dict):
        raise BadValue(field, claim, "an object")
    proof = claim.get("proof")
    if not isinstance(proof, list):
        raise BadValue(f"{field}.proof", proof, "a list")
    evm_value(("address",), (account,), "claims")
    index = _number(claim.get("index"), f"{field}.index")
    amount = _number(claim.get("amount"), f"{field}.amount")
    nodes = tuple(_hash(node, f"{field}.proof[{at}]") for at, node in enumerate(proof))
    return (index, account, amount), nodes


def _index(claim: tuple[tuple[int, str, int], tuple[Hash32, ...]]) -> int:
    return claim[0][0]


def _number(value: object, field: str) -> int:
    (number,) = evm_value(("uint256",), (value,), field)
    return int(number)


def _hash(value: object, field: str) -> Hash32:
    try:
        return Hash32(bytes_from_hex(str(value)))
    except ValueError as error:
        raise BadValue(field, value, "a hash (0x and 64 hexadecimal digits)") from error
