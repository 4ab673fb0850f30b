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
