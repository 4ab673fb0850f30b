"""Every change of receipts that a root must notice: of lists, and of each digit of each value."""

import copy
from collections.abc import Iterator
from itertools import product
from typing import Any

from tests.block_answers import Answer

PLACES = ("blockHash", "blockNumber", "transactionHash", "transactionIndex", "logIndex")
"""What no root commits to."""

_COMMITTED = ("type", "status", "cumulativeGasUsed", "address", "data")


def digit_changed(text: str, place: int) -> str:
    return text[:place] + ("0" if text[place] == "1" else "1") + text[place + 1 :]


def flipped(text: str) -> str:
    """The same data, or quantity, with its last digit changed."""
    return digit_changed(text, len(text) - 1)


def listings(receipts: list[Answer]) -> list[tuple[str, list[Any]]]:
    """Every list that the root commits to: the receipts, their logs, and the logs' topics."""
    logs = [receipt["logs"] for receipt in receipts]
    topics = [log["topics"] for several in logs for log in several]
    named = [("receipts", [receipts]), ("logs", logs), ("topics", topics)]
    return [(name, one) for name, several in named for one in several]


def texts(receipts: list[Answer]) -> list[tuple[str, dict[str, Any]]]:
    """Every field of text that the root commits to, with its owner."""
    owners = [*receipts, *(log for receipt in receipts for log in receipt["logs"])]
    return [(field, owner) for owner in owners for field in _COMMITTED if field in owner]


def drop(items: list[Any], at: int) -> None:
    del items[at]


def double(items: list[Any], at: int) -> None:
    items.insert(at, copy.deepcopy(items[at]))


def swap(items: list[Any], at: int) -> None:
    items[at - 1], items[at] = items[at], items[at - 1]


def list_mutations(receipts: list[Answer]) -> Iterator[tuple[str, list[Answer]]]:
    """Every receipt, log and topic dropped, doubled, or swapped with its neighbour."""
    for which, (name, items) in enumerate(listings(receipts)):
        for at, change in product(range(len(items)), (drop, double, swap)):
            copied = copy.deepcopy(receipts)
            change(listings(copied)[which][1], at)
            if copied != receipts:
                yield f"{change.__name__} {name}", copied


def text_mutations(receipts: list[Answer]) -> Iterator[tuple[str, list[Answer]]]:
    """Every digit of every committed field changed, one at a time."""
    for which, (field, owner) in enumerate(texts(receipts)):
        for place in range(2, len(owner[field])):
            copied = copy.deepcopy(receipts)
            texts(copied)[which][1][field] = digit_changed(owner[field], place)
            yield f"change {field}", copied
    for which, (name, items) in enumerate(listings(receipts)):
        for at, place in product(range(len(items) if name == "topics" else 0), range(2, 66)):
            copied = copy.deepcopy(receipts)
            listings(copied)[which][1][at] = digit_changed(items[at], place)
            yield "change topics", copied
