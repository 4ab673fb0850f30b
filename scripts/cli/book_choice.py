"""What the ledger's commands share: which book is meant, and how accounts and ids are spelled."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from sqlalchemy import Connection

from contracts.addresses import Settlement
from contracts.event_spec import ContractName
from contracts.evm import Address, Hash32
from contracts.wire import BadWireValue, address_from_wire, hash_from_wire
from indexer.adapters.book_reads import BOOKED_CONTRACTS
from scripts.cli.context import chosen, migrated, settings_of
from scripts.cli.problems import BadInput
from scripts.wiring import snapshot
from settlement.errors import BadEntry
from settlement.ledger.accounts import Account, Book, account_from_path

BookOption = Annotated[
    str | None,
    typer.Option("--book", help="A contract's name or an address; the book of epochs by default."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object; that is always so.")]


def named_book(settlement: Settlement, name: str | None) -> Book:
    """The book of a contract or wallet, by name or address; that of epochs by default.

    Raises:
        BadInput: it is neither.
    """
    known = _known(settlement)
    address = settlement.payouts if name is None else known.get(name)
    if address is None:
        names = ", ".join(known)
        address = _address(name, f"an address, or one of {names}")
    return Book(chain_id=settlement.chain_id, contract=address)


def book_name(settlement: Settlement, book: Book) -> str | None:
    """The contract's name; None for a wallet."""
    names = {address: name for name, address in _known(settlement).items()}
    return names.get(book.contract)


@contextmanager
def opened_book(
    context: typer.Context, settlement: str | None, name: str | None
) -> Iterator[tuple[Connection, Book]]:
    """One view of the database, and the book that is meant."""
    with migrated(settings_of(context)) as (settings, engine):
        _, one = chosen(settings, settlement)
        with snapshot(engine) as connection:
            yield connection, named_book(one, name)


@contextmanager
def changed_book(
    context: typer.Context, settlement: str | None, name: str | None
) -> Iterator[tuple[Connection, Book, Settlement]]:
    """One transaction that commits at the end, the book that is meant, and its settlement."""
    with migrated(settings_of(context)) as (settings, engine):
        _, one = chosen(settings, settlement)
        with engine.begin() as connection:
            yield connection, named_book(one, name), one


def account_named(path: str) -> Account:
    """The account of that path.

    Raises:
        BadInput: the chart has none.
    """
    try:
        return account_from_path(path)
    except BadEntry as error:
        raise BadInput("--account", "account", path, "the path of an account") from error


def hash_named(value: object, field: str) -> Hash32:
    """A hash of 32 bytes.

    Raises:
        BadInput: it is none.
    """
    try:
        return hash_from_wire(value, field)
    except BadWireValue as error:
        raise BadInput("command", field, value, "0x and 64 hexadecimal digits") from error


def _known(settlement: Settlement) -> dict[str, Address]:
    payments = settlement.payments
    named = {name.value: payments[name] for name in BOOKED_CONTRACTS if name in payments}
    return {ContractName.EPOCH_PAYOUTS.value: settlement.payouts} | named


def _address(value: str | None, wanted: str) -> Address:
    try:
        return address_from_wire(value, "--book")
    except BadWireValue as error:
        raise BadInput("--book", "book", value, wanted) from error
