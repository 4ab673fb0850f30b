"""The contract of the books, on books in memory; `post`, `reserve` and `commitments`."""

import pytest

from tests.ledger_builders import MemoryBooks
from tests.ledger_contract import BooksContract


class TestMemoryBooks(BooksContract):
    @pytest.fixture
    def books(self) -> MemoryBooks:
        return MemoryBooks()
