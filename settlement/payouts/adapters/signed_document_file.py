"""The file that shows who accepted a payout document: the document, and signatures over it.

    {"format": "quittance-signed-document-v1", "document": {…},
     "acceptances": [{"signer": "0x…", "signature": "0x…"}, …]}

It is read strictly, and holds nothing that has to be believed: `acceptance.proof_problems` checks
it against addresses that are known from elsewhere.
"""

import json

from contracts.evm import bytes_from_hex
from contracts.wire import BadWireValue, address_from_wire
from settlement.payouts.acceptance import Acceptance, SignedDocument
from settlement.payouts.adapters.document_file import object_of, read_document
from settlement.payouts.errors import BadDocument

FORMAT = "quittance-signed-document-v1"
_FIELDS = frozenset({"format", "document", "acceptances"})
_ACCEPTANCE_FIELDS = frozenset({"signer", "signature"})


def to_file(signed: SignedDocument) -> dict[str, object]:
    """The content of the file."""
    return {
        "format": FORMAT,
        "document": json.loads(signed.document.source),
        "acceptances": [
            {"signer": str(one.signer), "signature": "0x" + one.signature.hex()}
            for one in signed.acceptances
        ],
    }


def read_signed_document(source: bytes) -> SignedDocument:
    """Read a file; nothing of it is checked but its form.

    Raises:
        BadDocument: with every problem, by field and value.
    """
    raw = object_of(source)
    if raw.keys() != _FIELDS or raw["format"] != FORMAT or not isinstance(raw["acceptances"], list):
        raise BadDocument((f"it is no object with format {FORMAT!r}, document and acceptances",))
    document = read_document(json.dumps(raw["document"]).encode())
    problems: list[str] = []
    found = [_acceptance(problems, *entry) for entry in enumerate(raw["acceptances"])]
    if problems:
        raise BadDocument(tuple(problems))
    return SignedDocument(document, tuple(one for one in found if one is not None))


def _acceptance(problems: list[str], index: int, entry: object) -> Acceptance | None:
    where = f"acceptances[{index}]"
    if not isinstance(entry, dict) or entry.keys() != _ACCEPTANCE_FIELDS:
        problems.append(f"{where}: no object with the fields signature, signer")
        return None
    try:
        signer = address_from_wire(entry["signer"], f"{where}.signer")
        return Acceptance(signer, bytes_from_hex(str(entry["signature"])))
    except BadWireValue as error:
        problems.append(str(error))
    except ValueError:
        problems.append(f"{where}.signature: {entry['signature']!r} is not 0x and digits")
    return None
