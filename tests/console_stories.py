"""Stories in which each rule of the royalties decides about money; see `console_story`."""

from tests.bundle_builder import Json, canonical, hex0x, keccak, named_word
from tests.console_story import (
    ANN,
    BEN,
    CAT,
    DAN,
    DUSD,
    EURT,
    PAYOUTS,
    REGION,
    SCALAR_FIELD_ORDER,
    SPLITS,
    WHOLE,
    Event,
    Story,
    account,
    evenly,
    payee,
    work_id,
)

ZERO = bytes(20)


def opened(story: Story, *events: Event) -> Story:
    """Terms before the epoch, and a block after its start that the certificate begins behind."""
    story.mine(story.start(0) + 50, *events)
    story.mine(story.start(story.epoch) - 10)
    story.mine(story.start(story.epoch) + story.grace - 1)
    return story


def closed(story: Story) -> Story:
    story.mine(story.start(story.epoch + 1) - 1)
    story.mine(story.start(story.epoch + 1) + story.grace - 1)
    return story


def used(story: Story, *events: Event) -> Story:
    """One block of payments and usage within the epoch."""
    story.mine(story.start(story.epoch) + story.grace + 5, *events)
    return closed(story)


def one_work(story: Story, shares: object, amount: int, *more: Event) -> Story:
    """ANN pays an amount for the one work that she uses."""
    opened(story, story.work("one", shares), *more)
    return used(story, *story.pay(ANN, amount), story.use(ANN, 0, ("one", 10)))


def half_life() -> Story:
    """Works of several ages, one under verdict; epochs of a year and a bit."""
    story = Story(epoch=5, length=40_000_000, parameters={"half_life": "v1"})
    story.mine(story.start(0) + 7, story.work("old", {ANN: WHOLE}))
    story.mine(story.start(2) - 1, story.work("edge", {BEN: WHOLE}, 1))
    story.mine(story.start(3), story.work("held", {CAT: WHOLE}, 3))
    held = ("VerdictPlaced", (work_id("held"), keccak(b"case")))
    story.mine(story.start(4), story.work("old", {DAN: WHOLE}, 5), held)
    story.mine(story.start(5) - 10)
    story.mine(story.start(5) + story.grace - 1)
    new = story.work("new", {DAN: WHOLE}, 5)
    rows = [("old", 60), ("edge", 50), ("held", 7), ("new", 40)]
    return used(story, new, *story.pay(ANN, 10**9 + 7), story.use(ANN, 0, *rows))


def half_life_borders() -> Story:
    """Whole epochs only: one second younger is one step less. The oldest is beyond the table."""
    story = Story(epoch=2401, length=2_629_800, genesis=0, parameters={"half_life": "v1"})
    last = story.start(2402) + story.grace - 1
    story.mine(story.start(0) + 1, story.work("oldest", {ANN: WHOLE}))
    ten_years = last - 120 * story.length
    story.mine(ten_years, story.work("n 120", {BEN: WHOLE}, 2282))
    story.mine(ten_years + 1, story.work("n 119", {CAT: WHOLE}, 2282))
    story.mine(story.start(2401) - 10)
    story.mine(story.start(2401) + story.grace - 1)
    rows = [("oldest", 1), ("n 120", 1), ("n 119", 1)]
    return used(story, *story.pay(ANN, 10**18 + 1), story.use(ANN, 0, *rows))


def fee_list(*entries: tuple[str, bytes, int]) -> list[Json]:
    return [{"name": name, "payee": hex0x(one), "ppm": str(ppm)} for name, one, ppm in entries]


def fees() -> Story:
    """Two payees, one of them twice; two assets; a subscriber without rows; a gift."""
    entries = fee_list(
        ("protocol", payee(9), 25_000), ("curator", payee(3), 3), ("protocol_b", payee(9), 12_345)
    )
    story = Story(parameters={"fees": entries})
    opened(story, story.work("one", {BEN: 333_333, CAT: 666_667}), story.work("two", {DAN: WHOLE}))
    return used(
        story,
        *story.pay(ANN, 1_000_003),
        *story.pay(BEN, 999, tier=named_word("small")),
        *story.pay(CAT, 77_777_777, EURT),
        story.donate(50),
        story.use(ANN, 0, ("one", 60), ("two", 41)),
        story.use(CAT, 0, ("two", 1)),
    )


def parameters_ahead() -> Story:
    """Of those announced for this epoch or before, the last one that was announced."""
    story = Story()
    document = story.parameters
    later = {**document, "fees": fee_list(("later", payee(1), 400_000))}
    stands = {**document, "fees": fee_list(("stands", payee(2), 100_000))}
    for epoch, effective, one in ((1, 5, later), (2, 4, stands)):
        data = canonical(one)
        story.mine(story.start(epoch), ("ParametersSet", (effective, keccak(data), data)))
    story.parameters = stands
    story.mine(story.start(3), story.work("one", {BEN: WHOLE}, 3))
    story.mine(story.start(5) - 10)
    story.mine(story.start(5) + story.grace - 1)
    return used(story, *story.pay(ANN, 1_000), story.use(ANN, 0, ("one", 10)))


def unpayable_fees() -> Story:
    """Payees of fees that cannot be paid: always, or in one asset."""
    entries = fee_list(
        ("asset", DUSD, 10_000),
        ("payouts", PAYOUTS, 20_000),
        ("splits", SPLITS, 30_000),
        ("account", account("good"), 40_000),
        ("broken", account("broken"), 50_000),
        ("rest", payee(1), 60_000),
        ("tiny", payee(2), 1),
    )
    story = Story(parameters={"fees": entries})
    good = story.split("good", {ANN: WHOLE})
    broken = story.split("broken", {})
    opened(story, good, broken, story.work("one", {BEN: WHOLE}))
    return used(
        story,
        *story.pay(ANN, 1_000),
        *story.pay(BEN, 2_000, EURT),
        story.use(ANN, 0, ("one", 1)),
    )


def nested() -> Story:
    """A payee through several paths, each level to the unit; the old terms of an account."""
    story = Story()
    b, a = account("b"), account("a")
    inner = story.split("b", {ANN: 333_333, BEN: 666_667})
    outer = story.split("a", {ANN: 1, BEN: 499_999, b: 500_000})
    story.mine(story.start(0) + 20, inner, outer)
    story.mine(story.start(0) + 30, story.split("b", {ANN: 500_000, BEN: 500_000}, 1))
    shares = dict(sorted({ANN: 100_000, a: 300_000, b: 600_000}.items()))
    opened(story, story.work("one", shares), story.work("two", {a: WHOLE}))
    return used(
        story,
        *story.pay(ANN, 100_003),
        *story.pay(BEN, 7, EURT),
        story.use(ANN, 0, ("one", 2), ("two", 1)),
        story.use(BEN, 0, ("one", 1)),
    )


def deep() -> Story:
    """Eight accounts on a path are followed, the ninth is not; a cycle comes before depth."""
    story = Story()
    chain = [account(f"level {at}") for at in range(9)]
    back = chain[0]
    levels = []
    for at in range(9):
        shares = {ANN: 400_000} | ({chain[at + 1]: 600_000} if at < 8 else {BEN: 600_000})
        if at == 7:
            shares = {ANN: 400_000, chain[8]: 300_000, back: 300_000}
        levels.append(story.split(f"level {at}", dict(sorted(shares.items()))))
    own = story.split("own", dict(sorted({account("own"): 10_000, CAT: 990_000}.items())))
    shares = dict(sorted({chain[0]: 500_000, chain[1]: 300_000, account("own"): 200_000}.items()))
    return one_work(story, shares, 10**9 + 1, *levels, own)


def malformed_splits() -> Story:
    """Every way in which the terms of an account cannot be shared by."""
    story = Story()
    terms: dict[str, object] = {
        "empty": {},
        "not whole": {ANN: 999_999},
        "more than whole": {ANN: 500_001, BEN: 500_000},
        "zero share": {ANN: 0, BEN: WHOLE},
        "descending": ([BEN, ANN], [500_000, 500_000]),
        "twice": ([ANN, ANN], [500_000, 500_000]),
        "more payees": ([ANN, BEN], [WHOLE]),
        "more shares": ([ANN], [500_000, 500_000]),
        "fine": {ANN: WHOLE},
    }
    splits = [story.split(name, shares) for name, shares in terms.items()]
    story.mine(story.start(0) + 20, *splits)
    return one_work(story, evenly([account(name) for name in terms]), 10**6 + 5)


def unpayable() -> Story:
    """Payees that nobody can pay, on two levels and in two assets; sums of the same reason."""
    story = Story()
    bad = dict(sorted({ZERO: 100_000, ANN: 500_000, DUSD: 150_000, PAYOUTS: 250_000}.items()))
    inner = story.split("inner", bad)
    shares = {ZERO: 50_000, BEN: 150_000, DUSD: 200_000, SPLITS: 100_000, account("inner"): 500_000}
    opened(story, inner, story.work("one", dict(sorted(shares.items()))))
    return used(
        story,
        *story.pay(ANN, 1_000_001),
        *story.pay(BEN, 11, EURT),
        story.use(ANN, 0, ("one", 1)),
        story.use(BEN, 0, ("one", 1)),
    )


def wide(inner_last: int, amount: int) -> Story:
    """64 accounts of 63 payees: 64 + 64 * 63 = 4,096 lines; the last account may have one more."""
    story = Story()
    names = [f"wide {at}" for at in range(64)]
    accounts = []
    for at, name in enumerate(names):
        count = inner_last if at == 63 else 63
        accounts.append(story.split(name, evenly([payee(64 * at + i) for i in range(count)])))
    story.mine(story.start(0) + 20, *accounts)
    return one_work(story, evenly([account(name) for name in names]), amount)


def fan(amount: int) -> Story:
    """Ten accounts, each of two payees that are the next one: 2^n paths; lines of zero units."""
    story = Story()
    levels = []
    for at in range(7):
        two = [account(f"fan {at + 1} {side}") for side in range(8)]
        levels += [story.split(f"fan {at} {side}", evenly(two)) for side in range(8)]
    story.mine(story.start(0) + 20, *levels)
    return one_work(story, {account("fan 0 0"): WHOLE}, amount)


def escrow() -> Story:
    """Recognised works: two of one content, one that changes hands, one whose offer changes."""
    story = Story()
    same = keccak(b"the same film")
    story.mine(
        story.start(0) + 50,
        story.recognised("film", content=same),
        story.recognised("film again", content=same),
        story.recognised("song"),
        story.recognised("adopted"),
        story.work("bad", {ANN: 500_000, DUSD: 500_000}),
        story.recognised("again", price=2 * WHOLE),
    )
    start = story.start(story.epoch)
    adopted = story.work("adopted", {CAT: WHOLE}, 5, registrant=CAT)
    story.mine(start - 20, adopted, story.recognised("again", 5))
    story.mine(start - 10)
    story.mine(start + story.grace - 1)
    rows = [("film", 10), ("film again", 5), ("song", 3), ("adopted", 2), ("bad", 1), ("again", 1)]
    return used(
        story,
        *story.pay(ANN, 2_200),
        *story.pay(BEN, 9, EURT),
        story.use(ANN, 0, *rows),
        story.use(BEN, 0, ("film", 1)),
    )


def submissions() -> Story:
    """Submissions that are left out as a whole, and what they do not touch."""
    story = Story()
    story.mine(story.start(0) + 50, *(story.work(f"w{at}", {DAN: WHOLE}) for at in range(18)))
    start = story.start(story.epoch)
    word = named_word("shared pseudonym")
    story.mine(start - 20, *story.pay(ANN, 1_000), *story.pay(BEN, 500))
    story.mine(start - 10, story.use(ANN, 0, ("w0", 99, 1, word), ("w1", 99)))
    story.mine(start, story.use(BEN, 9, ("w5", 5)))
    story.mine(start + story.grace - 1)
    long = [(f"w{at}", 50) for at in range(17)]
    return used(
        story,
        story.use(ANN, 0, *long),
        story.use(ANN, 0),
        story.use(ANN, 0, ("w2", 1), ("w3", 1), minutes=[1]),
        story.use(ANN, 0, ("w2", 1), ("w3", 1), plays=[1, 1, 1]),
        story.use(ANN, 0, ("w2", 1), ("w3", 1), pseudonyms=[]),
        story.use(ANN, 0, ("w2", 1), works=[]),
        story.use(ANN, 0, ("w0", 30, 1, word), ("w1", 10)),
        story.use(ANN, 0, ("w2", 70), ("w3", 1)),
        story.use(ANN, 1, ("w2", 7), ("w0", 9)),
        story.use(CAT, 3, ("w0", 30)),
        story.use(CAT, 3, ("w0", 30)),
        story.use(ANN, 2, *long[1:]),
    )


def rows() -> Story:
    """Each reason of a row, and which of two comes first; `minutes_max` at its border."""
    story = Story(parameters={"minutes_max": "600"})
    over = (SCALAR_FIELD_ORDER).to_bytes(32, "big")
    last = (SCALAR_FIELD_ORDER - 1).to_bytes(32, "big")
    unlisted = named_word("another region")
    odd: dict[str, object] = {
        "free": {ANN: WHOLE},
        "dear": {ANN: WHOLE},
        "dearest": {ANN: WHOLE},
        "not whole": {ANN: 1},
        "zero share": {ANN: 0, BEN: WHOLE},
        "descending": ([BEN, ANN], [500_000, 500_000]),
        "twice": ([ANN, ANN], [500_000, 500_000]),
        "more payees": ([ANN, BEN], [WHOLE]),
        "no payees": ([], [WHOLE]),
        "malformed afar": {ANN: 2},
    }
    prices = {"free": 0, "dear": 2**40, "dearest": 2**40 - 1}
    regions = {"malformed afar": unlisted}
    terms = [
        story.work(name, shares, price=prices.get(name, WHOLE), region=regions.get(name, REGION))
        for name, shares in odd.items()
    ]
    held = ("VerdictPlaced", (work_id("held"), keccak(b"case")))
    opened(
        story,
        story.work("one", {BEN: WHOLE}),
        story.work("two", {CAT: WHOLE}),
        story.work("far", {CAT: WHOLE}, region=unlisted),
        story.work("held", {CAT: WHOLE}),
        held,
        *terms,
    )
    word = story.word()
    return used(
        story,
        *story.pay(ANN, 10**6 + 3),
        *story.pay(BEN, 7_777, EURT),
        story.use(ANN, 0, (over, 1), ("one", 600, 1, over), ("one", 601), ("one", 600, 2, word)),
        story.use(ANN, 1, *((name, 3) for name in odd)),
        story.use(ANN, 2, ("one", 601), ("two", 601, 1, word), ("two", 601), ("far", 601)),
        story.use(ANN, 3, ("far", 1), ("held", 601), ("held", 9), ("two", 5, 1, last)),
        story.use(ANN, 4, ("malformed afar", 1, 1, word), ("nobody's", 9), (last, 9)),
        story.use(BEN, 0, (over, 1), ("one", 1), tier=named_word("unpaid")),
        story.use(BEN, 1, ("one", 1), ("two", 601)),
    )


def all_at_once() -> Story:
    """Every modifier in force over the same usage."""
    entries = fee_list(("protocol", payee(1), 50_000), ("fund", EURT, 10_001))
    parameters = {"fees": entries, "half_life": "v1", "minutes_max": "1000"}
    story = Story(epoch=4, length=30_000_000, parameters=parameters)
    band, label = account("band"), account("label")
    story.mine(story.start(0) + 9, story.recognised("film"))
    first = story.split("band", {ANN: 333_333, BEN: 333_333, CAT: 333_334})
    story.mine(story.start(0) + 9, first)
    cycle = dict(sorted({band: 499_999, label: 1, CAT: 500_000}.items()))
    story.mine(story.start(1), story.split("label", cycle, 1))
    shares = dict(sorted({band: 650_000, label: 300_000, EURT: 50_000}.items()))
    story.mine(story.start(2), story.work("song", shares, 2))
    story.mine(story.start(3), story.work("single", {label: WHOLE}, 3))
    story.mine(story.start(4) - 10, story.work("choir", evenly([payee(i) for i in range(70)]), 3))
    story.mine(story.start(4) + story.grace - 1)
    return used(
        story,
        *story.pay(ANN, 10**12 + 39),
        *story.pay(ANN, 10**7 + 1, EURT, named_word("second tier")),
        *story.pay(BEN, 31, EURT),
        *story.pay(CAT, 1_234_567),
        story.donate(1_000, EURT),
        story.use(ANN, 0, ("song", 1000, 3), ("single", 300, 20), ("film", 77), ("choir", 1001)),
        story.use(BEN, 0, ("song", 4), ("film", 3, 2), ("single", 1)),
        story.use(CAT, 0, ("choir", 3), ("film", 1), ("song", 9, 100_001)),
        story.use(CAT, 0, ("single", 1)),
    )


def stories() -> dict[str, Story]:
    """All of them, by name."""
    return {
        "half-life": half_life(),
        "half-life borders": half_life_borders(),
        "fees": fees(),
        "parameters ahead": parameters_ahead(),
        "unpayable fees": unpayable_fees(),
        "nested": nested(),
        "deep": deep(),
        "malformed splits": malformed_splits(),
        "unpayable": unpayable(),
        "4096 lines": wide(63, 10**9 + 3),
        "4097 lines": wide(64, 10**9 + 3),
        "4097 lines, most of nothing": wide(64, 64),
        "fan": fan(10**9),
        "fan of little": fan(3),
        "escrow": escrow(),
        "submissions": submissions(),
        "rows": rows(),
        "all at once": all_at_once(),
    }
