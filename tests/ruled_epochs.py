"""Small epochs of every rule, switched on by itself and all together, with roots that are frozen.

`plain` has no split account, no recognised work, and parameters without options; `everything` has
all of it, with works of many ages, every kind of quarantine, and two assets.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from contracts.evm import SCALAR_FIELD_ORDER, Address, Epoch, Hash32, keccak
from contracts.leaves import Leaf
from settlement.royalties.derivation import EpochFacts
from settlement.royalties.half_life import STEP_SECONDS
from tests.royalties_builders import (
    ANN,
    BOB,
    CAT,
    CLOCK,
    DUSD,
    EURT,
    FIRST_EPOCH,
    SETTLEMENT,
    AnyCertificate,
    ScriptedChain,
    address,
    facts_of,
    fee_json,
    parameters_json,
    work,
)

SONG, FILM, GAME, FOUND, LOST = (work(name) for name in ("song", "film", "game", "found", "lost"))
ODD, HELD = work("odd"), work("held")
BAND, LABEL, CHOIR, BROKEN = (address(name) for name in ("band", "label", "choir", "broken"))
DAN, EVE = address("Dan"), address("Eve")
EPOCH = Epoch(FIRST_EPOCH + 12 * 10 * STEP_SECONDS // CLOCK.length)
"""Ten years after the first."""

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "plain": {},
    "half_life": {"half_life": "v1"},
    "fees": {
        "fees": [
            fee_json("protocol", EVE, 25_000),
            fee_json("reserve", DAN, 50_000),
            fee_json("house", DUSD, 1_000),
        ]
    },
    "minutes": {"minutes_max": "600"},
}


def plain(**options: Any) -> EpochFacts:
    """Three works of different age, used by three subscribers, and these options."""
    chain = _begun(**options)
    chain.set_terms(SONG, {ANN: 333_333, BOB: 333_333, CAT: 333_334}, price_ppm=1_200_000)
    chain.mine(_seconds_before(60))
    chain.set_terms(FILM, {CAT: 600_000, DAN: 400_000}, price_ppm=600_000)
    _before_the_epoch(chain)
    chain.set_terms(GAME, {DAN: 1_000_000})
    _payments(chain)
    _usage(chain)
    return _facts(chain)


def nested(**options: Any) -> EpochFacts:
    """The same with splits of splits, and works without payees."""
    chain = _begun(**options)
    _accounts(chain)
    chain.set_terms(SONG, {ANN: 333_333, BAND: 333_333, CHOIR: 333_334}, price_ppm=1_200_000)
    chain.set_terms(FOUND, {}, content_id=keccak(b"found"))
    chain.mine(_seconds_before(60))
    chain.set_terms(FILM, {LABEL: 600_000, SETTLEMENT.payouts: 400_000}, price_ppm=600_000)
    chain.set_terms(LOST, {}, content_id=keccak(b"found"), price_ppm=2_000_000)
    _before_the_epoch(chain)
    chain.set_terms(GAME, {DAN: 500_000, BROKEN: 500_000})
    _payments(chain)
    _usage(chain)
    chain.submit(EVE, [(FOUND, 90, 2), (LOST, 30, 1), (SONG, 1, 1)], epoch=EPOCH)
    return _facts(chain)


def everything() -> EpochFacts:
    """All rules on, and every reason to leave something out."""
    chain = _begun(**OPTIONS["half_life"], **OPTIONS["fees"], **OPTIONS["minutes"])
    _accounts(chain)
    chain.set_terms(SONG, {ANN: 333_333, BAND: 333_333, CHOIR: 333_334}, price_ppm=1_200_000)
    chain.set_terms(FOUND, {}, content_id=keccak(b"found"))
    chain.set_terms(ODD, {ANN: 1_000_000}, price_ppm=2**40)
    chain.set_terms(HELD, {BOB: 1_000_000})
    chain.place_verdict(HELD)
    chain.mine(_seconds_before(60))
    chain.set_terms(FILM, {LABEL: 600_000, SETTLEMENT.payouts: 400_000}, price_ppm=600_000)
    chain.set_terms(LOST, {}, content_id=keccak(b"lost"), region_rule=keccak(b"nowhere"))
    chain.submit(EVE, [(SONG, 1, 1)], epoch=EPOCH, part=9)
    _before_the_epoch(chain)
    chain.set_terms(GAME, {DAN: 500_000, BROKEN: 500_000})
    _payments(chain)
    _usage(chain)
    _left_out(chain)
    return _facts(chain)


def bounded() -> EpochFacts:
    """Splits at both bounds: eight accounts in a row and nine, 4,096 visits and one more."""
    chain = _begun()
    eight, nine = (_in_a_row(chain, length) for length in (8, 9))
    inner = {Address(number.to_bytes(20, "big")): 4_000 for number in range(1, 251)}
    hub = address("hub")
    chain.set_split(hub, inner)
    spokes = {address(f"spoke {number}"): 58_823 for number in range(16)}
    for spoke in spokes:
        chain.set_split(spoke, {hub: 1_000_000})
    chain.set_terms(SONG, {eight: 500_000, nine: 500_000})
    # 4,096 = the work's own list (18 lines), 16 · (1 + 250) behind the spokes, and 62
    rest = 1_000_000 - 16 * 58_823 - 1
    chain.set_split(LABEL, dict(zip(sorted(inner)[:62], [16_129] * 61 + [16_131], strict=True)))
    chain.set_terms(FILM, spokes | {LABEL: rest, CAT: 1})
    chain.set_split(BAND, dict(zip(sorted(inner)[:63], [15_873] * 62 + [15_874], strict=True)))
    chain.set_terms(GAME, spokes | {BAND: rest, CAT: 1})
    _before_the_epoch(chain)
    _payments(chain)
    _usage(chain)
    return _facts(chain)


def _in_a_row(chain: ScriptedChain, length: int) -> Address:
    """The first of so many accounts, each of which pays the next; the last pays Dan."""
    row = [address(f"{place} of {length}") for place in range(length)]
    for account, target in pairwise([*row, DAN]):
        chain.set_split(account, {target: 1_000_000})
    return row[0]


def golden_epochs() -> dict[str, EpochFacts]:
    """Every epoch whose root is frozen, by name."""
    return {
        **{name: plain(**options) for name, options in OPTIONS.items()},
        "nested": nested(),
        "nested, half_life": nested(**OPTIONS["half_life"]),
        "nested, fees": nested(**OPTIONS["fees"]),
        "bounded": bounded(),
        "everything": everything(),
    }


def leaf_text(leaf: Leaf) -> str:
    """A leaf as a reader of a difference wants it."""
    lines = " ".join(f"{line.payee}:{line.amount}" for line in leaf.lines)
    return f"{leaf.work_id} {leaf.part} {leaf.asset} {lines}"


def _begun(**options: Any) -> ScriptedChain:
    chain = ScriptedChain()
    chain.set_parameters(parameters_json(**options), effective=FIRST_EPOCH + 1)
    return chain


def _seconds_before(steps: int) -> int:
    """The second that is so many steps before the epoch's last."""
    return CLOCK.end_of(EPOCH) - 1 - steps * STEP_SECONDS


def _before_the_epoch(chain: ScriptedChain) -> None:
    chain.mine(CLOCK.start_of(EPOCH) - 1)
    chain.commit(EPOCH - 1, keccak(b"before"), active_at=0)
    chain.mine(CLOCK.start_of(EPOCH) + 5)


def _accounts(chain: ScriptedChain) -> None:
    chain.set_split(BAND, {BOB: 500_000, LABEL: 300_000, CHOIR: 200_000})
    chain.set_split(LABEL, {CAT: 250_000, EVE: 250_000, BAND: 500_000})
    chain.set_split(CHOIR, {ANN: 1, BOB: 333_333, CAT: 333_333, DAN: 333_333})
    chain.set_split(BROKEN, {ANN: 999_999})


def _payments(chain: ScriptedChain) -> None:
    chain.subscribe(ANN, 10_000_003, epoch=EPOCH)
    chain.subscribe(BOB, 7_777_777, epoch=EPOCH)
    heavy = keccak(b"heavy")
    chain.subscribe(BOB, 1_234_567_890_123_456_789, asset=EURT, epoch=EPOCH, tier_id=heavy)
    chain.subscribe(CAT, 41, epoch=EPOCH)
    chain.subscribe(EVE, 5_000_011, epoch=EPOCH)
    chain.fund(EPOCH, EURT, 11)
    chain.mine(CLOCK.end_of(EPOCH) - 1)


def _usage(chain: ScriptedChain) -> None:
    chain.submit(ANN, [(SONG, 120, 3), (FILM, 30, 1), (GAME, 7, 2)], epoch=EPOCH)
    chain.submit(BOB, [(SONG, 601, 1), (FILM, 10, 5), (GAME, 1, 1)], epoch=EPOCH)
    chain.submit(CAT, [(FILM, 1, 1), (GAME, 0, 1)], epoch=EPOCH)


def _left_out(chain: ScriptedChain) -> None:
    """What quarantine lists, and beside it what it keeps."""
    chain.submit(EVE, [(FOUND, 90, 2), (HELD, 30, 1), (ODD, 1, 1), (LOST, 1, 1)], epoch=EPOCH)
    chain.submit(EVE, [(SONG, 1, 1)], epoch=EPOCH)
    chain.submit(EVE, [], epoch=EPOCH, part=1)
    chain.submit(EVE, [(SONG, 1, 1)] * 17, epoch=EPOCH, part=1)
    above = Hash32.from_int(SCALAR_FIELD_ORDER)
    rows = [(above, 1, 1), (work("ghost"), 1, 1), (FOUND, 1, 1), (GAME, 1, 1)]
    masks = [work("mask"), work("mask 2"), work("mask 3"), work("mask 4")]
    chain.submit(EVE, rows, epoch=EPOCH, part=1, pseudonyms=masks)
    chain.submit(CAT, [(SONG, 2, 1)], epoch=EPOCH, part=1, pseudonyms=[work("mask 4")])
    chain.submit(CAT, [(SONG, 2, 1)], epoch=EPOCH, part=2, tier_id=keccak(b"heavy"))


def _facts(chain: ScriptedChain) -> EpochFacts:
    chain.mine(CLOCK.grace_end_of(EPOCH) - 1)
    chain.finish(EPOCH)
    return facts_of(chain, EPOCH, certificates=AnyCertificate())
