"""The stop and the day's sum as Postgres keeps them; `quittance payout stop` and `resume`.

Subjects: settlement.payouts.adapters.signing_record, settlement.payouts.adapters.signing_tables,
scripts.cli.switching.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, func, insert, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from contracts.calls import PAY_TIPS, withdraw_batch_call
from contracts.evm import ZERO_ADDRESS, BlockNumber, ChainId
from scripts.cli.app import app, expected_errors_end
from settlement.payouts.adapters.ownership import payouts_owner
from settlement.payouts.adapters.signer import LocalSigner
from settlement.payouts.adapters.signing_record import (
    RESUME,
    STOP,
    SqlSigningRecord,
    SqlSigningSwitch,
)
from settlement.payouts.adapters.store import SqlPayoutStore
from settlement.payouts.adapters.tables import PAYOUT_TRANSACTION
from settlement.payouts.errors import SignedUnreadable, SigningHeld
from settlement.payouts.guarded_signer import GuardedSigner
from settlement.payouts.obligations import lines_call
from settlement.payouts.operation import Operation, SignedTransaction, TransactionDraft
from settlement.payouts.signing_policy import AssetLimit, RefusalKind, SigningPolicy
from tests.fakes_payout_chain import (
    ASSET,
    CHAIN_ID,
    CONTRACT,
    RELAY,
    line,
    operation,
    tip,
    withdrawal,
)
from tests.signing_builders import KEY, SENDER, draft

HOUR = 3_600
SIGNER = LocalSigner.from_hex(KEY)
BIG, SMALL = draft().data, withdraw_batch_call([withdrawal(1)])  # 301 and 100 units


class NoReservations:
    """Nothing is planned here."""

    def reserve(self, _: Connection, operation: Operation) -> None:
        """Nothing."""


@pytest.fixture
def record(engine: Engine) -> SqlSigningRecord:
    return SqlSigningRecord(engine)


def store_signed(
    engine: Engine, nonce: int, data: bytes = BIG, *, age_s: int = 0, ordinal: int = 0, **more: Any
) -> SignedTransaction:
    """A stored transaction that was signed so long ago."""
    key: LocalSigner = more.pop("key", SIGNER)
    signed = key.sign(draft(nonce=nonce, data=data, max_fee_wei=100 + ordinal, **more))
    row = {
        "tx_hash": signed.tx_hash,
        "chain_id": signed.chain_id,
        "sender": signed.sender,
        "nonce": nonce,
        "ordinal": ordinal,
        "raw": signed.raw,
        "recipient": signed.to,
        "gas": signed.gas,
        "max_fee_wei": signed.max_fee_wei,
        "tip_wei": signed.tip_wei,
        "signed_at": 1,
        "recorded_at": func.now() - text(f"interval '{age_s} seconds'"),
    }
    with engine.begin() as connection:
        connection.execute(insert(PAYOUT_TRANSACTION).values(row))
    return signed


def test_signed_today__nothing_signed__nothing(record: SqlSigningRecord) -> None:
    assert record.signed_today(CHAIN_ID, SENDER) == {}


def test_signed_today__window__exactly_a_day(engine: Engine, record: SqlSigningRecord) -> None:
    store_signed(engine, 1, age_s=24 * HOUR + 5)
    store_signed(engine, 2, age_s=24 * HOUR - 60)
    store_signed(engine, 3, SMALL)

    assert record.signed_today(CHAIN_ID, SENDER) == {2: {ASSET: 301}, 3: {ASSET: 100}}


def test_signed_today__versions_of_a_nonce__the_most_of_all_if_one_is_young(
    engine: Engine, record: SqlSigningRecord
) -> None:
    store_signed(engine, 1, BIG, age_s=30 * HOUR)
    store_signed(engine, 1, SMALL, ordinal=1)
    store_signed(engine, 2, SMALL)
    store_signed(engine, 2, b"", ordinal=1, to=SENDER)

    assert record.signed_today(CHAIN_ID, SENDER) == {1: {ASSET: 301}, 2: {ASSET: 100}}


def test_signed_today__other_key_or_chain__not_counted(
    engine: Engine, record: SqlSigningRecord
) -> None:
    other = LocalSigner.from_hex("0x" + "51" * 32)
    store_signed(engine, 1, key=other)
    store_signed(engine, 2, chain_id=ChainId(1))

    assert record.signed_today(CHAIN_ID, SENDER) == {}
    assert record.signed_today(CHAIN_ID, other.address) == {1: {ASSET: 301}}
    assert record.signed_today(ChainId(1), SENDER) == {2: {ASSET: 301}}


def test_signed_today__asked_again__sees_what_came_and_forgets_what_went(
    engine: Engine, record: SqlSigningRecord
) -> None:
    store_signed(engine, 1, age_s=24 * HOUR - 2)
    assert set(record.signed_today(CHAIN_ID, SENDER)) == {1}

    store_signed(engine, 2)
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_sleep(2.1)"))

    assert set(record.signed_today(CHAIN_ID, SENDER)) == {2}
    assert len(record._read) == 1


def test_signed_today__bytes_that_say_nothing__told_not_skipped(
    engine: Engine, record: SqlSigningRecord
) -> None:
    signed = store_signed(engine, 1, b"\x01\x02\x03\x04")

    with pytest.raises(SignedUnreadable, match=f"{signed.tx_hash} moves cannot be read"):
        record.signed_today(CHAIN_ID, SENDER)


def test_guard__restart__the_day_goes_on(engine: Engine) -> None:
    """What the submitter stores is what the next process counts."""
    policy = SigningPolicy(
        chain_id=CHAIN_ID,
        calls=frozenset({(CONTRACT, BIG[:4])}),
        limits={ASSET: AssetLimit(transaction_units=301, day_units=702)},
        gas_max=500_000,
        fee_per_gas_wei_max=200,
    )

    def fresh() -> GuardedSigner:
        return GuardedSigner(signer=SIGNER, policy=policy, record=SqlSigningRecord(engine))

    with payouts_owner(engine, CHAIN_ID, sender=SENDER, contracts=[CONTRACT]) as owner:
        store = SqlPayoutStore(owner, CHAIN_ID, [CONTRACT], NoReservations())
        store.plan([operation(0), operation(1)])
        for nonce in (0, 1):
            signed = fresh().sign(draft(nonce=nonce))
            store.add_transaction(signed, [operation(nonce).op_id], head=BlockNumber(1))
        with pytest.raises(SigningHeld, match="301 units besides 602 of the last 24 hours"):
            fresh().sign(draft(nonce=2))
        bumped = fresh().sign(draft(nonce=1, max_fee_wei=150))
        store.add_version(bumped, head=BlockNumber(2))
        last = fresh().sign(draft(nonce=2, data=SMALL))

    assert last.nonce == 2


def test_tips__planned__counted_by_what_they_are_worth(engine: Engine) -> None:
    policy = SigningPolicy(
        chain_id=CHAIN_ID,
        calls=frozenset({(RELAY, PAY_TIPS.selector)}),
        limits={ZERO_ADDRESS: AssetLimit(transaction_units=300, day_units=401)},
        gas_max=500_000,
        fee_per_gas_wei_max=200,
    )
    record = SqlSigningRecord(engine)
    guard = GuardedSigner(signer=SIGNER, policy=policy, record=record)
    tips = [tip(number) for number in range(4)]  # worth 100, 101, 102 and 103

    def to_pay(*numbers: int, nonce: int) -> TransactionDraft:
        return draft(nonce=nonce, to=RELAY, data=lines_call([tips[n] for n in numbers]))

    with payouts_owner(engine, CHAIN_ID, sender=SENDER, contracts=[RELAY]) as owner:
        store = SqlPayoutStore(owner, CHAIN_ID, [RELAY], NoReservations())
        unplanned = guard.refusal(to_pay(0, nonce=0))
        store.plan([line(one) for one in tips])
        too_much = guard.refusal(to_pay(0, 1, 2, nonce=0))
        signed = guard.sign(to_pay(0, 1, nonce=0))
        store.add_transaction(signed, [line(one).op_id for one in tips[:2]], head=BlockNumber(1))
        for_today = guard.refusal(to_pay(2, 3, nonce=1))

    found = [None if one is None else one.kind for one in (unplanned, too_much, for_today)]
    assert found == [
        RefusalKind.UNREADABLE_CALL,
        RefusalKind.TRANSACTION_LIMIT,
        RefusalKind.DAY_LIMIT,
    ]
    assert record.signed_today(CHAIN_ID, SENDER) == {0: {ZERO_ADDRESS: 201}}
    assert record.tip_amounts(CHAIN_ID, RELAY, [1, 9]) == {1: 101}
    assert record.tip_amounts(CHAIN_ID, CONTRACT, [1]) == {}


def test_switch__never_turned__signing_is_on(record: SqlSigningRecord) -> None:
    assert record.stop() is None


def test_switch__turned__the_newest_row_counts(engine: Engine, record: SqlSigningRecord) -> None:
    switch = SqlSigningSwitch(engine)

    switch.turn(STOP, "first")
    switch.turn(STOP, "second")
    stopped = record.stop()
    switch.turn(RESUME, "all is well")

    assert stopped is not None
    assert stopped.reason == "second"
    with engine.connect() as connection:
        age = connection.scalar(text("SELECT extract(epoch FROM now())::bigint")) - stopped.since
        rows = connection.execute(text("SELECT position, reason FROM signing_switch ORDER BY id"))
        assert [tuple(row) for row in rows] == [
            ("stop", "first"),
            ("stop", "second"),
            ("resume", "all is well"),
        ]
    assert 0 <= age < HOUR
    assert record.stop() is None


@pytest.mark.parametrize(
    "statement",
    ["UPDATE signing_switch SET reason = 'x'", "DELETE FROM signing_switch", "TRUNCATE {}"],
)
def test_switch__change_of_the_record__refused(engine: Engine, statement: str) -> None:
    SqlSigningSwitch(engine).turn(STOP, "drill")

    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(text("SET LOCAL ROLE NONE; " + statement.format("signing_switch")))


@pytest.mark.parametrize(("position", "reason"), [("pause", "x"), (STOP, ""), (STOP, "  ")])
def test_switch__no_position_or_no_reason__refused(
    engine: Engine, position: str, reason: str
) -> None:
    with pytest.raises(IntegrityError):
        SqlSigningSwitch(engine).turn(position, reason)


class Command:
    """`quittance payout …` on one database."""

    def __init__(self, directory: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._environ = {
            "QUITTANCE_CONFIG": str(directory / "quittance.toml"),
            "QUITTANCE_DATA_DIR": str(directory),
            "QUITTANCE_DATABASE_URL": url,
        }
        (directory / "quittance.toml").write_text("")

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, stdout, stderr."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self._environ.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as ending, expected_errors_end():
                app(["payout", *arguments])
        output, errors = self._capsys.readouterr()
        assert isinstance(ending.value.code, int)
        return ending.value.code, output, errors


@pytest.fixture
def command(tmp_path: Path, database: str, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(tmp_path, database, capsys)


def test_command__stop_and_resume__bind_a_running_signer(command: Command, engine: Engine) -> None:
    policy = SigningPolicy(
        chain_id=CHAIN_ID,
        calls=frozenset({(CONTRACT, BIG[:4])}),
        limits=None,
        gas_max=500_000,
        fee_per_gas_wei_max=100,
    )
    signer = GuardedSigner(signer=SIGNER, policy=policy, record=SqlSigningRecord(engine))
    signer.sign(draft())

    code, output, _ = command.run("stop", "--reason", " a key was lost ")
    assert (code, json.loads(output)["signing"]) == (0, "stopped")
    assert json.loads(output)["reason"] == "a key was lost"
    with pytest.raises(SigningHeld, match=r"stopped.*a key was lost"):
        signer.sign(draft())

    code, output, _ = command.run("resume", "--reason", "found")
    assert (code, json.loads(output)) == (0, {"signing": "on"})
    assert signer.sign(draft()) == SIGNER.sign(draft())


@pytest.mark.parametrize("name", ["stop", "resume"])
def test_command__no_reason__bad_input_and_nothing_recorded(
    command: Command, engine: Engine, name: str
) -> None:
    assert command.run(name)[0] == 2
    code, _, errors = command.run(name, "--reason", "  ")

    assert code == 2
    assert "Invalid value for '--reason': '  ' says nothing." in errors
    assert SqlSigningSwitch(engine).stop() is None


def test_command__unreadable_configuration_of_the_signer__still_no_secret(
    command: Command, tmp_path: Path
) -> None:
    (tmp_path / "quittance.toml").write_text('[signer]\nkind = "hunter"\npassword = "hunter2"\n')

    code, output, errors = command.run("stop", "--reason", "x")

    assert code == 2
    assert "hunter2" not in output + errors
