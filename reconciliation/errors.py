"""Failures that keep a reconciliation from being made; a disagreement is no failure but a value."""

from contracts.evm import Epoch, Hash32


class ReconciliationError(Exception):
    """Root of the failures that reconciliation is expected to meet."""


class Transient(ReconciliationError):
    """The outside was unavailable or late; the same call may succeed."""


class Rejected(ReconciliationError):
    """The input is wrong; repeating it cannot help."""


class Corrupt(ReconciliationError):
    """Two facts that must agree do not. Stop; a person looks."""


class ChainUnavailable(Transient):
    """The endpoint did not answer for the block that was asked about.

    Source: `adapters.chain`. Effect: no run is recorded.
    """

    def __init__(self, host: str, cause: str) -> None:
        super().__init__(f"{host} did not answer: {cause}")
        self.host = host


class BadAnswer(Corrupt):
    """A contract answered what its interface rules out: the wrong contract, or the wrong chain.

    Source: `adapters.chain`. Effect: no run is recorded.
    """

    def __init__(self, call: str, block_hash: Hash32, answer: object) -> None:
        super().__init__(f"{call} at block {block_hash} answered {answer!r}")
        self.call = call


class StatementBroken(Corrupt):
    """The flows of an epoch do not add up.

    Source: `statements`. Effect: no statement is made.
    """

    def __init__(self, epoch: Epoch, what: str) -> None:
        super().__init__(f"epoch {epoch}: {what}")
        self.epoch = epoch
