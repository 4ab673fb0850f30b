"""What payouts need from a person: kept after each tick, told once, and asked for at night.

Subjects: settlement.payouts.adapters.standing, settlement.payouts.adapters.standing_tables,
scripts.payout_needs, api.adapters.payout_standing.
"""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from contracts.addresses import settlements_to_json
from contracts.evm import Hash32
from scripts.cli.books import payout
from scripts.payout_needs import standing_of, tell_needs
from settlement.payouts.adapters.standing_tables import PAYOUT_STANDING, RETENTION
from settlement.payouts.assemble import Held
from settlement.payouts.needs import NeedKind, needs_of
from settlement.payouts.report import Stop, TickReport
from settlement.payouts.view import Objection, OwnCheck
from tests.royalties_builders import SETTLEMENT

OP = Hash32.from_int(7)
LACKS_FLOAT = Held(OP, Objection(None, "4 units left", OwnCheck.FLOAT))
POOR = TickReport(stop=Stop.NO_GAS_MONEY, held=(LACKS_FLOAT, LACKS_FLOAT))
NOBODY: frozenset[NeedKind] = frozenset()


def test_tell_needs__tick_after_tick__kept_whole_and_logged_when_they_change(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "scripts.payout_needs")
    assert standing_of(engine, SETTLEMENT).read() is None

    first = tell_needs(engine, SETTLEMENT, POOR, NOBODY)
    again = tell_needs(engine, SETTLEMENT, POOR, first)
    kept = standing_of(engine, SETTLEMENT).read()
    quiet = tell_needs(engine, SETTLEMENT, TickReport(), again)

    assert first == again == {NeedKind.GAS_MONEY, NeedKind.FLOAT}
    assert quiet == NOBODY
    assert kept is not None
    assert (kept.stop, kept.needs) == ("no_gas_money", needs_of(POOR))
    assert 0 <= kept.seconds_ago < 60
    last = standing_of(engine, SETTLEMENT).read()
    assert last is not None
    assert (last.stop, last.needs) == (None, ())
    said = [(one.levelname, one.message) for one in caplog.records]
    assert said == [("ERROR", "payouts need a person")] * 2 + [
        ("INFO", "payouts need nobody any more")
    ]
    assert RETENTION.keys() == {PAYOUT_STANDING.name}


@pytest.fixture
def environ(database: str, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "book.json").write_text(settlements_to_json((SETTLEMENT,)))
    config = tmp_path / "quittance.toml"
    config.write_text(
        f'[[chain]]\nid = {SETTLEMENT.chain_id}\nname = "test"\nrpc = ["http://127.0.0.1:1"]\n'
        'start_block = 0\naddresses = "book.json"\ntokens = []\n'
        'finality = { tag = "finalized", depth = 1 }\n'
    )
    return {
        "QUITTANCE_CONFIG": str(config),
        "QUITTANCE_DATA_DIR": str(tmp_path),
        "QUITTANCE_DATABASE_URL": database,
    }


def asked(environ: dict[str, str]) -> tuple[int, Any, str]:
    """Exit code, answer and complaint of `quittance payout needs`."""
    said = CliRunner().invoke(payout, ["needs"], obj=environ)
    return said.exit_code, json.loads(said.stdout) if said.stdout else None, said.stderr


def test_command__never_looked_then_needs_then_none__exit_1_until_nobody_is_needed(
    engine: Engine, environ: dict[str, str]
) -> None:
    code, answer, complaint = asked(environ)
    assert (code, answer) == (1, None)
    assert "run `quittance worker`" in complaint

    tell_needs(engine, SETTLEMENT, POOR, NOBODY)
    code, answer, _ = asked(environ)
    assert code == 1
    assert [(one["need"], one["count"]) for one in answer["needs"]] == [
        ("gas_money", 1),
        ("float", 2),
    ]
    assert "quittance ledger manual propose" in answer["needs"][0]["do"]

    tell_needs(engine, SETTLEMENT, TickReport(), NOBODY)
    assert asked(environ)[0] == 0
    with engine.begin() as connection:
        connection.execute(text("UPDATE payout_standing SET updated_at = now() - interval '1 day'"))
    code, answer, _ = asked(environ)
    assert (code, [one["need"] for one in answer["needs"]]) == (1, ["worker"])
    assert answer["looked_s_ago"] >= 86_400
