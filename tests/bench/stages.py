"""Where the time goes: the product's own stages, one after the other in one process.

Each stage runs on the whole chain, range by range, with the collector off as it is in a worker. The
sum is what one core would need if nothing overlapped; the run itself spreads it over processes, and
Postgres and the node work beside them. CPU time is what the stage took of this process; wall time
counts waiting for the node and for Postgres too.
"""

import cProfile
import gc
import http.client
import pickle
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import ParamSpec, TypeVar

import numpy as np
import orjson
from sqlalchemy import Engine

import scripts.bootstrap
from contracts.event_spec import ContractName
from contracts.evm import Address, BlockNumber, BlockRef, ChainId, Hash32
from indexer.adapters.copy_binary import copy_chunks
from indexer.adapters.cut_logs import NOTHING_CUT, CutLogs
from indexer.adapters.load import fact_columns
from indexer.adapters.log_answers import logs_from_answers
from indexer.adapters.log_bytes import cut_logs
from indexer.adapters.receipt_answers import receipts_from_answers
from indexer.adapters.rpc_answers import blocks_from_answers
from indexer.adapters.store import PostgresFacts, owned_chain
from indexer.blocks import Block, Proof, block_batch
from indexer.chain import check_links, verified
from indexer.chain_profiles import chain_profile_named
from indexer.completeness import LogFilter, check_logs, may_hold, wanted_rows
from indexer.decode import decode
from indexer.fetched import FetchedRange
from indexer.logs import LogBatch, joined
from indexer.movements import MovementSums
from indexer.ports import Extension
from indexer.ranges import BlockRange
from indexer.receipt_batch import prove_receipts
from indexer.rows_digest import rows_digests
from scripts.embedded.places import scratch_directory
from scripts.embedded.postgres import running_postgres
from tests.bench.chain_files import ChainFiles
from tests.bench.processes import RunningNode, running_node
from tests.bench.replay_node import RANGE_BLOCKS_MAX
from tests.bench.yardstick import APPROVAL, CHAIN_ID, TOKEN, TRANSFER

RECEIPT_BLOCKS = 50
_SOURCES = {Address(TOKEN): ContractName.ERC20}
_WANTED = LogFilter((Address(TOKEN),), (Hash32(TRANSFER), Hash32(APPROVAL)))
_ETHEREUM = chain_profile_named("ethereum")

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


class Laps:
    """Wall and CPU seconds by stage, in the order in which stages first ran."""

    def __init__(self) -> None:
        self.wall_s: dict[str, float] = {}
        self.cpu_s: dict[str, float] = {}

    def total(self, times_s: dict[str, float]) -> float:
        """Of all stages but for those that are part of another."""
        return sum(spent_s for stage, spent_s in times_s.items() if not stage.startswith("of "))

    def __call__(
        self,
        stage: str,
        function: Callable[_Given, _Result],
        *args: _Given.args,
        **kwargs: _Given.kwargs,
    ) -> _Result:
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        result = function(*args, **kwargs)
        self.wall_s[stage] = self.wall_s.get(stage, 0) + time.perf_counter() - wall_s
        self.cpu_s[stage] = self.cpu_s.get(stage, 0) + time.process_time() - cpu_s
        return result


class Wire:
    """One kept connection that hands out raw bytes."""

    def __init__(self, node: RunningNode) -> None:
        host, _, port = node.url.removeprefix("http://").partition(":")
        self._connection = http.client.HTTPConnection(host, int(port))

    def post(self, method: str, params: Sequence[object]) -> bytes:
        """One batch of calls, one for each of the parameters."""
        calls = [
            {"jsonrpc": "2.0", "id": place, "method": method, "params": one}
            for place, one in enumerate(params)
        ]
        self._connection.request("POST", "/", orjson.dumps(calls))
        return self._connection.getresponse().read()


def stage_laps(chain: ChainFiles, level: str, profile: Path | None) -> Laps:
    """Run all stages of a level once; with a profile, under cProfile, which costs time too."""
    laps, profiler = Laps(), cProfile.Profile()
    with ExitStack() as stack:
        directory = stack.enter_context(scratch_directory())
        server = stack.enter_context(running_postgres(directory / "postgres"))
        url = server.url("stages")
        scripts.bootstrap.migrate(url)
        engine = scripts.bootstrap.open_database(url)
        stack.callback(engine.dispose)
        node = stack.enter_context(running_node(chain.directory))
        gc.disable()
        if profile is None:
            _run(chain, node, engine, level, laps)
        else:
            profiler.runcall(_run, chain, node, engine, level, laps)
            profiler.dump_stats(profile)
        gc.enable()
    return laps


def _run(chain: ChainFiles, node: RunningNode, engine: Engine, level: str, laps: Laps) -> None:
    wire = Wire(node)
    logs_of = _proved if level == "receipts" else _stated
    with owned_chain(engine, ChainId(CHAIN_ID)) as store:
        head: BlockRef | None = None
        sums = MovementSums(BlockNumber(-1))
        for start in range(0, chain.shape.blocks, RANGE_BLOCKS_MAX):
            end = min(start + RANGE_BLOCKS_MAX, chain.shape.blocks)
            blocks = BlockRange(BlockNumber(start), BlockNumber(end))
            fetched = _fetched(wire, blocks, logs_of, laps)
            head = _stored(store, fetched, head, laps)
            laps("balances: sums", sums.add, blocks, fetched.decoded)
        moved = laps("balances: sums", sums.movements)
        laps("balances: store (at the end)", store.add_movements, moved)


def _fetched(
    wire: Wire,
    blocks: BlockRange,
    logs_of: Callable[[Wire, BlockRange, list[Block], Laps], LogBatch],
    laps: Laps,
) -> FetchedRange:
    asked = [(hex(number), False) for number in range(blocks.start, blocks.end)]
    body = laps("fetch", wire.post, "eth_getBlockByNumber", asked)
    answers = laps("parse (orjson)", orjson.loads, body)
    results = [answer["result"] for answer in answers]
    fetched = laps("blocks: fields", lambda: blocks_from_answers(results))
    headers = [one.header for one in fetched]
    laps("blocks: hashes and links", lambda: check_links([verified(one) for one in headers], None))
    may = laps("blooms: may hold", may_hold, [one.logs_bloom for one in headers], _WANTED)
    logs = logs_of(wire, blocks, fetched, laps)
    digests = laps("rows digests", rows_digests, logs, blocks)
    decoded = laps("decode", decode, logs, _SOURCES)
    proof = np.where(may, Proof.RECEIPTS, Proof.EMPTY).astype(np.uint8)
    batch = laps("blocks: columns", block_batch, headers, proof=proof, rows_digest=digests)
    return FetchedRange(range=blocks, blocks=batch, decoded=decoded, logs_read=len(logs))


def _stated(wire: Wire, blocks: BlockRange, fetched: list[Block], laps: Laps) -> LogBatch:
    """Logs as the level `headers` has them."""
    asked = {
        "address": ["0x" + TOKEN.hex()],
        "topics": [["0x" + TRANSFER.hex(), "0x" + APPROVAL.hex()]],
        "fromBlock": hex(blocks.start),
        "toBlock": hex(blocks.end - 1),
    }
    body = laps("fetch", wire.post, "eth_getLogs", [(asked,)])
    cut = laps("logs: cut out of the bytes", _cut, body)
    answers = laps("parse (orjson)", orjson.loads, cut.rests[0])
    logs = laps("logs: columns", logs_from_answers, [answers[0]["result"]], cut)
    laps("release what was parsed", answers.clear)
    laps("logs: checked, blooms", check_logs, logs, fetched, _WANTED)
    return logs


def _proved(wire: Wire, blocks: BlockRange, fetched: list[Block], laps: Laps) -> LogBatch:
    """Logs as the level `receipts` has them."""
    parts = []
    for start in range(0, len(blocks), RECEIPT_BLOCKS):
        part = fetched[start : start + RECEIPT_BLOCKS]
        asked = [(hex(one.header.number),) for one in part]
        body = laps("fetch", wire.post, "eth_getBlockReceipts", asked)
        cut = laps("logs: cut out of the bytes", _cut, body)
        answers = laps("parse (orjson)", orjson.loads, cut.rests[0])
        results = [answer["result"] for answer in answers]
        receipts = laps("receipts: columns", receipts_from_answers, results, cut)
        laps("release what was parsed", _clear, results)
        proved = laps("receipts: roots and blooms", prove_receipts, part, receipts, _ETHEREUM)
        rows = laps("logs: which are ours", wanted_rows, proved, _WANTED)
        parts.append(laps("logs: which are ours", proved.take, rows))
    return joined(parts)


def _cut(body: bytes) -> CutLogs:
    """The logs that need no parser; the product parses an answer whole where there are none."""
    return cut_logs([body]) or replace(NOTHING_CUT, rests=[body])


def _clear(results: list[list[object]]) -> None:
    for result in results:
        result.clear()


def _stored(
    store: PostgresFacts, fetched: FetchedRange, head: BlockRef | None, laps: Laps
) -> BlockRef:
    """Send the range to the process that stores, and store it."""
    sent = laps("send to the indexer (pickle)", pickle.dumps, fetched, 5)
    received = laps("send to the indexer (pickle)", pickle.loads, sent)
    for facts in received.decoded.facts:
        columns = fact_columns(ChainId(CHAIN_ID), facts)
        laps("of store: pack", lambda: [len(one) for one in copy_chunks(columns)])  # noqa: B023
    extension = Extension(
        expected_head=head,
        sources_digest=Hash32(bytes(32)),
        blocks=received.blocks,
        decoded=received.decoded,
        finalized=received.blocks.last,
    )
    laps("store (pack, COPY, commit)", store.extend, extension)
    return extension.blocks.last
