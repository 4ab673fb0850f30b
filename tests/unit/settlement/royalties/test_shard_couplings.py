from collections.abc import Callable, Sequence

import numpy as np
import pytest

from contracts.evm import SCALAR_FIELD_ORDER, Address, keccak
from contracts.packed_usage import PackedPseudonyms
from settlement.royalties.derivation import EpochFacts, derive
from settlement.royalties.parameters import parameters_in_force
from settlement.royalties.reasons import Reason
from settlement.royalties.shard_couplings import coupled_rows, coupled_submitters
from settlement.royalties.shard_judging import Coupled
from tests.royalties_builders import FIRST_EPOCH, facts_of, sample_chain
from tests.ruled_epochs import everything
from tests.shard_inputs import rows_of

ANN, BOB, CAT = (Address(bytes([at]) * 20) for at in (1, 2, 3))


def batch(*named: tuple[Address, Sequence[int]]) -> PackedPseudonyms:
    words = [one.to_bytes(32, "big") for _, pseudonyms in named for one in pseudonyms]
    return PackedPseudonyms(
        submitter=rows_of([who for who, _ in named], 20),
        pseudonym=rows_of(words, 32).reshape(len(named), -1, 32),
    )


def sample() -> EpochFacts:
    return facts_of(sample_chain(), FIRST_EPOCH)


def test_coupled_submitters__all_different__nobody() -> None:
    assert coupled_submitters([batch((ANN, [1, 2]), (BOB, [3, 4]))]) == []
    assert coupled_submitters([]) == []


def test_coupled_submitters__one_of_another_batch__both() -> None:
    batches = [batch((CAT, [1, 2]), (ANN, [3, 4])), batch((BOB, [2]))]

    assert coupled_submitters(batches) == [BOB, CAT]


def test_coupled_submitters__own_one_twice__oneself() -> None:
    assert coupled_submitters([batch((ANN, [7, 7]), (BOB, [8, 9]))]) == [ANN]


def test_coupled_submitters__many_ids_that_share_no_bits__those_who_repeat_one() -> None:
    people = [Address(bytes([1, at]) * 10) for at in range(60)]
    spread = [int.from_bytes(keccak(bytes([at])), "big") >> 8 for at in range(90)]
    own = [[spread[at], spread[30 + at % 30]] for at in range(60)]  # 0 … 59 and 30 … 59 again

    found = coupled_submitters(
        [batch(*zip(people[at : at + 20], own[at : at + 20], strict=True)) for at in (40, 0, 20)]
    )

    assert found == sorted(people)
    alone = [
        batch(*zip(people[:30], ([spread[at], spread[60 + at]] for at in range(30)), strict=True))
    ]
    assert coupled_submitters(alone) == []
    assert coupled_submitters([*alone, batch((people[59], [spread[77], spread[89]]))]) == [
        people[17],
        people[29],
        people[59],
    ]


def test_coupled_submitters__equal_last_bytes_only__judged_together_for_nothing() -> None:
    assert coupled_submitters([batch((ANN, [5]), (BOB, [5 + 2**100]))]) == [ANN, BOB]


def test_coupled_submitters__not_canonical__listed() -> None:
    batches = [batch((ANN, [SCALAR_FIELD_ORDER]), (BOB, [2**256 - 1]), (CAT, [2**250]))]

    assert coupled_submitters(batches) == [ANN, BOB]


def test_coupled_submitters__first_byte_of_the_order_but_below_it__not_listed() -> None:
    below, above = SCALAR_FIELD_ORDER - 2**200 - 1, SCALAR_FIELD_ORDER + 2**200
    assert below >> 248 == above >> 248 == SCALAR_FIELD_ORDER >> 248

    assert coupled_submitters([batch((ANN, [1, below]), (BOB, [2, above]))]) == [BOB]


def test_coupled_submitters__several_repeated__all_who_used_one() -> None:
    dan = Address(bytes([4]) * 20)
    batches = [batch((ANN, [2**63]), (BOB, [2**63]), (CAT, [7]), (dan, [7]))]

    assert coupled_submitters(batches) == [ANN, BOB, CAT, dan]


def test_coupled_submitters__key_that_begins_like_a_repeated_one__not_listed() -> None:
    like_it = 2**63 + 1
    batches = [batch((ANN, [2**63, 1]), (BOB, [2**63, 2]), (CAT, [like_it, 3]))]

    assert coupled_submitters(batches) == [ANN, BOB]


@pytest.mark.parametrize("facts_of_epoch", [sample, everything])
def test_coupled_rows__whole_epoch__what_a_pseudonym_keeps_out_and_nothing_else(
    facts_of_epoch: Callable[[], EpochFacts],
) -> None:
    """Judged row by row with everything else, the same rows go for the same reasons."""
    by_pseudonym = {Reason.NON_CANONICAL_ID, Reason.REUSED_PSEUDONYM}
    facts = facts_of_epoch()
    computed = derive(facts)

    found = coupled_rows(
        subscribed=facts.subscribed,
        consumption=facts.consumption,
        parameters=parameters_in_force(facts.frame.parameters, facts.frame.epoch),
        registry=computed.registry,
        scope=facts.frame.scope,
    )

    left_out = computed.distribution.quarantine
    assert set(found) == {
        Coupled(item.block_number, item.log_index, item.position, item.reason)
        for item in left_out
        if item.reason in by_pseudonym
    }
    assert found
    assert len(found) < len(left_out)


def test_packed_pseudonyms__length__submissions() -> None:
    assert len(batch((ANN, [1, 2]), (BOB, [3, 4]))) == 2
    assert np.array_equal(batch((ANN, [1])).submitter, rows_of([ANN], 20))
