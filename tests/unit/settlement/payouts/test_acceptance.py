"""Signatures over payout documents: what is signed, whose they are, and what they show.

Subjects: settlement.payouts.acceptance, settlement.payouts.adapters.signed_document_file.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount

from contracts.evm import ZERO_ADDRESS, Address, ChainId, keccak
from contracts.units import BaseUnits
from settlement.ledger.documents import DocumentLine
from settlement.payouts.acceptance import (
    Acceptance,
    SignedDocument,
    acceptance_digest,
    acceptance_of,
    proof_problems,
    typed_data,
)
from settlement.payouts.adapters.signed_document_file import (
    read_signed_document,
    to_file,
)
from settlement.payouts.documents import PayoutDocument
from settlement.payouts.errors import BadAcceptance, BadDocument
from settlement.payouts.signature import CURVE_ORDER

ANN, BEN, EVE = (Account.from_key(bytes([number]) * 32) for number in (1, 2, 3))
TOKEN = Address(b"\xa5" * 20)


def document(**changes: Any) -> PayoutDocument:
    lines = [(TOKEN, 5), (ZERO_ADDRESS, 7), (TOKEN, 6)]
    one = PayoutDocument(
        name="grants-2026-11",
        chain_id=ChainId(8453),
        contract=Address(b"\xc2" * 20),
        lines=tuple(
            DocumentLine(
                index=index, payee=Address(b"\x01" * 20), asset=asset, amount=BaseUnits(units)
            )
            for index, (asset, units) in enumerate(lines)
        ),
    )
    return replace(one, **changes)


DOCUMENT = document()


def signature(account: LocalAccount, of: PayoutDocument = DOCUMENT) -> bytes:
    """As any wallet makes it, from the typed data."""
    message = encode_typed_data(full_message=typed_data(of))
    return bytes(account.sign_message(message).signature)


def acceptance(account: LocalAccount, of: PayoutDocument = DOCUMENT) -> Acceptance:
    return Acceptance(Address.from_hex(account.address), signature(account, of))


def test_digest__typed_data__is_what_another_implementation_signs() -> None:
    message = encode_typed_data(full_message=typed_data(DOCUMENT))

    assert acceptance_digest(DOCUMENT) == keccak(
        b"\x19" + message.version + message.header + message.body
    )
    assert acceptance_of(DOCUMENT, signature(ANN)) == acceptance(ANN)


def test_typed_data__document__all_that_a_wallet_shows_of_it() -> None:
    said = typed_data(DOCUMENT)

    assert said["domain"] == {
        "name": "Quittance Payout Documents",
        "version": "1",
        "chainId": "8453",
        "verifyingContract": str(DOCUMENT.contract),
    }
    assert said["message"] == {
        "document": str(DOCUMENT.digest),
        "list": "grants-2026-11",
        "lines": "3",
        "totals": [
            {"asset": str(ZERO_ADDRESS), "amount": "7"},
            {"asset": str(TOKEN), "amount": "11"},
        ],
    }


@pytest.mark.parametrize(
    "other",
    [
        document(name="grants-2026-12"),
        document(chain_id=ChainId(1)),
        document(contract=Address(b"\xc3" * 20)),
        document(lines=DOCUMENT.lines[:2]),
        *(
            document(lines=(replace(DOCUMENT.lines[0], **change), *DOCUMENT.lines[1:]))
            for change in ({"payee": TOKEN}, {"asset": ZERO_ADDRESS}, {"amount": BaseUnits(6)})
        ),
    ],
)
def test_acceptance_of__any_other_document__another_key_s(other: PayoutDocument) -> None:
    assert acceptance_of(other, signature(ANN)).signer != Address.from_hex(ANN.address)
    assert proof_problems(SignedDocument(other, (acceptance(ANN), acceptance(BEN))), None) != ()


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        (lambda good: good[:-1], "65 bytes, this 64"),
        (lambda good: good[:-1] + b"\x1d", "last byte is 29"),
        (lambda good: bytes(32) + good[32:], "r is not below"),
        (
            lambda good: (
                good[:32]
                + (CURVE_ORDER - int.from_bytes(good[32:64], "big")).to_bytes(32, "big")
                + bytes([55 - good[64]])
            ),
            "lower half",
        ),
    ],
    ids=["short", "parity", "zero r", "the other spelling of the same"],
)
def test_acceptance_of__no_signature__refused(spoilt: Callable[[bytes], bytes], said: str) -> None:
    with pytest.raises(BadAcceptance, match=said):
        acceptance_of(DOCUMENT, spoilt(signature(ANN)))


def test_acceptance_of__parity_as_zero_or_one__the_same_key() -> None:
    plain = signature(ANN)

    assert acceptance_of(DOCUMENT, plain[:-1] + bytes([plain[-1] - 27])).signer == Address.from_hex(
        ANN.address
    )


APPROVERS = {Address.from_hex(one.address) for one in (ANN, BEN)}


@pytest.mark.parametrize(
    ("given", "signers", "said"),
    [
        ([acceptance(ANN), acceptance(BEN)], APPROVERS, None),
        ([acceptance(ANN), acceptance(BEN), acceptance(EVE)], APPROVERS, None),
        ([acceptance(ANN), acceptance(EVE)], None, None),
        ([acceptance(ANN), acceptance(EVE)], APPROVERS, "1 of 2 the named approvers"),
        ([acceptance(ANN), acceptance(ANN)], None, "1 of 2 different keys"),
        ([acceptance(ANN)], APPROVERS, "1 of 2"),
        ([], None, "0 of 2"),
        (
            [acceptance(ANN), Acceptance(Address.from_hex(BEN.address), signature(EVE))],
            None,
            "the signature is by",
        ),
        ([acceptance(ANN), acceptance(BEN), Acceptance(TOKEN, b"")], APPROVERS, "65 bytes, this 0"),
    ],
)
def test_proof_problems__signatures_and_approvers__table(
    given: list[Acceptance], signers: set[Address] | None, said: str | None
) -> None:
    found = proof_problems(SignedDocument(DOCUMENT, tuple(given)), signers)

    assert (found == ()) == (said is None), found
    assert said is None or any(said in one for one in found)


def test_file__written_and_read__the_same() -> None:
    given = SignedDocument(DOCUMENT, (acceptance(ANN), acceptance(BEN)))

    source = json.dumps(to_file(given)).encode()

    assert read_signed_document(source) == given


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": "other"}, "format"),
        ({"more": 1}, "format"),
        ({"acceptances": {}}, "acceptances"),
        ({"acceptances": [{"signer": "0x00"}]}, "acceptances[0]: no object"),
        ({"acceptances": [{"signer": "0x00", "signature": "0x"}]}, "acceptances[0].signer"),
        ({"acceptances": [{"signer": str(TOKEN), "signature": "00"}]}, "acceptances[0].signature"),
        ({"document": []}, "JSON object"),
    ],
)
def test_file__of_another_form__refused_with_the_field(
    changes: dict[str, object], said: str
) -> None:
    source = json.dumps(to_file(SignedDocument(DOCUMENT, ())) | changes).encode()

    with pytest.raises(BadDocument) as caught:
        read_signed_document(source)
    assert any(said in one for one in caught.value.problems)
