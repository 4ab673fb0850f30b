"""Assets that do not tie out, and are not paid out until they do."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, text

from contracts.evm import Address, ChainId
from reconciliation.register import LIVE
from reconciliation.runbook import RULES

_STOPPING = [kind.value for kind, rule in RULES.items() if rule.stops_payouts]

_LIVE = """
    SELECT DISTINCT ON (d.discrepancy_id) d.kind, d.subject, d.asset
    FROM reconciliation_transition t
    JOIN reconciliation_discrepancy d ON d.discrepancy_id = t.discrepancy_id
    JOIN reconciliation_run r ON r.id = d.run_id
         AND (r.chain_id, r.contract) = (t.chain_id, t.contract)
    WHERE t.chain_id = :chain_id AND t.contract = :contract AND t.status = ANY(:live)
      AND d.kind = ANY(:kinds) AND t.id = (
          SELECT max(l.id) FROM reconciliation_transition l
          WHERE (l.chain_id, l.contract, l.discrepancy_id)
              = (t.chain_id, t.contract, t.discrepancy_id))
    ORDER BY d.discrepancy_id, d.run_id DESC
"""


@dataclass(frozen=True, slots=True)
class Stops:
    """Why assets are stopped; `of_all` is the reason that stops every asset."""

    by_asset: Mapping[Address, str]
    of_all: str | None

    @classmethod
    def none(cls) -> "Stops":
        """Nothing is stopped."""
        return cls({}, None)

    def reason(self, asset: Address) -> str | None:
        """Why an asset is not paid out; None if it is."""
        return self.of_all or self.by_asset.get(asset)


class SqlAssetStops:
    """Stops of one settlement, by what the newest runs left open."""

    def __init__(self, chain_id: ChainId, contract: Address) -> None:
        self._key = {"chain_id": chain_id, "contract": bytes(contract)}

    def stopped(self, connection: Connection) -> Stops:
        """What stands now; read on the caller's connection."""
        values = self._key | {"live": [one.value for one in LIVE], "kinds": _STOPPING}
        by_asset: dict[Address, str] = {}
        of_all = None
        for row in connection.execute(text(_LIVE), values):
            reason = f"does not tie out: {row.kind} at {row.subject}"
            if row.asset is None:
                of_all = of_all or reason
            else:
                by_asset.setdefault(Address(row.asset), reason)
        return Stops(by_asset=by_asset, of_all=of_all)
