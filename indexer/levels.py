"""How far the indexer proves that it holds every event, and which proof of a block is enough.

    none       the node's word, for chains whose headers cannot be checked
    headers    header hashes are recomputed and linked; a bloom that rules our logs out proves that
               there are none; all other blocks rest on the node's word
    receipts   the receipts roots of those other blocks are rebuilt as well

A bloom proves neither the values of a log nor that none is missing, so at `headers` a block whose
bloom matches stays unproved. That two endpoints agree is no proof either.
"""

from enum import StrEnum

from indexer.blocks import Proof
from indexer.chain import Header, verified


class Level(StrEnum):
    """How far is proved; `reaches` orders them."""

    NONE = "none"
    HEADERS = "headers"
    RECEIPTS = "receipts"

    def reaches(self, least: "Level") -> bool:
        """Whether this level proves at least as much."""
        order = list(Level)
        return order.index(self) >= order.index(least)

    @property
    def proofs(self) -> frozenset[Proof]:
        """The proofs of a block of which one is needed at this level."""
        return _PROVED if self is Level.RECEIPTS else frozenset(Proof)


_PROVED = frozenset({Proof.EMPTY, Proof.RECEIPTS})


def believed(header: Header, level: Level) -> Header:
    """The same header, checked to have the hash that it claims, unless the level is none.

    Raises:
        HeaderRefused: it has another one.
    """
    return header if level is Level.NONE else verified(header)
