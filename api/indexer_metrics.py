"""The indexers of all chains as metric families, named `quittance_indexer_…`.

Heights, lags and reorgs are read from the database. Requests, errors and stalled seconds are
counted by the indexer since it started, so these counters begin anew with it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from api.adapters.chains import ChainReading, IndexerCounters
from api.schemas.envelope import Block
from api.schemas.service import ChainStatus, IndexerState

Sample = tuple[tuple[str, ...], float]
"""The values of a family's own labels, and the number."""

_PROOFS = ("receipts", "empty", "corroborated", "stated")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Family:
    """One number of each chain; `labels` are those beside `chain_id`."""

    kind: type[GaugeMetricFamily] | type[CounterMetricFamily]
    name: str
    help_text: str
    labels: tuple[str, ...]
    samples: Callable[[ChainReading], Iterable[Sample]]


def indexer_families(chains: Sequence[ChainReading]) -> Iterator[Metric]:
    """Every family, with samples of each chain that has the number."""
    for one in _FAMILIES:
        labels = ("chain_id", *one.labels)
        family = one.kind(f"quittance_indexer_{one.name}", one.help_text, labels=labels)
        for chain in chains:
            for values, number in one.samples(chain):
                family.add_metric((str(chain.status.chain_id), *values), number)
        yield family


def _gauge(name: str, help_text: str, number: Callable[[ChainStatus], int | None]) -> _Family:
    def samples(chain: ChainReading) -> list[Sample]:
        value = number(chain.status)
        return [] if value is None else [((), value)]

    return _Family(
        kind=GaugeMetricFamily, name=name, help_text=help_text, labels=(), samples=samples
    )


def _reported(
    kind: type[GaugeMetricFamily] | type[CounterMetricFamily],
    name: str,
    help_text: str,
    labels: tuple[str, ...],
    numbers: Callable[[IndexerCounters], Iterable[Sample]],
) -> _Family:
    """A number of the indexer's report; a chain without a report has none."""

    def samples(chain: ChainReading) -> Iterable[Sample]:
        return () if chain.counters is None else numbers(chain.counters)

    return _Family(kind=kind, name=name, help_text=help_text, labels=labels, samples=samples)


def _height(block: Block | None) -> int | None:
    return None if block is None else block.number


def _states(chain: ChainReading) -> list[Sample]:
    return [((state,), state == chain.status.state) for state in get_args(IndexerState)]


def _proofs(report: IndexerCounters) -> list[Sample]:
    return [((proof,), getattr(report.coverage, proof)) for proof in _PROOFS]


def _requests(report: IndexerCounters) -> list[Sample]:
    return [((one.host,), one.requests) for one in report.endpoints]


def _errors(report: IndexerCounters) -> list[Sample]:
    return [
        ((one.host, error), count)
        for one in report.endpoints
        for error, count in sorted(one.errors.items())
    ]


def _stalled(report: IndexerCounters) -> list[Sample]:
    stalled_ms = {"fetch": report.fetch_stalled_ms, "storage": report.storage_stalled_ms}
    return [((on,), duration_ms / 1000) for on, duration_ms in stalled_ms.items()]


_FAMILIES = (
    _gauge("head", "Newest block of the chain.", lambda chain: chain.head),
    _gauge("height", "Newest indexed block.", lambda chain: _height(chain.indexed)),
    _gauge("finalized", "Newest finalized block.", lambda chain: _height(chain.finalized)),
    _gauge("lag_blocks", "Blocks between head and index.", lambda chain: chain.lag_blocks),
    _gauge("lag_seconds", "Age of the newest indexed block.", lambda chain: chain.lag_s),
    _gauge("report_age_seconds", "Age of the last report.", lambda chain: chain.reported_s_ago),
    _gauge(
        "disputed_blocks",
        "Blocks that endpoints contradict each other about.",
        lambda chain: len(chain.disputed_blocks),
    ),
    _gauge(
        "deepest_reorg_blocks",
        "Depth of the deepest reorganization.",
        lambda chain: chain.deepest_reorg_blocks,
    ),
    _Family(
        kind=CounterMetricFamily,
        name="reorgs",
        help_text="Reorganizations that were followed.",
        labels=(),
        samples=lambda chain: [((), chain.status.reorgs)],
    ),
    _Family(
        kind=GaugeMetricFamily,
        name="state",
        help_text="1 for the state that the indexer is in.",
        labels=("state",),
        samples=_states,
    ),
    _reported(
        GaugeMetricFamily,
        "range_blocks",
        "Blocks of the last range, or of the next one after a failure.",
        (),
        lambda report: [((), report.range_blocks)],
    ),
    _reported(
        GaugeMetricFamily,
        "blocks",
        "Finalized blocks by proof of completeness.",
        ("proof",),
        _proofs,
    ),
    _reported(CounterMetricFamily, "requests", "Requests to endpoints.", ("endpoint",), _requests),
    _reported(
        CounterMetricFamily, "errors", "Failed requests by class.", ("endpoint", "class"), _errors
    ),
    _reported(
        CounterMetricFamily,
        "stalled_seconds",
        "Time that indexing stood still: until a range was fetched, until it was stored.",
        ("on",),
        _stalled,
    ),
)
