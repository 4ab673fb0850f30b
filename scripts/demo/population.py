"""The people and works of a demo, as a function of the seed.

Pure: keys come from `account_from_seed`, choices from one `random.Random(seed)` (a demo is no
place where randomness must be strong, and a seed makes it repeatable).
"""

import random
from dataclasses import dataclass
from itertools import pairwise

from eth_account.signers.local import LocalAccount

from contracts.evm import Address, Hash32, keccak
from contracts.typed_data import work_id_of
from contracts.units import PPM_ONE
from scripts.devnode import account_from_seed, address_of

TIERS = (("light", 4_990_000), ("medium", 9_990_000), ("heavy", 19_990_000))
"""Name and price for one epoch, in base units of a token with six decimals."""

WORKS_PER_PART_MAX = 16
_PLAYS_MAX = 9
_MINUTES_MAX = 600
_MEMBERS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A work before it is registered; payees ascending, shares in ppm."""

    registrant: LocalAccount
    salt: Hash32
    content_id: Hash32
    price_ppm: int
    payees: tuple[LocalAccount, ...]
    shares_ppm: tuple[int, ...]

    @property
    def work_id(self) -> Hash32:
        """The id that the registry will give it."""
        return work_id_of(address_of(self.registrant), self.salt)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """A work that nobody registered: a curator recognises it, and its money waits in escrow."""

    salt: Hash32
    content_id: Hash32
    price_ppm: int

    def work_id(self, registry: Address) -> Hash32:
        """The id that the registry will give it: it stands as the registrant itself."""
        return work_id_of(registry, self.salt)


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A work that pays a label, which pays its producer and the band, which pays its members.

    Label and band are split accounts of the leader, who registers the work; `members` ascend.
    """

    leader: LocalAccount
    producer: LocalAccount
    members: tuple[LocalAccount, ...]
    members_ppm: tuple[int, ...]
    producer_ppm: int
    salt: Hash32
    content_id: Hash32
    price_ppm: int

    @property
    def work_id(self) -> Hash32:
        """The id that the registry will give to the work."""
        return work_id_of(address_of(self.leader), self.salt)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """One submission: what one subscriber played in one epoch."""

    subscriber: LocalAccount
    tier_id: Hash32
    part: int
    work_ids: tuple[Hash32, ...]
    minutes_played: tuple[int, ...]
    plays: tuple[int, ...]
    pseudonyms: tuple[Hash32, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """Everybody who takes part, except who runs the settlement."""

    works: tuple[Work, ...]
    band: Band
    recognised: Recognised
    claimed: Work
    subscribers: tuple[LocalAccount, ...]
    sponsor: LocalAccount
    refused_payee: LocalAccount

    @property
    def registrants(self) -> tuple[LocalAccount, ...]:
        """Everybody who registers a work, each once."""
        works = [*(work.registrant for work in self.works), self.claimed.registrant]
        accounts = [*works, self.band.leader]
        return tuple({account.address: account for account in accounts}.values())

    def work_ids(self, registry: Address) -> tuple[Hash32, ...]:
        """Everything that is played; the claimed work is not."""
        own = (work.work_id for work in self.works)
        return (*own, self.band.work_id, self.recognised.work_id(registry))


def tier_id_of(name: str) -> Hash32:
    """Tier ids are keccak256 of the lower-case name."""
    return keccak(name.encode())


def make_population(seed: int, *, subscribers: int, works: int) -> Population:
    """Invent subscribers, works with one to five payees, a sponsor, and a payee to be refused.

    One more work is a band's, one more is nobody's, and one claims the content of that.
    """
    chance = random.Random(seed)  # noqa: S311
    creators = [account_from_seed(seed, "creator", index) for index in range(max(8, works))]
    refused = account_from_seed(seed, "refused-payee")
    made = [_make_work(chance, seed, index, creators) for index in range(works)]
    made[0] = _make_work(chance, seed, 0, [creators[0], refused], payees=2)
    recognised = Recognised(
        salt=keccak(f"salt/{seed}/recognised".encode()),
        content_id=keccak(f"content/{seed}/recognised".encode()),
        price_ppm=PPM_ONE,
    )
    return Population(
        works=tuple(made),
        band=_make_band(seed),
        recognised=recognised,
        claimed=_make_claimed(seed, recognised),
        subscribers=tuple(account_from_seed(seed, "subscriber", i) for i in range(subscribers)),
        sponsor=account_from_seed(seed, "sponsor"),
        refused_payee=refused,
    )


def make_usage(
    chance: random.Random,
    epoch: int,
    subscriber: LocalAccount,
    tier_id: Hash32,
    work_ids: list[Hash32],
    *,
    part: int = 0,
) -> Usage:
    """Invent the minutes and plays of one submission."""
    address = address_of(subscriber)
    return Usage(
        subscriber=subscriber,
        tier_id=tier_id,
        part=part,
        work_ids=tuple(work_ids),
        minutes_played=tuple(chance.randint(1, _MINUTES_MAX) for _ in work_ids),
        plays=tuple(chance.randint(1, _PLAYS_MAX) for _ in work_ids),
        pseudonyms=tuple(_pseudonym(epoch, address, work_id) for work_id in work_ids),
    )


def _make_work(
    chance: random.Random,
    seed: int,
    index: int,
    creators: list[LocalAccount],
    payees: int | None = None,
) -> Work:
    chosen = chance.sample(creators, payees or chance.randint(1, 5))
    ordered = sorted(chosen, key=address_of)
    return Work(
        registrant=chosen[0],
        salt=keccak(f"salt/{seed}/{index}".encode()),
        content_id=keccak(f"content/{seed}/{index}".encode()),
        price_ppm=chance.randrange(200_000, 3_000_000, 50_000),
        payees=tuple(ordered),
        shares_ppm=_shares(chance, len(ordered)),
    )


def _make_band(seed: int) -> Band:
    chance = random.Random(f"{seed}/band")  # noqa: S311
    members = [account_from_seed(seed, "band", index) for index in range(_MEMBERS)]
    return Band(
        leader=members[0],
        producer=account_from_seed(seed, "producer"),
        members=tuple(sorted(members, key=address_of)),
        members_ppm=_shares(chance, _MEMBERS),
        producer_ppm=chance.randrange(100_000, 500_000, 10_000),
        salt=keccak(f"salt/{seed}/band".encode()),
        content_id=keccak(f"content/{seed}/band".encode()),
        price_ppm=chance.randrange(200_000, 3_000_000, 50_000),
    )


def _make_claimed(seed: int, recognised: Recognised) -> Work:
    claimant = account_from_seed(seed, "claimant")
    return Work(
        registrant=claimant,
        salt=keccak(f"salt/{seed}/claimed".encode()),
        content_id=recognised.content_id,
        price_ppm=recognised.price_ppm,
        payees=(claimant,),
        shares_ppm=(PPM_ONE,),
    )


def _shares(chance: random.Random, count: int) -> tuple[int, ...]:
    """`count` positive parts of one million."""
    cuts = sorted(chance.sample(range(1, PPM_ONE), count - 1))
    edges = [0, *cuts, PPM_ONE]
    return tuple(end - start for start, end in pairwise(edges))


def _pseudonym(epoch: int, subscriber: Address, work_id: Hash32) -> Hash32:
    """One name for each subscriber, work and epoch, below the scalar field's order."""
    word = keccak(epoch.to_bytes(8, "big") + subscriber + work_id)
    return Hash32.from_int(int.from_bytes(word, "big") >> 8)
