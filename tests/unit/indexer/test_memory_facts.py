"""The store in memory keeps the promises of the real one, so laws proven on it mean something."""

import pytest

from tests.builders_chain import eventful_chain
from tests.fact_store_contract import FactStoreContract, Take
from tests.fakes_chain import FakeChain
from tests.fakes_facts import MemoryFacts


class TestMemoryFacts(FactStoreContract):
    @pytest.fixture
    def store(self) -> MemoryFacts:
        return MemoryFacts()

    @pytest.fixture
    def take(self, store: MemoryFacts) -> Take:
        return store.snapshot

    @pytest.fixture
    def chain(self) -> FakeChain:
        return eventful_chain(10)
