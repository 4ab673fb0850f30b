"""The development chain: deployed once, kept over restarts, with the roles that it promises."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts.addresses import Settlement
from contracts.event_spec import ContractName
from contracts.evm import Address, Hash32
from scripts.demo.population import tier_id_of
from scripts.devnet import CHAIN_ID, FINALITY_DEPTH_BLOCKS, SEED, running_devnet
from scripts.devnode import Call, DevNode, NodeRefused, account_from_seed, address_of
from scripts.embedded.places import scratch_directory
from scripts.governance import ADMIN_ROLE, Change, govern, roles_held
from scripts.settings import ChainSettings, load_settings
from tests.services import needed_service

ADMIN = account_from_seed(SEED, "admin")
WATCHER = account_from_seed(SEED, "watcher")
PRICE = 5_000


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """A folder in which the chain has run once, with one block more than its deployment."""
    with needed_service(), scratch_directory() as scratch:
        with running_devnet(scratch / "devnet") as config:
            node_of(config).mine()
        yield scratch / "devnet"


@pytest.fixture(scope="module")
def chain(directory: Path) -> Iterator[ChainSettings]:
    """The same chain, running again."""
    with running_devnet(directory) as config:
        yield chain_of(config)


@pytest.fixture
def node(chain: ChainSettings) -> DevNode:
    return DevNode(chain.rpc[0])


@pytest.fixture
def settlement(chain: ChainSettings) -> Settlement:
    (settlement,) = chain.settlements
    return settlement


def chain_of(config: Path) -> ChainSettings:
    (chain,) = load_settings({"QUITTANCE_CONFIG": str(config)}).chains
    return chain


def node_of(config: Path) -> DevNode:
    return DevNode(chain_of(config).rpc[0])


def block_hash(node: DevNode, number: int) -> Hash32:
    block = node.request("eth_getBlockByNumber", hex(number), False)
    return Hash32.from_hex(block["hash"])


def contract(node: DevNode, settlement: Settlement, name: ContractName) -> Any:
    return node.contract(name, settlement.contracts[name])


def has_role(contract: Any, role: str, who: Address) -> bool:
    role_id = contract.functions[role]().call()
    return bool(contract.functions.hasRole(role_id, str(who)).call())


def act(node: DevNode, name: str, at: Address, function: str, *arguments: object) -> None:
    """The administrator calls a contract."""
    data = node.contract(name, at).encode_abi(function, list(arguments))
    node.transact([Call(ADMIN, at, bytes.fromhex(data.removeprefix("0x")))])


def test_devnet__configuration__one_chain_with_one_settlement(
    chain: ChainSettings, settlement: Settlement
) -> None:
    assert (chain.id, chain.name) == (CHAIN_ID, "dev")
    assert (chain.finality_tag, chain.finality_depth_blocks) == (
        "finalized",
        FINALITY_DEPTH_BLOCKS,
    )
    assert settlement.chain_id == CHAIN_ID


def test_devnet__run_again__same_addresses_and_the_chain_goes_on() -> None:
    with scratch_directory() as scratch:
        with running_devnet(scratch / "devnet") as config:
            first, node = chain_of(config), node_of(config)
            node.mine()
            number, _ = node.head()
            head = block_hash(node, number)
        with running_devnet(scratch / "devnet") as config:
            second, node = chain_of(config), node_of(config)
            node.mine()
            later, _ = node.head()

            assert second.settlements == first.settlements
            assert block_hash(node, number) == head
            assert later == number + 1
            for address in second.settlements[0].sources():
                assert node.request("eth_getCode", str(address), "latest") != "0x"


def test_devnet__state_lost_with_the_power__deployed_again() -> None:
    """The node writes its state on an orderly stop; the addresses are written at once."""
    with scratch_directory() as scratch:
        with running_devnet(scratch / "devnet"):
            pass
        (scratch / "devnet" / "state.json").unlink()
        with running_devnet(scratch / "devnet") as config:
            (settlement,) = chain_of(config).settlements
            node = node_of(config)

            for address in settlement.sources():
                assert node.request("eth_getCode", str(address), "latest") != "0x"


def test_deployment__finalized_tag__trails_by_the_configured_depth(
    chain: ChainSettings, node: DevNode
) -> None:
    node.mine(2 * chain.finality_depth_blocks)
    head, _ = node.head()

    final = node.request("eth_getBlockByNumber", "finalized", False)

    assert int(final["number"], 16) == head - chain.finality_depth_blocks


def timelock_of(node: DevNode, settlement: Settlement) -> Address:
    """Who administers the contracts, by their logs."""
    contracts = settlement.contracts.values()
    roles = roles_held(node, contracts, settlement.start_block)
    ((timelock,),) = {held for (_, role), held in roles.items() if role == ADMIN_ROLE}
    return timelock


def test_deployment__roles__each_where_it_belongs(node: DevNode, settlement: Settlement) -> None:
    admin, watcher = address_of(ADMIN), address_of(WATCHER)
    timelock = timelock_of(node, settlement)
    tiers_address = settlement.contracts[ContractName.SUBSCRIPTION_TIERS]
    payouts = contract(node, settlement, ContractName.EPOCH_PAYOUTS)
    registry = contract(node, settlement, ContractName.WORK_REGISTRY)
    parameters = contract(node, settlement, ContractName.RULESET_PARAMETERS)
    tiers = contract(node, settlement, ContractName.SUBSCRIPTION_TIERS)

    assert has_role(payouts, "FUNDER_ROLE", tiers_address)
    assert has_role(payouts, "VETO_ROLE", watcher)
    assert has_role(registry, "VERDICT_ROLE", address_of(account_from_seed(SEED, "court")))
    assert has_role(parameters, "GOVERNANCE_ROLE", timelock)
    assert has_role(tiers, "GOVERNANCE_ROLE", timelock)
    held = roles_held(node, settlement.contracts.values(), settlement.start_block)
    assert not [where for where, who in held.items() if admin in who]
    assert payouts.functions.threshold().call() == 2


def test_deployment__money__enters_through_the_tiers_only(
    node: DevNode, settlement: Settlement
) -> None:
    (token,) = settlement.tokens
    tiers = settlement.contracts[ContractName.SUBSCRIPTION_TIERS]
    clock = contract(node, settlement, ContractName.EPOCH_CLOCK)
    epoch = clock.functions.currentEpoch().call()
    act(node, "DemoToken", token, "mint", str(address_of(ADMIN)), 10 * PRICE)
    for spender in (tiers, settlement.payouts):
        act(node, "DemoToken", token, "approve", str(spender), 10 * PRICE)
    light = bytes(tier_id_of("light"))
    price = node.contract("SubscriptionTiers", tiers).encode_abi(
        "setTier", [light, str(token), PRICE]
    )
    with pytest.raises(NodeRefused, match="reverted"):
        act(node, "SubscriptionTiers", tiers, "setTier", light, str(token), PRICE)
    governor = account_from_seed(SEED, "governor")
    change = Change(tiers, bytes.fromhex(price.removeprefix("0x")))
    govern(node, timelock_of(node, settlement), governor, [change])

    with pytest.raises(NodeRefused, match="reverted"):
        act(node, "EpochPayouts", settlement.payouts, "fund", epoch, str(token), PRICE)
    act(node, "SubscriptionTiers", tiers, "subscribe", light, epoch, str(address_of(ADMIN)))

    balance = node.contract("DemoToken", token).functions.balanceOf
    assert balance(str(settlement.payouts)).call() == PRICE
