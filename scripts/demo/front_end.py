"""A front-end as others would write one: it knows the API over HTTP, and nothing of us."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.evm import ZERO_HASH, Address, Hash32, Timestamp
from contracts.orders import Order
from contracts.units import BaseUnits
from scripts.errors import Corrupt

_LIMIT_S = 30


class AnswerRefused(Corrupt):
    """The API refused what the demo asked, which it should have answered."""

    def __init__(self, path: str, answer: str) -> None:
        super().__init__(f"{path}: {answer}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An intent as the API stored it, and the order that pays it."""

    intent_id: Hash32
    contract: Address
    asset: Address
    fee: BaseUnits
    order: Order


@dataclass(frozen=True, slots=True)
class FrontEnd:
    """The API at a URL."""

    url: str

    def announce(self, wanted: Mapping[str, object]) -> Asked:
        """Say what shall be paid; the answer says how."""
        intent = self._answer("/v1/payments/intents", wanted)["intent"]
        fee = BaseUnits(int(intent["fee"]))
        order = Order(
            order_id=Hash32.from_hex(intent["order_id"]),
            payer=Address.from_hex(intent["payer"]),
            creator=Address.from_hex(intent["payee"]),
            subject=Hash32.from_hex(intent["subject"]) if intent["subject"] else ZERO_HASH,
            tier_id=intent["tier_id"] or 0,
            price=BaseUnits(int(intent["amount"])),
            max_fee=fee,
            deadline=Timestamp(intent["until"] - 1),
        )
        return Asked(
            intent_id=Hash32.from_hex(intent["intent_id"]),
            contract=Address.from_hex(intent["contract"]),
            asset=Address.from_hex(intent["asset"]),
            fee=fee,
            order=order,
        )

    def report(self, asked: Asked, tx_hash: Hash32) -> str:
        """Say which transaction pays; returns where the payment stands."""
        told = {"transaction_hash": str(tx_hash)}
        answer = self._answer(f"/v1/payments/{asked.intent_id}/submissions", told)
        return str(answer["submission"]["state"])

    def state(self, asked: Asked) -> str:
        """Where a payment stands: its state, or `refunded`."""
        answer = self._answer(f"/v1/payments/intents/{asked.intent_id}")
        return "refunded" if answer["is_refunded"] else str(answer["state"])

    def admission(self, wallet: Address, content: Hash32) -> str:
        """Why a wallet is let in, or is not."""
        answer = self._answer(f"/v1/entitlements/{wallet}/{content}")
        verdict = "granted" if answer["is_granted"] else "denied"
        return f"{verdict}: {answer['reason']}"

    def _answer(self, path: str, content: Mapping[str, object] | None = None) -> Any:  # noqa: ANN401
        """The JSON that the API answers.

        Raises:
            AnswerRefused: it answers with a problem.
        """
        data = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(  # noqa: S310 - a loopback address of our own
            self.url + path, data, {"content-type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=_LIMIT_S) as response:  # noqa: S310
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise AnswerRefused(path, error.read().decode()) from error
