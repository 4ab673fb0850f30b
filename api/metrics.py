"""What a monitor scrapes, in the Prometheus text format.

Durations are counted by this process. Everything about the chain and the books is read from the
database at the moment of the scrape: the numbers are those of the facts, and they cannot go stale
in a process that nobody asks.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from api.adapters.chains import ChainReading
from api.indexer_metrics import indexer_families

_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Everything that a scrape reads; counts by (settlement, state) and (settlement, kind)."""

    chains: tuple[ChainReading, ...]
    epochs: tuple[tuple[str, str, int], ...]
    discrepancies: tuple[tuple[str, str, int], ...]


class RequestMetrics:
    """Durations of requests by route and status; each app has its own registry."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._duration = Histogram(
            "quittance_request_duration_seconds",
            "Time from the first byte of a request to the end of its answer.",
            ("route", "status"),
            registry=self.registry,
            buckets=_BUCKETS_S,
        )

    def observe(self, route: str, status: int, duration_s: float) -> None:
        """Count one request."""
        self._duration.labels(route, str(status)).observe(duration_s)


def exposition(metrics: RequestMetrics, reading: Reading | None) -> bytes:
    """The text of one scrape; without a reading the database did not answer."""
    is_up = GaugeMetricFamily(
        "quittance_database_up",
        "Whether the database answered this scrape.",
        value=reading is not None,
    )
    families = [is_up, *(families_of(reading) if reading else ())]
    scrape = CollectorRegistry()
    scrape.register(_Families(families))
    return generate_latest(metrics.registry) + generate_latest(scrape)


def families_of(reading: Reading) -> Iterator[Metric]:
    """The reading as metric families."""
    yield from indexer_families(reading.chains)
    yield _by_settlement("quittance_epochs", "Newest epochs by state.", "state", reading.epochs)
    yield _by_settlement(
        "quittance_discrepancies",
        "Discrepancies that the newest reconciliation found, by kind.",
        "kind",
        reading.discrepancies,
    )


def _by_settlement(
    name: str, help_text: str, label: str, counts: Iterable[tuple[str, str, int]]
) -> Metric:
    gauge = GaugeMetricFamily(name, help_text, labels=("settlement", label))
    for settlement, key, count in counts:
        gauge.add_metric((settlement, key), count)
    return gauge


class _Families:
    """A collector of families that are there already."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families
