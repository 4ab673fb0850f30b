from dataclasses import replace

import pytest

from contracts.evm import Address, BlockRef, Epoch
from settlement.royalties.registry import Registry, registry_in_force
from tests.royalties_builders import ANN, BOB, FIRST_EPOCH, ScriptedChain, address, work

SONG = work("song")


def registry_of(chain: ScriptedChain, *, before: BlockRef | None, epoch: int = 3) -> Registry:
    upto = chain.blocks[-1]
    return registry_in_force(
        chain.work_terms(upto, Epoch(99)),
        chain.verdicts(upto),
        chain.split_terms(upto, Epoch(99)),
        epoch=Epoch(epoch),
        last_before_start=None if before is None else before.number,
        timestamps={block.number: block.timestamp for block in chain.blocks},
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


def test_registry__terms_changed_later__as_old_as_the_first() -> None:
    chain = ScriptedChain()
    first = chain.mine(1_000_350)
    chain.set_terms(SONG, {ANN: 1_000_000})
    chain.mine(1_000_380)
    chain.set_terms(SONG, {BOB: 1_000_000}, version=2)

    terms = registry_of(chain, before=None).works[SONG]

    assert (terms.version, terms.registered_at) == (2, first.timestamp)


def test_registry__first_terms_for_a_later_epoch__not_there_and_no_age() -> None:
    chain = ScriptedChain()
    chain.set_terms(SONG, {ANN: 1_000_000}, effective=FIRST_EPOCH + 1)
    now = chain.mine(1_000_380)
    chain.set_terms(SONG, {BOB: 1_000_000})

    assert registry_of(chain, before=None).works[SONG].registered_at == now.timestamp


def test_registry__split_accounts__last_in_force_ascending() -> None:
    chain = ScriptedChain()
    band, label = sorted((address("band"), address("label")))
    chain.set_split(label, {ANN: 1_000_000})
    chain.set_split(band, {ANN: 1_000_000})
    chain.set_split(band, {BOB: 1_000_000}, version=2)
    chain.set_split(band, {ANN: 500_000, BOB: 500_000}, effective=FIRST_EPOCH + 1, version=3)

    accounts = registry_of(chain, before=None).accounts

    assert list(accounts) == [band, label]
    assert (accounts[band].version, accounts[band].payees) == (2, (BOB,))
    place = accounts[band].block_number, accounts[band].log_index
    assert place == (chain.events[-2].block.number, chain.events[-2].log_index)


def test_registry__no_payees__recognised_until_adopted() -> None:
    chain = ScriptedChain()
    chain.set_terms(SONG, {})
    chain.set_terms(SONG, {ANN: 1_000_000}, effective=FIRST_EPOCH + 1, version=2)

    now = registry_of(chain, before=None, epoch=3).works[SONG]
    later = registry_of(chain, before=None, epoch=4).works[SONG]

    assert (now.is_recognised, now.is_well_formed) == (True, True)
    assert (later.is_recognised, later.is_well_formed) == (False, True)


@pytest.mark.parametrize(
    ("payees", "shares"), [((), (1_000_000,)), ((ANN,), ()), ((ANN, BOB), (1_000_000,))]
)
def test_work_terms__payees_and_shares_of_different_length__malformed(
    payees: tuple[Address, ...], shares: tuple[int, ...]
) -> None:
    chain = ScriptedChain()
    chain.set_terms(SONG, {ANN: 1_000_000})
    terms = registry_of(chain, before=None).works[SONG]

    odd = replace(terms, payees=payees, shares_ppm=shares)

    assert (odd.is_recognised, odd.is_well_formed) == (False, False)
