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
class PayoutReading:
    """Payouts of one settlement; `looked_s_ago` is None before the worker's first look.

    `open_operations` are planned and not over, the oldest since `oldest_s`.
    """

    settlement: str
    looked_s_ago: int | None
    needs: tuple[tuple[str, int], ...]
    open_operations: int
    oldest_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Everything that a scrape reads; counts by (settlement, state) and (settlement, kind)."""

    chains: tuple[ChainReading, ...]
    epochs: tuple[tuple[str, str, int], ...]
    discrepancies: tuple[tuple[str, str, int], ...]
    payouts: tuple[PayoutReading, ...]


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
    yield from _of_payouts(reading.payouts)


def _of_payouts(payouts: Iterable[PayoutReading]) -> Iterator[Metric]:
    read = tuple(payouts)
    yield _by_settlement(
        "quittance_payout_needs",
        "What payouts need from a person, by kind: `quittance payout needs` says what to do.",
        "need",
        [(one.settlement, kind, count) for one in read for kind, count in one.needs],
    )
    gauges = (
        (
            "quittance_payout_look_age_seconds",
            "Time since the worker last looked at payouts.",
            [(one.settlement, one.looked_s_ago) for one in read if one.looked_s_ago is not None],
        ),
        (
            "quittance_payout_operations_open",
            "Operations that are planned and not over.",
            [(one.settlement, one.open_operations) for one in read],
        ),
        (
            "quittance_payout_oldest_open_seconds",
            "Age of the oldest of them; 0 without any.",
            [(one.settlement, one.oldest_s) for one in read],
        ),
    )
    for name, help_text, values in gauges:
        gauge = GaugeMetricFamily(name, help_text, labels=("settlement",))
        for settlement, value in values:
            gauge.add_metric((settlement,), value)
        yield gauge


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
