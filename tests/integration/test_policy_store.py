"""Records of the policy in Postgres: what is in force, what is kept, what is refused.

Subjects: settlement.payouts.adapters.policy_store, settlement.payouts.adapters.policy_tables.
"""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from contracts.evm import Address, ChainId, Hash32, keccak
from settlement.payouts.adapters.policy_store import PolicyRecords
from settlement.payouts.adapters.policy_tables import RETENTION, TABLES
from settlement.payouts.approval import PayoutApproval, PayoutToApprove
from settlement.payouts.errors import BadScreeningList, HoldStands, ListDiffers

ANN, BEN = Address(b"\xa1" * 20), Address(b"\xa2" * 20)
OLD, NEW = f"{ANN} first\n".encode(), f"{BEN} second\n".encode()
CHAIN_ID, CONTRACT = ChainId(8453), Address(b"\x0c" * 20)


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    with engine.begin() as connection:
        yield connection


@pytest.fixture
def records(connection: Connection) -> PolicyRecords:
    return PolicyRecords(connection)


def approval(amount: int = 5, approver: Address = ANN, op: int = 1) -> PayoutApproval:
    payout = PayoutToApprove(
        chain_id=CHAIN_ID,
        contract=CONTRACT,
        op_id=Hash32.from_int(op),
        asset=Address(b"\x0a" * 20),
        amount=amount,
    )
    return PayoutApproval(payout=payout, approver=approver, signature=b"\x01" * 65)


def test_lists__none_accepted__none_in_force(records: PolicyRecords) -> None:
    assert records.in_force() is None


def test_lists__accepted_one_after_another__the_last_is_in_force(engine: Engine) -> None:
    in_force = []
    for source in (OLD, NEW, OLD):
        with engine.begin() as connection:
            records = PolicyRecords(connection)
            digest = records.accept(source, accepted_by="kim")
            assert digest == keccak(source)
            in_force.append(records.in_force())

    found = [(one.digest, dict(one.listings)) for one in in_force if one is not None]
    assert found == [
        (keccak(OLD), {ANN: "first"}),
        (keccak(NEW), {BEN: "second"}),
        (keccak(OLD), {ANN: "first"}),
    ]
    times = [one.accepted_at for one in in_force if one is not None]
    assert times == sorted(times)
    with engine.connect() as connection:
        kept = connection.execute(text("SELECT count(*) FROM screening_list")).scalar_one()
        said = connection.execute(text("SELECT count(*) FROM screening_acceptance")).scalar_one()
    assert (kept, said) == (2, 3)


def test_lists__file_is_none__the_one_before_stays(records: PolicyRecords) -> None:
    records.accept(OLD, accepted_by="kim")

    with pytest.raises(BadScreeningList):
        records.accept(b"nonsense", accepted_by="kim")

    found = records.in_force()
    assert found is not None
    assert found.digest == keccak(OLD)


def test_lists__stored_bytes_changed__refused(
    connection: Connection, records: PolicyRecords
) -> None:
    """By one who can switch triggers off."""
    records.accept(OLD, accepted_by="kim")
    connection.execute(text("SET LOCAL ROLE NONE; SET LOCAL session_replication_role = replica"))
    connection.execute(text("UPDATE screening_list SET source = '\\x23'"))

    with pytest.raises(ListDiffers):
        records.in_force()


def test_holds__hold_and_release__every_step_kept(
    connection: Connection, records: PolicyRecords
) -> None:
    records.hold(ANN, reason="case 7", decided_by="kim")
    held = records.holds()
    records.release(ANN, reason="cleared", decided_by="lee")
    released = records.holds()
    records.hold(ANN, reason="case 8", decided_by="kim")

    assert [(who, one.held_by, one.reason) for who, one in held.items()] == [(ANN, "kim", "case 7")]
    assert released == {}
    assert records.holds()[ANN].reason == "case 8"
    trail = "SELECT action, reason, decided_by FROM payee_hold ORDER BY id"
    assert [tuple(row) for row in connection.execute(text(trail))] == [
        ("hold", "case 7", "kim"),
        ("release", "cleared", "lee"),
        ("hold", "case 8", "kim"),
    ]


def test_holds__twice_or_of_nobody__refused(records: PolicyRecords) -> None:
    with pytest.raises(HoldStands, match="is not held"):
        records.release(ANN, reason="none", decided_by="kim")
    records.hold(ANN, reason="case 7", decided_by="kim")

    with pytest.raises(HoldStands, match="held already"):
        records.hold(ANN, reason="case 7", decided_by="kim")
    with pytest.raises(HoldStands, match="is not held"):
        records.release(BEN, reason="none", decided_by="kim")


def test_tiers__set_again__the_last_counts(records: PolicyRecords) -> None:
    records.set_tier(ANN, 2, reason="passport", decided_by="kim")
    records.set_tier(BEN, 1, reason="e-mail", decided_by="kim")
    records.set_tier(ANN, 0, reason="expired", decided_by="kim")

    assert records.tiers() == {ANN: 0, BEN: 1}


def test_approvals__same_person_twice__one(records: PolicyRecords) -> None:
    given = [approval(), approval(approver=BEN), approval(amount=6)]
    for one in [*given, approval()]:
        records.approve(one)

    found = records.approvals(CHAIN_ID, CONTRACT)

    assert sorted(found, key=repr) == sorted(given, key=repr)
    assert records.approvals(ChainId(1), CONTRACT) == []
    assert records.approvals(CHAIN_ID, ANN) == []


@pytest.mark.parametrize(
    "change", ["DELETE FROM {}", "UPDATE {} SET recorded_at = now()", "TRUNCATE {} CASCADE"]
)
def test_tables__change__refused(
    connection: Connection, records: PolicyRecords, change: str
) -> None:
    records.accept(OLD, accepted_by="kim")
    records.hold(ANN, reason="case 7", decided_by="kim")
    records.set_tier(ANN, 1, reason="e-mail", decided_by="kim")
    records.approve(approval())

    for table in TABLES:
        counted = select(func.count()).select_from(table)
        assert connection.execute(counted).scalar_one() == 1
        with (
            pytest.raises(DBAPIError, match="is append-only"),
            connection.begin_nested(),
        ):
            connection.execute(text(f"SET LOCAL ROLE NONE; {change.format(table.name)}"))


def test_tables__nothing_said__refused(records: PolicyRecords) -> None:
    with pytest.raises(IntegrityError, match="payee_hold_is_explained"):
        records.hold(ANN, reason="", decided_by="kim")


def test_retention__every_table__named() -> None:
    assert RETENTION.keys() == {table.name for table in TABLES}
