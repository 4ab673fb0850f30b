import asyncio
import threading

from api.heads import Heads
from contracts.evm import BlockNumber, ChainId
from indexer.errors import RPCUnreachable

CHAIN = ChainId(1)


def ask(heads: Heads, times: int = 1) -> list[BlockNumber | None]:
    async def ask_all() -> list[BlockNumber | None]:
        return [await heads.head(CHAIN) for _ in range(times)]

    return asyncio.run(ask_all())


def test_head__no_source__unknown() -> None:
    assert ask(Heads(None)) == [None]


def test_head__asked_often__chain_is_asked_once() -> None:
    asked = []

    def source(chain_id: ChainId) -> BlockNumber:
        asked.append(chain_id)
        return BlockNumber(7)

    assert ask(Heads(source), times=5) == [7] * 5
    assert asked == [CHAIN]


def test_head__kept_too_long__asked_again() -> None:
    numbers = iter(range(10))

    assert ask(Heads(lambda _: BlockNumber(next(numbers)), kept_s=0.0), times=3) == [0, 1, 2]


def test_head__no_answer__unknown_and_not_asked_at_once_again() -> None:
    asked = []

    def source(chain_id: ChainId) -> BlockNumber:
        asked.append(chain_id)
        raise RPCUnreachable("node", "eth_blockNumber", "refused")

    assert ask(Heads(source), times=2) == [None, None]
    assert asked == [CHAIN]


def test_head__answer_too_late__unknown_until_it_comes_and_not_asked_twice() -> None:
    asked, released = [], threading.Event()

    def source(chain_id: ChainId) -> BlockNumber:
        asked.append(chain_id)
        released.wait(60)
        return BlockNumber(1)

    async def ask_three_times() -> list[BlockNumber | None]:
        heads = Heads(source, kept_s=0.0, answer_s=0.05)
        early = [await heads.head(CHAIN), await heads.head(CHAIN)]
        released.set()
        while (late := await heads.head(CHAIN)) is None:
            pass
        return [*early, late]

    assert asyncio.run(ask_three_times()) == [None, None, 1]
    assert asked == [CHAIN]
