"""What one step of the indexer did, as values; the figures of metrics and progress."""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.evm import Address, BlockNumber, BlockRef
from indexer.ranges import BlockRange


@dataclass(frozen=True, slots=True, kw_only=True)
class Advanced:
    """A range of blocks was added.

    Of its logs, `facts` were decoded, `unknown` are no event of their contract, and `malformed`
    are not what the event's declaration says. `head` is the chain's, `finalized` is ours. The step
    stood still for `fetch_stall_ms` until the range was fetched, and stored it in `store_ms`.
    """

    blocks: BlockRange
    facts: int
    unknown: int
    malformed: int
    head: BlockNumber
    finalized: BlockNumber | None
    fetch_stall_ms: int
    store_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewound:
    """Replaced blocks were taken back down to `ancestor`; None: all of them.

    `removed` counts the deleted rows of each table that lost any.
    """

    ancestor: BlockRef | None
    old_head: BlockRef
    new_head: BlockRef
    depth_blocks: int
    removed: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Finalized:
    """There was no new block, but the finalized block moved up to this one."""

    block: BlockRef


@dataclass(frozen=True, slots=True)
class Folded:
    """Balances of tokens were brought up to the finalized block."""


@dataclass(frozen=True, slots=True)
class Proved:
    """Blocks that were stored at a lower level were fetched again, found equal, and proved."""

    blocks: BlockRange


@dataclass(frozen=True, slots=True)
class Backfilled:
    """Of blocks that we hold it is known now what contracts that are being added did in them.

    What is known is no fact yet; it will be once it is known up to `head`, which is ours.
    """

    blocks: BlockRange
    head: BlockNumber


@dataclass(frozen=True, slots=True)
class SourcesAdded:
    """These contracts are part of the index now, with `logs` logs of its past.

    The indexer has to be opened again: it has asked for the contracts before.
    """

    addresses: tuple[Address, ...]
    logs: int


@dataclass(frozen=True, slots=True)
class Narrowed:
    """A fetch failed, and nothing was stored; the next one asks for at most `window_blocks`."""

    window_blocks: int
    cause: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """The provider wants to be asked less often; the next step is due after `after_s` seconds."""

    after_s: int
    cause: str


@dataclass(frozen=True, slots=True)
class Disputed:
    """Endpoints contradict each other about this block; who said what was stored.

    Nothing else was: the block and all above it wait until the endpoints agree.
    """

    number: BlockNumber
    cause: str


@dataclass(frozen=True, slots=True)
class Lagging:
    """The node's `head` is below `finalized`, the block that we hold as final: it lags."""

    head: BlockNumber
    finalized: BlockNumber


@dataclass(frozen=True, slots=True)
class Idle:
    """There was nothing to do: we hold all that is asked for."""

    head: BlockNumber


Outcome = (
    Advanced
    | Rewound
    | Finalized
    | Folded
    | Proved
    | Backfilled
    | SourcesAdded
    | Narrowed
    | Waiting
    | Disputed
    | Lagging
    | Idle
)
