"""Failures of looking at what was computed; the branches are those of `settlement.errors`."""

from contracts.evm import Address, Epoch, Hash32
from settlement.errors import Corrupt, Rejected


class UnknownWork(Rejected):
    """No such work is registered in the epoch."""

    def __init__(self, work_id: Hash32, epoch: Epoch) -> None:
        super().__init__(f"work {work_id} is not registered in epoch {epoch}")
        self.work_id, self.epoch = work_id, epoch


class ExplanationDiffers(Corrupt):
    """The steps from events to an amount do not lead to what was computed.

    Source: `royalties.explanation`. Effect: nothing is explained.
    """

    def __init__(self, what: str, *, explained: object, computed: object) -> None:
        super().__init__(f"{what} is {explained} by its steps, {computed} was computed")
        self.what = what


class DifferenceBroken(Corrupt):
    """Two distributions differ by another amount when it is summed in another way.

    Source: `royalties.difference`. Effect: no difference is given.
    """

    def __init__(self, asset: Address, what: str, *, summed: int, total: int) -> None:
        super().__init__(f"asset {asset}: {what} sum to {summed}, the totals say {total}")
        self.asset = asset
