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
