"""A stream whose first item is waited for while something else is read.

A server that has to sort a million rows says nothing for seconds, and then as fast as it is heard.
"""

from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def begun(stream: Generator[T]) -> Iterator[Iterator[T]]:
    """The same items; the first is asked for now, by a thread that waits for it and ends.

    Until the first was taken, nothing else may use what the stream reads from. What fails while it
    is waited for, fails where it is taken. The stream is closed with the context.
    """
    with closing(stream), ThreadPoolExecutor(max_workers=1) as thread:
        yield _continued(thread.submit(_first, stream), stream)


def _first(stream: Iterator[T]) -> list[T]:
    """The first item, or nothing: `StopIteration` cannot be raised in a future."""
    for item in stream:
        return [item]
    return []


def _continued(first: Future[list[T]], rest: Iterator[T]) -> Iterator[T]:
    yield from first.result()
    yield from rest
