"""EIP-712 messages that our contracts check, hashed as they hash them.

Mirrors the type hashes in `src/cwe/WorkRegistry.sol` (Consent), `src/cwe/SplitAccounts.sol`
(SplitConsent), `src/cwe/AttestorVerifier.sol` (Consumption) and the domain of `EpochPayouts` (its
message is in `approvals.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from eth_abi.abi import encode

from contracts.evm import SCALAR_FIELD_ORDER, Address, ChainId, Epoch, Hash32, keccak

_DOMAIN_TYPE = keccak(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_CONSENT_TYPE = keccak(b"Consent(bytes32 workId,address payee,uint32 sharePpm,uint32 version)")
_SPLIT_CONSENT_TYPE = keccak(
    b"SplitConsent(address account,address payee,uint32 sharePpm,uint32 version)"
)
_CONSUMPTION_TYPE = keccak(b"Consumption(bytes32 digest,address submitter,uint64 epoch)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """An EIP-712 domain; version is always "1"."""

    name: str
    chain_id: ChainId
    contract: Address

    @property
    def separator(self) -> Hash32:
        """The hash that binds a message to this contract on this chain."""
        return keccak(
            encode(
                ("bytes32", "bytes32", "bytes32", "uint256", "address"),
                (
                    bytes(_DOMAIN_TYPE),
                    bytes(keccak(self.name.encode())),
                    bytes(keccak(b"1")),
                    self.chain_id,
                    bytes(self.contract),
                ),
            )
        )

    def digest(self, struct_hash: Hash32) -> Hash32:
        r"""keccak256("\x19\x01" ‖ separator ‖ struct hash)."""
        return keccak(b"\x19\x01" + self.separator + struct_hash)


def payouts_domain(chain_id: ChainId, contract: Address) -> Domain:
    """The domain of `EpochPayouts`."""
    return Domain(name="Quittance", chain_id=chain_id, contract=contract)


def registry_domain(chain_id: ChainId, contract: Address) -> Domain:
    """The domain of `WorkRegistry`."""
    return Domain(name="Quittance Work Registry", chain_id=chain_id, contract=contract)


def splits_domain(chain_id: ChainId, contract: Address) -> Domain:
    """The domain of `SplitAccounts`."""
    return Domain(name="Quittance Split Accounts", chain_id=chain_id, contract=contract)


def attestor_domain(chain_id: ChainId, contract: Address) -> Domain:
    """The domain of `AttestorVerifier`."""
    return Domain(name="Quittance Attestor", chain_id=chain_id, contract=contract)


def consent_hash(*, work_id: Hash32, payee: Address, share_ppm: int, version: int) -> Hash32:
    """Struct hash of a payee's consent to one share in one version of a work's terms."""
    return keccak(
        encode(
            ("bytes32", "bytes32", "address", "uint32", "uint32"),
            (bytes(_CONSENT_TYPE), bytes(work_id), bytes(payee), share_ppm, version),
        )
    )


def split_consent_hash(*, account: Address, payee: Address, share_ppm: int, version: int) -> Hash32:
    """Struct hash of a payee's consent to one share in one version of a split account's terms."""
    return keccak(
        encode(
            ("bytes32", "address", "address", "uint32", "uint32"),
            (bytes(_SPLIT_CONSENT_TYPE), bytes(account), bytes(payee), share_ppm, version),
        )
    )


def consumption_hash(*, digest: Hash32, submitter: Address, epoch: Epoch) -> Hash32:
    """Struct hash of the attestor's statement about one submission."""
    return keccak(
        encode(
            ("bytes32", "bytes32", "address", "uint64"),
            (bytes(_CONSUMPTION_TYPE), bytes(digest), bytes(submitter), epoch),
        )
    )


def work_id_of(registrant: Address, salt: Hash32) -> Hash32:
    """keccak256(abi.encode(registrant, salt)) >> 8: bound to the registrant, below the field."""
    word = keccak(encode(("address", "bytes32"), (bytes(registrant), bytes(salt))))
    return Hash32.from_int(int.from_bytes(word, "big") >> 8)


def split_account_of(contract: Address, owner: Address, salt: Hash32) -> Address:
    """The last 20 bytes of keccak256(abi.encode(contract, owner, salt)): without key or code."""
    values = (bytes(contract), bytes(owner), bytes(salt))
    return Address(keccak(encode(("address", "address", "bytes32"), values))[12:])


def usage_digest(
    *,
    submitter: Address,
    epoch: Epoch,
    tier_id: Hash32,
    part: int,
    work_ids: Sequence[Hash32],
    minutes_played: Sequence[int],
    plays: Sequence[int],
    pseudonyms: Sequence[Hash32],
) -> Hash32:
    """Digest of a submission, as `ConsumptionSubmissions` computes it: reduced below the field."""
    types = (
        "address",
        "uint64",
        "bytes32",
        "uint16",
        "bytes32[]",
        "uint32[]",
        "uint32[]",
        "bytes32[]",
    )
    values = (
        bytes(submitter),
        epoch,
        bytes(tier_id),
        part,
        [bytes(work_id) for work_id in work_ids],
        list(minutes_played),
        list(plays),
        [bytes(pseudonym) for pseudonym in pseudonyms],
    )
    word = int.from_bytes(keccak(encode(types, values)), "big")
    return Hash32.from_int(word % SCALAR_FIELD_ORDER)
