import copy
from typing import Any

import pytest

from settlement.errors import BadValue
from settlement.royalties.tree import build_tree
from settlement.royalties.tree_claims import TYPES, claims_from_document, is_distribution
from settlement.royalties.tree_profiles import UNISWAP_V1


def distribution(count: int) -> dict[str, Any]:
    """A file as the distributor's script writes it: amounts in hexadecimal of whole bytes."""
    values = [(index, f"0x{0x99 - index:040x}", 100 + 60 * index) for index in range(count)]
    tree = build_tree(UNISWAP_V1, TYPES, values)
    total = f"{sum(amount for _, _, amount in values):x}"
    return {
        "merkleRoot": str(tree.root),
        "tokenTotal": "0x" + total.zfill(len(total) + len(total) % 2),
        "claims": {
            account: {
                "index": index,
                "amount": f"0x{amount:04x}",
                "proof": [str(node) for node in tree.proof(index)],
                "flags": {"isSOCKS": False},
            }
            for index, account, amount in reversed(values)
        },
    }


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 9, 17])
def test_claims__as_published__hold(count: int) -> None:
    claims = claims_from_document(distribution(count))

    assert [index for index, _, _ in claims.values] == list(range(count))
    assert is_distribution(claims)


@pytest.mark.parametrize(
    "change",
    [
        {"tokenTotal": "0x01"},
        {"merkleRoot": "0x" + "00" * 32},
        {"amount": "0x65"},
        {"index": 9},
        {"proof": []},
    ],
)
def test_claims__one_member_changed__does_not_hold(change: dict[str, Any]) -> None:
    document = distribution(5)
    ((name, _),) = change.items()
    (document if name in document else document["claims"]["0x" + "99".zfill(40)]).update(change)

    assert not is_distribution(claims_from_document(document))


def test_claims__two_of_one_index__refused() -> None:
    document = distribution(3)
    document["claims"]["0x" + "99".zfill(40)]["index"] = 1

    with pytest.raises(BadValue, match=r"values\[1\]\[0\]: 1 is not another index"):
        is_distribution(claims_from_document(document))


def test_claims__nobody__refused() -> None:
    with pytest.raises(BadValue, match="uniswap-v1 needs"):
        is_distribution(claims_from_document(distribution(1) | {"claims": {}}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"claims": []}, r"claims: \[\] is not an object"),
        ({"claims": {"0x12": {"proof": []}}}, "claims.*: '0x12' is not a value of address"),
        ({"claims": {"0x" + "00" * 20: 7}}, "claims.*: 7 is not an object"),
        ({"claims": {"0x" + "00" * 20: {}}}, "proof: None is not a list"),
        ({"claims": {"0x" + "00" * 20: {"proof": ["0x12"]}}}, "index"),
        ({"claims": {"0x" + "00" * 20: {"proof": ["0x12"], "index": 0, "amount": 1}}}, "'0x12'"),
        ({"tokenTotal": 1.5}, "tokenTotal.*: 1.5 is not a value of uint256"),
        ({"merkleRoot": None}, "merkleRoot: None is not a hash"),
    ],
)
def test_claims__malformed__named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BadValue, match=message):
        claims_from_document(copy.deepcopy(distribution(2)) | change)
