"""What people do on chain: one function for each kind of call, all of them signed.

A call is a value until it is sent (`DevNode.transact`), so that the story decides what shares a
block, and a reorganisation can sign the same call again for another block.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import eth_typing
from eth_account.signers.local import LocalAccount
from web3.contract import Contract

from contracts.events import ContractName
from contracts.evm import Address, ChainId, Epoch, Hash32
from contracts.typed_data import (
    attestor_domain,
    consent_hash,
    consumption_hash,
    registry_domain,
    usage_digest,
)
from contracts.units import UINT256_MAX
from scripts.demo.population import TIERS, Usage, Work, tier_id_of
from scripts.deploy import Deployment
from scripts.devnode import Call, DevNode, address_of

SUBSCRIBER_BUDGET = 1_000_000_000
PARAMETERS = {
    "k_ppm": "1000000",
    "plays_max": "100000",
    "regions": {"0x" + "00" * 32: "1000000"},
    "ruleset": "usercentric-v1",
}


@dataclass(frozen=True, slots=True)
class Stage:
    """The deployed contracts, and the keys of who runs them."""

    node: DevNode
    deployment: Deployment
    admin: LocalAccount
    attestor: LocalAccount

    @property
    def chain_id(self) -> ChainId:
        """The chain that everything is signed for."""
        return self.deployment.settlement.chain_id

    def address(self, name: ContractName) -> Address:
        """Where one of the settlement's contracts stands."""
        return self.deployment.settlement.contracts[name]

    def call(
        self, account: LocalAccount, name: ContractName, function: str, *arguments: object
    ) -> Call:
        """A call of one of the settlement's contracts."""
        contract = self.node.contract(name.value, self.address(name))
        return Call(account, self.address(name), _data(contract, function, arguments))

    def token_call(self, account: LocalAccount, function: str, *arguments: object) -> Call:
        """A call of the token."""
        contract = self.node.contract("DemoToken", self.deployment.token)
        return Call(account, self.deployment.token, _data(contract, function, arguments))


def opening_calls(stage: Stage) -> list[Call]:
    """Parameters and tiers, in force at once because they are the first."""
    parameters = json.dumps(PARAMETERS, sort_keys=True, separators=(",", ":")).encode()
    return [
        stage.call(stage.admin, ContractName.RULESET_PARAMETERS, "set", parameters),
        *(
            stage.call(
                stage.admin,
                ContractName.SUBSCRIPTION_TIERS,
                "setTier",
                bytes(tier_id_of(name)),
                str(stage.deployment.token),
                price,
            )
            for name, price in TIERS
        ),
    ]


def wallet_calls(stage: Stage, payers: Sequence[LocalAccount]) -> list[Call]:
    """Tokens for every payer, and each payer's allowance for the tiers contract."""
    tiers = str(stage.address(ContractName.SUBSCRIPTION_TIERS))
    minted = [
        stage.token_call(stage.admin, "mint", payer.address, SUBSCRIBER_BUDGET) for payer in payers
    ]
    return minted + [stage.token_call(payer, "approve", tiers, UINT256_MAX) for payer in payers]


def register_call(stage: Stage, work: Work) -> Call:
    """Registration of a work, with the consent of every payee but the registrant."""
    registry = stage.address(ContractName.WORK_REGISTRY)
    domain = registry_domain(stage.chain_id, registry)
    consents = []
    for payee, share in zip(work.payees, work.shares_ppm, strict=True):
        struct_hash = consent_hash(
            work_id=work.work_id, payee=address_of(payee), share_ppm=share, version=1
        )
        is_registrant = payee.address == work.registrant.address
        consents.append(b"" if is_registrant else sign_digest(payee, domain.digest(struct_hash)))
    terms = (
        bytes(work.content_id),
        work.price_ppm,
        bytes(32),
        [payee.address for payee in work.payees],
        list(work.shares_ppm),
    )
    return stage.call(
        work.registrant,
        ContractName.WORK_REGISTRY,
        "register",
        bytes(work.salt),
        terms,
        consents,
    )


def subscribe_call(
    stage: Stage, payer: LocalAccount, subscriber: LocalAccount, tier_id: Hash32, epoch: Epoch
) -> Call:
    """Payment of one tier for one epoch; the payer may be somebody else."""
    return stage.call(
        payer,
        ContractName.SUBSCRIPTION_TIERS,
        "subscribe",
        bytes(tier_id),
        epoch,
        subscriber.address,
    )


def submit_call(stage: Stage, usage: Usage, epoch: Epoch, *, flip_byte: int | None = None) -> Call:
    """Submission of one usage with the attestor's proof.

    Args:
        stage: The contracts.
        usage: What was played.
        epoch: The epoch that it is reported for.
        flip_byte: Index of a byte of the proof to spoil, for a submission that must be refused.
    """
    digest = usage_digest(
        submitter=address_of(usage.subscriber),
        epoch=epoch,
        tier_id=usage.tier_id,
        part=usage.part,
        work_ids=usage.work_ids,
        minutes_played=usage.minutes_played,
        plays=usage.plays,
        pseudonyms=usage.pseudonyms,
    )
    struct_hash = consumption_hash(
        digest=digest, submitter=address_of(usage.subscriber), epoch=epoch
    )
    domain = attestor_domain(stage.chain_id, stage.deployment.verifier)
    proof = bytearray(sign_digest(stage.attestor, domain.digest(struct_hash)))
    if flip_byte is not None:
        proof[flip_byte] ^= 1
    argument = (
        epoch,
        usage.part,
        bytes(usage.tier_id),
        [bytes(work_id) for work_id in usage.work_ids],
        list(usage.minutes_played),
        list(usage.plays),
        [bytes(pseudonym) for pseudonym in usage.pseudonyms],
    )
    return stage.call(
        usage.subscriber,
        ContractName.CONSUMPTION_SUBMISSIONS,
        "submit",
        argument,
        bytes(proof),
    )


def verdict_call(stage: Stage, work: Work, case_digest: Hash32) -> Call:
    """Governance anchors a verdict against a work."""
    return stage.call(
        stage.admin,
        ContractName.WORK_REGISTRY,
        "placeVerdict",
        bytes(work.work_id),
        bytes(case_digest),
    )


def refuse_call(stage: Stage, payee: LocalAccount) -> Call:
    """The token's issuer blocks an address."""
    return stage.token_call(stage.admin, "refuse", payee.address, True)


def sign_digest(account: LocalAccount, digest: Hash32) -> bytes:
    """A 65-byte signature r ‖ s ‖ v of a ready EIP-712 digest."""
    signed = account.unsafe_sign_hash(eth_typing.Hash32(bytes(digest)))
    return bytes(signed.signature)


def _data(contract: Contract, function: str, arguments: tuple[object, ...]) -> bytes:
    return bytes.fromhex(contract.encode_abi(function, list(arguments)).removeprefix("0x"))
