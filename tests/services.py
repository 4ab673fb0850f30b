"""Real services that tests need, and what becomes of a test without one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from scripts.errors import ScriptError


@contextmanager
def needed_service() -> Iterator[None]:
    """A service that does not start here: skips on a developer's machine, fails in CI."""
    try:
        yield
    except ScriptError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
