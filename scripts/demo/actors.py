"""What people do on chain: one function for each kind of call, all of them signed.

A call is a value until it is sent (`DevNode.transact`), so that the story decides what shares a
block, and a reorganisation can sign the same call again for another block.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import eth_typing
from eth_account.signers.local import LocalAccount
from web3.contract import Contract

from contracts.calls import Withdrawal, release_escrow_call
from contracts.event_spec import ContractName
from contracts.evm import Address, ChainId, Epoch, Hash32, Timestamp, keccak
from contracts.typed_data import (
    attestor_domain,
    consent_hash,
    consumption_hash,
    registry_domain,
    split_account_of,
    split_consent_hash,
    splits_domain,
    usage_digest,
)
from contracts.units import PPM_ONE, UINT256_MAX
from scripts.demo.population import TIERS, Band, Recognised, Usage, Work, tier_id_of
from scripts.deploy import Deployment
from scripts.devnode import Call, DevNode, account_from_seed, address_of
from scripts.governance import Change, govern

SUBSCRIBER_BUDGET = 1_000_000_000
ATTESTED_S = 366 * 86_400
HELD_S = 30 * 86_400
_CREATOR = keccak(b"creator")
_LABEL_SALT, _BAND_SALT = keccak(b"label"), keccak(b"band")


@dataclass(frozen=True, slots=True)
class Stage:
    """The deployed contracts, and the seed of the keys of who runs them."""

    node: DevNode
    deployment: Deployment
    seed: int

    def key(self, role: str) -> LocalAccount:
        """The key of who runs something, such as `"court"`."""
        return account_from_seed(self.seed, role)

    @property
    def chain_id(self) -> ChainId:
        """The chain that everything is signed for."""
        return self.deployment.settlement.chain_id

    def address(self, name: ContractName) -> Address:
        """Where one of the settlement's contracts stands."""
        one = self.deployment.settlement
        return one.payments[name] if name in one.payments else one.contracts[name]

    def call(
        self, account: LocalAccount, name: ContractName, function: str, *arguments: object
    ) -> Call:
        """A call of one of the settlement's contracts."""
        contract = self.node.contract(name.value, self.address(name))
        return Call(account, self.address(name), _data(contract, function, arguments))

    def change(self, name: ContractName, function: str, *arguments: object) -> Change:
        """A call that governance makes."""
        contract = self.node.contract(name.value, self.address(name))
        return Change(self.address(name), _data(contract, function, arguments))

    def token_call(self, account: LocalAccount, function: str, *arguments: object) -> Call:
        """A call of the token."""
        contract = self.node.contract("DemoToken", self.deployment.token)
        return Call(account, self.deployment.token, _data(contract, function, arguments))


def parameters_json(stage: Stage) -> bytes:
    """The rules of the demo: works lose half of their weight in time; the protocol takes 2.5 %."""
    protocol = "0x" + address_of(stage.key("protocol")).hex()
    parameters = {
        "fees": [{"name": "protocol", "payee": protocol, "ppm": "25000"}],
        "half_life": "v1",
        "k_ppm": "1000000",
        "plays_max": "100000",
        "regions": {"0x" + "00" * 32: "1000000"},
        "ruleset": "usercentric-v1",
    }
    return json.dumps(parameters, sort_keys=True, separators=(",", ":")).encode()


def open_settlement(stage: Stage) -> None:
    """Governance announces and applies parameters and tiers, in force at once as the first."""
    parameters, tiers = ContractName.RULESET_PARAMETERS, ContractName.SUBSCRIPTION_TIERS
    first_epoch = 0
    changes = [stage.change(parameters, "set", parameters_json(stage), first_epoch)]
    for name, price in TIERS:
        tier_id, token = bytes(tier_id_of(name)), str(stage.deployment.token)
        changes.append(stage.change(tiers, "setTier", tier_id, token, price))
    govern(stage.node, stage.deployment.timelock, stage.key("governor"), changes)


def attest_calls(stage: Stage, creators: Sequence[LocalAccount], now: Timestamp) -> list[Call]:
    """The issuer attests that these accounts are creators."""
    issuer, expires_at = stage.key("issuer"), now + ATTESTED_S
    name = ContractName.CREATOR_ATTESTATIONS
    return [
        stage.call(issuer, name, "attest", creator.address, bytes(_CREATOR), expires_at)
        for creator in creators
    ]


def wallet_calls(stage: Stage, payers: Sequence[LocalAccount]) -> list[Call]:
    """Tokens for every payer, and each payer's allowance for the tiers contract."""
    tiers = str(stage.address(ContractName.SUBSCRIPTION_TIERS))
    minted = [
        stage.token_call(stage.key("admin"), "mint", payer.address, SUBSCRIBER_BUDGET)
        for payer in payers
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


def recognise_call(stage: Stage, work: Recognised) -> Call:
    """The curator recognises a work that nobody registered."""
    return stage.call(
        stage.key("curator"),
        ContractName.WORK_REGISTRY,
        "recognise",
        bytes(work.salt),
        bytes(work.content_id),
        work.price_ppm,
        bytes(32),
    )


def band_calls(stage: Stage, band: Band) -> list[Call]:
    """The leader makes the band's account, then the label's that pays it, then the work."""
    contract, leader = stage.address(ContractName.SPLIT_ACCOUNTS), address_of(band.leader)
    band_account = split_account_of(contract, leader, _BAND_SALT)
    label_account = split_account_of(contract, leader, _LABEL_SALT)
    members = {
        address_of(one): ppm for one, ppm in zip(band.members, band.members_ppm, strict=True)
    }
    label = {
        band_account: PPM_ONE - band.producer_ppm,
        address_of(band.producer): band.producer_ppm,
    }
    signers = {address_of(one): one for one in (*band.members, band.producer)}
    terms = (
        bytes(band.content_id),
        band.price_ppm,
        bytes(32),
        [str(label_account)],
        [PPM_ONE],
    )
    register = ("register", bytes(band.salt), terms, [b""])
    return [
        _split_call(stage, band.leader, _BAND_SALT, members, signers),
        _split_call(stage, band.leader, _LABEL_SALT, label, signers),
        stage.call(band.leader, ContractName.WORK_REGISTRY, *register),
    ]


def _split_call(
    stage: Stage,
    owner: LocalAccount,
    salt: Hash32,
    shares: Mapping[Address, int],
    signers: Mapping[Address, LocalAccount],
) -> Call:
    """The first terms of a split account, with the consent of every payee that has a key."""
    contract = stage.address(ContractName.SPLIT_ACCOUNTS)
    account = split_account_of(contract, address_of(owner), salt)
    domain = splits_domain(stage.chain_id, contract)
    payees = sorted(shares)
    consents = []
    for payee in payees:
        struct_hash = split_consent_hash(
            account=account, payee=payee, share_ppm=shares[payee], version=1
        )
        signer = signers.get(payee)
        consents.append(b"" if signer is None else sign_digest(signer, domain.digest(struct_hash)))
    return stage.call(
        owner,
        ContractName.SPLIT_ACCOUNTS,
        "setSplit",
        bytes(salt),
        [str(payee) for payee in payees],
        [shares[payee] for payee in payees],
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
    proof = bytearray(sign_digest(stage.key("attestor"), domain.digest(struct_hash)))
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
    """The court anchors a verdict against a work."""
    return stage.call(
        stage.key("court"),
        ContractName.WORK_REGISTRY,
        "placeVerdict",
        bytes(work.work_id),
        bytes(case_digest),
    )


def hold_call(stage: Stage, payee: LocalAccount, case_digest: Hash32, now: Timestamp) -> Call:
    """Compliance holds what a payee is owed, until it lifts that or a month has passed."""
    return stage.call(
        stage.key("compliance"),
        ContractName.EPOCH_PAYOUTS,
        "placeHold",
        payee.address,
        bytes(case_digest),
        now + HELD_S,
    )


def lift_call(stage: Stage, payee: LocalAccount) -> Call:
    """Compliance lifts a hold."""
    name = ContractName.EPOCH_PAYOUTS
    return stage.call(stage.key("compliance"), name, "liftHold", payee.address)


def release_call(stage: Stage, anybody: LocalAccount, escrow: Withdrawal) -> Call:
    """Anybody gives an escrow to whom its content belongs."""
    payouts = stage.address(ContractName.EPOCH_PAYOUTS)
    return Call(anybody, payouts, release_escrow_call(escrow))


def withdraw_unclaimed_call(stage: Stage, owner: LocalAccount) -> Call:
    """Somebody fetches the tokens that the payouts contract keeps for them."""
    name, token = ContractName.EPOCH_PAYOUTS, str(stage.deployment.token)
    return stage.call(owner, name, "withdrawUnclaimed", token, owner.address)


def refuse_call(stage: Stage, payee: LocalAccount) -> Call:
    """The token's issuer blocks an address."""
    return stage.token_call(stage.key("admin"), "refuse", payee.address, True)


def sign_digest(account: LocalAccount, digest: Hash32) -> bytes:
    """A 65-byte signature r ‖ s ‖ v of a ready EIP-712 digest."""
    signed = account.unsafe_sign_hash(eth_typing.Hash32(bytes(digest)))
    return bytes(signed.signature)


def _data(contract: Contract, function: str, arguments: tuple[object, ...]) -> bytes:
    return bytes.fromhex(contract.encode_abi(function, list(arguments)).removeprefix("0x"))
