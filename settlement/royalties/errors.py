"""Failures of the royalties room alone; the branches are those of `settlement.errors`."""

from contracts.evm import Address, Epoch, Hash32
from settlement.errors import Corrupt, Rejected


class UnknownWork(Rejected):
    """No such work is registered in the epoch."""

    def __init__(self, work_id: Hash32, epoch: Epoch) -> None:
        super().__init__(f"work {work_id} is not registered in epoch {epoch}")
        self.work_id, self.epoch = work_id, epoch


class ConflictingShard(Corrupt):
    """A unit of an allocation was computed again with another result.

    Source: `royalties.adapters.shard_store`. Effect: the stored result stays; the epoch is not
    computed.
    """

    def __init__(self, epoch: Epoch, unit: str, *, stored: Hash32, computed: Hash32) -> None:
        super().__init__(f"epoch {epoch}, {unit}: {stored} is stored, {computed} was computed")
        self.epoch, self.unit = epoch, unit


class ExplanationDiffers(Corrupt):
    """The steps from events to an amount do not lead to what was computed.

    Source: `royalties.explanation`. Effect: nothing is explained.
    """

    def __init__(self, what: str, *, explained: object, computed: object) -> None:
        super().__init__(f"{what} is {explained} by its steps, {computed} was computed")
        self.what = what


def agree(what: str, explained: object, computed: object) -> None:
    """Compare what steps come to with what was computed.

    Raises:
        ExplanationDiffers: they differ.
    """
    if explained != computed:
        raise ExplanationDiffers(what, explained=explained, computed=computed)


class ShardsDisagree(Corrupt):
    """The rows of an epoch's shards, made again, do not sum to the total of these shards.

    Source: `royalties.compute_large_epoch`. Effect: the epoch is not stored.
    """

    def __init__(self, epoch: Epoch, what: str) -> None:
        super().__init__(f"epoch {epoch}: its {what} do not sum to the total of its shards")
        self.epoch, self.what = epoch, what


class DifferenceBroken(Corrupt):
    """Two distributions differ by another amount when it is summed in another way.

    Source: `royalties.difference`. Effect: no difference is given.
    """

    def __init__(self, asset: Address, what: str, *, summed: int, total: int) -> None:
        super().__init__(f"asset {asset}: {what} sum to {summed}, the totals say {total}")
        self.asset = asset
