"""The numbers of every indexer for a monitor, and none where there is nothing to tell.

Subjects: api.indexer_metrics, api.metrics.
"""

from api.adapters.chains import ChainReading, EndpointCounts, IndexerCounters
from api.indexer_metrics import indexer_families
from api.metrics import Reading, RequestMetrics, exposition
from api.schemas.envelope import Block
from api.schemas.service import ChainStatus, ProvedBlocks
from contracts.evm import keccak

COVERAGE = ProvedBlocks(end_block=90, receipts=5, empty=80, corroborated=3, stated=2)
SILENT = ChainReading(
    status=ChainStatus(
        chain_id=1,
        state="absent",
        reason="no indexer has reported yet",
        level=None,
        reported_s_ago=None,
        head=None,
        indexed=None,
        finalized=None,
        lag_blocks=None,
        lag_s=None,
        disputed_blocks=[],
        blocks_by_proof=None,
        reorgs=0,
        deepest_reorg_blocks=0,
        last_reorg=None,
    ),
    counters=None,
)
BUSY = ChainReading(
    status=ChainStatus(
        chain_id=8453,
        state="disputed",
        reason="they differ",
        level="receipts",
        reported_s_ago=1,
        head=100,
        indexed=Block(number=98, hash=keccak(b"98"), timestamp=1_000),
        finalized=Block(number=89, hash=keccak(b"89"), timestamp=900),
        lag_blocks=2,
        lag_s=14,
        disputed_blocks=[90, 91],
        blocks_by_proof=COVERAGE,
        reorgs=6,
        deepest_reorg_blocks=4,
        last_reorg=None,
    ),
    counters=IndexerCounters(
        range_blocks=50,
        fetch_stalled_ms=1_500,
        storage_stalled_ms=250,
        disputed_blocks=[90, 91],
        coverage=COVERAGE,
        endpoints=[
            EndpointCounts(host="one", requests=7, errors={}),
            EndpointCounts(host="two", requests=9, errors={"limited": 2, "malformed": 1}),
        ],
    ),
)


def shown(*chains: ChainReading) -> set[str]:
    """All lines with a number, without the common beginning of the names."""
    reading = Reading(chains=chains, epochs=(), discrepancies=(), payouts=())
    text = exposition(RequestMetrics(), reading).decode()
    return {
        line.removeprefix("quittance_indexer_")
        for line in text.splitlines()
        if line.startswith("quittance_indexer_")
    }


def test_indexer_metrics__report__every_number_of_it() -> None:
    assert shown(BUSY) >= {
        'head{chain_id="8453"} 100.0',
        'height{chain_id="8453"} 98.0',
        'finalized{chain_id="8453"} 89.0',
        'lag_blocks{chain_id="8453"} 2.0',
        'lag_seconds{chain_id="8453"} 14.0',
        'report_age_seconds{chain_id="8453"} 1.0',
        'disputed_blocks{chain_id="8453"} 2.0',
        'deepest_reorg_blocks{chain_id="8453"} 4.0',
        'reorgs_total{chain_id="8453"} 6.0',
        'state{chain_id="8453",state="disputed"} 1.0',
        'state{chain_id="8453",state="synced"} 0.0',
        'range_blocks{chain_id="8453"} 50.0',
        'blocks{chain_id="8453",proof="receipts"} 5.0',
        'blocks{chain_id="8453",proof="empty"} 80.0',
        'blocks{chain_id="8453",proof="corroborated"} 3.0',
        'blocks{chain_id="8453",proof="stated"} 2.0',
        'requests_total{chain_id="8453",endpoint="one"} 7.0',
        'requests_total{chain_id="8453",endpoint="two"} 9.0',
        'errors_total{chain_id="8453",class="limited",endpoint="two"} 2.0',
        'errors_total{chain_id="8453",class="malformed",endpoint="two"} 1.0',
        'stalled_seconds_total{chain_id="8453",on="fetch"} 1.5',
        'stalled_seconds_total{chain_id="8453",on="storage"} 0.25',
    }


def test_indexer_metrics__no_report__state_and_reorgs_alone() -> None:
    told = {line for line in shown(SILENT) if not line.startswith("state{")}

    assert told == {
        'disputed_blocks{chain_id="1"} 0.0',
        'deepest_reorg_blocks{chain_id="1"} 0.0',
        'reorgs_total{chain_id="1"} 0.0',
    }
    assert 'state{chain_id="1",state="absent"} 1.0' in shown(SILENT)


def test_indexer_metrics__two_chains__one_family_with_samples_of_both() -> None:
    families = {family.name: family for family in indexer_families((SILENT, BUSY))}

    chain_ids = [
        sample.labels["chain_id"] for sample in families["quittance_indexer_reorgs"].samples
    ]
    assert chain_ids == ["1", "8453"]
