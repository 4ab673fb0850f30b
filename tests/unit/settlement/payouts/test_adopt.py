"""Nonces that a node shows and that are not stored: taken once, and not without measure."""

import pytest

from settlement.errors import NonceDrift
from settlement.payouts.adopt import FORGOTTEN_MAX, adopted
from settlement.payouts.nonces import Counts
from tests.fakes_payout_chain import CHAIN_ID, SENDER, FakeChain, MemoryStore


def next_nonce(store: MemoryStore, *, finalized: int, head: int, pending: int) -> int:
    counts = Counts(finalized=finalized, head=head, pending=pending)
    return adopted(store, CHAIN_ID, SENDER, counts, head=FakeChain().head())


def test_adopted__nothing_shown_beyond_what_is_stored__nothing_taken() -> None:
    store = MemoryStore()

    assert next_nonce(store, finalized=3, head=3, pending=3) == 3
    assert store.adoptions == []


def test_adopted__pool_shows_more__taken_once_and_a_node_behind_takes_nothing_back() -> None:
    store = MemoryStore()

    first = next_nonce(store, finalized=3, head=4, pending=6)
    again = next_nonce(store, finalized=3, head=4, pending=6)
    behind = next_nonce(store, finalized=3, head=3, pending=3)

    assert (first, again, behind) == (6, 6, 6)
    assert [(one.first_nonce, one.next_nonce) for one in store.adoptions] == [(3, 6)]


def test_adopted__any_number_that_is_final_but_no_more_than_we_can_have_forgotten() -> None:
    """What is final is final, however much; what merely waits may be a node's mistake."""
    far = 50 * FORGOTTEN_MAX

    assert next_nonce(MemoryStore(), finalized=far, head=far, pending=far) == far
    most = next_nonce(MemoryStore(), finalized=5, head=5, pending=5 + FORGOTTEN_MAX)
    assert most == 5 + FORGOTTEN_MAX
    with pytest.raises(NonceDrift):
        next_nonce(MemoryStore(), finalized=5, head=5, pending=6 + FORGOTTEN_MAX)
