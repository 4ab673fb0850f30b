"""From settings to a guarded key: what opens, what it may sign, and that no secret gets out."""

import json
import logging
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from sqlalchemy import create_engine

from contracts.calls import COMMIT_EPOCH, RELEASE_ESCROW, VETO, WITHDRAW_BATCH
from contracts.evm import Address, ChainId
from scripts.errors import NotConfigured
from scripts.observability import JSONFormatter
from scripts.setting_values import Secret
from scripts.settings import Settings, load_settings
from scripts.signer_settings import (
    KeySettings,
    KeystoreSettings,
    KindSettings,
    KMSSettings,
    LimitSettings,
    RemoteSettings,
    SignerSettings,
)
from scripts.signing import opened_signer, policy_of, settlement_signer
from settlement.errors import BadSigningKey, SettlementError
from settlement.payouts.adapters.signer import LocalSigner
from settlement.payouts.errors import BadClientCertificate, BadKeystore, SignerIsAnother
from settlement.payouts.gas import TRANSACTION_GAS_MAX
from settlement.payouts.signing_policy import AssetLimit
from tests.royalties_builders import SETTLEMENT
from tests.signing_builders import KEY, SENDER, draft

ASSET, OTHER = SETTLEMENT.tokens[0], Address(b"\x0b" * 20)
PASSWORD = Secret("hunter2")
LIMIT = LimitSettings(chain_id=SETTLEMENT.chain_id, asset=ASSET, transaction_units=5, day_units=7)
KMS = KMSSettings(address=SENDER, key_id="key", region="eu-central-1", endpoint_url=None)


def keystore(directory: Path, **changes: Any) -> KeystoreSettings:
    file = directory / "key.json"
    file.write_text(
        json.dumps(Account.encrypt(bytes.fromhex(KEY[2:]), "hunter2", kdf="pbkdf2", iterations=2))
    )
    made = KeystoreSettings(address=SENDER, file=file, password=PASSWORD)
    return replace(made, **changes)


def settings(directory: Path, signer: SignerSettings | None, **changes: Any) -> Settings:
    empty = load_settings({"QUITTANCE_DATA_DIR": str(directory)}, committed=lambda _: ())
    return replace(empty, signer=signer, **changes)


def test_opened__key_and_keystore__the_same_signatures(tmp_path: Path) -> None:
    for kind in (KeySettings(Secret(KEY)), keystore(tmp_path)):
        signer = opened_signer(kind)

        assert signer.address == SENDER
        assert signer.sign(draft()) == LocalSigner.from_hex(KEY).sign(draft())


def test_opened__kms_without_the_extra__says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As it is where nobody installed it.
    monkeypatch.setitem(sys.modules, "boto3", None)

    with pytest.raises(NotConfigured, match=r"quittance\[aws\]"):
        opened_signer(KMS)


def test_settlement_signer__no_signer__none(tmp_path: Path) -> None:
    engine = create_engine("postgresql+psycopg://")

    assert settlement_signer(settings(tmp_path, None), engine, SETTLEMENT) is None


def test_settlement_signer__no_cap_on_fees__refused(tmp_path: Path) -> None:
    engine = create_engine("postgresql+psycopg://")
    signer = SignerSettings(KeySettings(Secret(KEY)))

    with pytest.raises(NotConfigured, match="fee_per_gas_wei_max has no default"):
        settlement_signer(settings(tmp_path, signer), engine, SETTLEMENT)


def test_settlement_signer__configured__guarded(tmp_path: Path) -> None:
    engine = create_engine("postgresql+psycopg://")
    configured = SignerSettings(keystore(tmp_path), (LIMIT,))

    signer = settlement_signer(
        settings(tmp_path, configured, fee_per_gas_wei_max=9), engine, SETTLEMENT
    )

    assert signer is not None
    assert signer.address == SENDER
    assert signer.policy == policy_of(configured, SETTLEMENT, fee_per_gas_wei_max=9)
    assert KEY[2:] not in repr(signer)
    assert "hunter2" not in repr(signer)


def test_policy__calls__what_the_submitter_needs_and_nothing_else() -> None:
    policy = policy_of(SignerSettings(KMS, (LIMIT,)), SETTLEMENT, fee_per_gas_wei_max=9)

    assert policy.calls == {
        (SETTLEMENT.payouts, WITHDRAW_BATCH.selector),
        (SETTLEMENT.payouts, COMMIT_EPOCH.selector),
    }
    assert not {VETO.selector, RELEASE_ESCROW.selector} & {one for _, one in policy.calls}
    assert policy.chain_id == SETTLEMENT.chain_id
    assert (policy.gas_max, policy.fee_per_gas_wei_max) == (TRANSACTION_GAS_MAX, 9)


def test_policy__limits__those_of_this_chain() -> None:
    elsewhere = replace(LIMIT, chain_id=ChainId(1), asset=OTHER)

    policy = policy_of(SignerSettings(KMS, (LIMIT, elsewhere)), SETTLEMENT, fee_per_gas_wei_max=9)

    assert policy.limits == {ASSET: AssetLimit(transaction_units=5, day_units=7)}


def test_policy__no_limits__only_a_key_in_the_clear_goes_without(tmp_path: Path) -> None:
    clear, elsewhere = KeySettings(Secret(KEY)), replace(LIMIT, chain_id=ChainId(1))

    def limits(signer: SignerSettings) -> object:
        return policy_of(signer, SETTLEMENT, fee_per_gas_wei_max=9).limits

    assert limits(SignerSettings(clear)) is None
    assert limits(SignerSettings(clear, (elsewhere,))) == {}
    assert limits(SignerSettings(KMS)) == {}
    assert limits(SignerSettings(keystore(tmp_path))) == {}


def remote(directory: Path) -> RemoteSettings:
    return RemoteSettings(
        address=SENDER,
        url=Secret("https://signer/hunter2"),
        certificate=directory / "none.crt",
        key=directory / "none.key",
        authority=directory / "none.pem",
        key_password=PASSWORD,
    )


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda _: KeySettings(Secret("hunter2")), BadSigningKey),
        (lambda _: KeySettings(Secret(KEY + "00")), BadSigningKey),
        (lambda path: keystore(path, password=Secret("hunter3")), BadKeystore),
        (lambda path: keystore(path, address=OTHER), SignerIsAnother),
        (lambda path: keystore(path, file=path), BadKeystore),
        (remote, BadClientCertificate),
    ],
)
def test_opened__fails__error_and_log_without_key_and_password(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    make: Callable[[Path], KindSettings],
    kind: type[SettlementError],
) -> None:
    log = logging.getLogger("test")
    configured = make(tmp_path)
    with caplog.at_level(logging.DEBUG):
        try:
            opened_signer(configured)
        except kind as error:
            # As the worker does with what it did not expect.
            log.exception("job failed", extra={"error": str(error), "kind": configured})

    (record,) = caplog.records
    shown = JSONFormatter().format(record) + caplog.text
    assert kind.__name__ in shown
    assert KEY[2:] not in shown
    assert "hunter" not in shown


def test_signing__everything_logged_and_printed__no_key(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        signer = opened_signer(keystore(tmp_path))
        signed = signer.sign(draft())

    shown = caplog.text + repr(signer) + repr(signed) + str(keystore(tmp_path))
    assert KEY[2:] not in shown
    assert "hunter" not in shown
