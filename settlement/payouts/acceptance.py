"""What persons sign who stand for a payout document: EIP-712, so that a wallet shows what is paid.

A name in our database says who accepted a document; whoever can write there can write any name. A
signature says it to an auditor who trusts nothing of ours: the document, two signatures and the
published addresses of the approvers are all that is needed (`proof_problems`). What is signed
names the chain and the batch (in the domain), the document's digest, its list, how many lines it
has and what they sum to, asset by asset.

No contract checks these signatures, and only keys can make them: a contract wallet (ERC-1271)
would have to be asked on its chain.

Source: EIP-712; EIP-2 (the lower s).
"""

from collections.abc import Collection
from dataclasses import dataclass

from eth_abi.abi import encode

from contracts.evm import Address, Hash32, keccak
from contracts.typed_data import Domain
from settlement.payouts.documents import PayoutDocument, totals
from settlement.payouts.errors import BadAcceptance
from settlement.payouts.signature import BadSignature, Signature

SIGNATURES_NEEDED = 2
"""Of different keys."""

_DOMAIN_NAME = "Quittance Payout Documents"
_TOTAL_TEXT = "AssetTotal(address asset,uint256 amount)"
_TEXT = "DocumentAcceptance(bytes32 document,string list,uint256 lines,AssetTotal[] totals)"
_TYPE, _TOTAL_TYPE = keccak((_TEXT + _TOTAL_TEXT).encode()), keccak(_TOTAL_TEXT.encode())
_SIGNATURE_BYTES, _WORD = 65, 32
_PARITIES = {0: 0, 1: 1, 27: 0, 28: 1}


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A signature over a document, and the key that made it."""

    signer: Address
    signature: bytes


@dataclass(frozen=True, slots=True)
class SignedDocument:
    """A document with the signatures that are shown for it, checked or not."""

    document: PayoutDocument
    acceptances: tuple[Acceptance, ...]


def acceptance_digest(document: PayoutDocument) -> Hash32:
    """What is signed: the EIP-712 digest, in the domain of the batch that pays."""
    sums = b"".join(
        keccak(encode(("bytes32", "address", "uint256"), (bytes(_TOTAL_TYPE), bytes(asset), units)))
        for asset, units in sorted(totals(document.lines).items())
    )
    values = (
        bytes(_TYPE),
        bytes(document.digest),
        bytes(keccak(document.name.encode())),
        len(document.lines),
        bytes(keccak(sums)),
    )
    struct_hash = keccak(encode(("bytes32", "bytes32", "bytes32", "uint256", "bytes32"), values))
    return _domain(document).digest(struct_hash)


def typed_data(document: PayoutDocument) -> dict[str, object]:
    """The same as `eth_signTypedData_v4` takes it, which hardware wallets show field by field."""
    return {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            "AssetTotal": [
                {"name": "asset", "type": "address"},
                {"name": "amount", "type": "uint256"},
            ],
            "DocumentAcceptance": [
                {"name": "document", "type": "bytes32"},
                {"name": "list", "type": "string"},
                {"name": "lines", "type": "uint256"},
                {"name": "totals", "type": "AssetTotal[]"},
            ],
        },
        "primaryType": "DocumentAcceptance",
        "domain": {
            "name": _DOMAIN_NAME,
            "version": "1",
            "chainId": str(document.chain_id),
            "verifyingContract": str(document.contract),
        },
        "message": {
            "document": str(document.digest),
            "list": document.name,
            "lines": str(len(document.lines)),
            "totals": [
                {"asset": str(asset), "amount": str(units)}
                for asset, units in sorted(totals(document.lines).items())
            ],
        },
    }


def acceptance_of(document: PayoutDocument, signature: bytes) -> Acceptance:
    """Whose signature over the document it is; of two spellings that verify, only one is taken.

    Raises:
        BadAcceptance: it is no signature of anybody over this document.
    """
    if len(signature) != _SIGNATURE_BYTES:
        raise BadAcceptance(document.digest, f"a signature has 65 bytes, this {len(signature)}")
    parity = _PARITIES.get(signature[-1])
    if parity is None:
        raise BadAcceptance(document.digest, f"its last byte is {signature[-1]}, not 27 or 28")
    r, s = (int.from_bytes(signature[at : at + _WORD], "big") for at in (0, _WORD))
    try:
        signer = Signature(r=r, s=s, y_parity=parity).signer_of(acceptance_digest(document))
    except BadSignature as error:
        raise BadAcceptance(document.digest, str(error)) from error
    if signer is None:
        raise BadAcceptance(document.digest, "no key has signed it")
    return Acceptance(signer, signature)


def proof_problems(signed: SignedDocument, signers: Collection[Address] | None) -> tuple[str, ...]:
    """Why these signatures do not show that two approvers accepted a document; none if they do.

    Args:
        signed: the document as it was given, and whose the signatures are said to be.
        signers: the approvers, known from elsewhere; None takes any keys, and then shows only that
            two of them signed.
    """
    problems: list[str] = []
    found: set[Address] = set()
    for one in signed.acceptances:
        try:
            actual = acceptance_of(signed.document, one.signature).signer
        except BadAcceptance as error:
            problems.append(f"{one.signer}: {error}")
            continue
        if actual != one.signer:
            problems.append(f"{one.signer}: the signature is by {actual}, or of something else")
        elif signers is None or actual in signers:
            found.add(actual)
    if len(found) < SIGNATURES_NEEDED:
        whose = "different keys" if signers is None else "the named approvers"
        problems.append(f"{len(found)} of {SIGNATURES_NEEDED} {whose} have signed")
    return tuple(problems)


def _domain(document: PayoutDocument) -> Domain:
    return Domain(name=_DOMAIN_NAME, chain_id=document.chain_id, contract=document.contract)
