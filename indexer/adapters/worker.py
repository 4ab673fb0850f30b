"""A process that fetches ranges of blocks for the indexer; started by `workers.py`.

It gets a description of the chain once, then one range after the other, and sends each back
fetched, proved and decoded, or as the error that fetching it raised. It keeps nothing. When the
indexer ends, however it ends, standard input closes, and the process ends at once.

Hundreds of thousands of short-lived objects come and go with each range, and none is part of a
cycle. The collector would look at them over and over for nothing, so it runs only now and then.
"""

import gc
import os
import pickle
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from multiprocessing.connection import Connection

from indexer.endpoint_health import EndpointHealth
from indexer.fetch_range import fetch_range
from indexer.fetched import FetchedRange
from indexer.plan import Question
from indexer.ports import WitnessedChain
from indexer.ranges import BlockRange

PICKLE_PROTOCOL = 5
_RANGES_PER_COLLECTION = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What a process sends back: a range, or why there is none, and how its endpoints served."""

    process: int
    found: FetchedRange | Exception
    health: tuple[EndpointHealth, ...]


def main(descriptor: int) -> None:
    """Serve the process at the other end of this socket until it closes it."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with Connection(descriptor) as parent:
        make_chain, question = pickle.loads(parent.recv_bytes())  # noqa: S301 - from our parent
        gc.disable()
        gc.freeze()
        _serve(parent, make_chain, question)


def _serve(
    parent: Connection, make_chain: Callable[[], WitnessedChain], question: Question
) -> None:
    chain = make_chain()
    for served in count(1):
        try:
            blocks: BlockRange = parent.recv()
        except EOFError:
            return
        found = _answer(chain, question, blocks)
        delivery = Delivery(process=os.getpid(), found=found, health=chain.health())
        parent.send_bytes(pickle.dumps(delivery, PICKLE_PROTOCOL))
        if served % _RANGES_PER_COLLECTION == 0:
            gc.collect()


def _answer(
    chain: WitnessedChain, question: Question, blocks: BlockRange
) -> FetchedRange | Exception:
    try:
        return fetch_range(chain, question, blocks, is_final=True)
    except Exception as error:  # noqa: BLE001 - the indexer raises it as if it were its own
        error.add_note(traceback.format_exc())
        return error


def _end_with_parent() -> None:
    """Wait until nobody holds the other end of standard input any more."""
    os.read(sys.stdin.fileno(), 1)  # not the buffer of `sys.stdin`: it would be locked at exit
    os._exit(0)
