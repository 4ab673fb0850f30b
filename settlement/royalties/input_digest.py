"""How a manifest names the ordered list of its input logs: by their number and a rolling hash.

    h' = keccak(h ‖ keccak(log)), from 32 zero bytes

A log is blockNumber (8 bytes) ‖ blockHash ‖ logIndex (4) ‖ address ‖ topic count (1) ‖ topics ‖
data length (4) ‖ data, numbers big-endian. The hash is taken batch by batch: however a list is cut,
it is the same.
"""

from dataclasses import dataclass

import sha3

from contracts.batches import LogColumns
from contracts.evm import ZERO_HASH, Hash32


@dataclass(frozen=True, slots=True)
class InputDigest:
    """A list of input logs, named."""

    count: int
    rolling_hash: Hash32


class RollingHash:
    """The name of the logs that were added so far, in chain order."""

    def __init__(self) -> None:
        self._count = 0
        self._rolled = bytes(ZERO_HASH)

    def add(self, logs: LogColumns) -> None:
        """Add the next logs."""
        for row in range(len(logs)):
            digest = sha3.keccak_256(_log_preimage(logs, row)).digest()
            self._rolled = sha3.keccak_256(self._rolled + digest).digest()
        self._count += len(logs)

    @property
    def digest(self) -> InputDigest:
        """Their number and their hash."""
        return InputDigest(self._count, Hash32(self._rolled))


def input_digest(logs: LogColumns) -> InputDigest:
    """The name of a whole list."""
    rolled = RollingHash()
    rolled.add(logs)
    return rolled.digest


def _log_preimage(logs: LogColumns, row: int) -> bytes:
    topics, data = logs.topics[row], logs.data[row]
    return b"".join(
        (
            logs.block_number[row].to_bytes(8, "big"),
            logs.block_hash[row],
            logs.log_index[row].to_bytes(4, "big"),
            logs.address[row],
            len(topics).to_bytes(1, "big"),
            *topics,
            len(data).to_bytes(4, "big"),
            data,
        )
    )
