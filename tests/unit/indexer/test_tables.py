"""The tables of facts follow from the declarations of the events."""

import pytest
from sqlalchemy import CheckConstraint

from contracts.columns import binary_copy_type, range_check
from contracts.event_spec import EventSpec
from contracts.events import EVENTS
from indexer.adapters.tables import AGGREGATES, BLOCK_IS_UNPROVED, FACT_TABLES, FACTS
from indexer.blocks import Proof
from indexer.levels import Level

IDENTIFIER_LENGTH_MAX = 63  # Postgres cuts longer names, silently


@pytest.mark.parametrize("spec", EVENTS, ids=[spec.name for spec in EVENTS])
def test_fact_table__event__place_address_and_columns(spec: EventSpec) -> None:
    table = FACTS[spec.table]

    names = [column.name for column in table.columns]
    key = [column.name for column in table.primary_key]
    assert names[:4] == ["chain_id", "block_number", "log_index", "address"]
    transaction = ["transaction_hash", "transaction_index"] if spec.is_bulk else []
    assert names[4:] == [*transaction, *(column.name for column in spec.columns)]
    assert key == ["chain_id", "block_number", "log_index"]
    assert not any(column.nullable for column in table.columns)
    assert not table.foreign_keys


def test_fact_tables__names__fit_postgres() -> None:
    for fact in FACT_TABLES:
        names = [fact.table.name]
        names += [str(constraint.name) for constraint in fact.table.constraints]
        names += [str(index.name) for index in fact.table.indexes]
        assert all(0 < len(name) <= IDENTIFIER_LENGTH_MAX for name in names), names


def test_fact_tables__scalars__have_a_range_check() -> None:
    for spec in EVENTS:
        checks = [
            one.name for one in FACTS[spec.table].constraints if isinstance(one, CheckConstraint)
        ]
        for column in spec.columns:
            has_check = f"{spec.table}_{column.name}_in_range" in checks
            is_scalar = column.abi_type != "bytes" and "[]" not in column.abi_type
            assert has_check == (is_scalar and not spec.is_bulk)


def test_block_is_unproved__index_condition__all_but_the_proofs_of_level_receipts() -> None:
    lacking = sorted(set(Proof) - Level.RECEIPTS.proofs)

    assert lacking == [Proof.STATED, Proof.CORROBORATED]
    assert f"proof NOT IN ({Proof.EMPTY:d}, {Proof.RECEIPTS:d})" == BLOCK_IS_UNPROVED


def test_aggregates__finalized_state__out_of_reach_of_a_reorg() -> None:
    assert not {table.name for table in AGGREGATES} & {fact.table.name for fact in FACT_TABLES}


@pytest.mark.parametrize(
    ("abi_type", "copy_type", "check"),
    [
        ("uint8", "int8", '"x" >= 0'),
        ("uint64", "int8", '"x" >= 0'),
        ("uint256", "numeric", f'"x" >= 0 AND "x" <= {2**256 - 1}'),
        ("address", "bytea", 'octet_length("x") = 20'),
        ("bytes32", "bytea", 'octet_length("x") = 32'),
        ("bytes", "bytea", None),
        ("uint256[]", "numeric[]", None),
        ("uint32[]", "int8[]", None),
        ("address[]", "bytea[]", None),
    ],
)
def test_columns__abi_type__postgres_spelling(
    abi_type: str, copy_type: str, check: str | None
) -> None:
    assert binary_copy_type(abi_type) == copy_type
    assert range_check("x", abi_type) == check
