"""The drill: half of an epoch is paid, the database is lost, and the house goes on from the chain.

    town     pay, use, grace ends ─ commit ─ veto window ─┬─ half of the payouts mined ─ …
    old house       compute, approve, commit ─ backup ─┘   sign, store, send          lost here
    new house                                              index, compute, post, pay the rest

Once the database is gone for good, once a backup from before the payouts is restored. What the old
house had signed and sent is not forgotten by the world: one transaction comes back later.

The old database is kept aside as the witness: brought up to date, without paying anything, it must
say the same as the new one, entry by entry.
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from contracts.events import LEAF_WITHDRAWN, PAYEE_PAID, PAYEE_UNCLAIMED
from contracts.evm import Address, Hash32
from indexer.adapters.tables import FACTS
from reconciliation.discrepancy import Kind
from scripts.bootstrap_settlement import book_of
from scripts.cli.ledger import app as ledger
from scripts.devnode import DevNode, NodeRefused, account_from_seed, address_of
from scripts.embedded.anvil import AnvilNode
from scripts.embedded.places import scratch_directory
from scripts.embedded.postgres import PostgresServer
from scripts.wiring import snapshot
from settlement.ledger.accounts import AccountKind
from settlement.ledger.adapters.reads import LedgerReads
from settlement.ledger.adapters.tables import JOURNAL_ENTRY
from settlement.ledger.journal import SourceKind
from settlement.royalties.adapters.attempts import ComputedAttempts
from tests.drill_house import (
    SEED,
    House,
    Town,
    build_town,
    made_payable,
    open_leaves,
    opened_house,
)

WALLET = address_of(account_from_seed(SEED, "submitter"))
HOUR_S = 3_600
ROUNDS = 20


@pytest.fixture
def town(anvil: AnvilNode) -> Iterator[Town]:
    with scratch_directory() as directory:
        yield build_town(DevNode(anvil.url), Path(directory))


@dataclass(frozen=True, slots=True)
class Books:
    """What a house says in the end: entries that facts made, balances, and what payees got."""

    entries: dict[Hash32, Hash32]
    balances: dict[tuple[str, Address], int]
    paid: Counter[Address]
    gas: dict[Hash32, Hash32]


def books_of(house: House) -> Books:
    book = book_of(house.town.settlement)
    with snapshot(house.engine) as connection:
        posted = select(JOURNAL_ENTRY.c.id, JOURNAL_ENTRY.c.content_digest).where(
            JOURNAL_ENTRY.c.contract == house.town.settlement.payouts,
            JOURNAL_ENTRY.c.status == "posted",
        )
        entries = {row.id: row.content_digest for row in connection.execute(posted)}
        of_wallet = select(JOURNAL_ENTRY.c.id, JOURNAL_ENTRY.c.content_digest).where(
            JOURNAL_ENTRY.c.source_kind.in_((SourceKind.GAS.value, SourceKind.OPENING.value))
        )
        gas = {row.id: row.content_digest for row in connection.execute(of_wallet)}
        balances = {
            (one.account.path, one.asset): one.posted
            for one in LedgerReads(connection, book).balances()
            if one.account.kind is not AccountKind.IN_TRANSIT and one.posted
        }
        facts = FACTS[PAYEE_PAID.table].c
        paid: Counter[Address] = Counter()
        for row in connection.execute(select(facts.payee, facts.amount)):
            paid[row.payee] += row.amount
    return Books(entries, balances, paid, gas)


def coins_booked(house: House) -> int:
    """`quittance ledger balance` of the payout wallet."""
    asked = ["balance", "--book", str(WALLET), "--account", "wallet"]
    said = CliRunner().invoke(ledger, asked, obj=house.environ)
    assert said.exit_code == 0, said.output
    (coins,) = json.loads(said.stdout)["balances"]
    return int(coins["posted"])


def settled_lines(house: House) -> Counter[tuple[Hash32, int]]:
    """How often each line of each leaf was settled, by the chain's own events."""
    found: Counter[tuple[Hash32, int]] = Counter()
    with snapshot(house.engine) as connection:
        for spec in (PAYEE_PAID, PAYEE_UNCLAIMED):
            facts = FACTS[spec.table].c
            found.update(
                (row.op_id, row.line) for row in connection.execute(select(facts.op_id, facts.line))
            )
    return found


def withdrawn_leaves(house: House) -> int:
    with snapshot(house.engine) as connection:
        return len(connection.execute(select(FACTS[LEAF_WITHDRAWN.table].c.op_id)).all())


def manifest_digest(house: House) -> Hash32:
    settlement = house.town.settlement
    with snapshot(house.engine) as connection:
        latest = ComputedAttempts(connection).latest(settlement.chain_id, settlement.payouts)
    assert latest is not None
    return latest.manifest_digest


def half_paid(house: House) -> list[bytes]:
    """Send all payouts; the node loses the later half. Returns the raw bytes of those lost."""
    before = len(house.sent())
    house.pay()
    sent = house.sent()[before:]
    assert len(sent) >= 4, "the limit of the key cuts the epoch into several transactions"
    lost = sent[len(sent) // 2 :]
    for tx_hash, _ in lost:
        house.town.node.request("anvil_dropTransaction", str(tx_hash))
    house.town.finalize()
    assert 0 < mined(house) == len(sent) - len(lost)
    return [raw for _, raw in lost]


def mined(house: House) -> int:
    """How many of the transactions after the commitment are in the chain."""
    node = house.town.node
    receipts = (node.request("eth_getTransactionReceipt", str(one)) for one, _ in house.sent())
    return sum(receipt is not None for receipt in receipts) - 1


def paid_to_the_end(house: House, *, comes_back: bytes) -> None:
    """Go on until nothing is owed; in the middle, somebody's node remembers an old transaction."""
    for turn in range(ROUNDS):
        house.catch_up()
        if not open_leaves(house):
            return
        house.pay()
        if turn == 1:
            # Refused if its nonce is spent by now, or a rival of it is known: both are fine.
            with suppress(NodeRefused):
                house.town.node.request("eth_sendRawTransaction", "0x" + comes_back.hex())
        house.town.finalize()
    pytest.fail(f"still {open_leaves(house)} leaves are open after {ROUNDS} rounds")


@pytest.mark.parametrize("disaster", ["database_dropped", "backup_restored"])
def test_drill__half_paid_then_the_database_is_lost__nobody_paid_twice_and_same_books(
    town: Town, postgres_server: PostgresServer, disaster: str
) -> None:
    old_url = postgres_server.url(f"drill_old_{disaster}")
    funded = town.token_balance(town.settlement.payouts)
    with opened_house(town, old_url, paid_in=funded) as old:
        made_payable(old)
        digest = manifest_digest(old)
    # Nobody is connected now: this is the backup that will be an hour old.
    new_url = (
        postgres_server.url(f"drill_new_{disaster}", template=f"drill_old_{disaster}")
        if disaster == "backup_restored"
        else postgres_server.url(f"drill_new_{disaster}")
    )
    with opened_house(town, old_url, paid_in=funded) as old:
        town.pass_time(HOUR_S)
        old.catch_up()
        lost = half_paid(old)
        half = mined(old)
        signed = {str(tx_hash) for tx_hash, _ in old.sent()}

    with opened_house(town, new_url, paid_in=funded) as new:
        new.catch_up()
        assert manifest_digest(new) == digest
        assert open_leaves(new) > 0
        assert withdrawn_leaves(new) > 0
        paid_to_the_end(new, comes_back=lost[0])
        town.finalize()
        new.catch_up()
        run = new.jobs.reconcile_once(new.name)
        assert run is not None
        # All that finance is asked to explain: what the key signed and this database never saw.
        for one in run.discrepancies:
            assert one.kind is Kind.UNAUTHORISED_OUTFLOW
            assert one.subject.removeprefix("transaction ") in signed
        after, lines = books_of(new), settled_lines(new)
        assert half > 0

    with opened_house(town, old_url, paid_in=funded) as witness:
        witness.catch_up()
        kept = books_of(witness)
        assert settled_lines(witness) == lines

        left = town.node.request("eth_getBalance", str(WALLET), "latest")
        assert coins_booked(witness) == int(left, 16)

    assert set(lines.values()) == {1}
    assert after == kept
    assert len(after.gas) > half, "what every transaction cost, the coins before, in both houses"
    for payee, amount in after.paid.items():
        assert town.token_balance(payee) == amount
