"""The transactions that a block object lists: their hashes, and the transactions themselves.

Source: EIP-1474; the execution-apis specification; OP Stack specification, deposits.
"""

from collections.abc import Callable, Mapping

from contracts.evm import Hash32
from indexer.adapters.answer_fields import (
    NotTheSchema,
    RawObject,
    address,
    data,
    hash32,
    list_from,
    object_from,
    quantity,
    quantity_if_present,
)
from indexer.transactions import ACCESS_FIELDS, AUTHORIZATION_FIELDS, FIELDS, Item, Transaction


def transaction_hashes_from_answer(answer: object) -> tuple[Hash32, ...] | None:
    """Hashes of the transactions that a block object lists, whole or by hash; None if it does not.

    Hashes of whole transactions are not recomputed.

    Raises:
        NotTheSchema: naming the first field that is wrong, and its value.
    """
    listed = object_from(answer, "block").get("transactions")
    if listed is None:
        return None
    return tuple(
        hash32(one, "hash")
        if isinstance(one, dict)
        else hash32({"transactions": one}, "transactions")
        for one in list_from(listed, "transactions")
    )


def whole_transactions_from_answer(answer: object) -> tuple[Transaction, ...] | None:
    """The transactions that a block object lists; None if it lists none, or not all of them whole.

    A transaction is whole if it has more than what says where it stands: if it has a nonce.

    Raises:
        NotTheSchema: naming the first field that is wrong, and its value.
    """
    listed = object_from(answer, "block").get("transactions")
    if not isinstance(listed, list) or not listed:
        return None
    objects = [one for one in listed if isinstance(one, dict) and "nonce" in one]
    if len(objects) != len(listed):
        return None
    return tuple(_transaction(raw) for raw in objects)


def _transaction(raw: RawObject) -> Transaction:
    kind = quantity_if_present(raw, "type") or 0
    fields = tuple(_READERS[name](raw, name) for name in FIELDS.get(kind, ()))
    return Transaction(kind, hash32(raw, "hash"), fields)


def _recipient(raw: RawObject, field: str) -> Item:
    """Nothing where the transaction makes a contract."""
    return b"" if raw.get(field) is None else address(raw, field)


def _bytes(raw: RawObject, field: str) -> Item:
    return data(raw, field, None)


def _parity(raw: RawObject, field: str) -> Item:
    """Older nodes call it `v`, as that of a legacy transaction."""
    return quantity(raw, "v" if raw.get(field) is None else field)


def _quantity_or_zero(raw: RawObject, field: str) -> Item:
    """Nothing and zero are encoded alike."""
    return quantity_if_present(raw, field) or 0


def _flag(raw: RawObject, field: str) -> Item:
    value = raw.get(field)
    if value is not None and not isinstance(value, bool):
        raise NotTheSchema(field, value, "true or false")
    return int(value or False)


def _hashes(raw: RawObject, field: str) -> Item:
    return tuple(hash32({field: one}, field) for one in list_from(raw.get(field), field))


def _access_list(raw: RawObject, field: str) -> Item:
    return _entries(raw, field, ACCESS_FIELDS)


def _authorizations(raw: RawObject, field: str) -> Item:
    return _entries(raw, field, AUTHORIZATION_FIELDS)


def _entries(raw: RawObject, field: str, names: tuple[str, ...]) -> Item:
    entries = [object_from(one, field) for one in list_from(raw.get(field), field)]
    return tuple(tuple(_READERS[name](entry, name) for name in names) for entry in entries)


_READERS: Mapping[str, Callable[[RawObject, str], Item]] = {
    "accessList": _access_list,
    "address": address,
    "authorizationList": _authorizations,
    "blobVersionedHashes": _hashes,
    "chainId": quantity,
    "from": address,
    "gas": quantity,
    "gasPrice": quantity,
    "input": _bytes,
    "isSystemTx": _flag,
    "maxFeePerBlobGas": quantity,
    "maxFeePerGas": quantity,
    "maxPriorityFeePerGas": quantity,
    "mint": _quantity_or_zero,
    "nonce": quantity,
    "r": quantity,
    "s": quantity,
    "sourceHash": hash32,
    "storageKeys": _hashes,
    "to": _recipient,
    "v": quantity,
    "value": quantity,
    "yParity": _parity,
}
"""How each field of a transaction, and of an entry of its lists, is read."""
