"""What couples subscribers: a pseudonym that stands more than once in an epoch.

Whoever uses one that stands once can be judged alone. All others are judged together, in chain
order, by `quarantine.accept_usage` itself; only their rows that a pseudonym keeps out are taken
from there, and every shard then finds the rest by itself.

To find them, eight bytes of every pseudonym are sorted. Two pseudonyms that agree in these only put
two subscribers among the others for nothing.
"""

from collections.abc import Iterable

import numpy as np

from contracts.batches import ConsumptionColumns, FundedColumns, SubscribedColumns
from contracts.evm import SCALAR_FIELD_ORDER, Address
from contracts.packed_usage import ByteRows, PackedPseudonyms
from settlement.royalties.inputs import EpochScope, epoch_inputs
from settlement.royalties.parameters import Parameters
from settlement.royalties.quarantine import accept_usage
from settlement.royalties.reasons import Reason
from settlement.royalties.registry import Registry
from settlement.royalties.shard_ids import id_keys, is_member, repeated_values
from settlement.royalties.shard_judging import Coupled
from settlement.royalties.shard_shares import Words

_BY_PSEUDONYM = frozenset({Reason.NON_CANONICAL_ID, Reason.REUSED_PSEUDONYM})
_ORDER_HEAD = SCALAR_FIELD_ORDER >> 192
"""What is not canonical has first eight bytes at least as large."""
_SIEVE_BITS = 16
_SIEVE_SHIFT = np.uint64(64 - _SIEVE_BITS)
"""Where the first bits of a key are those of no repeated one, it need not be looked up."""
_NO_FUNDING = FundedColumns(block_number=[], log_index=[], asset=[], source=[], amount=[])


def coupled_submitters(batches: Iterable[PackedPseudonyms]) -> list[Address]:
    """Everybody who used a pseudonym that may stand more than once or not be canonical."""
    submitters: list[ByteRows] = []
    keys: list[Words] = []
    coupled: set[bytes] = set()
    for batch in batches:
        count, each, _ = batch.pseudonym.shape
        if not each:
            continue
        submitters.append(np.ascontiguousarray(batch.submitter))
        keys.append(id_keys(batch.pseudonym.reshape(count * each, 32)).reshape(count, each))
        coupled.update(batch.submitter[at].tobytes() for at in _not_canonical(batch.pseudonym))
    if keys:
        repeated = repeated_values(np.concatenate([one.ravel() for one in keys]))
        is_candidate = np.zeros(2**_SIEVE_BITS, dtype=bool)
        is_candidate[repeated >> _SIEVE_SHIFT] = True
        for who, of_one in zip(submitters, keys, strict=True):
            some = np.flatnonzero(is_candidate[of_one >> _SIEVE_SHIFT].any(axis=1))
            for at in some[is_member(of_one[some], repeated).any(axis=1)].tolist():
                coupled.add(who[at].tobytes())
    return [Address(one) for one in sorted(coupled)]


def _not_canonical(pseudonyms: ByteRows) -> list[int]:
    """Which submissions (m, n, 32) have a pseudonym that may not be canonical."""
    high = np.flatnonzero((pseudonyms[:, :, 0] >= _ORDER_HEAD >> 56).any(axis=1))
    heads = np.ascontiguousarray(pseudonyms[high, :, :8]).view(">u8")[:, :, 0]
    found: list[int] = high[(heads >= np.uint64(_ORDER_HEAD)).any(axis=1)].tolist()
    return found


def coupled_rows(
    *,
    subscribed: SubscribedColumns,
    consumption: ConsumptionColumns,
    parameters: Parameters,
    registry: Registry,
    scope: EpochScope,
) -> tuple[Coupled, ...]:
    """The rows that a pseudonym keeps out, from all events of the coupled submitters."""
    inputs = epoch_inputs(scope, funded=_NO_FUNDING, subscribed=subscribed, consumption=consumption)
    return tuple(
        Coupled(item.block_number, item.log_index, item.position, item.reason)
        for item in accept_usage(inputs, parameters, registry).quarantined
        if item.reason in _BY_PSEUDONYM
    )
