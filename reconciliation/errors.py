"""Failures that keep a reconciliation from being made; a disagreement is no failure but a value."""

from contracts.evm import Address, Epoch, Hash32


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


class BadLog(Corrupt):
    """A log has the topic of an event of its contract, and is not that event.

    Source: `chain_events`. Effect: no run is recorded; another contract stands there.
    """

    def __init__(self, name: str, block_number: int, log_index: int, why: str) -> None:
        super().__init__(f"log {log_index} of block {block_number} is no {name}: {why}")
        self.name = name


class UnknownDiscrepancy(Rejected):
    """Nothing with this id was ever found for this settlement."""

    def __init__(self, discrepancy_id: Hash32) -> None:
        super().__init__(f"no discrepancy {discrepancy_id} was ever found here")
        self.discrepancy_id = discrepancy_id


class BadResolution(Rejected):
    """An explanation or its acceptance that the register does not take.

    Source: `register`. Effect: nothing is written.
    """


class StatementBroken(Corrupt):
    """The flows of an epoch do not add up.

    Source: `statements`. Effect: no statement is made.
    """

    def __init__(self, epoch: Epoch, what: str) -> None:
        super().__init__(f"epoch {epoch}: {what}")
        self.epoch = epoch


class BadPeriod(Rejected):
    """A period that is spelled wrong, or that nothing is known of."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(f"period {text!r}: {why}")
        self.text = text


class BadLiabilities(Corrupt):
    """What is owed cannot stand in a sum-Merkle tree.

    Source: `liability_tree`, `solvency`. Effect: no solvency statement is made.
    """


class CreatorStatementBroken(Corrupt):
    """What a creator had, earned and was paid does not come to what the books say is left.

    Source: `creator_statements`. Effect: no statement is made.
    """

    def __init__(self, payee: Address, asset: Address, what: str) -> None:
        super().__init__(f"statement of {payee} in {asset}: {what}")
        self.payee, self.asset = payee, asset


class StatementConflict(Corrupt):
    """An epoch was stated before with other lines, from the same block.

    Source: `adapters.solvency`. Effect: nothing is stored.
    """

    def __init__(self, epoch: Epoch, asset: Address, *, stored: Hash32, made: Hash32) -> None:
        super().__init__(f"epoch {epoch} in {asset} was stated as {stored}, not as {made}")
        self.epoch, self.asset = epoch, asset


class CloseBroken(Corrupt):
    """What moved in a period does not lead from its opening balances to its closing ones.

    Source: `close_figures`. Effect: no report is made.
    """
