"""Calldata of holds against web3's own encoder and the committed ABI."""

from web3 import Web3

from contracts.abi import artifact
from contracts.evm import Address, Hash32, Timestamp
from contracts.holds import place_hold_call


def test_place_hold__calldata__as_the_abi_says() -> None:
    contract = Web3().eth.contract(abi=artifact("EpochPayouts").abi)
    account, reason = Address(b"\xaa" * 20), Hash32(b"\x01" * 32)

    expected = contract.encode_abi("placeHold", [str(account), bytes(reason), 77])

    assert "0x" + place_hold_call(account, reason, Timestamp(77)).hex() == expected
