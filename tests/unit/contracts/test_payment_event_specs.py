"""Events that several payment contracts share are made by one function each."""

import runpy

from contracts import payment_event_specs
from contracts.abi import artifact
from contracts.event_spec import EventSpec
from contracts.payment_event_specs import PAYMENT_EVENTS


def test_payment_events__made_again__those_of_the_abi() -> None:
    """The module makes them when it is read; here it is read once more."""
    again = runpy.run_path(payment_event_specs.__file__, run_name=payment_event_specs.__name__)

    made: tuple[EventSpec, ...] = tuple(again["PAYMENT_EVENTS"])
    assert made == tuple(PAYMENT_EVENTS)
    for spec in made:
        entries = [
            item
            for item in artifact(spec.contract.value).abi
            if item["type"] == "event" and item["name"] == spec.name
        ]
        assert [one["type"] for entry in entries for one in entry["inputs"]] == [
            field.abi_type for field in spec.fields
        ]
