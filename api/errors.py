"""Failures that the API is expected to meet, in three branches by what the fact means.

The branch decides the status: `Transient` is 503, `Rejected` carries its own 4xx, `Corrupt` is 500.
`slug` is the last part of the problem's stable `type`.
"""

from typing import ClassVar


class ApiError(Exception):
    """Root of the failures that the API is expected to meet."""

    slug: ClassVar[str]
    title: ClassVar[str]
    status: ClassVar[int]


class Transient(ApiError):
    """The outside was unavailable or late; the same request may succeed."""

    status = 503


class Rejected(ApiError):
    """The request is wrong; repeating it cannot help. `field` and `value` say where."""

    def __init__(self, message: str, *, field: str, value: object) -> None:
        super().__init__(message)
        self.field, self.value = field, value


class Corrupt(ApiError):
    """Two stored facts that must agree do not. A person looks."""

    status = 500


class DatabaseUnavailable(Transient):
    """The database did not answer in time.

    Source: `adapters.snapshot`. Effect: 503; nothing is answered from memory.
    """

    slug, title = "database-unavailable", "The database is unavailable"

    def __init__(self, cause: str) -> None:
        super().__init__(f"the database is unavailable: {cause}")
        self.cause = cause


class NotIndexed(Transient):
    """The indexer has not reached what the question is about: no finalized block, or no clock."""

    slug, title = "not-indexed", "The chain is not indexed yet"

    def __init__(self, settlement: str, missing: str) -> None:
        super().__init__(f"settlement {settlement!r} has no {missing} in the database yet")
        self.settlement = settlement


class NotReady(Transient):
    """The process runs, but its answers would be too old, or there are none."""

    slug, title = "not-ready", "Not ready"


class NotFound(Rejected):
    """Nothing is known under this name."""

    slug, title, status = "not-found", "Not found", 404


class BadValue(Rejected):
    """A well-placed value that does not say what its field needs."""

    slug, title, status = "bad-value", "A value is not acceptable", 422


class BadSignInMessage(Rejected):
    """A text that is no sign-in message, at its first wrong field.

    Source: `siwe`. Effect: nobody is signed in, and the nonce can still be used.
    """

    slug, title, status = "bad-sign-in-message", "The sign-in message cannot be read", 422

    def __init__(self, field: str, value: str, wanted: str) -> None:
        super().__init__(
            f"message.{field}: {value[:80]!r} is not {wanted}",
            field=f"message.{field}",
            value=value,
        )


class SignInRefused(Rejected):
    """A sign-in message that is not for this server, not for now, used before, or not signed.

    Source: `siwe_verification`, `auth`, `adapters.sessions`. Effect: nobody is signed in.
    """

    slug, title, status = "sign-in-refused", "The sign-in was refused", 401


class NoSession(Rejected):
    """A question that needs a session, and a cookie that names none (any more)."""

    slug, title, status = "no-session", "There is no session", 401

    def __init__(self) -> None:
        # The cookie is not repeated: it may be somebody's token.
        super().__init__("sign in first, or again", field="cookie", value="")


class ForeignOrigin(Rejected):
    """A page of another origin asks for a change in the name of its visitor."""

    slug, title, status = "foreign-origin", "The origin is not one of this server's", 403

    def __init__(self, origin: str) -> None:
        super().__init__(
            f"origin {origin[:80]!r} may not change anything here", field="origin", value=origin
        )


class SignInOff(Rejected):
    """This server has no domain that anybody could sign in to."""

    slug, title, status = "sign-in-off", "Nobody can sign in here", 404

    def __init__(self) -> None:
        super().__init__("no domain is configured to sign in to", field="domain", value="")


class NotAPerson(Rejected):
    """Who is signed in is none of the persons who may say what is owed.

    Source: `documents`. Effect: nothing is kept or accepted.
    """

    slug, title, status = "not-an-approver", "Only approvers of payouts may do this", 403


class ListTaken(Rejected):
    """A payout document whose list is known with other lines.

    Source: `documents`. Effect: what is kept stays as it is.
    """

    slug, title, status = "list-taken", "The list is known with other content", 409


class NotTheAccepter(Rejected):
    """A payout document that was never added, or that whoever added it would accept.

    Source: `documents`. Effect: nothing is owed by it.
    """

    slug, title, status = "not-acceptable", "The document is not accepted by this", 409


class OrderTaken(Rejected):
    """A payment that serves another order, or an order that another payment serves.

    Source: `payments`. Effect: nothing is bound; what was bound stays.
    """

    slug, title, status = "claimed-elsewhere", "The payment or the order is taken", 409


class TooManyTransactions(Rejected):
    """An intent that was told of as many transactions as it may be.

    Source: `payments`. Effect: the transaction is not looked at; the one that pays is found by its
    order without being told of.
    """

    slug, title, status = "too-many-transactions", "The intent has too many transactions", 409


class NotThePayer(Rejected):
    """A transfer is announced by somebody else than the account that it leaves.

    Source: `payments`. Effect: nothing is recorded.
    """

    slug, title, status = "not-the-payer", "Only the payer announces a transfer", 403


class PaymentUnverified(Transient):
    """A transaction was taken note of, and cannot be looked at right now.

    Source: `payments`. Effect: 503; the worker looks again by itself.
    """

    slug, title = "payment-unverified", "The payment cannot be looked at right now"


class ChainSilent(Transient):
    """The chain did not say whether a contract wallet accepts a signature.

    Source: `adapters.contract_wallets`. Effect: 503; the nonce can still be used.
    """

    slug, title = "chain-silent", "The chain does not answer"

    def __init__(self, chain_id: int, cause: str) -> None:
        super().__init__(f"chain {chain_id} does not answer: {cause}")
        self.chain_id = chain_id


class StoredRootDiffers(Corrupt):
    """The stored tree of an attempt does not have its stored root.

    Source: `trees`. Effect: no proof of this attempt is answered.
    """

    slug, title = "stored-root-differs", "Stored tree and stored root differ"

    def __init__(self, epoch: int, attempt: int, *, stored: str, computed: str) -> None:
        super().__init__(
            f"epoch {epoch} attempt {attempt}: the stored root is {stored}, "
            f"the stored tree has {computed}"
        )
        self.epoch, self.attempt = epoch, attempt


class StoredLeafDiffers(Corrupt):
    """The members of a stored leaf do not give a leaf that its stored tree proves.

    Source: `proofs`. Effect: no proof of this leaf is answered.
    """

    slug, title = "stored-leaf-differs", "Stored leaf and stored tree differ"

    def __init__(self, epoch: int, attempt: int, leaf: str) -> None:
        super().__init__(f"epoch {epoch} attempt {attempt}: the tree proves no leaf {leaf}")
        self.epoch, self.attempt = epoch, attempt


class StoredExplanationDiffers(Corrupt):
    """The events of an epoch do not lead to what is stored as computed from them.

    Source: `explanations`. Effect: the amount is not explained.
    """

    slug, title = "stored-explanation-differs", "Stored amounts and events differ"

    def __init__(self, epoch: int, attempt: int, what: str) -> None:
        super().__init__(f"epoch {epoch} attempt {attempt}: {what}")
        self.epoch, self.attempt = epoch, attempt


class StatementDiffers(Corrupt):
    """The postings of an account do not lead from what it had to what it has.

    Source: `adapters.statements`. Effect: no statement is answered.
    """

    slug, title = "statement-differs", "Postings and balances differ"


class JournalDiffers(Corrupt):
    """A stored entry is not what was recorded, or not what was sealed.

    Source: `adapters.ledger`, `ledger`. Effect: it is not answered.
    """

    slug, title = "journal-differs", "Stored entry and journal differ"

    def __init__(self, entry: object, what: str) -> None:
        super().__init__(f"entry {entry}: {what}")
        self.entry = entry
