"""Accepted documents: what somebody with the right to do so said is owed, line by line.

A document is outside input that two persons accepted; from then on its digest names it and nothing
of it changes. Each of its lines is one line of the list that the document names, and so has the
op-id under which `PayoutBatch` pays it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from contracts.evm import Address, Hash32, Timestamp
from contracts.units import BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentLine:
    """Line `index` of a list: who is owed how much of which asset (zero: the native coin)."""

    index: int
    payee: Address
    asset: Address
    amount: BaseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedDocument:
    """A document as it was accepted; its lines are numbered from 0 without gaps."""

    digest: Hash32
    list_id: Hash32
    accepted_at: Timestamp
    lines: tuple[DocumentLine, ...]


class AcceptedDocuments(Protocol):
    """The documents of one contract's book."""

    def accepted(self) -> Sequence[AcceptedDocument]:
        """All that were ever accepted, in the order of acceptance."""
        ...
