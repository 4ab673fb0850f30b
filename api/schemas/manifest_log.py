"""Answers about the log of committed manifests (RFC 9162)."""

from api.fields import HashOut
from api.schemas.envelope import OfSettlement


class LogAnswer(OfSettlement):
    """The log up to `block`: keep `size` and `root`, and ask for consistency with them later."""

    size: int
    root: HashOut


class InclusionAnswer(OfSettlement):
    """That a manifest is entry `index` of the log of `size` entries with this root.

    The entry is the manifest digest: leaf_hash = SHA-256(0x00 ‖ manifest_digest).
    """

    epoch: int
    attempt: int
    manifest_digest: HashOut
    index: int
    leaf_hash: HashOut
    size: int
    root: HashOut
    path: list[HashOut]


class ConsistencyAnswer(OfSettlement):
    """That the log of `from_size` entries is the beginning of that of `to_size` entries."""

    from_size: int
    from_root: HashOut
    to_size: int
    to_root: HashOut
    path: list[HashOut]
