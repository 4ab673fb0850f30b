"""Logging: one JSON object a line on stderr.

The message is a constant sentence; data are in `extra`, under the names of the domain. Addresses
and hashes print as text, and so does every other type that JSON lacks.
"""

import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

import orjson

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_QUIET = ("apscheduler", "dramatiq", "httpx", "urllib3", "web3", "alembic")
_INT64_MIN, _UINT64_MAX = -(2**63), 2**64 - 1


class JSONFormatter(logging.Formatter):
    """Formats a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, logger, message, then the extras."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(_spelled(line)).decode()


def set_up_logging(level: int = logging.INFO) -> None:
    """Send everything to stderr as JSON; libraries only from WARNING up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JSONFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _spelled(value: object) -> object:
    """The value in the types of JSON; no value may keep a line from being written."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        # The encoder refuses longer integers.
        return int(value) if _INT64_MIN <= value <= _UINT64_MAX else str(value)
    if isinstance(value, bytes):
        is_named = type(value).__str__ is not bytes.__str__
        return str(value) if is_named else "0x" + value.hex()
    if isinstance(value, Mapping):
        return {str(_spelled(key)): _spelled(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_spelled(each) for each in value]
    # Text from outside may hold lone surrogates, which are not UTF-8.
    return str(value).encode(errors="backslashreplace").decode()
