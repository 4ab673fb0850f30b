import pytest

from contracts.evm import BlockRef, Epoch
from settlement.royalties.registry import Registry, registry_in_force
from tests.royalties_builders import ANN, BOB, FIRST_EPOCH, ScriptedChain, work

SONG = work("song")


def registry_of(chain: ScriptedChain, *, before: BlockRef | None, epoch: int = 3) -> Registry:
    upto = chain.blocks[-1]
    return registry_in_force(
        chain.work_terms(upto, Epoch(99)),
        chain.verdicts(upto),
        epoch=Epoch(epoch),
        last_before_start=None if before is None else before.number,
    )


def test_registry__change_for_the_next_epoch__not_in_force_yet() -> None:
    chain = ScriptedChain()
    chain.set_terms(SONG, {ANN: 1_000_000})
    chain.set_terms(SONG, {BOB: 1_000_000}, effective=FIRST_EPOCH + 1, version=2)

    now = registry_of(chain, before=None, epoch=3)
    later = registry_of(chain, before=None, epoch=4)

    assert (now.works[SONG].payees, later.works[SONG].payees) == ((ANN,), (BOB,))


def test_registry__works__ascending_by_id() -> None:
    chain = ScriptedChain()
    for name in ("c", "a", "b"):
        chain.set_terms(work(name), {ANN: 1_000_000})

    works = list(registry_of(chain, before=None).works)

    assert works == sorted(works)


@pytest.mark.parametrize(
    ("before", "within", "is_held"),
    [
        (["place"], [], True),
        (["place", "lift"], [], False),
        ([], ["place"], False),
        (["place"], ["lift"], False),
        (["place"], ["lift", "place"], True),
        (["place", "lift"], ["place"], False),
    ],
)
def test_registry__verdict__held_if_standing_at_both(
    before: list[str], within: list[str], is_held: bool
) -> None:
    chain = ScriptedChain()
    chain.set_terms(SONG, {ANN: 1_000_000})
    verdicts = {"place": chain.place_verdict, "lift": chain.lift_verdict}
    last_before = chain.mine(10)
    for act in before:
        verdicts[act](SONG)
    chain.mine(20)
    for act in within:
        verdicts[act](SONG)

    assert (SONG in registry_of(chain, before=last_before).held) is is_held


def test_registry__no_block_before_the_epoch__nothing_held() -> None:
    chain = ScriptedChain()
    chain.set_terms(SONG, {ANN: 1_000_000})
    chain.place_verdict(SONG)

    assert registry_of(chain, before=None).held == frozenset()
