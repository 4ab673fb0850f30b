"""What works earned, as leaves: payees, suspense and escrow, each by hand."""

from contracts.event_spec import ContractName
from contracts.evm import ZERO_ADDRESS, Epoch, Hash32, keccak
from contracts.leaves import LeafKind, escrow_id, suspense_id
from contracts.units import BaseUnits
from settlement.royalties.reasons import Reason
from settlement.royalties.registry import Registry, registry_in_force
from settlement.royalties.resolution import Resolved, locked_leaf, never_paid_in, resolve
from tests.royalties_builders import (
    ANN,
    BOB,
    CAT,
    DUSD,
    EURT,
    FIRST_EPOCH,
    SETTLEMENT,
    ScriptedChain,
    address,
    scope_of,
    work,
)

SONG, FILM, GAME = sorted(work(name) for name in ("song", "film", "game"))
BAND = address("band")


def registry_of(chain: ScriptedChain) -> Registry:
    upto = chain.blocks[-1]
    return registry_in_force(
        chain.work_terms(upto, FIRST_EPOCH),
        chain.verdicts(upto),
        chain.split_terms(upto, FIRST_EPOCH),
        epoch=Epoch(FIRST_EPOCH),
        last_before_start=None,
        timestamps={block.number: block.timestamp for block in chain.blocks},
    )


def resolved(chain: ScriptedChain, **earned: int) -> Resolved:
    works = {"song": SONG, "film": FILM, "game": GAME}
    amounts = {works[name]: BaseUnits(amount) for name, amount in earned.items()}
    return resolve(DUSD, amounts, registry=registry_of(chain), scope=scope_of(chain))


def amounts(result: Resolved) -> dict[Hash32, int]:
    return {leaf.work_id: leaf.amount for leaf in result.leaves}


def test_resolve__payees_of_all_kinds__leaf_suspense_and_listing() -> None:
    chain = ScriptedChain()
    chain.set_split(BAND, {ZERO_ADDRESS: 250_000, BOB: 750_000})
    chain.set_terms(SONG, {ANN: 500_000, BAND: 400_000, DUSD: 100_000})
    place = chain.events[-1]

    result = resolved(chain, song=100)

    assert amounts(result) == {SONG: 50 + 30, suspense_id(SONG): 10 + 10}
    assert {leaf.asset for leaf in result.leaves} == {DUSD}
    listed = sorted((one.position, one.amount, one.reason) for one in result.unpaid)
    order = sorted((ANN, BAND, DUSD))
    assert listed == sorted(
        (order.index(payee), 10, Reason.UNPAYABLE_PAYEE) for payee in (BAND, DUSD)
    )
    assert {(one.block_number, one.log_index) for one in result.unpaid} == {
        (place.block.number, place.log_index)
    }


def test_resolve__works_without_payees__escrow_by_content() -> None:
    chain = ScriptedChain()
    for work_id, content in ((SONG, b"a"), (FILM, b"b"), (GAME, b"a")):
        chain.set_terms(work_id, {}, content_id=keccak(content))

    result = resolved(chain, song=3, film=4, game=5)

    assert amounts(result) == {escrow_id(keccak(b"a")): 8, escrow_id(keccak(b"b")): 4}
    assert {leaf.kind for leaf in result.leaves} == {LeafKind.ESCROW}
    assert result.unpaid == ()


def test_resolve__nothing_earned__no_leaf_of_any_kind() -> None:
    chain = ScriptedChain()
    chain.set_terms(SONG, {CAT: 1_000_000})
    chain.set_terms(FILM, {})
    chain.set_terms(GAME, {DUSD: 1_000_000})

    result = resolved(chain, song=0, film=0, game=0)

    assert (result.leaves, result.unpaid) == ((), ())


def test_locked_leaf__escrow__one_line_for_the_contract() -> None:
    scope = scope_of(ScriptedChain())

    leaf = locked_leaf(escrow_id(keccak(b"a")), BaseUnits(7), EURT, scope)

    assert [(line.payee, line.amount) for line in leaf.lines] == [(SETTLEMENT.payouts, 7)]
    assert (leaf.epoch, leaf.part, leaf.asset) == (FIRST_EPOCH, 0, EURT)


def test_never_paid__asset__zero_itself_and_two_contracts() -> None:
    split_accounts = SETTLEMENT.contracts[ContractName.SPLIT_ACCOUNTS]

    assert never_paid_in(EURT, scope_of(ScriptedChain())) == {
        ZERO_ADDRESS,
        EURT,
        SETTLEMENT.payouts,
        split_accounts,
    }
