"""Failures that the indexer is expected to meet, in three branches by what the fact means.

A `Transient` while blocks are fetched narrows the range before anybody hears of it; see `sync`.
"""

from collections.abc import Sequence

from contracts.evm import Address, BlockNumber, BlockRef, ChainId, Hash32
from indexer.agreement import Statement


class IndexerError(Exception):
    """Root of the failures that the indexer is expected to meet; can be sent between processes."""

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuilt, (type(self), self.args), self.__dict__


def _rebuilt(kind: type[IndexerError], args: tuple[object, ...]) -> IndexerError:
    """The same error in another process: its `__init__` has composed the message already."""
    return kind.__new__(kind, *args)


class Transient(IndexerError):
    """The outside was unavailable or late; the same call may succeed."""


class Rejected(IndexerError):
    """The input is wrong; repeating it cannot help."""


class Corrupt(IndexerError):
    """Two facts that must agree do not. Stop; a person looks."""


class RPCUnreachable(Transient):
    """The endpoint gave no answer: no connection, a timeout, or a gateway's error.

    Source: `adapters.rpc`, after its own tries. `status` is the gateway's, and `retry_after_s` the
    pause that it asked for.
    """

    def __init__(
        self,
        host: str,
        method: str,
        cause: str,
        *,
        status: int | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(f"{host} did not answer {method}: {cause}")
        self.host, self.method = host, method
        self.status, self.retry_after_s = status, retry_after_s


class RPCFailed(Transient):
    """The endpoint answered with an error; `ranges.advice_from` reads what it means.

    `data` is the error's own, as it was parsed.
    """

    def __init__(
        self, host: str, method: str, *, code: int, message: str, data: object = None
    ) -> None:
        super().__init__(f"{host} refused {method}: {code} {message}")
        self.host, self.method, self.code, self.message = host, method, code, message
        self.data = data


class AnswerMalformed(Transient):
    """An answer is cut short, too large, or not what the method's schema says."""

    def __init__(self, host: str, what: str) -> None:
        super().__init__(f"{host}: {what}")
        self.host = host


class AnswerTooLarge(AnswerMalformed):
    """An answer has more bytes than we take; of fewer blocks it may have less."""


class BlockDisputed(Transient):
    """Endpoints contradict each other about a block that can no longer change.

    Source: `adapters.endpoints`. Effect: `statements`, who said what, are stored, and the block and
    all above it wait until the endpoints agree.
    """

    def __init__(self, statements: tuple[Statement, ...], detail: str = "") -> None:
        first = statements[0]
        said = ", ".join(f"{one.host} says {one.said}" for one in statements)
        place = f"the {first.asked.value} of number {first.number}{detail}"
        super().__init__(f"endpoints contradict each other about {place}: {said}")
        self.number, self.statements = first.number, statements


class AnswersDisagree(Transient):
    """Two answers of the chain do not fit together: it moved between them, or two nodes spoke.

    Effect: nothing of either answer is stored.
    """


class ReceiptsRefused(Transient):
    """Receipts that a node gives for a block are not those that the block's header commits to.

    Source: `receipt_batch.prove_receipts`. Effect: nothing of the answer is stored; another
    endpoint may have the right ones.
    """

    def __init__(self, number: BlockNumber, what: str) -> None:
        super().__init__(f"receipts of block {number}: {what}")
        self.number = number


class StoreUnavailable(Transient):
    """The database did not do what it was asked."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"the database failed: {cause}")


class OwnershipLost(Transient):
    """The connection that holds the chain's lock is gone; another process may own the chain.

    Effect: the process must stop, and may start again.
    """

    def __init__(self, chain_id: ChainId) -> None:
        super().__init__(f"the lock on chain {chain_id} was lost with its database connection")
        self.chain_id = chain_id


class WorkerLost(Transient):
    """A process that fetches blocks died; nobody had stored what it was about to send.

    Source: `adapters.workers`. Effect: the range is asked for again, of a new process.
    """

    def __init__(self, status: int | None) -> None:
        super().__init__(f"a process that fetches blocks ended with status {status}")
        self.status = status


class NotIndexed(Transient):
    """A read asks for blocks that are not, or no longer, in the index."""

    def __init__(self, chain_id: ChainId, what: str) -> None:
        super().__init__(f"not in the index of chain {chain_id}: {what}")
        self.chain_id = chain_id


class RPCForbidden(Rejected):
    """The endpoint does not serve us: wrong address or credentials."""

    def __init__(self, host: str, status: int) -> None:
        super().__init__(
            f"{host} answered with HTTP status {status}: check address and credentials"
        )
        self.host, self.status = host, status


class RequestRefused(Rejected):
    """The endpoint will never answer our request for logs: it is wrong, or not permitted."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"the request for logs is refused for good: {cause}")


class BadEndpoint(Rejected):
    """The address of an endpoint is not an http or https URL."""

    def __init__(self, scheme: str) -> None:
        super().__init__(f"an RPC endpoint must be an http or https URL, not {scheme!r}")


class WrongChain(Rejected):
    """The endpoint serves another chain than configured."""

    def __init__(self, *, expected: ChainId, actual: ChainId, host: str = "the endpoint") -> None:
        super().__init__(f"{host} serves chain {actual}, configured is chain {expected}")
        self.expected, self.actual, self.host = expected, actual, host


class StartBlockInFuture(Rejected):
    """The chain has not reached the configured start block."""

    def __init__(self, *, start_block: BlockNumber, head: BlockNumber) -> None:
        super().__init__(f"start block {start_block} is above the chain's head {head}")
        self.start_block, self.head = start_block, head


class SourcesChanged(Rejected):
    """The index was built from other addresses, or from another start block.

    Contracts may be added to an index. One that is taken out, or is said to be another, would leave
    facts that nobody updates; `gone` names those, as far as the index has a list.
    """

    def __init__(
        self,
        chain_id: ChainId,
        *,
        stored: Hash32 | None,
        configured: Hash32,
        gone: Sequence[str] = (),
    ) -> None:
        which = f", without {', '.join(gone)}" if gone else ""
        super().__init__(
            f"the index of chain {chain_id} was built from other sources (digest {stored}, "
            f"configured {configured}{which}): configure them again, contracts may only be added, "
            "or index into an empty database"
        )
        self.chain_id, self.stored, self.configured = chain_id, stored, configured


class LateFactsRefused(Rejected):
    """Books were posted without events of a contract that is being added, and cannot take them.

    Effect: the contract is not added; the index is as it was.
    """

    def __init__(self, chain_id: ChainId, what: str, number: BlockNumber) -> None:
        super().__init__(
            f"{what} at block {number} of chain {chain_id}, and was posted without facts that are "
            f"being added: `quittance chain rewind --to {number - 1}` takes it back, then index"
        )
        self.chain_id, self.number = chain_id, number


class LevelUnreachable(Rejected):
    """The chain's headers do not commit to what the demanded level proves."""

    def __init__(self, profile: str, level: str, reason: str) -> None:
        super().__init__(f"level {level!r} cannot be reached on a chain like {profile!r}: {reason}")
        self.profile, self.level = profile, level


class ABIMismatch(Rejected):
    """A contract's logs have the right names, and none of them the declared content.

    Source: `sync`, while no event of the contract is stored. Effect: nothing is stored.
    """

    def __init__(
        self, address: Address, contract: str, *, number: BlockNumber, log_index: int
    ) -> None:
        super().__init__(
            f"{address} is configured as {contract}, but its logs are not what that contract "
            f"declares; the first is log {log_index} of block {number}"
        )
        self.address, self.contract = address, contract
        self.number, self.log_index = number, log_index


class ChainOwned(Rejected):
    """Another process indexes this chain into this database."""

    def __init__(self, chain_id: ChainId) -> None:
        super().__init__(f"another process already indexes chain {chain_id} into this database")
        self.chain_id = chain_id


class RewindRefused(Rejected):
    """The index cannot be rewound to the block that was asked for.

    Source: `adapters.rewind`. Effect: nothing is written.
    """

    def __init__(self, chain_id: ChainId, number: int, why: str) -> None:
        super().__init__(f"--to {number}: the index of chain {chain_id} {why}")
        self.chain_id, self.number = chain_id, number


class SchemaMissing(Rejected):
    """The database does not have our tables, or has them in another form."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"the database must be migrated first: {cause}")


class UnknownChainProfile(Rejected):
    """No chain profile has this name."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"--chain-profile: name: {name!r} is not one of {', '.join(known)}")
        self.name = name


class UnknownTransactionType(Rejected):
    """How consensus encodes transactions of this type is not known here.

    Source: `transactions`.
    """

    def __init__(self, kind: int) -> None:
        super().__init__(f"transactions of type {kind:#x} cannot be encoded")
        self.kind = kind


class BadDocument(Rejected):
    """A file does not hold the answer of a node that it should hold.

    Source: `adapters.block_documents`.
    """

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place}: {problem}")
        self.place = place


class ReorgTooDeep(Corrupt):
    """The remote chain forks below the finalized block.

    Source: `reorg.reconcile`. Effect: indexing of this chain halts; nothing is written. The way out
    is `chain rewind` to `common`, the last block of ours that the chain still has.
    """

    def __init__(
        self, chain_id: ChainId, finalized: BlockRef, remote: BlockRef, common: BlockRef | None
    ) -> None:
        way_out = (
            "it has none of our blocks: index into an empty database"
            if common is None
            else f"its last block of ours is {common.number}: when that is sure to stand, run "
            f"`quittance chain rewind --to {common.number} --reason …`"
        )
        super().__init__(
            f"chain {chain_id} replaced finalized block {finalized.number} {finalized.hash}: "
            f"it now has block {remote.number} {remote.hash} on parent {remote.parent_hash}; "
            f"nothing more is indexed; {way_out}"
        )
        self.chain_id, self.finalized, self.remote = chain_id, finalized, remote
        self.common = common


class HeaderRefused(Corrupt):
    """A header does not have the hash that it is said to have, or breaks the rules of a chain."""

    def __init__(self, number: BlockNumber, what: str) -> None:
        super().__init__(f"header of block {number}: {what}")
        self.number = number


class LogRefused(Corrupt):
    """A log that its own block's header, or our question, rules out."""

    def __init__(self, number: BlockNumber, log_index: int, address: Address, what: str) -> None:
        super().__init__(f"log {log_index} of block {number} from {address}: {what}")
        self.number, self.log_index, self.address = number, log_index, address


class ProofContradicts(Corrupt):
    """A finalized block, fetched again to be proved, is not what we stored.

    Effect: the index of it stays unproved. `chain rewind` below the block is the way out.
    """

    def __init__(self, chain_id: ChainId, number: BlockNumber, what: str) -> None:
        super().__init__(
            f"block {number} of chain {chain_id} was proved to have {what} than are stored: "
            f"run `quittance chain rewind --to {number - 1} --reason …`"
        )
        self.chain_id, self.number = chain_id, number


class IndexDamaged(Corrupt):
    """The rows of the index contradict each other.

    Source: `adapters.store`. Effect: nothing is written.
    """

    def __init__(self, chain_id: ChainId, what: str) -> None:
        super().__init__(f"index of chain {chain_id}: {what}")
        self.chain_id = chain_id


class StoredShapeUnknown(Corrupt):
    """A stored row has values of a width that no event has.

    Source: `adapters.shard_reads`. Effect: the epoch is not allocated.
    """

    def __init__(self, table: str, what: str) -> None:
        super().__init__(f"{table}: {what}")
        self.table = table
