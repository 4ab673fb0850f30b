from collections.abc import Callable, Iterator

import pytest

from settlement.royalties.derivation import EpochFacts, derive, inputs_of, registry_of
from settlement.royalties.distribution import weigh_rows
from settlement.royalties.parameters import parameters_in_force
from settlement.royalties.quarantine import accept_usage
from settlement.royalties.reputation import reputation_of
from settlement.royalties.rulesets import ruleset_named
from settlement.royalties.shares import ShareBatch, whole_batch
from tests.royalties_builders import FIRST_EPOCH, facts_of, sample_chain
from tests.ruled_epochs import everything


def in_ranges(whole: ShareBatch) -> Iterator[ShareBatch]:
    """The same fees and rows, a batch for each subscriber and asset, and empty ones between."""
    for subscriber in sorted({fee.subscriber for fee in whole.fees}):
        for asset in sorted({fee.asset for fee in whole.fees}):
            yield ShareBatch(
                [fee for fee in whole.fees if (fee.subscriber, fee.asset) == (subscriber, asset)],
                [row for row in whole.rows if (row.subscriber, row.asset) == (subscriber, asset)],
            )
            yield ShareBatch([], [])


def sample() -> EpochFacts:
    return facts_of(sample_chain(), FIRST_EPOCH)


@pytest.mark.parametrize("facts_of_epoch", [sample, everything])
def test_reputation_of__whole_epoch__what_the_ruleset_itself_says(
    facts_of_epoch: Callable[[], EpochFacts],
) -> None:
    """The ruleset is asked as if all had paid in one asset: then it counts everybody once."""
    facts = facts_of_epoch()
    inputs, registry = inputs_of(facts), registry_of(facts)
    parameters = parameters_in_force(facts.frame.parameters, facts.frame.epoch)
    accepted = accept_usage(inputs, parameters, registry)
    weights = weigh_rows(accepted, inputs, parameters, registry).weights
    everybody: dict[bytes, int] = {who: 1 for fees in inputs.fees.values() for who in fees}
    assert len(inputs.fees) > 1

    shared = ruleset_named(parameters.ruleset).allocate(everybody, accepted.usage, weights)

    whole = whole_batch(derive(facts).distribution.allocations)
    found = reputation_of([whole])
    assert found == reputation_of(in_ranges(whole))
    assert list(found.items()) == list(shared.reputation.items())
    assert max(one.distinct_users for one in found.values()) > 1


def test_reputation_of__nobody_paid__empty() -> None:
    assert reputation_of([]) == reputation_of([ShareBatch([], [])]) == {}
