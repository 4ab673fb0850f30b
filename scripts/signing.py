"""Opens the configured key, and puts the signing policy before it.

The list of calls is not configured: it is what the submitter of a settlement needs, on the
contracts that the address book names, and nothing more.
"""

from collections.abc import Iterator

from sqlalchemy import Engine

from contracts.addresses import Settlement
from contracts.calls import COMMIT_EPOCH, PAY_BATCH, PAY_TIPS, WITHDRAW_BATCH, Function
from contracts.event_spec import ContractName
from contracts.evm import Address, ChainId
from scripts.errors import NotConfigured
from scripts.settings import Settings
from scripts.signer_settings import (
    KeySettings,
    KeystoreSettings,
    KindSettings,
    KMSSettings,
    LimitSettings,
    RemoteSettings,
    SignerSettings,
)
from settlement.payouts.adapters.signer import LocalSigner
from settlement.payouts.adapters.signer_keystore import keystore_signer
from settlement.payouts.adapters.signer_kms import KMSSigner, kms_client
from settlement.payouts.adapters.signer_remote import ClientTLS, RemoteSigner
from settlement.payouts.adapters.signing_record import SqlSigningRecord
from settlement.payouts.gas import TRANSACTION_GAS_MAX
from settlement.payouts.guarded_signer import GuardedSigner
from settlement.payouts.protocols import Signer
from settlement.payouts.signing_policy import AssetLimit, SigningPolicy

_LINE_CALLS = {ContractName.TIP_RELAY: PAY_TIPS, ContractName.PAYOUT_BATCH: PAY_BATCH}


def settlement_signer(
    settings: Settings, engine: Engine, settlement: Settlement
) -> GuardedSigner | None:
    """What signs for a settlement; None without a signer in the settings.

    Raises:
        NotConfigured: the cap on fees, which has no default, or the extra `aws` is missing.
        BadSigningKey, BadKeystore, BadClientCertificate, SignerIsAnother, SignerUnavailable,
        SignerRefused, BadSignerAnswer: the key does not open.
    """
    if settings.signer is None:
        return None
    cap_wei = settings.fee_per_gas_wei_max
    if cap_wei is None:
        raise NotConfigured("fee_per_gas_wei_max has no default: say what a payout may cost")
    return GuardedSigner(
        signer=opened_signer(settings.signer.kind),
        policy=policy_of(settings.signer, settlement, fee_per_gas_wei_max=cap_wei),
        record=SqlSigningRecord(engine),
    )


def opened_signer(kind: KindSettings) -> Signer:
    """The key itself, seen to be the one that is configured."""
    match kind:
        case KeySettings(key):
            return LocalSigner.from_hex(key.value)
        case KeystoreSettings():
            return keystore_signer(kind.file, kind.password.value, address=kind.address)
        case KMSSettings():
            try:
                client = kms_client(region=kind.region, endpoint_url=kind.endpoint_url)
            except ImportError as error:
                raise NotConfigured("the signer aws-kms needs boto3: quittance[aws]") from error
            return KMSSigner.opened(client, kind.key_id, address=kind.address)
        case RemoteSettings():
            tls = ClientTLS(certificate=kind.certificate, key=kind.key, authority=kind.authority)
            password = None if kind.key_password is None else kind.key_password.value
            return RemoteSigner(kind.url.value, tls.context(password), address=kind.address)


def policy_of(
    signer: SignerSettings, settlement: Settlement, *, fee_per_gas_wei_max: int
) -> SigningPolicy:
    """What the key may sign for a settlement; only a key in the clear may go without limits."""
    is_unlimited = isinstance(signer.kind, KeySettings) and not signer.limits
    limits = None if is_unlimited else _limits_on(settlement.chain_id, signer.limits)
    return SigningPolicy(
        chain_id=settlement.chain_id,
        calls=frozenset((contract, call.selector) for contract, call in _calls(settlement)),
        limits=limits,
        gas_max=TRANSACTION_GAS_MAX,
        fee_per_gas_wei_max=fee_per_gas_wei_max,
    )


def _calls(settlement: Settlement) -> Iterator[tuple[Address, Function]]:
    yield settlement.payouts, WITHDRAW_BATCH
    yield settlement.payouts, COMMIT_EPOCH
    for name, call in _LINE_CALLS.items():
        if name in settlement.payments:
            yield settlement.payments[name], call


def _limits_on(chain_id: ChainId, limits: tuple[LimitSettings, ...]) -> dict[Address, AssetLimit]:
    return {
        limit.asset: AssetLimit(
            transaction_units=limit.transaction_units, day_units=limit.day_units
        )
        for limit in limits
        if limit.chain_id == chain_id
    }
