"""What the rules of an epoch say of each work, looked up once instead of once a row.

Price, region, age, verdict and the soundness of terms depend on the work alone. A price in a region
is a product P; with P = whole · 10⁶ + rest, a usage u weighs

    u · P // 10⁶ = u · whole + u · rest // 10⁶        exactly.

`usage_max` is the largest u for which both products, and the sum, stay below 2^SUM_BITS.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contracts.units import PPM_ONE
from settlement.royalties.half_life import age_steps, factor_ppm
from settlement.royalties.inputs import EpochScope
from settlement.royalties.parameters import Parameters
from settlement.royalties.reasons import Reason
from settlement.royalties.registry import Registry, WorkTerms
from settlement.royalties.shard_ids import IdTable
from settlement.royalties.shard_shares import SUM_BITS, Codes, Words
from settlement.royalties.usercentric_v1 import PlayDiscount

COUNTS: Final = 0
"""What stands in a column of reasons for a row that nothing speaks against."""

_REASONS: Final[tuple[Reason | None, ...]] = (None, *Reason)
_REST_USAGE_MAX: Final = 2**44 - 1
"""u · rest < 2⁴⁴ · 10⁶ < 2⁶⁴."""

ReasonCodes = NDArray[np.uint8]


def code_of(reason: Reason) -> int:
    """A reason as a small number."""
    return _REASONS.index(reason)


def reason_of(code: int) -> Reason:
    """The reason that a small number stands for; never `COUNTS`."""
    reason = _REASONS[code]
    if reason is None:
        raise ValueError("a row that counts has no reason")
    return reason


class WorkFactors:
    """The works in force in an epoch as columns; the code of a work is its place in `terms`."""

    def __init__(self, parameters: Parameters, registry: Registry, scope: EpochScope) -> None:
        self.parameters = parameters
        self.terms = tuple(registry.works.values())
        self.work_ids = [bytes(work.work_id) for work in self.terms]
        ids = np.frombuffer(b"".join(self.work_ids), dtype=np.uint8)
        self.table = IdTable(ids.reshape(-1, 32))
        self.factors_ppm = [_factor_ppm(work, parameters, scope) for work in self.terms]
        # One entry more, for works without a code: those are clipped to -1, which is the last.
        refusals = [*(_refusal(work, parameters) for work in self.terms), COUNTS]
        self._refusal = np.array(refusals, dtype=np.uint8)
        held = [*(work.work_id in registry.held for work in self.terms), False]
        self._is_held = np.array(held, dtype=bool)
        prices = [work.price_ppm * self.region_ppm(work) for work in self.terms]
        wholes = [price // PPM_ONE for price in prices]
        self._whole = _words([whole if whole < 2**SUM_BITS else 0 for whole in wholes])
        self._rest = _words([price % PPM_ONE for price in prices])
        self._usage_max = _words([_usage_max(whole) for whole in wholes])
        self._factor = _words(self.factors_ppm)
        discount = PlayDiscount(parameters.k_ppm, parameters.plays_max)
        self._discount = _words([discount.ppm(plays) for plays in range(parameters.plays_max + 1)])

    def region_ppm(self, work: WorkTerms) -> int:
        """The factor of the work's region; zero if there is none, so that the work is refused."""
        return self.parameters.regions.get(work.region_rule, 0)

    def refusals(self, codes: NDArray[np.integer]) -> ReasonCodes:
        """Why no row of these works can count; `COUNTS` where nothing is known of the work."""
        refusals: ReasonCodes = self._refusal[np.maximum(codes, -1)]
        return refusals

    def is_held(self, codes: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Whether each work is under a verdict."""
        is_held: NDArray[np.bool_] = self._is_held[np.maximum(codes, -1)]
        return is_held

    def raw(self, codes: Codes, minutes: Words, plays: Words) -> tuple[Words, NDArray[np.bool_]]:
        """Weights before credibility, and whether each one is exact and below 2^SUM_BITS.

        A usage is minutes · D, below 2³² · 10⁶: that product never wraps.
        What is not says nothing: it is for `usercentric_v1.weigh`, on Python's integers.
        """
        clipped = np.minimum(plays, np.uint64(self.parameters.plays_max))
        usage = minutes * self._discount[clipped]
        is_exact: NDArray[np.bool_] = usage <= self._usage_max[codes]
        raw = usage * self._whole[codes] + usage * self._rest[codes] // np.uint64(PPM_ONE)
        if self.parameters.has_half_life:
            raw = _scaled(raw, self._factor[codes])
        return raw, is_exact


def _factor_ppm(work: WorkTerms, parameters: Parameters, scope: EpochScope) -> int:
    if not parameters.has_half_life:
        return PPM_ONE
    return factor_ppm(
        age_steps(
            work.registered_at, scope.reference_at, epoch_length_seconds=scope.epoch_length_seconds
        )
    )


def _refusal(work: WorkTerms, parameters: Parameters) -> int:
    """Why no row of the work can count, whoever used it."""
    if not work.is_well_formed:
        return code_of(Reason.MALFORMED_TERMS)
    if work.region_rule not in parameters.regions:
        return code_of(Reason.UNKNOWN_REGION_RULE)
    return COUNTS


def _scaled(values: Words, ppm: Words) -> Words:
    """Values · ppm // 10⁶ for ppm up to 10⁶, without the product of the two."""
    one = np.uint64(PPM_ONE)
    millions = values // one
    return millions * ppm + (values - millions * one) * ppm // one


def _usage_max(whole: int) -> int:
    """U · (whole + 1) < 2^SUM_BITS bounds u · whole + u · rest // 10⁶, as rest < 10⁶."""
    return min(_REST_USAGE_MAX, ((1 << SUM_BITS) - 1) // (whole + 1))


def _words(values: Sequence[int]) -> Words:
    return np.array(values, dtype=np.uint64)
