"""A refused answer is put down to the endpoint that gave it, and the question goes to another."""

from collections.abc import Callable
from typing import TypeVar

from indexer.errors import AnswersDisagree, HeaderRefused, LogRefused, ReceiptsRefused
from indexer.ports import WitnessedChain

_Answer = TypeVar("_Answer")


def blaming(chain: WitnessedChain, question: Callable[[], _Answer]) -> _Answer:
    """The answer, checked; the last refusal is raised once no endpoint is left to ask."""
    while True:
        try:
            return question()
        except (AnswersDisagree, HeaderRefused, LogRefused, ReceiptsRefused) as error:
            if not chain.blame(error):
                raise
