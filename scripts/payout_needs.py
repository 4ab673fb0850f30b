"""What payouts need from a person: kept after every tick, and told in the log when it changes."""

import logging

from sqlalchemy import Engine

from contracts.addresses import Settlement
from settlement.payouts.adapters.standing import SqlPayoutStanding
from settlement.payouts.needs import Need, NeedKind, needs_of
from settlement.payouts.report import TickReport

log = logging.getLogger(__name__)


def standing_of(engine: Engine, settlement: Settlement) -> SqlPayoutStanding:
    """Where what payouts of a settlement need is kept."""
    return SqlPayoutStanding(engine, settlement.chain_id, settlement.payouts)


def tell_needs(
    engine: Engine, settlement: Settlement, report: TickReport, told: frozenset[NeedKind]
) -> frozenset[NeedKind]:
    """Keep what a tick needs, and say in the log what is new of it; the kinds that are met now."""
    needs = needs_of(report)
    stop = None if report.stop is None else report.stop.value
    standing_of(engine, settlement).write(stop, needs)
    for need in needs:
        if need.kind not in told:
            fields = {"settlement": settlement.name} | spelled(need)
            log.error("payouts need a person", extra=fields)
    now = frozenset(need.kind for need in needs)
    if told and not now:
        log.info("payouts need nobody any more", extra={"settlement": settlement.name})
    return now


def spelled(need: Need) -> dict[str, object]:
    """A need as it is printed and logged."""
    return {
        "need": need.kind.value,
        "count": need.count,
        "detail": need.detail,
        "do": need.what_to_do,
    }
