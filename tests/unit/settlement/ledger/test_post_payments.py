"""`settlement.ledger.post_payments`, `payment_rules`, `lines`, `documents`, `gas` and `manual`."""

import pytest

from settlement.ledger import documents, gas, lines, manual, payment_rules, post_payments
from tests.ledger_builders import MemoryBooks
from tests.ledger_payment_contract import PaymentBooksContract

SUBJECTS = (documents, gas, lines, manual, payment_rules, post_payments)


class TestMemoryBooks(PaymentBooksContract):
    @pytest.fixture
    def books(self) -> MemoryBooks:
        return MemoryBooks()
