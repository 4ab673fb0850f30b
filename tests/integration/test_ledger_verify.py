"""A sealed book in Postgres: verified whole, and every kind of tampering found and named.

Subjects: settlement.ledger.adapters.verification, settlement.ledger.adapters.seals,
settlement.ledger.adapters.seal_tables, settlement.ledger.adapters.checkpoints,
settlement.ledger.adapters.period_reads.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

import pytest
from sqlalchemy import Connection, Engine

from contracts.evm import ZERO_ADDRESS, BlockNumber, Epoch, Hash32
from contracts.units import BaseUnits
from scripts.embedded.postgres import PostgresServer
from settlement.errors import EntryConflict
from settlement.ledger.accounts import CASH
from settlement.ledger.adapters import recorded, seal_tables
from settlement.ledger.adapters.checkpoints import Drawing
from settlement.ledger.adapters.period_reads import closed_periods
from settlement.ledger.adapters.reads import LedgerReads
from settlement.ledger.adapters.seals import SealReads, SealStore
from settlement.ledger.adapters.store import LedgerStore
from settlement.ledger.adapters.verification import Verified, verify_book
from settlement.ledger.manual import decide, manual_entry, propose
from settlement.ledger.periods import close, period_end
from settlement.ledger.rewind import rewind
from settlement.ledger.seal import verify_inclusion
from settlement.ledger.sealing import seal_step
from settlement.ledger.verify import BookCheck
from tests.ledger_builders import ALICE, ASSET, BOB, BOOK, work
from tests.ledger_database import emptied, ledger_database
from tests.ledger_payment_builders import PaymentChain, document, post_payments
from tests.ledger_payment_contract import APPROVED, manual_entry_of
from tests.ledger_seal_contract import Clock

OFTEN = Drawing(postings_per_mark=6, lines_per_account_min=2)
SUBJECTS = (BookCheck, recorded, seal_tables)


@pytest.fixture(scope="module")
def tables(postgres_server: PostgresServer) -> Iterator[Engine]:
    yield from ledger_database(postgres_server, "ledger_verify")


@dataclass
class Story:
    """A book with two sealed epochs and a running one, with totals drawn at many blocks."""

    engine: Engine
    chain: PaymentChain

    def verify(self, **published: Hash32) -> Verified:
        with self.engine.connect() as connection:
            return verify_book(
                connection,
                BOOK,
                published={Epoch(int(epoch[1:])): root for epoch, root in published.items()},
                finalized=self.hashes,
                told=lambda _done, _total: None,
            )

    def hashes(self, numbers: Collection[BlockNumber]) -> dict[BlockNumber, Hash32]:
        return {number: self.chain.blocks.blocks[number].hash for number in numbers}

    def seal(self) -> None:
        with self.engine.begin() as connection:
            seal_step(SealStore(connection, BOOK), Clock(), entries_max=1000)


@pytest.fixture
def story(tables: Engine) -> Story:
    chain = PaymentChain()
    chain.tokens_received(1_000)
    paid = document(*((ALICE, 10) for _ in range(9)), accepted_at=chain.mine().timestamp)
    for index in range(8):
        chain.line_settled(paid, index)
    for number in range(8):
        chain.tip_settled(chain.tip_received(BOB, 50 + number, 3))
    story = Story(emptied(tables), chain)
    with story.engine.begin() as connection:
        books = LedgerStore(connection, BOOK, drawing=OFTEN)
        post_payments(chain, books, paid, blocks_max=4)
        propose(books, manual_entry_of(chain))
        decide(books, manual_entry_of(chain).id, APPROVED)
    story.seal()
    return story


def test_verify__untouched__holds(story: Story) -> None:
    verified = story.verify()

    assert verified.difference is None
    assert (verified.entries, verified.numbered) == (8 + 9 + 16 + 2, 8 + 9 + 16 + 2)
    assert verified.seals == 2
    assert 0 < verified.unsealed < verified.entries


def test_verify__seal_that_was_published__must_be_there(story: Story) -> None:
    with story.engine.connect() as connection:
        seals = SealReads(connection, BOOK).seals()

    right, wrong = story.verify(e0=seals[0].root), story.verify(e0=work(1))

    assert right.difference is None
    assert wrong.difference is not None
    assert wrong.difference.where == "seal of epoch 0"


TAMPERED: dict[str, tuple[str, str]] = {
    "amount": ("content digest", "UPDATE posting SET amount = amount + 1 WHERE entry_id = {e}"),
    "account": (
        "content digest",
        """UPDATE posting SET credit_account =
            (SELECT id FROM ledger_account WHERE kind = 'surplus')
        WHERE entry_id = {e} AND ordinal = 0""",
    ),
    "account of the same name in another book": (
        "entry",
        """INSERT INTO ledger_account (id, chain_id, contract, kind)
        SELECT {ab}, chain_id, decode(repeat('0b', 20), 'hex'), kind
        FROM ledger_account WHERE kind = 'cash';
        UPDATE posting SET debit_account = {ab} WHERE entry_id = {e} AND debit_account =
            (SELECT id FROM ledger_account WHERE kind = 'cash' AND id <> {ab});
        UPDATE posting SET credit_account = {ab} WHERE entry_id = {e} AND credit_account =
            (SELECT id FROM ledger_account WHERE kind = 'cash' AND id <> {ab})""",
    ),
    "posting removed": ("entry", "DELETE FROM posting WHERE entry_id = {e}"),
    "posting of another version": ("entry", "UPDATE posting SET version = 1 WHERE entry_id = {e}"),
    "time": (
        "content digest",
        "UPDATE journal_entry SET effective_at = effective_at - 1 WHERE id = {e}",
    ),
    "digest": ("content digest", "UPDATE journal_entry SET content_digest = id WHERE id = {e}"),
    "id": (
        "id of an entry",
        """UPDATE posting SET entry_id = {ab} WHERE entry_id = {e};
        UPDATE journal_entry SET id = {ab} WHERE id = {e};
        UPDATE ledger_link SET entry_id = {ab} WHERE sequence = 12""",
    ),
    "clock of recording": (
        "link of an entry",
        "UPDATE journal_entry SET recorded_at = now() - interval '9 day' WHERE id = {e}",
    ),
    "period": ("link of an entry", "UPDATE journal_entry SET period = period + 1 WHERE id = {e}"),
    "entry removed with its link": (
        "link of an entry",
        """DELETE FROM posting WHERE entry_id = {e}; DELETE FROM journal_entry WHERE id = {e};
        DELETE FROM ledger_link WHERE sequence = 12""",
    ),
    "link removed": (
        "number of an entry",
        "DELETE FROM ledger_link WHERE sequence = (SELECT max(sequence) - 1 FROM ledger_link)",
    ),
    "link of nothing": (
        "number of links",
        """INSERT INTO ledger_link
        SELECT chain_id, contract, 900, {ab}, leaf, link FROM ledger_link WHERE sequence = 1""",
    ),
    "link": ("link of an entry", "UPDATE ledger_link SET link = leaf WHERE sequence = 12"),
    "leaf": ("link of an entry", "UPDATE ledger_link SET leaf = link WHERE sequence = 12"),
    "order of recording": (
        "link of an entry",
        """ALTER TABLE journal_entry ALTER arrival DROP IDENTITY;
        UPDATE journal_entry SET arrival = 23 - arrival WHERE arrival IN (11, 12)""",
    ),
    "order of the chain": (
        "link of an entry",
        """UPDATE ledger_link SET sequence = 923 - sequence WHERE sequence IN (11, 12);
        UPDATE ledger_link SET sequence = sequence - 900 WHERE sequence > 900""",
    ),
    "seal": ("seal", "UPDATE ledger_seal SET root = previous WHERE epoch = 1"),
    "seal before": ("seal", "UPDATE ledger_seal SET previous = root WHERE epoch = 1"),
    "reach of a seal": (
        "seal",
        "UPDATE ledger_seal SET last_sequence = last_sequence - 1 WHERE epoch = 0",
    ),
    "end of a seal": (
        "time of booking",
        "UPDATE ledger_seal SET ends_at = ends_at - 99 WHERE epoch = 0",
    ),
    "seal removed": ("seal", "DELETE FROM ledger_seal WHERE epoch = 0"),
    "seal of nothing": (
        "last entry of a seal",
        """INSERT INTO ledger_seal
        SELECT chain_id, contract, 9, 900, 901, ends_at + 900, root, previous, recorded_at
        FROM ledger_seal WHERE epoch = 1""",
    ),
    "attributes of an account": (
        "id of an account",
        "UPDATE ledger_account SET payee = decode(repeat('77', 20), 'hex') WHERE kind = 'owed'",
    ),
    "kind of an account": (
        "id of an account",
        "UPDATE ledger_account SET kind = 'gas' WHERE kind = 'surplus'",
    ),
    "cursor": ("cursor", "UPDATE ledger_cursor SET block_hash = parent_hash"),
    "cursor moved back": (
        "block of effect",
        """UPDATE ledger_cursor SET block_number = 1,
        block_hash = (SELECT block_hash FROM journal_entry WHERE block_number = 1)""",
    ),
    "drawn totals": ("drawn totals", "UPDATE ledger_checkpoint SET debits = debits + 1"),
    "approval removed": ("manual entry", "DELETE FROM ledger_manual_decision"),
    "approved by its maker": (
        "manual entry",
        """ALTER TABLE ledger_manual_decision
            DROP CONSTRAINT ledger_manual_decision_has_four_eyes;
        UPDATE ledger_manual_decision SET checker = maker""",
    ),
}
"""What is differs, and the statements: `{e}` is the twelfth entry, `{ab}` an id of nothing."""


@pytest.mark.parametrize("name", TAMPERED)
def test_verify__tampered__found_and_named(story: Story, name: str) -> None:
    """By a superuser, with every trigger and foreign key off."""
    what, statements = TAMPERED[name]
    with story.engine.connect() as connection, connection.begin() as db_tx:
        twelfth = "SELECT entry_id FROM ledger_link WHERE sequence = 12"
        entry_id = connection.exec_driver_sql(twelfth).scalar_one().hex()
        named = {"e": f"decode('{entry_id}', 'hex')", "ab": "decode(repeat('ab', 32), 'hex')"}
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for statement in statements.format(**named).split(";"):
            connection.exec_driver_sql(statement)
        verified = verify_book(
            connection, BOOK, published={}, finalized=story.hashes, told=lambda *_: None
        )
        db_tx.rollback()

    assert verified.difference is not None
    assert verified.difference.what.startswith(what), verified.difference


@pytest.fixture
def closed(story: Story) -> Story:
    """The same book with three closed months, each sealed before the next; nothing is in the last.

    So the last seal is over a close alone.
    """
    for month, by in ((197001, "ann"), (197002, "ben"), (197003, "cat")):
        story.chain.mine(seconds=period_end(month) - story.chain.blocks.blocks[-1].timestamp)
        if by != "cat":
            story.chain.float_received(9)
        with story.engine.begin() as connection:
            books = LedgerStore(connection, BOOK)
            post_payments(story.chain, books)
            close(books, month, closed_by=by)
        story.seal()
    story.chain.mine(seconds=Clock().length)
    with story.engine.begin() as connection:
        post_payments(story.chain, LedgerStore(connection, BOOK))
    story.seal()
    return story


def test_verify__closed_months__sealed_and_named(closed: Story) -> None:
    verified = closed.verify()

    with closed.engine.connect() as connection:
        months = closed_periods(connection, BOOK)
        reads = SealReads(connection, BOOK)
        over = {seal.epoch: seal for seal in reads.seals() if seal.closes}
        leaves = [reads.leaves(seal)[-1] for seal in over.values()]

    assert (verified.difference, verified.unsealed_closes) == (None, 0)
    assert [month.sealed_in for month in months] == list(over)
    assert [month.leaf for month in months] == leaves


CLOSES_TAMPERED: dict[str, tuple[str, str]] = {
    "newest removed": (
        "closed months under a seal",
        "DELETE FROM ledger_period_close WHERE period = 197003",
    ),
    "one in between removed": ("seal", "DELETE FROM ledger_period_close WHERE period = 197002"),
    "all removed": ("closed months under a seal", "DELETE FROM ledger_period_close"),
    "by somebody else": (
        "seal",
        "UPDATE ledger_period_close SET closed_by = 'eve' WHERE period = 197002",
    ),
    "at another time": (
        "seal",
        "UPDATE ledger_period_close SET recorded_at = recorded_at + interval '1 second'"
        " WHERE period = 197002",
    ),
    "at another time of the books": (
        "seal",
        "UPDATE ledger_period_close SET booked_at = booked_at - 1 WHERE period = 197002",
    ),
    "of another month": (
        "seal",
        "UPDATE ledger_period_close SET period = 197004 WHERE period = 197003",
    ),
    "in another order": (
        "seal",
        "UPDATE ledger_period_close SET closed_by = "
        "CASE closed_by WHEN 'ann' THEN 'ben' ELSE 'ann' END",
    ),
    "not counted": (
        "seal",
        "UPDATE ledger_seal SET closes = 0 WHERE last_sequence >= first_sequence",
    ),
    "by somebody else, alone under its seal": (
        "seal",
        "UPDATE ledger_period_close SET closed_by = 'eve' WHERE period = 197003",
    ),
    "seal of a close alone at another place": (
        "seal",
        "UPDATE ledger_seal SET first_sequence = first_sequence - 1,"
        " last_sequence = last_sequence - 1 WHERE last_sequence < first_sequence",
    ),
}


@pytest.mark.parametrize("name", CLOSES_TAMPERED)
def test_verify__close_tampered__found_and_named(closed: Story, name: str) -> None:
    what, statement = CLOSES_TAMPERED[name]
    with closed.engine.connect() as connection, connection.begin() as db_tx:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        connection.exec_driver_sql(statement)
        verified = verify_book(
            connection, BOOK, published={}, finalized=closed.hashes, told=lambda *_: None
        )
        db_tx.rollback()

    assert verified.difference is not None
    assert verified.difference.what == what, verified.difference


def test_verify__evidence_of_another_chain__found(story: Story) -> None:
    story.chain.blocks.blocks[5] = story.chain.blocks.blocks[4]

    verified = story.verify()

    assert verified.difference is not None
    assert verified.difference.what == "evidence of an entry"


def test_verify__after_a_rewind_and_sealed_again__holds(story: Story) -> None:
    with story.engine.begin() as connection:
        rewind(LedgerStore(connection, BOOK), story.chain.blocks.blocks[4], reason="a deep reorg")
    story.seal()
    between = story.verify()
    with story.engine.begin() as connection:
        post_payments(story.chain, LedgerStore(connection, BOOK))
    story.seal()

    assert (between.difference, story.verify().difference) == (None, None)


def float_posted(story: Story) -> None:
    story.chain.float_received(9)
    with story.engine.begin() as connection:
        post_payments(story.chain, LedgerStore(connection, BOOK))


def left_unnumbered(story: Story, statement: str) -> None:
    """As a database of an older release may be: the newest three entries have no link yet."""
    with story.engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        connection.exec_driver_sql(
            "DELETE FROM ledger_link WHERE sequence > (SELECT max(sequence) - 3 FROM ledger_link)"
        )
        connection.exec_driver_sql(statement)


def test_verify__entry_recorded__in_the_chain_from_its_commit_on(story: Story) -> None:
    float_posted(story)

    verified = story.verify()

    assert verified.difference is None
    assert (verified.numbered, verified.unsealed > 0) == (verified.entries, True)


def test_record__behind_entries_without_a_link__left_to_the_sealer(story: Story) -> None:
    left_unnumbered(story, "SELECT")
    float_posted(story)
    behind = story.verify()
    story.seal()
    numbered = story.verify()
    float_posted(story)
    after = story.verify()

    assert (behind.difference, numbered.difference, after.difference) == (None, None, None)
    assert behind.entries - behind.numbered == 4
    assert (numbered.numbered, after.numbered) == (numbered.entries, after.entries)


def test_seal__entry_without_a_link_altered__refused(story: Story) -> None:
    left_unnumbered(
        story,
        """UPDATE posting SET amount = amount + 1 WHERE entry_id =
        (SELECT id FROM journal_entry ORDER BY arrival DESC LIMIT 1)""",
    )

    with pytest.raises(EntryConflict):
        story.seal()


def test_proof__sealed_entry__holds_and_a_later_one_has_none(story: Story) -> None:
    with story.engine.connect() as connection:
        entries = LedgerReads(connection, BOOK).journal(after=None, entries_max=99)
        reads = SealReads(connection, BOOK)
        proofs = [reads.proof(entry.id) for entry in entries]
        found = reads.recorded(entries[0].id)
        seal, missing = reads.seal(Epoch(0)), reads.seal(Epoch(77))

    held = [proof for proof in proofs if proof is not None]
    assert len(held) == sum(proof.epoch in (0, 1) for proof in held) > 0
    assert all(verify_inclusion(proof) for proof in held)
    assert proofs[-1] is None
    assert found is not None
    assert found[0].entry == entries[0]
    assert (seal is not None, missing) == (True, None)


def sums_at(connection: Connection, block: int) -> int:
    """The cash at a block by adding up every posting."""
    statement = (
        "SELECT coalesce(sum(CASE WHEN d.kind = 'cash' THEN amount ELSE -amount END), 0)"
        " FROM posting p JOIN ledger_account d ON d.id = p.debit_account"
        " JOIN ledger_account c ON c.id = p.credit_account"
        " WHERE 'cash' IN (d.kind, c.kind) AND status = 'posted' AND effective_block <= %(block)s"
        " AND asset = %(asset)s AND version = 0"
    )
    values = {"block": block, "asset": bytes(ASSET)}
    return int(connection.exec_driver_sql(statement, values).scalar_one())


def test_balances_at__every_block__what_the_postings_add_up_to(story: Story) -> None:
    with story.engine.connect() as connection:
        reads = LedgerReads(connection, BOOK)
        marks = connection.exec_driver_sql("SELECT count(*) FROM ledger_checkpoint").scalar_one()
        for block in range(len(story.chain.blocks.blocks)):
            totals = reads.balances_at(CASH, BlockNumber(block)).get(ASSET, (0, 0))
            assert CASH.balance(debits=totals[0], credits=totals[1]) == sums_at(connection, block)
        now = reads.balances_at(CASH, None)

    assert marks > 3
    assert set(now) == {ASSET, ZERO_ADDRESS}


def test_balances_at__late_entry__in_every_block_from_its_own_on(story: Story) -> None:
    chain = story.chain
    late = manual_entry_of(chain, amount=77)
    early = type(late)(
        **{name: getattr(late, name) for name in late.__slots__}
        | {"effective_at": chain.blocks.blocks[5].timestamp, "effective_block": BlockNumber(5)}
    )
    with story.engine.begin() as connection:
        books = LedgerStore(connection, BOOK)
        before = [
            LedgerReads(connection, BOOK).balances_at(CASH, BlockNumber(n)) for n in (4, 5, 20)
        ]
        propose(books, early)
        decide(books, early.id, APPROVED)
        after = [
            LedgerReads(connection, BOOK).balances_at(CASH, BlockNumber(n)) for n in (4, 5, 20)
        ]
        lines = LedgerReads(connection, BOOK).trial_balance(BlockNumber(5))
    story.seal()

    grown = [new[ASSET][0] - old[ASSET][0] for old, new in zip(before, after, strict=True)]
    assert grown == [0, 77, 77]
    assert sum(line.debits - line.credits for line in lines) == 0
    assert story.verify().difference is None


def test_verify__entry_under_an_approved_proposal_that_says_otherwise__found(story: Story) -> None:
    """Booked whole and in order, by somebody who may write entries but got one approved only."""
    asked = manual_entry_of(story.chain)
    posting = replace(asked.postings[0], amount=BaseUnits(asked.postings[0].amount + 1))
    forged = replace(manual_entry(asked, 0), leg=1, postings=(posting,))
    with story.engine.begin() as connection:
        LedgerStore(connection, BOOK).record([forged])

    found = story.verify().difference

    assert found is not None
    assert found.what == "manual entry"
    assert found.where == f"entry {forged.id}"


def test_drawing__seldom_account__drawn_by_a_mark_that_looks_back(tables: Engine) -> None:
    """Two lines in each mark are too few, eight in four marks are not."""
    chain = PaymentChain()
    for number in range(8):
        paid = [chain.float_received(5) for _ in range(8)]
        if number % 2:
            chain.fees_withdrawn(1)
        else:
            chain.tip_received(BOB, len(paid), 2)
    drawing = Drawing(postings_per_mark=10, lines_per_account_min=4, spans=(1, 4))
    with emptied(tables).begin() as connection:
        post_payments(chain, LedgerStore(connection, BOOK, drawing=drawing), blocks_max=3)
        drawn = connection.exec_driver_sql(
            "SELECT a.kind, array_agg(DISTINCT c.block_number ORDER BY c.block_number)"
            " FROM ledger_checkpoint c JOIN ledger_account a ON a.id = c.account_id"
            " GROUP BY a.kind ORDER BY 1"
        )
        blocks = {row[0]: row[1] for row in drawn}
        marks = connection.exec_driver_sql(
            "SELECT block_number FROM ledger_checkpoint_mark ORDER BY 1"
        )
        at = [row[0] for row in marks]

    assert len(at) >= 5
    assert blocks["cash"] == at
    assert blocks["platform_fees"] == at[3::4]


@pytest.mark.parametrize(("number", "span"), [(1, 1), (15, 1), (16, 16), (48, 16), (512, 256)])
def test_drawing__number_of_a_mark__how_far_it_looks_back(number: int, span: int) -> None:
    assert Drawing().span(number) == span
