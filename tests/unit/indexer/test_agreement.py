"""What endpoints agree upon: each case is drawn as the hashes that each endpoint names."""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from contracts.evm import BlockNumber, BlockRef, Hash32, Timestamp, keccak
from indexer.agreement import (
    MISSING,
    Agreement,
    Asked,
    Dispute,
    Look,
    Opinions,
    Statement,
    Verdict,
    agree,
)


@dataclass(frozen=True)
class Node:
    """The chain of one endpoint: a letter per block number, a dot where it has no answer."""

    chain: str
    finalized: int | None


def ref(number: int, letter: str) -> BlockRef:
    return BlockRef(
        number=BlockNumber(number),
        hash=named(number, letter),
        parent_hash=keccak(b"parent"),
        timestamp=Timestamp(number),
    )


def named(number: int, letter: str) -> Hash32:
    return keccak(f"{number}{letter}".encode())


def agreement_of(nodes: Mapping[str, Node], asked: list[tuple[str, int]] | None = None) -> object:
    """What the nodes agree upon; the first is preferred."""

    def ask(host: str, number: BlockNumber) -> BlockRef | None:
        if asked is not None:
            asked.append((host, number))
        letter = nodes[host].chain[number]
        return None if letter == "." else ref(number, letter)

    looks = [
        Look(
            host=host,
            head=ref(len(node.chain) - 1, node.chain[-1]),
            finalized=None
            if node.finalized is None
            else ref(node.finalized, node.chain[node.finalized]),
        )
        for host, node in nodes.items()
    ]
    return agree(looks, ask)


AGREED = [
    # Case, nodes; head, finalized and how many agree.
    ("alone", {"a": Node("ccccc", 2)}, 4, 2, 1),
    ("alone, nothing finalized", {"a": Node("ccccc", None)}, 4, None, 1),
    ("equal", {"a": Node("ccccc", 2), "b": Node("ccccc", 2)}, 4, 2, 2),
    ("the second lags", {"a": Node("ccccc", 3), "b": Node("ccc", 1)}, 4, 1, 2),
    ("the preferred lags", {"a": Node("ccc", 1), "b": Node("ccccc", 3)}, 2, 1, 2),
    ("the second has no finalized", {"a": Node("ccccc", 3), "b": Node("ccccc", None)}, 4, 3, 2),
    ("none has a finalized", {"a": Node("ccccc", None), "b": Node("cccc", None)}, 4, None, 2),
    ("the second has pruned it", {"a": Node("ccccc", 2), "b": Node("c...c", 4)}, 4, 2, 1),
    ("the second is far below it", {"a": Node("ccccc", 4), "b": Node("cc", None)}, 4, 4, 1),
    ("three", {"a": Node("cccc", 3), "b": Node("cccc", 2), "c": Node("ccc", 1)}, 3, 1, 3),
]


@pytest.mark.parametrize(
    ("nodes", "head", "finalized", "by"),
    [one[1:] for one in AGREED],
    ids=[one[0] for one in AGREED],
)
def test_agree__no_contradiction__lowest_finalized_and_preferred_head(
    nodes: Mapping[str, Node], head: int, finalized: int | None, by: int
) -> None:
    found = agreement_of(nodes)

    assert isinstance(found, Agreement)
    assert found.head == ref(head, "c")
    assert found.finalized == (None if finalized is None else ref(finalized, "c"))
    assert found.corroborated_by == by
    assert found.is_single is (by == 1)
    assert found.fork == ()


FORKED = [
    # Case, nodes; head, finalized and the lowest block at which they differ.
    ("one block", {"a": Node("cccca", 2), "b": Node("ccccb", 2)}, 3, 2, 4),
    ("down to the finalized", {"a": Node("cccaa", 2), "b": Node("cccbb", 2)}, 2, 2, 3),
    ("the fork lags", {"a": Node("ccccccc", 2), "b": Node("cccbb", 2)}, 2, 2, 3),
    ("nothing finalized", {"a": Node("caaaa", None), "b": Node("cbbbb", None)}, 0, None, 1),
    (
        "two of three",
        {"a": Node("ccccaa", 1), "b": Node("ccbbbb", 1), "c": Node("ccccaa", 1)},
        1,
        1,
        2,
    ),
    (
        "of many blocks",
        {"a": Node("c" * 40 + "a" * 60, 9), "b": Node("c" * 40 + "b" * 60, 9)},
        39,
        9,
        40,
    ),
]


@pytest.mark.parametrize(
    ("nodes", "head", "finalized", "differs"),
    [one[1:] for one in FORKED],
    ids=[one[0] for one in FORKED],
)
def test_agree__differ_above_the_finalized__head_is_the_highest_common(
    nodes: Mapping[str, Node], head: int, finalized: int | None, differs: int
) -> None:
    found = agreement_of(nodes)

    assert isinstance(found, Agreement)
    assert found.head == ref(head, "c")
    assert found.finalized == (None if finalized is None else ref(finalized, "c"))
    assert {one.number for one in found.fork} == {differs}
    assert {one.host for one in found.fork} == set(nodes)
    assert {one.verdict for one in found.fork} == {Verdict.FORKED}


DISPUTED = [
    # Case, nodes; number, and what each says.
    (
        "of one finalized number",
        {"a": Node("ccacc", 2), "b": Node("ccbcc", 2)},
        2,
        {"a": "a", "b": "b"},
    ),
    (
        "asked for below its own",
        {"a": Node("ccacc", 3), "b": Node("ccb", 2)},
        2,
        {"a": "a", "b": "b"},
    ),
    (
        "two of three, one is silent",
        {"a": Node("caccc", 3), "b": Node("cb", 1), "c": Node("c.ccc", 3)},
        1,
        {"a": "a", "b": "b", "c": None},
    ),
    (
        "two against one",
        {"a": Node("ca", 1), "b": Node("cb", 1), "c": Node("ca", 1)},
        1,
        {"a": "a", "b": "b", "c": "a"},
    ),
    (
        "it lags below the finalized",
        {"a": Node("caccc", 3), "b": Node("cb", None)},
        1,
        {"a": "a", "b": "b"},
    ),
    (
        "no block in common",
        {"a": Node("aaa", None), "b": Node("bbb", None)},
        0,
        {"a": "a", "b": "b"},
    ),
]


@pytest.mark.parametrize(
    ("nodes", "number", "said"), [one[1:] for one in DISPUTED], ids=[one[0] for one in DISPUTED]
)
def test_agree__differ_about_a_final_block__disputed_with_who_said_what(
    nodes: Mapping[str, Node], number: int, said: Mapping[str, str | None]
) -> None:
    found = agreement_of(nodes)

    assert found == Dispute(
        tuple(
            Statement(
                host=host,
                number=BlockNumber(number),
                asked=Asked.BLOCK,
                said=MISSING if letter is None else str(named(number, letter)),
                verdict=Verdict.DISPUTED,
            )
            for host, letter in said.items()
        )
    )


def test_agree__usual_case__at_most_two_questions_to_an_endpoint_that_leads() -> None:
    asked: list[tuple[str, int]] = []

    agreement_of({"a": Node("c" * 100, 80), "b": Node("c" * 99, 79)}, asked)

    assert asked == [("a", 79), ("a", 98)]


def test_agree__long_fork__found_by_halving() -> None:
    asked: list[tuple[str, int]] = []

    agreement_of({"a": Node("c" * 2 + "a" * 5_000, 1), "b": Node("c" * 2 + "b" * 5_000, 1)}, asked)

    assert len(asked) <= 2 * 13
    assert len(set(asked)) == len(asked)


def test_opinions__silence__is_no_vote() -> None:
    opinions = Opinions(
        number=BlockNumber(7), asked=Asked.LOGS, said={"b": None, "a": "2 logs", "c": None}
    )

    assert opinions.is_unanimous
    assert opinions.corroborated_by == 1
    assert [(one.host, one.said) for one in opinions.statements(Verdict.AGREED)] == [
        ("a", "2 logs"),
        ("b", MISSING),
        ("c", MISSING),
    ]
