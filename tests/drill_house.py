"""A settlement house for drills: one database, one chain, and every job run by hand.

The town is the demo's: contracts on a dev chain, people who pay for an epoch and use works. A house
is what an operator runs on it; several houses can stand on one town, each with a database of its
own, which is what a lost database and a restored backup come down to.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, select
from typer.testing import CliRunner

from contracts.addresses import Settlement, settlements_to_json
from contracts.evm import Address, Epoch, Hash32, Timestamp
from indexer.sync import is_synced, run_until
from scripts.bootstrap import migrate, open_database
from scripts.bootstrap_indexer import running_indexer
from scripts.bootstrap_settlement import SettlementJobs, book_of, chain_check
from scripts.cli.endings import ending_of
from scripts.cli.epochs import app as epochs
from scripts.demo import scenes
from scripts.demo.actors import Stage
from scripts.demo.population import make_population
from scripts.demo.scenes import Scenes
from scripts.deploy import Delays, deploy_settlement
from scripts.devnet import GUARDIANS, config_text, guardian, officials, plan_of
from scripts.devnode import DevNode, account_from_seed
from scripts.guardians import approve_exported, export_to
from scripts.settings import load_settings
from scripts.wiring import snapshot
from settlement.errors import NotComputedYet
from settlement.ledger.adapters.reads import LedgerReads
from settlement.payouts.adapters.tables import PAYOUT_TRANSACTION
from settlement.royalties.adapters.signer import LocalGuardian
from settlement.royalties.approve import Refused

SEED = 11
EPOCH = Epoch(0)
FINAL_BLOCKS = 14
_SUBSCRIBERS, _WORKS = 40, 12
_MONEY_WEI = 10**21
_TRANSACTIONS_OF_AN_EPOCH = 6


@dataclass(frozen=True, slots=True)
class Town:
    """The chain with one epoch that people have paid for and used, and whose grace is over."""

    node: DevNode
    scenes: Scenes
    directory: Path

    @property
    def settlement(self) -> Settlement:
        return self.scenes.stage.deployment.settlement

    @property
    def token(self) -> Address:
        return self.scenes.stage.deployment.token

    def finalize(self) -> None:
        self.node.mine(FINAL_BLOCKS)

    def pass_time(self, seconds: int) -> None:
        _, now = self.node.head()
        self.node.move_time_to(Timestamp(now + seconds))
        self.finalize()

    def token_balance(self, owner: Address) -> int:
        token = self.node.contract("DemoToken", self.token)
        return int(token.functions.balanceOf(str(owner)).call())


def build_town(node: DevNode, directory: Path) -> Town:
    """Deploy, and let the first epoch happen."""
    node.request("evm_setAutomine", False)
    population = make_population(SEED, subscribers=_SUBSCRIBERS, works=_WORKS)
    people = (population.sponsor, *population.subscribers, *population.registrants)
    guardians = [guardian(SEED, index) for index in range(GUARDIANS)]
    node.fund([*officials(SEED), *guardians, *people], _MONEY_WEI)
    _, genesis = node.head()
    plan = plan_of(
        SEED,
        name="drill",
        genesis=Timestamp(genesis),
        epoch_length_s=scenes.EPOCH_LENGTH_S,
        grace_s=scenes.GRACE_S,
        delays=Delays(veto_s=scenes.VETO_WINDOW_S),
    )
    deployment = deploy_settlement(node, account_from_seed(SEED, "admin"), plan)
    played = Scenes.of(
        Stage(node, deployment, SEED), population, genesis=Timestamp(genesis), seed=SEED
    )
    played.open()
    played.pay_rest(EPOCH, played.pay(EPOCH))
    played.use(EPOCH)
    played.use_late(EPOCH)
    (directory / "addresses.json").write_text(settlements_to_json((deployment.settlement,)))
    town = Town(node, played, directory)
    town.finalize()
    return town


@dataclass(frozen=True, slots=True)
class House:
    """What an operator runs: the jobs of the worker and the indexer, over one database."""

    town: Town
    engine: Engine
    jobs: SettlementJobs
    name: str
    environ: dict[str, str]

    def catch_up(self) -> None:
        """Index up to the head, post what is final, compute what is due."""
        (chain,) = self.jobs.settings.chains
        with running_indexer(self.engine, chain, end_block=None) as running:
            run_until(running.indexer, is_synced, wait=lambda: time.sleep(0.05))
        with suppress(NotComputedYet):  # as the worker does: the next hint tries again
            self.jobs.post_journal(self.name)
        self.jobs.compute_epochs(self.name)
        self.jobs.post_journal(self.name)
        self.jobs.record_gas(self.name)
        self.jobs.post_payments(self.name)

    def approve(self) -> None:
        """Two guardians check the epoch, each on a copy of the bundle, and sign."""
        (chain,) = self.jobs.settings.chains
        settlement = self.town.settlement
        for index in range(2):
            bundle = self.town.directory / f"{self.engine.url.database}-guardian-{index}"
            assert export_to(bundle, EPOCH, engine=self.engine, settlement=settlement) is None
            answer = approve_exported(
                bundle,
                LocalGuardian(bytes(guardian(SEED, index).key)),
                engine=self.engine,
                settlement=settlement,
                chain=chain_check(chain, settlement),
                url=chain.rpc[0],
            )
            assert not isinstance(answer, Refused), answer

    def commit(self) -> tuple[int, str]:
        """`quittance epoch commit`: its exit code, and what it says."""
        said = CliRunner().invoke(epochs, ["commit", str(EPOCH)], obj=self.environ)
        if said.exception is None:
            return 0, said.stdout
        assert isinstance(said.exception, Exception)
        ending = ending_of(said.exception)
        assert ending is not None, said.exception
        return ending[0], ending[1][0]

    def pay(self) -> None:
        """One tick of the submitter."""
        self.jobs.submit_payouts(self.name)

    def sent(self) -> list[tuple[Hash32, bytes]]:
        """Every transaction that this house signed: hash and raw bytes, by nonce."""
        columns = PAYOUT_TRANSACTION.c
        query = select(columns.tx_hash, columns.raw).order_by(columns.nonce)
        with self.engine.connect() as connection:
            return [(row.tx_hash, bytes(row.raw)) for row in connection.execute(query)]


@contextmanager
def opened_house(town: Town, url: str, *, paid_in: int) -> Iterator[House]:
    """A house on a database; its key may move a part of the epoch in one transaction."""
    migrate(url)
    database = url.rpartition("/")[2]
    config = town.directory / f"{database}.toml"
    limit = paid_in // _TRANSACTIONS_OF_AN_EPOCH
    config.write_text(
        config_text((town.node.url,), "addresses.json")
        + '\n[signer]\nkind = "key"\n\n[[signer.limit]]\n'
        + f'chain = {town.settlement.chain_id}\nasset = "{town.token}"\n'
        + f'transaction = "{limit}"\nday = "{10 * paid_in}"\n'
    )
    kept = {key: value for key, value in os.environ.items() if not key.startswith("QUITTANCE_")}
    environ = kept | {
        "QUITTANCE_CONFIG": str(config),
        "QUITTANCE_DATABASE_URL": url,
        "QUITTANCE_DATA_DIR": str(town.directory),
        "QUITTANCE_SIGNER_KEY": "0x" + account_from_seed(SEED, "submitter").key.hex(),
        "QUITTANCE_FEE_PER_GAS_WEI_MAX": str(10**11),
    }
    settings = load_settings(environ)
    with ExitStack() as stack:
        engine = open_database(url)
        stack.callback(engine.dispose)
        yield House(town, engine, SettlementJobs(settings, engine), town.settlement.name, environ)


def made_payable(house: House) -> None:
    """Compute, approve and commit the epoch, and wait until nothing can stop it."""
    assert house.commit()[1].startswith(f"epoch {EPOCH} is not computed yet")
    house.catch_up()
    nobody = "0 of 2 guardians approved it: nobody"
    assert house.commit() == (1, f"epoch {EPOCH} was not committed: {nobody}")
    house.approve()
    code, said = house.commit()
    assert code == 0
    assert json.loads(said)["transactions"] == [str(tx_hash) for tx_hash, _ in house.sent()]
    assert house.commit() == (0, said), "the commitment is on its way, nothing is sent twice"
    house.town.finalize()
    house.catch_up()
    over = f"the contract waits for epoch {EPOCH + 1}"
    assert house.commit() == (1, f"epoch {EPOCH} was not committed: {over}")
    house.town.pass_time(scenes.VETO_WINDOW_S + 1)
    house.catch_up()
    assert open_leaves(house) > 0


def open_leaves(house: House) -> int:
    """How many leaves have a line that is owed still."""
    with snapshot(house.engine) as connection:
        return len(LedgerReads(connection, book_of(house.town.settlement)).payable_leaves())
