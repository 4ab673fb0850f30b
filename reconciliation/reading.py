"""One number read from the chain, and how it is known."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A value at a block. `is_proven`: it follows from the header's state root, not from a word.

    `evidence` says how: the slot that was proved, or the call that was answered.
    """

    value: int
    is_proven: bool
    evidence: str

    @property
    def basis(self) -> str:
        """`proven` or `stated`."""
        return "proven" if self.is_proven else "stated"
