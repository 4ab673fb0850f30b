"""`reconciliation.solvency_proof_check`: honest proofs hold, and the known attacks do not."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from contracts.evm import Hash32, keccak
from reconciliation.liability_tree import SumNode
from reconciliation.solvency import statement_digest
from reconciliation.solvency_proof_check import check_line
from tests.solvency_builders import SUBJECT, document_of, payee, statement_of

OWED = {number: 10 * number for number in range(1, 8)}
STATEMENT = statement_of(OWED, unallocated=3)


def word(value: int) -> bytes:
    return value.to_bytes(32, "big")


@pytest.mark.parametrize("number", sorted(OWED))
@pytest.mark.parametrize("count", range(1, 8))
def test_check__honest_line__holds(number: int, count: int) -> None:
    owed = {one: OWED[one] for one in range(1, count + 1)} | {number: OWED[number]}

    outcome = check_line(document_of(statement_of(owed), number))

    assert outcome.problems == ()
    assert outcome.holder == f"payee:0x{payee(number).hex()}"
    assert outcome.amount == OWED[number]


def spelled(node: SumNode) -> dict[str, str]:
    return {"hash": str(node.hash), "sum": str(node.sum)}


def forged(document: dict[str, Any], root: SumNode, count: int) -> dict[str, Any]:
    """The document under another root, with the digest that belongs to it."""
    digest = statement_digest(SUBJECT, root, count)
    return document | {
        "root": spelled(root),
        "leaf_count": str(count),
        "digest": str(digest),
    }


def leaf_node(number: int, amount: int) -> SumNode:
    account = keccak(
        f"{SUBJECT.chain_id}/0x{SUBJECT.contract.hex()}/payee:0x{payee(number).hex()}".encode()
    )
    return SumNode(keccak(b"\x00" + account + word(amount)), amount)


def document_for(
    number: int, amount: int, *, index: int, siblings: list[dict[str, str]]
) -> dict[str, Any]:
    account = keccak(
        f"{SUBJECT.chain_id}/0x{SUBJECT.contract.hex()}/payee:0x{payee(number).hex()}".encode()
    )
    template = document_of(statement_of({number: amount}), number)
    return template | {
        "line": {
            "holder": f"payee:0x{payee(number).hex()}",
            "account_id": str(account),
            "amount": str(amount),
            "index": str(index),
        },
        "siblings": siblings,
    }


def test_attack__maxwell_one_sum_only__refused() -> None:
    """A node that hashes only the total lets every customer see another sibling sum.

    With h(left ‖ right ‖ total) the operator shows the customer of 100 a sibling of 0, and the
    customer of 40 a sibling of 60, under one root of 100: both add up, and 40 are hidden.
    """
    mine, hidden = leaf_node(1, 100), leaf_node(2, 40)
    root = SumNode(keccak(mine.hash + hidden.hash + word(100)), 100)
    first = document_for(1, 100, index=0, siblings=[{"hash": str(hidden.hash), "sum": "0"}])
    second = document_for(2, 40, index=1, siblings=[{"hash": str(mine.hash), "sum": "60"}])

    for document in (first, second):
        assert "siblings: do not lead to the root" in check_line(forged(document, root, 2)).problems


def test_attack__maxwell_on_our_nodes__one_of_both_customers_sees_it() -> None:
    """With both sums in the node, one root has one sibling sum: the other proof fails."""
    mine, hidden = leaf_node(1, 100), leaf_node(2, 40)
    zero = SumNode(hidden.hash, 0)
    root = SumNode(keccak(b"\x01" + mine.encoded() + zero.encoded()), 100)
    first = forged(document_for(1, 100, index=0, siblings=[spelled(zero)]), root, 2)
    second = forged(document_for(2, 40, index=1, siblings=[spelled(mine)]), root, 2)
    third = forged(
        document_for(2, 40, index=1, siblings=[{"hash": str(mine.hash), "sum": "60"}]), root, 2
    )

    assert check_line(first).problems == ()
    assert check_line(second).problems
    assert check_line(third).problems


def test_attack__negative_sibling__unreadable() -> None:
    document = forged(
        document_for(1, 100, index=0, siblings=[{"hash": "0x" + "11" * 32, "sum": "-60"}]),
        SumNode(Hash32(b"\x22" * 32), 40),
        2,
    )

    assert check_line(document).problems == ("sum: '-60' is not a decimal string in [0, 2^256)",)


def test_attack__sum_that_wraps_to_less__refused() -> None:
    """A sibling of 2^256 - 60 would bring a total of 40 for a line of 100."""
    beside = SumNode(Hash32(b"\x11" * 32), 2**256 - 60)
    mine = leaf_node(1, 100)
    root = SumNode(keccak(b"\x01" + mine.encoded() + beside.encoded()), 40)
    document = forged(document_for(1, 100, index=0, siblings=[spelled(beside)]), root, 2)

    assert "siblings: their sums pass 2^256" in check_line(document).problems


def test_attack__one_leaf_for_two_customers__refused() -> None:
    """Two customers who are owed the same are shown one line: its id is one customer's."""
    document = copy.deepcopy(document_of(statement_of({1: 50, 3: 9}), 1))
    line: Any = document["line"]

    line["holder"] = f"payee:0x{payee(2).hex()}"

    assert any(one.startswith("account_id") for one in check_line(document).problems)


def test_attack__node_paired_with_itself__refused() -> None:
    """A last leaf that is doubled to fill a level is counted twice; here it has no sibling."""
    statement = statement_of({1: 10, 2: 20, 3: 30})
    index = next(
        place for place, line in enumerate(statement.lines) if place == len(statement.lines) - 1
    )
    number = next(
        one for one in (1, 2, 3) if statement.lines[index].holder.endswith(payee(one).hex())
    )
    document: Any = copy.deepcopy(document_of(statement, number))
    document["siblings"].insert(0, spelled(leaf_node(number, 10 * number)))

    assert "siblings: there are too many for this place" in check_line(document).problems


def test_attack__inner_node_as_a_leaf__refused() -> None:
    """Leaves and nodes are hashed under different first bytes, and a leaf has an account's id."""
    statement = statement_of({1: 10, 2: 20})
    left, right = statement.tree.levels[0]
    document: Any = document_for(1, 30, index=0, siblings=[])
    document = forged(document, statement.tree.root, 1)
    document["line"]["account_id"] = str(keccak(b"\x01" + left.encoded() + right.encoded()))

    assert len(check_line(document).problems) == 2


def test_attack__other_root_than_published__refused() -> None:
    """An operator who keeps a tree for each customer needs a digest for each."""
    honest = statement_of({1: 10, 2: 20})
    private = statement_of({1: 10})

    outcome = check_line(document_of(private, 1), digest=str(honest.digest))

    assert any("published" in one for one in outcome.problems)


def test_check__reserve_below_total__named() -> None:
    document = document_of(STATEMENT, 1) | {"reserve": {"amount": "282", "is_proven": True}}

    assert check_line(document).problems == ("reserve: is below the total of what is owed",)


CHANGES: dict[str, Callable[[Any], object]] = {
    "amount": lambda d: d["line"].update(amount="11"),
    "index": lambda d: d["line"].update(index=str(int(d["line"]["index"]) ^ 1)),
    "index above": lambda d: d["line"].update(index="8"),
    "leaf count": lambda d: d.update(leaf_count="9"),
    "leaf count zero": lambda d: d.update(leaf_count="0"),
    "sibling sum": lambda d: d["siblings"][0].update(sum="1"),
    "sibling hash": lambda d: d["siblings"][0].update(hash="0x" + "00" * 32),
    "sibling lost": lambda d: d["siblings"].pop(),
    "siblings swapped": lambda d: d["siblings"].reverse(),
    "root sum": lambda d: d["root"].update(sum="1"),
    "root hash": lambda d: d["root"].update(hash="0x" + "00" * 32),
    "epoch": lambda d: d.update(epoch="5"),
    "asset": lambda d: d.update(asset="0x" + "ab" * 20),
    "contract": lambda d: d.update(contract="0x" + "ab" * 20),
    "chain": lambda d: d.update(chain_id="1"),
    "block": lambda d: d["block"].update(hash="0x" + "00" * 32),
    "version": lambda d: d.update(version="quittance-solvency-v2"),
    "amount as number": lambda d: d["line"].update(amount=10),
    "amount with sign": lambda d: d["line"].update(amount="+10"),
    "amount with zero": lambda d: d["line"].update(amount="010"),
    "line lost": lambda d: d.pop("line"),
    "siblings no list": lambda d: d.update(siblings={}),
    "sibling no object": lambda d: d.update(siblings=["0x00"] * 3),
    "hash short": lambda d: d["root"].update(hash="0x00"),
    "holder shouting": lambda d: d["line"].update(holder="PAYEE:0X"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_check__changed_document__refused(change: Callable[[Any], object]) -> None:
    document = copy.deepcopy(document_of(STATEMENT, 1))

    change(document)

    assert check_line(document).problems
