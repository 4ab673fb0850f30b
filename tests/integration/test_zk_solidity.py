"""The verifier contract on a chain, beside both pairing back ends: one verdict on every proof."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any, NamedTuple

import pytest
from eth_abi.abi import decode, encode

from contracts.evm import Address, keccak
from scripts.devnode import DevNode, NodeRefused, account_from_seed
from scripts.embedded.anvil import AnvilNode
from settlement.royalties.zk.backends import backend_named
from settlement.royalties.zk.encoding import (
    proof_from_words,
    proof_to_words,
    verifying_key_to_words,
)
from settlement.royalties.zk.errors import BadProofDocument
from settlement.royalties.zk.field import FIELD_MODULUS, SCALAR_ORDER
from settlement.royalties.zk.groth16 import PairingBackend, Verdict, VerifyingKey, verify_proof
from tests.zk_vectors import (
    PUBLISHED,
    ProvedStatement,
    point_outside_of_g2,
    proved_statements,
    published_statements,
)

KEY_TYPE = "(uint256[2],uint256[2][2],uint256[2][2],uint256[2][2],uint256[2][2])"
VERIFY = keccak(b"verify(uint64,uint16,address,bytes32,bytes)")[:4]
WORD_MAX = 2**256 - 1
FLIPS = 24
"""Random bits per proof."""

FAST = backend_named("zksnake")
DEPLOYER = account_from_seed(4, "admin")


class Case(NamedTuple):
    """What is shown to a verifier."""

    name: str
    words: bytes
    public_input: int


class Verifiers:
    """The contract, deployed once for each key."""

    def __init__(self, url: str) -> None:
        self.node = DevNode(url)
        self.node.fund([DEPLOYER], 10**20)
        self._deployed: list[tuple[VerifyingKey, Address]] = []

    def at(self, key: VerifyingKey) -> Address:
        """Where the verifier of this key stands."""
        for known, address in self._deployed:
            if known == key:
                return address
        address = self.deploy(verifying_key_to_words(key))
        self._deployed.append((key, address))
        return address

    def deploy(self, words: bytes) -> Address:
        """A new verifier of a key that may be bad."""
        (argument,) = decode([KEY_TYPE], words)
        return self.node.deploy(DEPLOYER, "Groth16Verifier", argument)

    def verdicts(self, key: VerifyingKey, cases: list[Case]) -> list[bool]:
        """The contract's answers."""
        address = str(self.at(key))
        calls = [({"to": address, "data": _call_data(case)}, "latest") for case in cases]
        return [bool(int(answer, 16)) for answer in self.node.requests("eth_call", calls)]


def _call_data(case: Case) -> str:
    types = ["uint64", "uint16", "address", "bytes32", "bytes"]
    public_input = case.public_input.to_bytes(32, "big")
    return "0x" + (VERIFY + encode(types, [7, 0, "0x" + "a1" * 20, public_input, case.words])).hex()


@pytest.fixture
def verifiers(anvil: AnvilNode) -> Verifiers:
    return Verifiers(anvil.url)


def ours(key: VerifyingKey, case: Case, backend: PairingBackend) -> bool:
    """What Python says."""
    try:
        proof = proof_from_words(case.words)
    except BadProofDocument:
        return False
    return verify_proof(key, proof, case.public_input, backend) is Verdict.VALID


def cases_of(statement: ProvedStatement, seed: int) -> list[Case]:
    """The valid proof first, its twin second, and then what must be refused."""
    valid = proof_to_words(statement.proof)
    return [
        Case("valid", valid, statement.public_input),
        Case("twin", _twin(statement), statement.public_input),
        *_other_inputs(valid, statement.public_input),
        *(Case(name, words, statement.public_input) for name, words in _malformed(valid)),
        *(Case(name, words, statement.public_input) for name, words in _tampered(valid)),
        *(Case(name, words, statement.public_input) for name, words in _flipped(valid, seed)),
    ]


def _twin(statement: ProvedStatement) -> bytes:
    (ax, ay), (bx, by) = statement.proof.a, statement.proof.b
    negated = (FIELD_MODULUS - by[0], FIELD_MODULUS - by[1])
    return proof_to_words(replace(statement.proof, a=(ax, FIELD_MODULUS - ay), b=(bx, negated)))


def _other_inputs(valid: bytes, public_input: int) -> Iterator[Case]:
    for value in (0, SCALAR_ORDER - 1, SCALAR_ORDER, WORD_MAX, public_input + 1):
        yield Case(f"input {value:#x}", valid, value)
    for multiple in range(1, 6):
        if (value := public_input + multiple * SCALAR_ORDER) <= WORD_MAX:
            yield Case(f"input + {multiple}·r", valid, value)


def _malformed(valid: bytes) -> Iterator[tuple[str, bytes]]:
    yield "empty", b""
    yield "one byte less", valid[:-1]
    yield "one byte more", valid + b"\0"
    yield "twice", valid * 2
    yield "zero", bytes(256)


def _tampered(valid: bytes) -> Iterator[tuple[str, bytes]]:
    words = [int.from_bytes(valid[start : start + 32], "big") for start in range(0, 256, 32)]
    for place, value in enumerate(words):
        for other in (value + 1, value + FIELD_MODULUS, 0, FIELD_MODULUS, WORD_MAX):
            changed = [*words[:place], other, *words[place + 1 :]]
            yield f"word {place} is {other:#x}", _packed(changed)
    for start, stop, name in ((0, 2, "a"), (2, 6, "b"), (6, 8, "c")):
        zeros = [0] * (stop - start)
        yield f"{name} infinite", _packed(words[:start] + zeros + words[stop:])
    ax, ay, bx1, bx0, by1, by0, cx, cy = words
    yield "limbs swapped", _packed([ax, ay, bx0, bx1, by0, by1, cx, cy])
    yield "a and c swapped", _packed([cx, cy, bx1, bx0, by1, by0, ax, ay])
    (out_x0, out_x1), (out_y0, out_y1) = point_outside_of_g2()
    yield "outside of G2", _packed([ax, ay, out_x1, out_x0, out_y1, out_y0, cx, cy])


def _flipped(valid: bytes, seed: int) -> Iterator[tuple[str, bytes]]:
    random = Random(seed)
    for bit in random.sample(range(8 * len(valid)), FLIPS):
        flipped = bytearray(valid)
        flipped[bit >> 3] ^= 1 << (bit & 7)
        yield f"bit {bit} flipped", bytes(flipped)


def _packed(words: list[int]) -> bytes:
    return b"".join(word.to_bytes(32, "big") for word in words)


def statements() -> list[Any]:
    """Ours, and the third party's where it is present."""
    if not PUBLISHED.exists():
        absent = pytest.mark.skip(reason="../shared/vectors is absent")
        return [proved_statements(), pytest.param([], id="published", marks=absent)]
    return [
        pytest.param(proved_statements(), id="committed"),
        pytest.param(published_statements(), id="published"),
    ]


@pytest.mark.parametrize("proved", statements())
def test_verify__every_proof__contract_and_fast_back_end_agree(
    verifiers: Verifiers, proved: list[ProvedStatement]
) -> None:
    for seed, statement in enumerate(proved):
        cases = cases_of(statement, seed)
        expected = [ours(statement.key, case, FAST) for case in cases]

        found = verifiers.verdicts(statement.key, cases)

        assert [case.name for case, ok in zip(cases, found, strict=True) if ok] == ["valid", "twin"]
        assert found == expected


@pytest.mark.parametrize("proved", statements())
def test_verify__some_proofs__the_reference_agrees_too(
    verifiers: Verifiers, proved: list[ProvedStatement]
) -> None:
    wanted = {"valid", "twin", "limbs swapped", "b infinite", "outside of G2", "input + 1·r"}
    statement = proved[-1]
    public_input = statement.public_input + 1
    cases = [one for one in cases_of(statement, 0) if one.name in wanted]
    cases.append(cases[0]._replace(name="next input", public_input=public_input))

    found = verifiers.verdicts(statement.key, cases)

    assert found == [ours(statement.key, one, backend_named("py-ecc")) for one in cases]
    assert found.count(True) == 2


def test_verify__proof_of_another_key__refused_by_both(verifiers: Verifiers) -> None:
    first, *_, last = proved_statements()
    case = Case("of another key", proof_to_words(last.proof), last.public_input)

    assert verifiers.verdicts(last.key, [case]) == [True]
    assert verifiers.verdicts(first.key, [case]) == [ours(first.key, case, FAST)] == [False]


def test_deploy__key__its_event_names_the_hash_that_python_computes(verifiers: Verifiers) -> None:
    key = proved_statements()[0].key

    address = verifiers.at(key)

    (log,) = verifiers.node.request("eth_getLogs", {"address": str(address), "fromBlock": "0x0"})
    signature = keccak(b"VerifyingKeySet(bytes32)")
    assert log["topics"] == [str(signature), str(keccak(verifying_key_to_words(key)))]


def test_deploy__key_with_a_point_outside_of_g2__refused(verifiers: Verifiers) -> None:
    key = replace(proved_statements()[0].key, gamma=point_outside_of_g2())

    with pytest.raises(NodeRefused, match="reverted"):
        verifiers.deploy(verifying_key_to_words(key))


def test_verify__starved__reverts_instead_of_refusing(verifiers: Verifiers) -> None:
    statement = proved_statements()[0]
    case = cases_of(statement, 0)[0]
    call = {"to": str(verifiers.at(statement.key)), "data": _call_data(case), "gas": hex(200_000)}

    with pytest.raises(NodeRefused, match="revert"):
        verifiers.node.request("eth_call", call, "latest")
