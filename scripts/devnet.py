"""The development chain of the path without configuration: kept in one directory, for restarts.

It is deployed once, with keys that everybody knows; its addresses stay in its directory and never
enter the committed address book.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

from eth_account.signers.local import LocalAccount

from contracts.addresses import Settlement, settlements_to_json
from contracts.evm import Timestamp
from scripts.deploy import Delays, DeploymentPlan, Offices, deploy_settlement
from scripts.deploy_payments import PaymentPlan, deploy_payments
from scripts.devnode import DevNode, account_from_seed, address_of
from scripts.embedded.anvil import DevChain, running_anvil
from scripts.embedded.places import make_directory

CHAIN_ID = 31337
SLOTS_IN_AN_EPOCH = 6
FINALITY_DEPTH_BLOCKS = 12
"""anvil's `finalized` trails the head by twice its slots in an epoch."""

GUARDIANS, THRESHOLD = 3, 2
SEED = 0
_GAS_MONEY_WEI = 10**20
_EPOCH_LENGTH_S, _GRACE_S, _TIMELOCK_S = 86_400, 7_200, 60
_FEE_DELAY_S = 86_400


@contextmanager
def running_devnet(directory: Path) -> Iterator[Path]:
    """Run the chain while the context lasts; yields the path of its configuration file."""
    make_directory(directory)
    chain = DevChain(
        chain_id=CHAIN_ID,
        slots_in_an_epoch=SLOTS_IN_AN_EPOCH,
        state_file=directory / "state.json",
    )
    addresses = directory / "addresses.json"
    # After a power cut there are addresses but no state: the node writes it when it stops.
    is_deployed = addresses.exists() and (directory / "state.json").exists()
    with running_anvil(directory / "anvil", chain) as anvil:
        if not is_deployed:
            addresses.write_text(settlements_to_json((_deploy(DevNode(anvil.url)),)))
        config = directory / "quittance.toml"
        config.write_text(config_text((anvil.url,), "addresses.json"))
        yield config


def config_text(urls: tuple[str, ...], addresses: str) -> str:
    """A configuration file for a development chain."""
    endpoints = ", ".join(f'"{url}"' for url in urls)
    return (
        "[[chain]]\n"
        f"id = {CHAIN_ID}\n"
        'name = "dev"\n'
        f"rpc = [{endpoints}]\n"
        "start_block = 0\n"
        f'finality = {{ tag = "finalized", depth = {FINALITY_DEPTH_BLOCKS} }}\n'
        f'addresses = "{addresses}"\n'
    )


def guardian(seed: int, index: int) -> LocalAccount:
    """The key of one guardian of a development chain."""
    return account_from_seed(seed, "guardian", index)


def offices(seed: int) -> Offices:
    """Who acts at once on a development chain: for each office, the account of that name."""
    holders = {one.name: address_of(account_from_seed(seed, one.name)) for one in fields(Offices)}
    return Offices(**holders)


def officials(seed: int) -> list[LocalAccount]:
    """The keys of everybody who runs a settlement on a development chain, to be given gas."""
    offices_held = (one.name for one in fields(Offices))
    roles = ("admin", "submitter", "governor", "pauser", "refunder", *offices_held)
    return [account_from_seed(seed, role) for role in roles]


def plan_of(
    seed: int, *, name: str, genesis: Timestamp, epoch_length_s: int, grace_s: int, delays: Delays
) -> DeploymentPlan:
    """A settlement of a development chain, run by the accounts of a seed."""
    return DeploymentPlan(
        name=name,
        genesis=genesis,
        epoch_length_s=epoch_length_s,
        grace_s=grace_s,
        guardians=tuple(address_of(guardian(seed, index)) for index in range(GUARDIANS)),
        threshold=THRESHOLD,
        attestor=address_of(account_from_seed(seed, "attestor")),
        governors=(address_of(account_from_seed(seed, "governor")),),
        offices=offices(seed),
        delays=delays,
    )


def payment_plan_of(seed: int, *, fee_delay_s: int) -> PaymentPlan:
    """The payment contracts of a development chain, run by the accounts of a seed."""
    return PaymentPlan(
        treasury=address_of(account_from_seed(seed, "treasury")),
        fee_delay_s=fee_delay_s,
        operator=address_of(account_from_seed(seed, "submitter")),
        pauser=address_of(account_from_seed(seed, "pauser")),
        compliance=offices(seed).compliance,
        refunder=address_of(account_from_seed(seed, "refunder")),
    )


def _deploy(node: DevNode) -> Settlement:
    node.fund(officials(SEED), _GAS_MONEY_WEI)
    _, now = node.head()
    plan = plan_of(
        SEED,
        name="dev",
        genesis=now,
        epoch_length_s=_EPOCH_LENGTH_S,
        grace_s=_GRACE_S,
        delays=Delays(timelock_s=_TIMELOCK_S),
    )
    admin = account_from_seed(SEED, "admin")
    deployment = deploy_settlement(node, admin, plan)
    payments = payment_plan_of(SEED, fee_delay_s=_FEE_DELAY_S)
    return deploy_payments(node, admin, deployment, payments).settlement
