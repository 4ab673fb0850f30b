"""Where the demo runs: servers, deployed contracts, configuration, and the processes."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine

from contracts.addresses import Settlement, settlements_to_json
from contracts.event_spec import ContractName
from contracts.evm import Timestamp
from scripts.bootstrap import migrate, open_database
from scripts.demo import scenes, shop
from scripts.demo.actors import Stage
from scripts.demo.gateway import (
    ClosedEndpoint,
    Gateway,
    OmittingEndpoint,
    running_gateway,
    served,
)
from scripts.demo.options import DemoOptions
from scripts.demo.outcome import EscrowClaim, PayeeHold, Veto
from scripts.demo.population import make_population
from scripts.demo.scenes import Scenes
from scripts.deploy import Delays, deploy_settlement
from scripts.deploy_payments import deploy_payments
from scripts.devnet import (
    CHAIN_ID,
    GUARDIANS,
    SLOTS_IN_AN_EPOCH,
    config_text,
    guardian,
    officials,
    payment_plan_of,
    plan_of,
)
from scripts.devnode import DevNode, account_from_seed
from scripts.embedded.anvil import DevChain, running_anvil
from scripts.embedded.ownership import sole_owner
from scripts.embedded.places import make_directory, server_account
from scripts.embedded.postgres import running_postgres
from scripts.errors import DirectoryInUse, Transient
from scripts.launcher import ChildProcess, start_process
from scripts.settings import ChainSettings, Settings, load_settings
from scripts.wiring import snapshot

POLL_MS = 150
_GAS_MONEY_WEI = 10**21
_FEE_PER_GAS_WEI_MAX = 100_000_000_000
_PATIENCE_S = 300


_Answer = TypeVar("_Answer")


class DemoStuck(Transient):
    """The engine did not get where the story waits for it."""

    def __init__(self, what: str, logs: Path) -> None:
        super().__init__(f"the demo waited {_PATIENCE_S} s in vain: {what}; logs are in {logs}")


@dataclass(slots=True)
class Theatre:
    """Everything that runs, what the story needs to drive it, and what it has seen so far."""

    directory: Path
    engine: Engine
    scenes: Scenes
    gateway: Gateway
    omitting: OmittingEndpoint
    witness: ClosedEndpoint
    settings: Settings
    database_url: str
    environ_of: Mapping[str, Mapping[str, str]]
    children: dict[str, ChildProcess]
    restarts: int = 0
    hold: PayeeHold | None = None
    claim: EscrowClaim | None = None
    veto: Veto | None = None

    @property
    def node(self) -> DevNode:
        """The development chain."""
        return self.scenes.stage.node

    @property
    def chain(self) -> ChainSettings:
        """The one configured chain, by its own endpoint."""
        return self.settings.chains[0]

    @property
    def settlement(self) -> Settlement:
        """The one deployment."""
        return self.chain.settlements[0]

    def start(self, command: str) -> None:
        """Start one of the processes."""
        log_file = self.directory / f"{command}.log"
        self.children[command] = start_process(
            command, environ=self.environ_of[command], log_file=log_file
        )

    def stop(self) -> None:
        """Stop every process: all are asked before any is waited for."""
        for child in self.children.values():
            child.ask_to_stop()
        for child in self.children.values():
            child.stop()

    def kill_and_restart(self, command: str) -> None:
        """Kill -9, then start it again, as a supervisor would."""
        self.children[command].kill()
        self.restarts += 1
        self.gateway.release()
        self.start(command)

    def wait_until(self, what: str, is_so: Callable[[], bool], *, is_mining: bool = True) -> None:
        """Let the chain go on, block by block, until something is so.

        Raises:
            DemoStuck: it took too long.
            ServerFailed: a process ended by itself.
        """
        deadline = time.monotonic() + _PATIENCE_S
        while not is_so():
            if time.monotonic() > deadline:
                raise DemoStuck(what, self.directory)
            for child in self.children.values():
                child.check()
            if is_mining:
                self.node.mine()
            time.sleep(POLL_MS / 1000)

    def served_url(self) -> str:
        """Wait until the API says where it answers."""
        log_file = self.children["serve"].log_file

        def urls() -> list[str]:
            return [line for line in log_file.read_text().splitlines() if line.startswith("http:")]

        self.wait_until("the API answers", lambda: bool(urls()), is_mining=False)
        return urls()[0]

    def read(self, question: Callable[[Connection], _Answer]) -> _Answer:
        """One answer of the database."""
        with snapshot(self.engine) as connection:
            return question(connection)


@contextmanager
def opened(options: DemoOptions, environ: Mapping[str, str]) -> Iterator[Theatre]:
    """Start servers, deploy, and start the processes; nothing is left when the context ends."""
    with ExitStack() as stack:
        directory = stack.enter_context(_run_directory(options.directory / "demo"))
        postgres = stack.enter_context(running_postgres(directory / "postgres"))
        chain = DevChain(chain_id=CHAIN_ID, slots_in_an_epoch=SLOTS_IN_AN_EPOCH)
        anvil = stack.enter_context(running_anvil(directory / "anvil", chain))
        gateway, gateway_url = stack.enter_context(running_gateway(anvil.url))
        database_url = postgres.url()
        migrate(database_url)
        engine = open_database(database_url)
        stack.callback(engine.dispose)
        played = _deployed(DevNode(anvil.url), options)
        (directory / "addresses.json").write_text(
            settlements_to_json((played.stage.deployment.settlement,))
        )
        usage = played.stage.deployment.settlement.contracts[ContractName.CONSUMPTION_SUBMISSIONS]
        omitting = OmittingEndpoint(anvil.url, str(usage))
        witness = ClosedEndpoint(anvil.url)
        endpoints = (
            stack.enter_context(served(omitting.answer)),
            stack.enter_context(served(witness.answer)),
        )
        house_environ = _environ(environ, directory, "house", (anvil.url,), database_url)
        index_environ = _environ(environ, directory, "index", endpoints, database_url)
        watch_environ = _environ(environ, directory, "watch", (anvil.url,), None) | {
            "QUITTANCE_WATCHER_KEY": "0x" + account_from_seed(options.seed, "watcher").key.hex(),
        }
        signer = account_from_seed(options.seed, "submitter")
        worker_environ = _environ(environ, directory, "worker", (gateway_url,), database_url) | {
            "QUITTANCE_SIGNER_KEY": "0x" + signer.key.hex(),
            "QUITTANCE_FEE_PER_GAS_WEI_MAX": str(_FEE_PER_GAS_WEI_MAX),
        }
        theatre = Theatre(
            directory=directory,
            engine=engine,
            scenes=played,
            gateway=gateway,
            omitting=omitting,
            witness=witness,
            settings=load_settings(house_environ),
            database_url=database_url,
            environ_of={
                "index": index_environ,
                "worker": worker_environ,
                "watch": watch_environ,
                "serve": house_environ,
            },
            children={},
        )
        stack.callback(theatre.stop)
        for command in ("index", "worker", "serve"):
            theatre.start(command)
        yield theatre


@contextmanager
def _run_directory(parent: Path) -> Iterator[Path]:
    """A new directory for this run, removed if all went well.

    Otherwise it stays, with its logs, until the next demo, which removes those of dead runs.
    """
    make_directory(parent, mode=0o711)
    for old in parent.iterdir():
        try:
            with (
                sole_owner(old / "postgres", server_account()),
                sole_owner(old / "anvil", None),
            ):
                shutil.rmtree(old)
        except DirectoryInUse:
            continue  # another demo runs there
    directory = parent / f"run-{time.time_ns()}"
    directory.mkdir(mode=0o711)
    yield directory
    shutil.rmtree(directory)


def _deployed(node: DevNode, options: DemoOptions) -> Scenes:
    node.request("evm_setAutomine", False)
    population = make_population(options.seed, subscribers=options.subscribers, works=options.works)
    buyers = (account_from_seed(options.seed, role) for role in ("artist", *shop.BUYERS))
    people = (population.sponsor, *population.subscribers, *population.registrants, *buyers)
    guardians = [guardian(options.seed, index) for index in range(GUARDIANS)]
    node.fund([*officials(options.seed), *guardians, *people], _GAS_MONEY_WEI)
    _, genesis = node.head()
    plan = plan_of(
        options.seed,
        name="demo",
        genesis=Timestamp(genesis),
        epoch_length_s=scenes.EPOCH_LENGTH_S,
        grace_s=scenes.GRACE_S,
        delays=Delays(veto_s=scenes.VETO_WINDOW_S),
    )
    admin = account_from_seed(options.seed, "admin")
    deployment = deploy_payments(
        node,
        admin,
        deploy_settlement(node, admin, plan),
        payment_plan_of(options.seed, fee_delay_s=scenes.EPOCH_LENGTH_S),
    )
    stage = Stage(node, deployment, options.seed)
    return Scenes.of(stage, population, genesis=genesis, seed=options.seed)


def _environ(
    environ: Mapping[str, str],
    directory: Path,
    name: str,
    endpoints: tuple[str, ...],
    database_url: str | None,
) -> dict[str, str]:
    """A child's environment: the caller's, without its own settings of Quittance."""
    config = directory / f"{name}.toml"
    config.write_text(config_text(endpoints, "addresses.json"))
    kept = {key: value for key, value in environ.items() if not key.startswith("QUITTANCE_")}
    database = {} if database_url is None else {"QUITTANCE_DATABASE_URL": database_url}
    return (
        kept
        | database
        | {
            "QUITTANCE_CONFIG": str(config),
            "QUITTANCE_DATA_DIR": str(directory),
            "QUITTANCE_POLL_INTERVAL_MS": str(POLL_MS),
        }
    )
