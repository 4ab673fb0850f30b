"""Failures that the composition root is expected to meet.

The branches say what the fact means; the command line turns them into exit codes: `Rejected` is bad
input (2), `Transient` something outside that was unavailable (3), `Corrupt` a failed check (1).
"""

from pathlib import Path


class ScriptError(Exception):
    """Root of the failures that the processes and the command line are expected to meet."""


class Transient(ScriptError):
    """The outside was unavailable or late; the same call may succeed."""


class Rejected(ScriptError):
    """The input is wrong; repeating it cannot help."""


class Corrupt(ScriptError):
    """Two facts that must agree do not. Stop; a person looks."""


class NotConfigured(Rejected):
    """Something that has no default is not configured."""


class NothingConfigured(NotConfigured):
    """There is no chain, or no settlement on one, and so nothing to do."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"no {what} is configured: write it in quittance.toml, or in the file that "
            "QUITTANCE_CONFIG names; `quittance devnet` runs one to try, and prints its file"
        )
        self.what = what


class DirectoryInUse(Transient):
    """Another process owns the directory of an embedded server.

    Source: `embedded.ownership`. Effect: nothing is started, the running server is not touched.
    """

    def __init__(self, directory: Path, holder: str) -> None:
        super().__init__(
            f"the embedded server in {directory} is in use by {holder}: "
            "stop it, or choose another folder with QUITTANCE_DATA_DIR"
        )
        self.directory, self.holder = directory, holder


class DirectoryUnusable(Rejected):
    """The folder chosen for an embedded server cannot hold it."""

    def __init__(self, directory: Path, reason: str) -> None:
        super().__init__(
            f"{directory} cannot be used: {reason}; choose another folder with QUITTANCE_DATA_DIR"
        )
        self.directory, self.reason = directory, reason


class AddressUnusable(Transient):
    """The API cannot listen where it should."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(
            f"api_host, api_port: {host}:{port} cannot be listened on: {reason}; choose others "
            "with QUITTANCE_API_HOST and QUITTANCE_API_PORT"
        )
        self.host, self.port, self.reason = host, port, reason


class ProgramMissing(Transient):
    """A server's program is not installed here."""

    def __init__(self, program: str, remedy: str) -> None:
        super().__init__(f"{program} was not found: {remedy}")
        self.program, self.remedy = program, remedy


class ServerFailed(Transient):
    """An embedded server ended, or was not ready in time. Its last log lines are in the message."""

    def __init__(self, server: str, what: str, log: Path, last_lines: str) -> None:
        super().__init__(f"{server} {what}; the end of {log}:\n{last_lines or '(empty)'}")
        self.server, self.what, self.log, self.last_lines = server, what, log, last_lines


class IndexerRuns(Rejected):
    """A chain cannot be rewound under a running indexer.

    Source: `rewinding`. Effect: nothing is written.
    """

    def __init__(self, chain: str) -> None:
        super().__init__(f"{chain}: an indexer is running, stop the indexer first")
        self.chain = chain


class NodeLags(Transient):
    """The node is behind what the index holds as final, so there is no telling what is left to do.

    Source: `indexing`, of a run that is to end by itself. Effect: the index stays as it is.
    """

    def __init__(self, chain: str, *, head: int, finalized: int) -> None:
        super().__init__(
            f"{chain}: the node lags: it is at block {head}, below block {finalized} that the "
            "index holds as final"
        )
        self.chain, self.head, self.finalized = chain, head, finalized


class IndexingStalled(Transient):
    """A run that is to end by itself has not got on for too long.

    Source: `indexing`. Effect: what was indexed before stays.
    """

    def __init__(self, chain: str, *, still_s: int, reason: str | None) -> None:
        because = "" if reason is None else f": {reason}"
        super().__init__(f"{chain}: nothing has moved for {still_s} seconds{because}")
        self.chain, self.still_s, self.reason = chain, still_s, reason


class DatabaseUnusable(Transient):
    """The database does not let itself be brought up to date: it is not ours, or newer than we are.

    Source: `bootstrap.migrate`. Effect: the database is as it was.
    """

    def __init__(self, cause: str) -> None:
        super().__init__(f"the database cannot be migrated: {' '.join(cause.split())}")
        self.cause = cause


class NothingPosted(Transient):
    """The books are empty: what is asked follows from posted entries."""

    def __init__(self, settlement: str) -> None:
        super().__init__(f"settlement {settlement!r}: nothing is posted yet, run the worker first")
        self.settlement = settlement


class CommitRefused(Corrupt):
    """An epoch cannot be committed now."""

    def __init__(self, epoch: int, reason: str) -> None:
        super().__init__(f"epoch {epoch} was not committed: {reason}")
        self.epoch, self.reason = epoch, reason
