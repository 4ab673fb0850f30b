"""A guardian's view of a real chain, and its signature before the real contract."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount
from web3 import HTTPProvider, Web3

from contracts.addresses import Settlement
from contracts.approvals import Approval, AssetTotals, approval_digest
from contracts.batches import LogColumns
from contracts.event_spec import ContractName
from contracts.events import EPOCH_CLOCK_STARTED, EPOCH_FUNDED, PARAMETERS_SET, SUBSCRIBED
from contracts.evm import (
    ZERO_HASH,
    Address,
    BlockNumber,
    Epoch,
    Hash32,
    Timestamp,
    keccak,
)
from contracts.units import BaseUnits
from scripts.deploy import Delays, Deployment, DeploymentPlan, deploy_settlement
from scripts.devnet import offices
from scripts.devnode import Call, DevNode, account_from_seed, address_of
from scripts.embedded.anvil import AnvilNode
from scripts.governance import Change, govern
from settlement.errors import ChainUnavailable
from settlement.royalties.adapters.chain import RPCChainCheck
from settlement.royalties.adapters.signer import LocalGuardian
from settlement.royalties.approve import ChainCheck, GuardianSigner
from tests.royalties_builders import TIER, parameters_json

PRICE = 5_000_000
LENGTH, GRACE = 1_000, 100
ADMIN = account_from_seed(7, "admin")
GUARDIANS = sorted(
    (account_from_seed(7, "guardian", number) for number in range(3)),
    key=address_of,
)


@dataclass(frozen=True)
class Deployed:
    node: DevNode
    deployment: Deployment

    @property
    def settlement(self) -> Settlement:
        return self.deployment.settlement

    def call(self, account: LocalAccount, name: ContractName, function: str, *args: Any) -> None:
        address = self.settlement.contracts[name]
        self.send(account, name.value, address, function, *args)

    def govern(self, name: ContractName, function: str, *args: Any) -> None:
        at = self.settlement.contracts[name]
        data = self.node.contract(name.value, at).encode_abi(function, list(args))
        change = Change(at, bytes.fromhex(data.removeprefix("0x")))
        govern(self.node, self.deployment.timelock, ADMIN, [change])

    def send(
        self, account: LocalAccount, name: str, address: Address, function: str, *args: Any
    ) -> None:
        data = self.node.contract(name, address).encode_abi(function, list(args))
        self.node.transact([Call(account, address, bytes.fromhex(data.removeprefix("0x")))])

    def view(self, **changes: Any) -> RPCChainCheck:
        limits: dict[str, Any] = {
            "finality_tag": "none",
            "finality_depth_blocks": 0,
            "log_range_blocks": 7,
            "told": str,
        }
        web3 = Web3(HTTPProvider(self.node.url))
        return RPCChainCheck(web3, self.settlement, **(limits | changes))


@pytest.fixture
def deployed(anvil: AnvilNode) -> Deployed:
    """A settlement in which one subscriber has paid for the current epoch."""
    node = DevNode(anvil.url)
    subscriber = account_from_seed(7, "subscriber")
    node.fund([ADMIN, subscriber, *GUARDIANS], 10**20)
    _, now = node.head()
    plan = DeploymentPlan(
        name="test",
        genesis=Timestamp(now - LENGTH),
        epoch_length_s=LENGTH,
        grace_s=GRACE,
        guardians=tuple(address_of(guardian) for guardian in GUARDIANS),
        threshold=2,
        attestor=address_of(ADMIN),
        governors=(address_of(ADMIN),),
        offices=offices(7),
        delays=Delays(veto_s=60, timelock_s=0),
    )
    deployed = Deployed(node, deploy_settlement(node, ADMIN, plan))
    token, tiers = deployed.deployment.token, ContractName.SUBSCRIPTION_TIERS
    tiers_address = str(deployed.settlement.contracts[tiers])
    deployed.govern(ContractName.RULESET_PARAMETERS, "set", parameters_json(), 1)
    deployed.govern(tiers, "setTier", bytes(TIER), str(token), PRICE)
    deployed.send(ADMIN, "DemoToken", token, "mint", subscriber.address, PRICE)
    deployed.send(subscriber, "DemoToken", token, "approve", tiers_address, PRICE)
    deployed.call(subscriber, tiers, "subscribe", bytes(TIER), 1, subscriber.address)
    return deployed


def places_of(batches: Iterable[LogColumns]) -> list[tuple[int, int]]:
    """Where all logs stand, in the order in which they came."""
    return [
        place for logs in batches for place in zip(logs.block_number, logs.log_index, strict=True)
    ]


def test_chain_check__protocol__satisfied(deployed: Deployed) -> None:
    view: ChainCheck = deployed.view()
    signer: GuardianSigner = LocalGuardian(bytes(GUARDIANS[0].key))

    assert view.finalized()
    assert signer.address == address_of(GUARDIANS[0])


def test_finalized__depth_and_tag__the_older(deployed: Deployed) -> None:
    deployed.node.mine(20)
    head, _ = deployed.node.head()

    assert deployed.view().finalized().number == head
    assert deployed.view(finality_depth_blocks=3).finalized().number == head - 3
    tagged = deployed.view(finality_tag="finalized").finalized().number
    assert tagged < head
    deep = deployed.view(finality_tag="finalized", finality_depth_blocks=head)
    assert deep.finalized().number == 0


def test_block_hash__beyond_the_head__none(deployed: Deployed) -> None:
    head = deployed.view().finalized()

    assert deployed.view().block_hash(head.number) == head.hash
    assert deployed.view().block_hash(BlockNumber(head.number + 1)) is None


def test_paid_in__pinned_to_a_block__as_it_was_there(deployed: Deployed) -> None:
    view = deployed.view()
    after = view.finalized()
    paid_at = max(block for block, _ in places_of(view.input_log_batches(Epoch(1), after)))
    before = replace(after, number=BlockNumber(paid_at - 1))
    before = replace(before, hash=view.block_hash(before.number) or ZERO_HASH)

    assert view.paid_in(Epoch(1), after) == {deployed.deployment.token: PRICE}
    assert view.paid_in(Epoch(1), before) == {}


def test_standing__before_any_commit__first_epoch_and_attempt(deployed: Deployed) -> None:
    view = deployed.view()

    standing = view.standing(Epoch(1), view.finalized())

    assert (standing.next_epoch, standing.attempt, standing.guardian_set) == (1, 1, 1)
    assert standing.guardians == tuple(address_of(guardian) for guardian in GUARDIANS)
    assert (standing.threshold, standing.previous_manifest_digest) == (2, ZERO_HASH)


def test_input_logs__of_the_epoch__in_chain_order(deployed: Deployed) -> None:
    view = deployed.view()

    whole = deployed.view(log_range_blocks=10_000)

    (logs,) = whole.input_log_batches(Epoch(1), view.finalized())
    pieces = list(deployed.view(log_range_blocks=1).input_log_batches(Epoch(1), view.finalized()))

    assert places_of(pieces) == places_of([logs])
    assert max(map(len, pieces)) < len(logs)
    assert [Hash32(topics[0]) for topics in logs.topics] == [
        EPOCH_CLOCK_STARTED.topic0,
        PARAMETERS_SET.topic0,
        SUBSCRIBED.topic0,
        EPOCH_FUNDED.topic0,
    ]
    assert places_of([logs]) == sorted(places_of([logs]))
    assert all(
        view.block_hash(number) == block_hash
        for number, block_hash in zip(logs.block_number, logs.block_hash, strict=True)
    )


def test_input_logs__of_another_epoch__only_what_is_in_force(deployed: Deployed) -> None:
    deployed.govern(ContractName.RULESET_PARAMETERS, "set", parameters_json(k_ppm="7"), 2)
    view = deployed.view()
    counts = {
        epoch: sum(map(len, view.input_log_batches(Epoch(epoch), view.finalized())))
        for epoch in (0, 1, 2)
    }

    assert counts == {0: 1, 1: 4, 2: 3}


def test_signature__two_guardians__accepted_by_the_contract(deployed: Deployed) -> None:
    deployed.node.move_time_to(Timestamp(deployed.node.head()[1] + 2 * LENGTH))
    settlement = deployed.settlement
    approval = Approval(
        epoch=Epoch(1),
        attempt=1,
        guardian_set=1,
        manifest_digest=keccak(b"manifest"),
        root=ZERO_HASH,
        totals=(
            AssetTotals(
                asset=deployed.deployment.token,
                paid_in=BaseUnits(PRICE),
                carried_in=BaseUnits(0),
                allocated=BaseUnits(0),
                escrow=BaseUnits(0),
                unallocated=BaseUnits(PRICE),
                fees=BaseUnits(0),
            ),
        ),
        deadline=Timestamp(2**40),
    )
    digest = approval_digest(approval, chain_id=settlement.chain_id, contract=settlement.payouts)
    signers = [LocalGuardian(bytes(guardian.key)) for guardian in GUARDIANS[:2]]
    words = (1, 1, 1, bytes(approval.manifest_digest), bytes(32), [_words(approval)], 2**40)
    signatures = [(str(signer.address), signer.sign(digest)) for signer in signers]

    deployed.call(ADMIN, ContractName.EPOCH_PAYOUTS, "commitEpoch", words, signatures)

    view = deployed.view()
    standing = view.standing(Epoch(2), view.finalized())
    assert (standing.next_epoch, standing.previous_manifest_digest) == (
        2,
        approval.manifest_digest,
    )


def test_reads__node_gone__unavailable(deployed: Deployed) -> None:
    web3 = Web3(HTTPProvider("http://127.0.0.1:9"))
    view = RPCChainCheck(
        web3,
        deployed.settlement,
        finality_tag="none",
        finality_depth_blocks=0,
        log_range_blocks=10,
        told=str,
    )

    with pytest.raises(ChainUnavailable, match="the chain did not answer eth_getBlockByNumber"):
        view.finalized()


def _words(approval: Approval) -> tuple[Any, ...]:
    asset, *amounts = approval.totals[0].words()
    return str(Address(bytes(asset))), *amounts
