"""The scenes of the story that happen on chain, without the settlement engine.

```
epoch e      start ───────────────── end ──── end+grace ─────── next epoch goes on
payments     ████ (and a few by a sponsor)
usage          ██████████
verdict, hold, claim ▲ (epoch 1)
late usage                              ▲ accepted    ▲ refused by the contract
```
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from eth_account.signers.local import LocalAccount

from contracts.event_spec import ContractName
from contracts.evm import Epoch, Hash32, Timestamp, keccak
from scripts.demo import actors
from scripts.demo.actors import Stage
from scripts.demo.population import (
    TIERS,
    WORKS_PER_PART_MAX,
    Population,
    Usage,
    Work,
    make_usage,
    tier_id_of,
)
from scripts.devnode import Call

EPOCH_LENGTH_S = 86_400
GRACE_S = 7_200
VETO_WINDOW_S = 3_600
REORG_DEPTH_BLOCKS = 8
REORG_PAYMENTS = 24
CALLS_PER_BLOCK = 25
LATECOMERS = 2
FREELOADERS = 2
"""Subscribers who report usage of a tier that they did not pay."""

UNREGISTERED_WORK = Hash32.from_int(0xDEAD)
_GAS_OF_RESIGNED_CALL = 2_900_000


@dataclass(slots=True)
class Scenes:
    """The play so far: who paid what, and how many submissions the contract refused."""

    stage: Stage
    population: Population
    genesis: Timestamp
    chance: random.Random
    refused_on_chain: int = 0
    tier_of: dict[tuple[Epoch, str], Hash32] = field(default_factory=dict)

    @classmethod
    def of(cls, stage: Stage, population: Population, *, genesis: Timestamp, seed: int) -> "Scenes":
        """A play whose choices are decided by the seed."""
        return cls(stage, population, genesis, random.Random(seed))  # noqa: S311

    def epoch_start(self, epoch: Epoch) -> Timestamp:
        """First second of an epoch."""
        return Timestamp(self.genesis + epoch * EPOCH_LENGTH_S)

    def open(self) -> None:
        """Parameters, tiers, wallets, creators, works, and a token that refuses one payee."""
        stage, people = self.stage, self.population
        actors.open_settlement(stage)
        self._in_blocks(actors.wallet_calls(stage, (*people.subscribers, people.sponsor)))
        self._in_blocks(actors.attest_calls(stage, people.registrants, self.genesis))
        self._in_blocks([actors.register_call(stage, work) for work in people.works])
        self._in_blocks(actors.band_calls(stage, people.band))
        self._in_blocks([actors.recognise_call(stage, people.recognised)])
        self._in_blocks([actors.refuse_call(stage, people.refused_payee)])

    def pay(self, epoch: Epoch) -> list[tuple[LocalAccount, Hash32]]:
        """All but the last payments of an epoch; returns those that are left for a reorg."""
        tiers = [tier_id_of(name) for name, _ in TIERS]
        payers = self.population.subscribers[:-FREELOADERS]
        choices = [(subscriber, self.chance.choice(tiers)) for subscriber in payers]
        self.tier_of |= {(epoch, who.address): tier for who, tier in choices}
        early = choices[:-REORG_PAYMENTS]
        self._in_blocks(
            [actors.subscribe_call(self.stage, who, who, tier, epoch) for who, tier in early]
        )
        return choices[-REORG_PAYMENTS:]

    def pay_rest(self, epoch: Epoch, rest: Sequence[tuple[LocalAccount, Hash32]]) -> list[Call]:
        """The last payments, spread over as many blocks as the reorg will replace."""
        calls = [actors.subscribe_call(self.stage, who, who, tier, epoch) for who, tier in rest]
        per_block = len(calls) // REORG_DEPTH_BLOCKS
        for start in range(0, len(calls), per_block):
            self.stage.node.transact(calls[start : start + per_block])
        return calls

    def reorganise_payments(
        self, epoch: Epoch, rest: Sequence[tuple[LocalAccount, Hash32]], calls: Sequence[Call]
    ) -> None:
        """Move the last payments to other blocks; the first is now paid by a sponsor."""
        node = self.stage.node
        subscriber, tier = rest[0]
        sponsored = actors.subscribe_call(
            self.stage, self.population.sponsor, subscriber, tier, epoch
        )
        replaced = [sponsored, *calls[1:]][::-1]
        used = [
            node.next_nonce(call.account) - (call.account.address != sponsored.account.address)
            for call in replaced
        ]
        raws = [
            node.sign(replace(call, gas=_GAS_OF_RESIGNED_CALL), nonce)
            for call, nonce in zip(replaced, used, strict=True)
        ]
        per_block = len(raws) // REORG_DEPTH_BLOCKS
        node.reorganise(
            [raws[start : start + per_block] for start in range(0, len(raws), per_block)]
        )

    def use(self, epoch: Epoch) -> None:
        """Everybody reports usage, except those who will be late; some rows are not in order."""
        punctual = self.population.subscribers[LATECOMERS:-FREELOADERS]
        calls = [self._usage_call(epoch, who, self._some_works()) for who in punctual]
        stranger = punctual[0]
        calls.append(self._usage_call(epoch, stranger, [UNREGISTERED_WORK], part=1))
        calls += [
            self._usage_call(epoch, who, self._some_works(), tier=tier_id_of("heavy"))
            for who in self.population.subscribers[-FREELOADERS:]
        ]
        self._in_blocks(calls)

    def use_with_bad_proof(self, epoch: Epoch) -> None:
        """A submission whose proof has one wrong byte: the contract refuses it."""
        who = self.population.subscribers[LATECOMERS]
        usage = self._usage(epoch, who, self._some_works(), part=2)
        call = actors.submit_call(self.stage, usage, epoch, flip_byte=self.chance.randrange(65))
        self._refused([call])

    def use_late(self, epoch: Epoch) -> None:
        """One submission within grace, and one when grace is over: the contract refuses that."""
        node = self.stage.node
        within, after = self.population.subscribers[:LATECOMERS]
        end = self.epoch_start(Epoch(epoch + 1))
        node.move_time_to(Timestamp(end + GRACE_S // 2))
        node.transact([self._usage_call(epoch, within, self._some_works())])
        node.move_time_to(Timestamp(end + GRACE_S))
        self._refused([self._usage_call(epoch, after, self._some_works())])

    def place_verdict(self, epoch: Epoch, work: Work) -> None:
        """In the middle of an epoch, the court anchors a verdict against a work."""
        node = self.stage.node
        node.move_time_to(Timestamp(self.epoch_start(epoch) + EPOCH_LENGTH_S // 2))
        node.transact([actors.verdict_call(self.stage, work, keccak(b"case 1"))])

    def hold(self, payee: LocalAccount) -> None:
        """Compliance holds a payee."""
        _, now = self.stage.node.head()
        call = actors.hold_call(self.stage, payee, keccak(b"case 2"), now)
        self.stage.node.transact([call])

    def claim(self, work: Work) -> None:
        """Somebody registers a work, and so claims its content."""
        self.stage.node.transact([actors.register_call(self.stage, work)])

    def _usage_call(
        self,
        epoch: Epoch,
        who: LocalAccount,
        work_ids: list[Hash32],
        *,
        part: int = 0,
        tier: Hash32 | None = None,
    ) -> Call:
        usage = self._usage(epoch, who, work_ids, part=part, tier=tier)
        return actors.submit_call(self.stage, usage, epoch)

    def _usage(
        self,
        epoch: Epoch,
        who: LocalAccount,
        work_ids: list[Hash32],
        *,
        part: int,
        tier: Hash32 | None = None,
    ) -> Usage:
        tier_id = tier or self.tier_of[(epoch, who.address)]
        return make_usage(self.chance, epoch, who, tier_id, work_ids, part=part)

    def _some_works(self) -> list[Hash32]:
        work_ids = self.population.work_ids(self.stage.address(ContractName.WORK_REGISTRY))
        count = self.chance.randint(1, min(WORKS_PER_PART_MAX, len(work_ids)))
        return self.chance.sample(work_ids, count)

    def _in_blocks(self, calls: Sequence[Call]) -> None:
        for start in range(0, len(calls), CALLS_PER_BLOCK):
            self.stage.node.transact(calls[start : start + CALLS_PER_BLOCK])

    def _refused(self, calls: Sequence[Call]) -> None:
        """Send calls that the contract must refuse, and count those that it did."""
        node = self.stage.node
        hashes = node.send([node.sign(call) for call in calls])
        node.mine()
        receipts = node.receipts(hashes)
        self.refused_on_chain += sum(int(receipt["status"], 16) == 0 for receipt in receipts)
