"""EIP-712 digests against eth-account, which implements the standard on its own."""

from eth_account.messages import encode_typed_data

from contracts import approvals, typed_data
from contracts.approvals import Approval, AssetTotals
from contracts.evm import SCALAR_FIELD_ORDER, Address, ChainId, Epoch, Hash32, Timestamp, keccak
from contracts.units import BaseUnits

CONTRACT = Address(b"\x11" * 20)
CHAIN = ChainId(31337)
WORD = Hash32(bytes(range(32)))


def digest_of(
    name: str, types: dict[str, list[str]], kind: str, message: dict[str, object]
) -> bytes:
    """The digest by eth-account; a type is a list of "type name" members."""
    domain = {
        "name": name,
        "version": "1",
        "chainId": CHAIN,
        "verifyingContract": str(CONTRACT),
    }
    full = {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            **{
                key: [
                    dict(zip(("type", "name"), member.split(), strict=True)) for member in members
                ]
                for key, members in types.items()
            },
        },
        "primaryType": kind,
        "domain": domain,
        "message": message,
    }
    signable = encode_typed_data(full_message=full)
    return bytes(keccak(b"\x19" + signable.version + signable.header + signable.body))


def test_approval_digest__eth_account__agrees() -> None:
    totals = AssetTotals(
        asset=Address(b"\x22" * 20),
        paid_in=BaseUnits(10),
        carried_in=BaseUnits(1),
        allocated=BaseUnits(7),
        escrow=BaseUnits(2),
        unallocated=BaseUnits(1),
        fees=BaseUnits(1),
    )
    approval = Approval(
        epoch=Epoch(3),
        attempt=2,
        guardian_set=1,
        manifest_digest=WORD,
        root=keccak(WORD),
        totals=(totals, totals),
        deadline=Timestamp(99),
    )
    line = {
        "asset": str(totals.asset),
        "paidIn": 10,
        "carriedIn": 1,
        "allocated": 7,
        "escrow": 2,
        "unallocated": 1,
        "fees": 1,
    }
    expected = digest_of(
        "Quittance",
        {
            "EpochApproval": [
                "uint64 epoch",
                "uint32 attempt",
                "uint32 guardianSet",
                "bytes32 manifestDigest",
                "bytes32 root",
                "AssetTotals[] totals",
                "uint64 deadline",
            ],
            "AssetTotals": [
                "address asset",
                *(
                    f"uint256 {name}"
                    for name in (
                        "paidIn",
                        "carriedIn",
                        "allocated",
                        "escrow",
                        "unallocated",
                        "fees",
                    )
                ),
            ],
        },
        "EpochApproval",
        {
            "epoch": 3,
            "attempt": 2,
            "guardianSet": 1,
            "manifestDigest": bytes(WORD),
            "root": bytes(keccak(WORD)),
            "totals": [line, line],
            "deadline": 99,
        },
    )

    actual = approvals.approval_digest(approval, chain_id=CHAIN, contract=CONTRACT)

    assert actual == expected


def test_consent_and_consumption__eth_account__agrees() -> None:
    payee = Address(b"\x33" * 20)
    consent = typed_data.consent_hash(work_id=WORD, payee=payee, share_ppm=7, version=1)
    consumption = typed_data.consumption_hash(digest=WORD, submitter=payee, epoch=Epoch(4))

    assert typed_data.registry_domain(CHAIN, CONTRACT).digest(consent) == digest_of(
        "Quittance Work Registry",
        {"Consent": ["bytes32 workId", "address payee", "uint32 sharePpm", "uint32 version"]},
        "Consent",
        {"workId": bytes(WORD), "payee": str(payee), "sharePpm": 7, "version": 1},
    )
    assert typed_data.attestor_domain(CHAIN, CONTRACT).digest(consumption) == digest_of(
        "Quittance Attestor",
        {"Consumption": ["bytes32 digest", "address submitter", "uint64 epoch"]},
        "Consumption",
        {"digest": bytes(WORD), "submitter": str(payee), "epoch": 4},
    )


def test_split_consent__eth_account__agrees() -> None:
    account, payee = Address(b"\x44" * 20), Address(b"\x33" * 20)
    consent = typed_data.split_consent_hash(
        account=account, payee=payee, share_ppm=999_999, version=2
    )

    assert typed_data.splits_domain(CHAIN, CONTRACT).digest(consent) == digest_of(
        "Quittance Split Accounts",
        {
            "SplitConsent": [
                "address account",
                "address payee",
                "uint32 sharePpm",
                "uint32 version",
            ]
        },
        "SplitConsent",
        {"account": str(account), "payee": str(payee), "sharePpm": 999_999, "version": 2},
    )


def test_split_account__contract_owner_and_salt__each_counts() -> None:
    other = Address(b"\x44" * 20)
    accounts = {
        typed_data.split_account_of(CONTRACT, CONTRACT, WORD),
        typed_data.split_account_of(CONTRACT, other, WORD),
        typed_data.split_account_of(other, CONTRACT, WORD),
        typed_data.split_account_of(CONTRACT, CONTRACT, keccak(WORD)),
    }

    assert len(accounts) == 4


def test_ids_and_digests__field__always_below_its_order() -> None:
    for index in range(64):
        salt = keccak(index.to_bytes(2, "big"))
        work_id = typed_data.work_id_of(CONTRACT, salt)
        digest = typed_data.usage_digest(
            submitter=CONTRACT,
            epoch=Epoch(index),
            tier_id=salt,
            part=0,
            work_ids=[work_id],
            minutes_played=[1],
            plays=[1],
            pseudonyms=[salt],
        )
        assert int.from_bytes(work_id, "big") < 2**248
        assert int.from_bytes(digest, "big") < SCALAR_FIELD_ORDER
