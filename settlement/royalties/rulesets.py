"""The published rulesets.

A published ruleset never changes: golden vectors guard its module. A change of rules is a new
module and a new row at the end; which one is in force in an epoch is said on chain, by the
parameters in force (`parameters.py`).
"""

from collections.abc import Mapping
from typing import Protocol

from settlement.errors import UnknownName
from settlement.royalties import usercentric_v1
from settlement.royalties.usercentric_v1 import Allocation, IdT, Usage, Weights


class Ruleset(Protocol):
    """What the module of a ruleset offers."""

    def weigh(self, usage: Usage[IdT], *, k_ppm: int, plays_max: int) -> Weights:
        """Weights of all rows."""

    def allocate(
        self, fees: Mapping[IdT, int], usage: Usage[IdT], weights: Weights
    ) -> Allocation[IdT]:
        """Share the fees of one asset over all rows."""


RULESETS: tuple[tuple[str, Ruleset], ...] = (("usercentric-v1", usercentric_v1),)


def ruleset_named(name: str) -> Ruleset:
    """The ruleset of this name.

    Raises:
        UnknownName: there is none.
    """
    for known, ruleset in RULESETS:
        if known == name:
            return ruleset
    raise UnknownName("ruleset", name, [known for known, _ in RULESETS])
