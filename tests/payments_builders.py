"""Payments by hand: intents, logs, evidence and rules that fit, to be spoilt one by one."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from contracts.event_spec import EventSpec
from contracts.evm import Address, BlockNumber, BlockRef, ChainId, Hash32, Timestamp, keccak
from contracts.units import BaseUnits
from settlement.payments.evidence import Heights, LogSeen, Source, TransactionSeen
from settlement.payments.families import FAMILIES, AssetSource, Family
from settlement.payments.fees import FeeTerms, fee_of
from settlement.payments.intent import PaymentIntent
from settlement.payments.rulebook import (
    AllowedContract,
    FeeTermsInForce,
    Rulebook,
    TierPriceInForce,
)

CHAIN_ID = ChainId(31337)
NATIVE = Address(bytes(20))
START_BLOCK, PAID_BLOCK, HEAD_BLOCK = 10, 100, 140
LOG_INDEX = 7
UNIT = 1_000_000


def account(name: str) -> Address:
    return Address(keccak(name.encode())[:20])


def digest(name: str) -> Hash32:
    return keccak(name.encode())


PAYER, CREATOR, TREASURY, STRANGER = (
    account(name) for name in ("payer", "creator", "treasury", "stranger")
)
USDC, OTHER_TOKEN = account("usdc"), account("other token")
CONTENT, TX = digest("content"), digest("transaction")
TERMS = FeeTerms(treasury=TREASURY, minimum=BaseUnits(UNIT), bps=1_000)
AMOUNT = BaseUnits(25 * UNIT)
TIER = 3


def block(number: int, fork: str = "") -> BlockRef:
    return BlockRef(
        number=BlockNumber(number),
        hash=digest(f"block {number} {fork}"),
        parent_hash=digest(f"block {number - 1} {fork}"),
        timestamp=Timestamp(1_000 + 10 * number),
    )


def contract_of(family: Family) -> Address:
    return USDC if family.asset is AssetSource.EMITTER else account(family.event.contract.value)


def asset_of(family: Family) -> Address:
    return NATIVE if family.asset is AssetSource.NATIVE else USDC


def intent_of(family: Family, **changes: Any) -> PaymentIntent:
    values: dict[str, Any] = {
        "chain_id": CHAIN_ID,
        "family_name": family.name,
        "contract": contract_of(family),
        "payer": PAYER,
        "payee": CREATOR,
        "subject": None if family.subject is None else CONTENT,
        "tier_id": None if family.tier is None else TIER,
        "asset": asset_of(family),
        "amount": AMOUNT,
        "fee_terms": None if family.fee is None else TERMS,
        "stated_order": None,
        "reference": "order 1",
        "since": Timestamp(1_000),
        "until": Timestamp(3_000),
    }
    return PaymentIntent(**values | changes)


def values_of(intent: PaymentIntent) -> dict[str, Any]:
    """The fields of the event that pays an intent."""
    family = intent.family
    named = {
        family.payer: intent.payer or PAYER,
        family.payee: intent.payee,
        family.amount: intent.amount,
        family.order: intent.order_id,
        family.subject: intent.subject,
        family.tier: intent.tier_id,
        family.fee: 0 if family.fee is None else fee_of(intent.amount, TERMS),
    }
    if isinstance(family.asset, str):
        named[family.asset] = intent.asset
    rest = {field.name: _anything(field.abi_type) for field in family.event.fields}
    return rest | {name: value for name, value in named.items() if name is not None}


def log_of(
    spec: EventSpec, address: Address, values: Mapping[str, Any], *, log_index: int = LOG_INDEX
) -> LogSeen:
    words = {field.name: word(values[field.name]) for field in spec.fields}
    return LogSeen(
        address=address,
        topics=(
            bytes(spec.topic0),
            *(words[field.name] for field in spec.fields if field.indexed),
        ),
        data=b"".join(words[field.name] for field in spec.fields if not field.indexed),
        log_index=log_index,
    )


def word(value: bytes | int) -> bytes:
    return value.to_bytes(32, "big") if isinstance(value, int) else value.rjust(32, b"\0")


def paying_log(intent: PaymentIntent, *, log_index: int = LOG_INDEX, **changes: Any) -> LogSeen:
    family = intent.family
    values = values_of(intent) | changes
    return log_of(family.event, intent.contract, values, log_index=log_index)


def seen_with(*logs: LogSeen, **changes: Any) -> TransactionSeen:
    seen = TransactionSeen(
        source=Source.FACTS,
        chain_id=CHAIN_ID,
        transaction_hash=TX,
        is_success=True,
        block=block(PAID_BLOCK),
        is_canonical=True,
        logs=logs,
    )
    return replace(seen, **changes)


def rulebook_of(intent: PaymentIntent, **changes: Any) -> Rulebook:
    family, contract = intent.family, intent.contract
    since = (START_BLOCK, 0)
    terms = FeeTermsInForce(since=since, contract=contract, terms=TERMS)
    prices = []
    if family.price_list is not None:
        assert intent.subject is not None
        assert intent.tier_id is not None
        prices = [
            TierPriceInForce(
                since=since,
                contract=contract,
                subject=intent.subject,
                tier_id=intent.tier_id,
                price=intent.amount,
            )
        ]
    ours = {(family.event.contract, contract)}
    ours |= {(one.event.contract, contract_of(one)) for one in FAMILIES}
    allowed = tuple(
        AllowedContract(name=name, address=address, start_block=BlockNumber(START_BLOCK))
        for name, address in sorted(ours)
    )
    rulebook = Rulebook(
        contracts=allowed, fee_terms=(terms,) if family.fee else (), prices=tuple(prices)
    )
    return replace(rulebook, **changes)


def heights(*, head: int = HEAD_BLOCK, safe: int | None = 120, final: int | None = 110) -> Heights:
    return Heights(
        head=block(head),
        safe=None if safe is None else block(safe),
        finalized=None if final is None else block(final),
    )


def _anything(abi_type: str) -> bytes | int:
    if abi_type == "address":
        return STRANGER
    return digest("anything") if abi_type == "bytes32" else 5
