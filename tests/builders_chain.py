"""Chains with events of several kinds, for the tests of the indexer."""

from contracts.events import EPOCH_COMMITTED, ERC20_TRANSFER, SUBSCRIBED
from contracts.units import UINT256_MAX
from tests.fakes_chain import PAYOUTS, TIERS, TOKEN, FakeChain, FakeLog, log_of

ALICE, BOB = b"\x0a" * 20, b"\x0b" * 20
TIER = b"\x71" * 32


def transfer(amount: int) -> FakeLog:
    return log_of(ERC20_TRANSFER, TOKEN, (ALICE, BOB, amount))


def subscribed(epoch: int, amount: int) -> FakeLog:
    return log_of(SUBSCRIBED, TIERS, (ALICE, epoch, TIER, BOB, bytes(TOKEN), amount))


def committed(epoch: int, assets: int) -> FakeLog:
    totals = [(bytes((one + 1,)) * 20, UINT256_MAX, 0, one, 0, 5, 0) for one in range(assets)]
    return log_of(
        EPOCH_COMMITTED, PAYOUTS, (epoch, 1, TIER, TIER, 77, 1, [ALICE, BOB][:assets], totals)
    )


def erc721_transfer() -> FakeLog:
    word = b"\x00" * 31 + b"\x01"
    return FakeLog(TOKEN, (ERC20_TRANSFER.topic0, word, word, word), b"")


def contents(number: int) -> list[FakeLog]:
    """What block `number` holds: nothing, or a mixture."""
    kinds: tuple[list[FakeLog], ...] = (
        [],
        [transfer(number)],
        [subscribed(number, UINT256_MAX), transfer(0), erc721_transfer()],
        [committed(number, number % 3)],
    )
    return kinds[number % len(kinds)]


def eventful_chain(length: int) -> FakeChain:
    """Blocks 0 to `length` - 1."""
    chain = FakeChain()
    chain.mine(*(contents(number) for number in range(1, length)))
    return chain
