"""Many events of one kind, as columns.

A frozen object per row costs more than a second a million rows; equal-length lists cost almost
nothing. Every batch is in chain order (block number, then log index), and all its columns have one
length. Only blocks come one by one: they are read as a stream.
"""

from dataclasses import dataclass
from typing import NamedTuple

from contracts.evm import Address, BlockNumber, Hash32, LogIndex
from contracts.units import BaseUnits


class BlockEvidence(NamedTuple):
    """A block, and what is known of the completeness of our logs of it.

    `header` is the RLP that `hash` is the keccak256 of. `proof` says why we believe to have all
    logs: 0 a node said so, 1 the block's bloom rules them out, 2 the receipts root was rebuilt
    from all receipts, 3 two or more endpoints gave the same logs.
    """

    number: BlockNumber
    hash: Hash32
    header: bytes
    proof: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LogColumns:
    """Raw logs, as the chain holds them."""

    block_number: list[BlockNumber]
    block_hash: list[Hash32]
    log_index: list[LogIndex]
    address: list[Address]
    topics: list[list[bytes]]
    data: list[bytes]

    def __len__(self) -> int:
        return len(self.block_number)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscribedColumns:
    """`Subscribed` events of one epoch."""

    block_number: list[BlockNumber]
    log_index: list[LogIndex]
    subscriber: list[Address]
    tier_id: list[Hash32]
    payer: list[Address]
    asset: list[Address]
    amount: list[BaseUnits]

    def __len__(self) -> int:
        return len(self.block_number)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumptionColumns:
    """`ConsumptionSubmitted` events of one epoch.

    The four inner lists of a row may differ in length: whoever reads them judges that.
    """

    block_number: list[BlockNumber]
    log_index: list[LogIndex]
    submitter: list[Address]
    tier_id: list[Hash32]
    part: list[int]
    work_ids: list[list[Hash32]]
    minutes_played: list[list[int]]
    plays: list[list[int]]
    pseudonyms: list[list[Hash32]]
    digest: list[Hash32]

    def __len__(self) -> int:
        return len(self.block_number)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkTermsColumns:
    """`WorkTermsSet` events."""

    block_number: list[BlockNumber]
    log_index: list[LogIndex]
    work_id: list[Hash32]
    registrant: list[Address]
    content_id: list[Hash32]
    effective_epoch: list[int]
    version: list[int]
    price_ppm: list[int]
    region_rule: list[Hash32]
    payees: list[list[Address]]
    shares_ppm: list[list[int]]

    def __len__(self) -> int:
        return len(self.block_number)


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitTermsColumns:
    """`SplitTermsSet` events."""

    block_number: list[BlockNumber]
    log_index: list[LogIndex]
    account: list[Address]
    owner: list[Address]
    effective_epoch: list[int]
    version: list[int]
    payees: list[list[Address]]
    shares_ppm: list[list[int]]

    def __len__(self) -> int:
        return len(self.block_number)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictColumns:
    """`VerdictPlaced` and `VerdictLifted` events together, in chain order."""

    block_number: list[BlockNumber]
    log_index: list[LogIndex]
    work_id: list[Hash32]
    is_placed: list[bool]

    def __len__(self) -> int:
        return len(self.block_number)


@dataclass(frozen=True, slots=True, kw_only=True)
class FundedColumns:
    """`EpochFunded` events of one epoch."""

    block_number: list[BlockNumber]
    log_index: list[LogIndex]
    asset: list[Address]
    source: list[Address]
    amount: list[BaseUnits]

    def __len__(self) -> int:
        return len(self.block_number)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParametersColumns:
    """`ParametersSet` events."""

    block_number: list[BlockNumber]
    log_index: list[LogIndex]
    effective_epoch: list[int]
    digest: list[Hash32]
    parameters: list[bytes]

    def __len__(self) -> int:
        return len(self.block_number)
