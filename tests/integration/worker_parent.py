"""A process with workers, to be killed: prints a line once they are at work.

Usage: python -m tests.integration.worker_parent SECONDS_PER_RANGE
"""

import sys
from functools import partial

from contracts.evm import BlockNumber
from tests.worker_chains import LENGTH, blocks, chain_of, ranges_ahead


def main() -> None:
    """Keep workers until killed."""
    source = ranges_ahead(partial(chain_of, LENGTH, seconds=int(sys.argv[1])))
    for start in (0, 10):  # the first range is fetched here, while they start
        source.take(blocks(start, start + 10), is_final=True, ahead_end=BlockNumber(LENGTH))
    print("took", flush=True)  # noqa: T201
    sys.stdin.read()


if __name__ == "__main__":
    main()
