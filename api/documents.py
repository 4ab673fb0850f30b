"""Writing payout documents: one person adds one, another accepts it, and from then on it is owed.

Persons are those whose keys the payout policy names as approvers, told apart by who signed in. What
is written goes through the same desk as the command line's, in one of a few threads. Everything is
append-only and idempotent: the same document again changes nothing, and its list with other lines
is a conflict, because under the same op-ids it would pay something else.
"""

from asyncio import Semaphore
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from starlette.concurrency import run_in_threadpool

from api.errors import (
    BadValue,
    DatabaseUnavailable,
    ListTaken,
    NotAPerson,
    NotFound,
    NotIndexed,
    NotTheAccepter,
)
from contracts.evm import Address, Hash32, Timestamp
from settlement.payouts.acceptance import SignedDocument
from settlement.payouts.documents import PayoutDocument
from settlement.payouts.errors import (
    BadAcceptance,
    BadDocument,
    DocumentConflict,
    NotAcceptable,
)

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptDocument:
    """A document with who added and who accepted it; None where nobody did yet.

    `settled` are lines that the chain has settled, of which nothing is owed any more.
    """

    document: PayoutDocument
    is_new: bool
    settled: tuple[int, ...]
    added_by: str
    accepted_by: str | None
    accepted_at: Timestamp | None


class Documents(Protocol):
    """The documents of one payout batch."""

    def add(self, source: bytes, *, added_by: str) -> KeptDocument:
        """Read a document and keep it.

        Raises:
            BadDocument: it is none, or not for this batch.
            DocumentConflict: its list is kept, or was paid, with other lines.
        """
        ...

    def accept(self, digest: Hash32, *, accepted_by: str) -> KeptDocument | None:
        """Accept a document as of the finalized block; None while there is none.

        Raises:
            NotAcceptable: it is not known here, or the same person added it, or two signatures are
                needed and it has not got them.
            DocumentConflict: its list was paid with other lines.
        """
        ...

    def sign(
        self, digest: Hash32, signature: bytes, *, persons: Mapping[Address, str]
    ) -> SignedDocument:
        """Keep the signature of one of these persons over a document that was added.

        Raises:
            NotAcceptable: it is not known here.
            BadAcceptance: the signature is of something else, or of nobody among them.
        """
        ...

    def signed(self, digest: Hash32) -> SignedDocument:
        """A document with all signatures that are kept of it.

        Raises:
            NotAcceptable: it is not known here.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentDesk:
    """Where documents of one settlement are written, and who may do it, by the key of each."""

    documents: Documents
    persons: Mapping[Address, str]

    def person(self, account: Address | None) -> str:
        """The name of who is signed in.

        Raises:
            NotAPerson: the policy names nobody with that key.
        """
        name = None if account is None else self.persons.get(account)
        if name is None:
            raise NotAPerson(
                f"{account} is no approver of payouts here", field="cookie", value=str(account)
            )
        return name


async def add_document(
    desk: DocumentDesk, source: bytes, *, added_by: str, writers: Semaphore
) -> KeptDocument:
    """Keep a document until another person accepts it.

    Raises:
        BadValue: a field of it is wrong.
        ListTaken: its list is known, or was paid, with other lines.
        DatabaseUnavailable: the database does not answer.
    """
    try:
        return await _written(lambda: desk.documents.add(source, added_by=added_by), writers)
    except BadDocument as error:
        field, _, said = error.problems[0].partition(": ")
        value = said.partition(" ")[0].strip("'")
        raise BadValue("; ".join(error.problems), field=field, value=value) from error
    except DocumentConflict as error:
        raise ListTaken(str(error), field="list", value=error.name) from error


async def accept_document(
    desk: DocumentDesk, digest: Hash32, *, accepted_by: str, settlement: str, writers: Semaphore
) -> KeptDocument:
    """Accept what another person added; accepting it again changes nothing.

    Raises:
        NotTheAccepter: it was never added, or the same person added it.
        ListTaken: its list was paid with other lines.
        NotIndexed: no block is final yet, so there is no time from which it is owed.
        DatabaseUnavailable: the database does not answer.
    """
    try:
        accepted = await _written(
            lambda: desk.documents.accept(digest, accepted_by=accepted_by), writers
        )
    except NotAcceptable as error:
        raise NotTheAccepter(str(error), field="digest", value=digest) from error
    except DocumentConflict as error:
        raise ListTaken(str(error), field="digest", value=digest) from error
    if accepted is None:
        raise NotIndexed(settlement, "finalized block")
    return accepted


async def sign_document(
    desk: DocumentDesk,
    digest: Hash32,
    signature: bytes,
    *,
    account: Address | None,
    writers: Semaphore,
) -> SignedDocument:
    """Keep the signature of who is signed in; the same one again changes nothing.

    Raises:
        NotAPerson: nobody who may is signed in.
        BadValue: it is not theirs, or not over this document.
        NotTheAccepter: the document was never added.
        DatabaseUnavailable: the database does not answer.
    """
    name = desk.person(account)
    persons = {one: name for one in desk.persons if one == account}
    try:
        return await _written(
            lambda: desk.documents.sign(digest, signature, persons=persons), writers
        )
    except BadAcceptance as error:
        said = "0x" + signature.hex()
        raise BadValue(str(error), field="signature", value=said) from error
    except NotAcceptable as error:
        raise NotTheAccepter(str(error), field="digest", value=digest) from error


async def signed_document(desk: DocumentDesk, digest: Hash32, writers: Semaphore) -> SignedDocument:
    """A document with its signatures.

    Raises:
        NotFound: it was never added.
        DatabaseUnavailable: the database does not answer.
    """
    try:
        return await _written(lambda: desk.documents.signed(digest), writers)
    except NotAcceptable as error:
        raise NotFound(str(error), field="digest", value=str(digest)) from error


async def _written(work: Callable[[], Answer], writers: Semaphore) -> Answer:
    try:
        async with writers:
            return await run_in_threadpool(work)
    except OperationalError as error:
        raise DatabaseUnavailable(type(error.orig).__name__) from error
    except NoConnection as error:
        raise DatabaseUnavailable("no connection is free") from error
