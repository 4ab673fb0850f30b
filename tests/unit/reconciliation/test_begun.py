"""`reconciliation.begun`: the first item is on its way while something else is done."""

from collections.abc import Generator, Iterable
from itertools import islice
from threading import Event, current_thread

import pytest

from reconciliation.begun import begun

LIMIT_S = 10


def test_begun__slow_first_item__asked_for_at_once_and_by_another_thread() -> None:
    asked, is_sorted = Event(), Event()
    threads = []

    def server() -> Generator[int]:
        threads.append(current_thread())
        asked.set()
        assert is_sorted.wait(LIMIT_S)
        yield 1
        threads.append(current_thread())
        yield 2

    with begun(server()) as items:
        assert asked.wait(LIMIT_S)
        is_sorted.set()
        assert list(items) == [1, 2]

    assert threads[0] is not threads[1]
    assert threads[1] is current_thread()


@pytest.mark.parametrize("items", [(), (None,), (1, 2, 3)])
def test_begun__any_number_of_items__the_same(items: tuple[int | None, ...]) -> None:
    with begun(stream(items)) as found:
        assert tuple(found) == items


def test_begun__first_item_fails__fails_where_it_is_taken() -> None:
    with begun(1 // one for one in (0, 1)) as items, pytest.raises(ZeroDivisionError):
        next(items)


@pytest.mark.parametrize("taken", [0, 1, 2])
def test_begun__context_left_early__stream_closed(taken: int) -> None:
    closed = []

    def server() -> Generator[int]:
        try:
            yield from range(5)
        finally:
            closed.append(True)

    with begun(server()) as items:
        assert list(islice(items, taken)) == list(range(taken))

    assert closed == [True]


def stream(items: Iterable[int | None]) -> Generator[int | None]:
    yield from items
