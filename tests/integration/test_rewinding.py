"""The way out of a reorg past finality: halt, rewind, index and post again.

Subjects: scripts.rewinding, scripts.cli.chain, indexer.adapters.rewind,
settlement.payouts.adapters.retraction.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from contracts.evm import BlockNumber, Timestamp
from indexer.adapters.rewind import facts_above, rewind_facts
from indexer.adapters.store import owned_chain
from indexer.errors import ReorgTooDeep, RewindRefused
from reconciliation.adapters.store import SqlRegister
from reconciliation.ports import Run
from scripts.bootstrap import open_database
from scripts.cli import chain as chain_command
from scripts.errors import IndexerRuns
from scripts.rewinding import RewindReport, rewind_chain, rewind_planned, rewinding
from settlement.errors import FinalizedBlockChanged, PayoutsOwnedElsewhere
from settlement.ledger.adapters.reads import LedgerReads
from settlement.payments.adapters.store import SqlPayments
from settlement.payments.adapters.watch import SqlWatch
from settlement.payments.evidence import Source
from settlement.payments.families import family_named
from settlement.payments.naming import Place
from settlement.payments.policies import Outcome as PaymentOutcome
from settlement.payments.ports import RecordedVerdict, Submission
from settlement.payments.states import State
from settlement.payments.watching import Moment
from settlement.payouts.adapters.ownership import payouts_owner
from settlement.payouts.adapters.retraction import outcomes_above
from settlement.payouts.adapters.store import SqlHistories, SqlPayoutStore
from settlement.payouts.operation import Fate, Outcome
from settlement.royalties.adapters.attempts import ComputedAttempts
from tests.api_world import ALICE, BOB, FILM_0, REGISTRANT, SONG_0, USD, World, name_hash
from tests.chain_command import ChainCommand
from tests.fakes_chain import CHAIN_ID, FakeChain
from tests.integration.test_ledger_rewind import NET
from tests.payments_builders import intent_of
from tests.payouts_settlement import NoReservations
from tests.rewind_world import (
    BOOK,
    CHAIN,
    SETTLEMENT,
    Indexed,
    op_id_of,
    replace_from_11,
    story,
)

LAST_GOOD = BlockNumber(10)
REASON = "blocks from 11 on were replaced"


@pytest.fixture
def chain() -> FakeChain:
    return story()


@pytest.fixture
def world(engine: Engine, chain: FakeChain) -> Indexed:
    """The story is indexed and posted."""
    world = Indexed(engine)
    world.index(chain)
    world.post()
    return world


@pytest.fixture
def fresh(empty_database: str, database: str) -> Iterator[Callable[[FakeChain], Indexed]]:
    """Indexes and posts a chain into a database that saw no other."""
    from scripts.bootstrap import migrate

    migrate(empty_database)
    engine = open_database(empty_database)

    def made(chain: FakeChain) -> Indexed:
        world = Indexed(engine)
        world.index(chain)
        world.post()
        return world

    yield made
    engine.dispose()


def rewound(world: Indexed, to: int = LAST_GOOD) -> RewindReport:
    with rewinding(world.engine, CHAIN) as db_tx:
        return rewind_chain(db_tx, CHAIN, BlockNumber(to), reason=REASON)


def rewound_and_killed(world: Indexed) -> None:
    """The server ends the session when everything is written, and nothing committed."""
    with rewinding(world.engine, CHAIN) as db_tx:
        rewind_chain(db_tx, CHAIN, LAST_GOOD, reason=REASON)
        session = db_tx.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with world.engine.begin() as other:
            other.execute(text("SET LOCAL ROLE NONE"))
            other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": session})


def planned(world: Indexed, to: int = LAST_GOOD) -> RewindReport:
    with rewinding(world.engine, CHAIN) as db_tx:
        return rewind_planned(db_tx, CHAIN, BlockNumber(to))


def settle_song(world: Indexed, chain: FakeChain) -> None:
    """The submitter saw that the song was paid in block 11."""
    block = chain.canonical[11].header
    with payouts_owner(
        world.engine, CHAIN_ID, sender=REGISTRANT, contracts=[SETTLEMENT.payouts]
    ) as owner:
        store = SqlPayoutStore(owner, CHAIN_ID, [SETTLEMENT.payouts], NoReservations())
        store.record(
            [
                Outcome(
                    op_id=op_id_of(SONG_0),
                    fate=Fate.SETTLED_ELSEWHERE,
                    refusal=None,
                    sender=None,
                    nonce=None,
                    tx_hash=None,
                    block_number=block.number,
                    block_hash=block.hash,
                )
            ]
        )


def test_index__reorg_past_finality__halts_naming_the_command_and_writes_nothing(
    world: Indexed, chain: FakeChain
) -> None:
    before = world.rows()
    replace_from_11(chain)

    with pytest.raises(ReorgTooDeep, match=r"quittance chain rewind --to 10 --reason"):
        world.index(chain)

    assert world.rows() == before


def test_rewind__then_index_and_post__as_a_database_that_saw_only_the_new_chain(
    world: Indexed, chain: FakeChain, fresh: Callable[[FakeChain], Indexed]
) -> None:
    before = world.answers()
    replace_from_11(chain)

    report = rewound(world)
    world.index(chain)
    world.post()

    assert world.answers() == fresh(chain).answers()
    assert world.answers() != before
    assert [one.entries for one in report.books] == [7]
    assert (report.facts.finalized, report.facts.head[0]) == (12, 20)
    with world.engine.connect() as connection:
        nets = {row[0] for row in connection.execute(text(NET))}
    assert nets == {1}


def test_rewind__before_anything_else__index_ends_at_the_block_and_books_are_empty(
    world: Indexed, chain: FakeChain
) -> None:
    report = rewound(world)

    answers = world.answers()
    assert answers["finalized"] == chain.canonical[10].header.ref == report.facts.to
    assert [row[0] for row in answers["facts"]["block"]] == list(range(1, 11))
    assert dict(answers["tokens"]) == {ALICE: -70, BOB: 70}
    assert (answers["cursor"], answers["balances"]) == (None, [])
    with world.engine.connect() as connection:
        row = connection.execute(text("SELECT * FROM reorg")).one()
    assert (row.ancestor_number, row.old_head_number, row.depth_blocks) == (10, 20, 10)
    assert (row.reason, row.removed) == (REASON, dict(report.facts.rows))
    assert row.removed["block"] == 10


def test_rewind__chain_as_it_was__everything_comes_back(world: Indexed, chain: FakeChain) -> None:
    before = world.answers()

    rewound(world)
    world.index(chain)
    world.post()

    assert world.answers() == before


def test_plan__of_a_rewind__says_what_it_does_and_writes_nothing(
    world: Indexed, chain: FakeChain
) -> None:
    world.plan_payouts([FILM_0])
    before = world.rows()

    shown = planned(world)

    assert world.rows() == before
    assert shown == rewound(world)


def test_rewind__twice__second_is_refused(world: Indexed) -> None:
    rewound(world)
    before = world.rows()

    with pytest.raises(RewindRefused, match="ends at block 10: nothing is above"):
        rewound(world)

    assert world.rows() == before


def test_rewind__books_not_above_the_block__left_alone(world: Indexed, chain: FakeChain) -> None:
    before = world.answers()

    report = rewound(world, 15)

    assert report.books == ()
    assert report.facts.finalized == 12
    after = world.answers()
    for name in ("finalized", "cursor", "balances", "leaves", "flows", "tokens"):
        assert after[name] == before[name]


@pytest.mark.parametrize(("to", "why"), [(20, "ends at block 20"), (99, "ends"), (0, "not hold")])
def test_rewind__no_block_of_ours_below__refused(world: Indexed, to: int, why: str) -> None:
    before = world.rows()

    with pytest.raises(RewindRefused, match=why):
        rewound(world, to)

    assert world.rows() == before


def test_rewind__empty_index__refused(engine: Engine) -> None:
    with pytest.raises(RewindRefused, match="is empty"):
        planned(Indexed(engine))


def test_rewind__killed_before_it_commits__everything_as_it_was(
    world: Indexed, chain: FakeChain
) -> None:
    world.plan_payouts([FILM_0])
    before = world.rows()

    with pytest.raises(DBAPIError):
        rewound_and_killed(world)

    assert world.rows() == before
    rewound(world)
    assert world.answers()["balances"] == []


def test_rewind__indexer_running__one_sentence(world: Indexed) -> None:
    with (
        owned_chain(world.engine, CHAIN_ID),
        pytest.raises(IndexerRuns, match="dev: an indexer is running, stop the indexer first"),
    ):
        rewound(world)


def test_rewind__payouts_being_submitted__refused(world: Indexed) -> None:
    world.plan_payouts([FILM_0])

    with (
        payouts_owner(world.engine, CHAIN_ID, sender=REGISTRANT, contracts=[SETTLEMENT.payouts]),
        pytest.raises(PayoutsOwnedElsewhere),
    ):
        rewound(world)


def test_facts__rewound_without_the_books__posting_halts_naming_the_command(
    world: Indexed, chain: FakeChain
) -> None:
    replace_from_11(chain)
    with world.engine.begin() as connection:
        found = facts_above(connection, CHAIN_ID, LAST_GOOD)
        rewind_facts(connection, CHAIN_ID, found, reason=REASON)
    before = world.answers()["balances"]
    world.post()
    assert world.answers()["balances"] == before  # the index is below the books: they wait
    world.index(chain)

    with pytest.raises(FinalizedBlockChanged, match="quittance chain rewind --to 11 --reason"):
        world.post()


def test_payouts__planned_again_after_a_rewind__the_same_operation_reserved_again(
    world: Indexed, chain: FakeChain
) -> None:
    first = world.plan_payouts([FILM_0])
    rewound(world)
    world.index(chain)
    world.post()
    unreserved = world.answers()["leaves"]

    again = world.plan_payouts([FILM_0])

    assert (first, again) == (1, 0)
    assert [one.is_reserved for one in unreserved] == [False]
    assert [one.is_reserved for one in world.answers()["leaves"]] == [True]
    with world.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM payout_operation")).scalar() == 1


def test_payouts__settled_in_a_removed_block__looked_at_anew(
    engine: Engine, chain: FakeChain
) -> None:
    world = Indexed(engine)
    whole = list(chain.canonical)
    chain.switch_to(whole[:19])  # block 11 is not final yet
    world.index(chain)
    world.post()
    world.plan_payouts([SONG_0, FILM_0])
    chain.switch_to(whole)
    world.index(chain)
    world.post()
    settle_song(world, chain)
    with engine.connect() as connection:
        closed = SqlHistories(connection).history(op_id_of(SONG_0))

    report = rewound(world)

    with engine.connect() as connection:
        open_again = SqlHistories(connection).history(op_id_of(SONG_0))
        connection.rollback()
        assert outcomes_above(connection, CHAIN_ID, LAST_GOOD) == 0
    assert closed is not None
    assert closed.closing is not None
    assert open_again is not None
    assert open_again.outcomes == ()
    assert report.operations == 1
    replace_from_11(chain)
    world.index(chain)
    world.post()
    assert [one.op_id for one in world.answers()["leaves"]] == [op_id_of(SONG_0)]
    assert world.plan_payouts([SONG_0]) == 0
    settle_song(world, chain)  # closed once more, in this version
    with engine.connect() as connection:
        final = SqlHistories(connection).history(op_id_of(SONG_0))
    assert final is not None
    assert final.closing is not None


def test_payouts__settled_below_the_block__stay_closed(world: Indexed, chain: FakeChain) -> None:
    world.plan_payouts([FILM_0])

    report = rewound(world, 11)

    assert report.operations == 0


def test_payments__final_above_the_block__reopened_and_still_claimed(
    world: Indexed, engine: Engine
) -> None:
    intent = intent_of(family_named("ppv"), chain_id=CHAIN_ID)
    store = SqlPayments(engine, CHAIN_ID, [intent.contract])
    submission = Submission(intent.intent_id, name_hash("payment"))
    store.declare(intent)
    store.submit(submission, at_most=1)
    place = Place(
        chain_id=CHAIN_ID,
        transaction_hash=submission.transaction_hash,
        contract=intent.contract,
        topic0=intent.family.event.topic0,
        key="payer/order",
        ordinal=0,
    )
    store.bind(intent.intent_id, place, attempt=0)
    final = RecordedVerdict(
        intent_id=intent.intent_id,
        transaction_hash=submission.transaction_hash,
        state=State.FINAL,
        is_terminal=True,
        outcome=PaymentOutcome.ACCEPTED,
        failed=(),
        source=Source.FACTS,
        block_number=BlockNumber(LAST_GOOD + 1),
        block_hash=name_hash("a block"),
        log_index=0,
        reason="every check passed",
    )
    store.record(final, after=None, next_look=None)
    watch = SqlWatch(world.engine, intent.chain_id, [intent.contract])
    watch.move_to(BlockNumber(LAST_GOOD + 5))
    nothing_more = Moment(now=Timestamp(0), final_at=None, safe=None, finalized=None)
    assert watch.due(nothing_more, after=None, limit=2) == []

    report = rewound(world)

    assert report.payments == 1
    assert watch.due(nothing_more, after=None, limit=2) == [submission]
    assert watch.looked_up_to() == LAST_GOOD
    assert store.claims(intent.intent_id) == [place]


def test_epochs__computed_from_removed_blocks__named_and_kept(world: Indexed) -> None:
    stored = World(world.engine)
    digests = [stored.compute(epoch, 1, [SONG_0], paid_in=1_000) for epoch in (-1, 0)]

    shown, done = planned(world), rewound(world)

    assert shown.epochs == done.epochs
    assert [(who, one.epoch, one.manifest_digest) for who, one in done.epochs] == [
        (SETTLEMENT.payouts, 0, digests[1])
    ]
    with world.engine.connect() as connection:
        kept = ComputedAttempts(connection).of_settlement(CHAIN_ID, SETTLEMENT.payouts)
    assert [one.epoch for one in kept] == [-1, 0]


def test_reconciliation__runs_before_a_rewind__are_no_clean_ground(
    world: Indexed, chain: FakeChain
) -> None:
    runs = SqlRegister(world.engine, CHAIN_ID, SETTLEMENT.payouts)
    clean = [Run(block=chain.canonical[n].header.ref, checks=1, discrepancies=()) for n in (12, 9)]
    runs.record(clean[0], lambda _: None)
    before = runs.last_clean_block()

    rewound(world)
    after = runs.last_clean_block()
    runs.record(clean[1], lambda _: None)

    assert (before, after, runs.last_clean_block()) == (12, None, 9)


def test_flows__after_a_rewind__what_the_new_chain_paid_in(
    world: Indexed, chain: FakeChain
) -> None:
    replace_from_11(chain)
    rewound(world)
    world.index(chain)
    world.post()

    with world.engine.connect() as connection:
        flows = LedgerReads(connection, BOOK).flows()

    assert {(one.epoch, one.amount) for one in flows if one.debit == "cash"} == {
        (0, 1_000),
        (1, 77),
    }
    assert {one.asset for one in flows} == {USD}


@pytest.fixture
def command(tmp_path: Path, database: str, capsys: pytest.CaptureFixture[str]) -> ChainCommand:
    assert chain_command.app
    return ChainCommand(tmp_path, database, capsys)


def test_command__without_yes__shows_and_exits_2(world: Indexed, command: ChainCommand) -> None:
    before = world.rows()

    code, output, errors = command.run("rewind", "--to", "10", "--reason", REASON)

    assert code == 2
    assert "nothing was done: run the same command with --yes" in errors
    assert f"books of {SETTLEMENT.payouts}: 7 entries reversed, version 1 begins" in output
    assert "block: 10 rows removed" in output
    assert "finalized block from 12 back to 10" in output
    assert world.rows() == before


def test_command__json_and_yes__done_and_told(world: Indexed, command: ChainCommand) -> None:
    code, shown, _ = command.run("rewind", "--to", "10", "--reason", REASON, "--json")
    done_code, done, errors = command.run(
        "rewind", "--to", "10", "--reason", REASON, "--json", "--yes"
    )

    assert (code, done_code, errors) == (2, 0, "")
    told = json.loads(done)
    assert told == json.loads(shown) | {"done": True}
    assert told["rows"]["block"] == 10
    assert (told["to"]["number"], told["head"]["number"], told["finalized"]) == (10, 20, 12)
    assert [(one["entries"], one["version"]) for one in told["books"]] == [(7, 1)]
    assert world.answers()["balances"] == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--to", "10", "--reason", "  ", "--yes"), "'--reason': '  ' says nothing"),
        (("--to", "20", "--reason", REASON, "--yes"), "--to 20: the index of chain 31337 ends"),
        (("--to", "10", "--reason", REASON, "--chain", "base"), "--chain: name one of"),
    ],
)
def test_command__bad_input__one_sentence_and_exit_2(
    world: Indexed, command: ChainCommand, options: tuple[str, ...], said: str
) -> None:
    before = world.rows()

    code, output, errors = command.run("rewind", *options)

    assert (code, output) == (2, "")
    assert said in errors
    assert errors.count("\n") == 1
    assert world.rows() == before


def test_command__indexer_running__one_sentence_and_exit_2(
    world: Indexed, command: ChainCommand
) -> None:
    with owned_chain(world.engine, CHAIN_ID):
        code, _, errors = command.run("rewind", "--to", "10", "--reason", REASON, "--yes")

    assert (code, errors) == (2, "quittance: dev: an indexer is running, stop the indexer first\n")
