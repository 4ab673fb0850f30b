"""How a command ends when it fails: what it says on stderr, and its exit code.

1 a check failed, 2 bad input, 3 something outside was unavailable.
"""

import errno

from sqlalchemy.exc import OperationalError

import api.errors
import indexer.errors
import reconciliation.errors
import scripts.errors
import settlement.errors
from contracts.addresses import BadAddressBook
from scripts.settings import BadSettings

_BAD_INPUT = (
    indexer.errors.Rejected,
    settlement.errors.Rejected,
    reconciliation.errors.Rejected,
    scripts.errors.Rejected,
    BadAddressBook,
)
_UNAVAILABLE = (
    api.errors.Transient,
    indexer.errors.Transient,
    settlement.errors.Transient,
    reconciliation.errors.Transient,
    scripts.errors.Transient,
)
_CHECK_FAILED = (
    indexer.errors.Corrupt,
    settlement.errors.Corrupt,
    reconciliation.errors.Corrupt,
    scripts.errors.Corrupt,
)


def ending_of(error: Exception) -> tuple[int, tuple[str, ...]] | None:
    """Exit code and sentences; None if no command is expected to meet this error."""
    match error:
        case BadSettings(problems=problems):
            return 2, problems
        case OperationalError(orig=cause):
            return 3, (f"the database is unavailable: {' '.join(str(cause).split())}",)
        case OSError(filename=str() as name, strerror=str() as reason):
            return 3, (f"{name}: {reason}",)
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            return 3, (f"nothing more can be written: {error.strerror}",)
    for kinds, code in ((_BAD_INPUT, 2), (_UNAVAILABLE, 3), (_CHECK_FAILED, 1)):
        if isinstance(error, kinds):
            return code, (str(error),)
    return None
