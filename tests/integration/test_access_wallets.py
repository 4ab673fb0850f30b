"""Contract wallets that sign in, on a real chain: api.adapters.contract_wallets."""

from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine

from api.adapters.contract_wallets import WALLET_LIMITS, RPCContractWallets
from api.adapters.tables import ACCESS_NONCE, ACCESS_SESSION
from api.auth_signatures import personal_digest
from api.errors import ChainSilent
from contracts.evm import Address, Hash32
from indexer.adapters.json_rpc import JSONRPC
from scripts.embedded.anvil import AnvilNode
from scripts.embedded.postgres import PostgresServer
from tests.access_builders import (
    CHAIN_ID,
    OTHER_CHAIN,
    Clock,
    Person,
    access_deps,
    changed,
    new_message,
)
from tests.api_client import APIClient, problem_of, running_api

OWNER, STRANGER = Person.named("owner"), Person.named("stranger")
WALLET, HOSTILE = Address(b"\x11" * 20), Address(b"\x22" * 20)
DIGEST = Hash32(b"\x33" * 32)
MAGIC_WORD = "7f1626ba7e" + "00" * 28
OF_ITS_OWNER = (
    "6020600460003760a43560f81c602052604060646040376020608060806000"
    "60015afa5060805173" + OWNER.address.hex() + "14631626ba7e60e01b0260005260206000f3"
)
"""isValidSignature(hash, r ‖ s ‖ v): ecrecover(hash, v, r, s) == owner ? magic : 0."""

ANSWERS = {
    "reverts": ("60006000fd", False),
    "burns all gas": ("5b600056", False),
    "invalid opcode": ("fe", False),
    "stack underflow": ("50", False),
    "answers nothing": ("00", False),
    "answers zero": ("60206000f3", False),
    "answers 31 bytes": (MAGIC_WORD + "600052601f6000f3", False),
    "dirty magic": ("7f1626ba7e" + "00" * 27 + "0160005260206000f3", False),
    "magic": (MAGIC_WORD + "60005260206000f3", True),
    "magic and more": (MAGIC_WORD + "60005260406000f3", True),
    "reverts with magic": (MAGIC_WORD + "60005260206000fd", False),
    "reverts at length": ("620200006000fd", False),
}


@pytest.fixture
def rpc(anvil: AnvilNode) -> Iterator[JSONRPC]:
    endpoint = JSONRPC(anvil.url, WALLET_LIMITS)
    yield endpoint
    endpoint.close()


@pytest.fixture
def api(rpc: JSONRPC, postgres_server: PostgresServer) -> Iterator[APIClient]:
    url = postgres_server.url("access_wallets")
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    ACCESS_SESSION.metadata.create_all(engine, [ACCESS_NONCE, ACCESS_SESSION])
    engine.dispose()
    wallets = RPCContractWallets({CHAIN_ID: rpc})
    with running_api(access_deps(url, Clock(), wallets=wallets)) as client:
        yield client


def test_wallet__signature_of_its_owner__signs_the_contract_in(
    api: APIClient, rpc: JSONRPC
) -> None:
    rpc.call("anvil_setCode", str(WALLET), "0x" + OF_ITS_OWNER)
    text = new_message(api, WALLET)
    forged = api.post("/v1/sessions", json=STRANGER.signed(text))
    of_another = api.post("/v1/sessions", json=OWNER.signed(text + "?"))
    opened = api.post("/v1/sessions", json=OWNER.signed(text))
    elsewhere = new_message(api, WALLET, chain_id=OTHER_CHAIN)

    assert problem_of(forged) == (401, "sign-in-refused", ["signature"])
    assert problem_of(of_another)[0] in (401, 422)
    assert (opened.status_code, opened.json()["address"]) == (201, str(WALLET))
    # On a chain where nobody knows the contract, it has no signature.
    assert problem_of(api.post("/v1/sessions", json=OWNER.signed(elsewhere)))[0] == 401


def test_wallet__owner_signs_for_the_contract__is_not_signed_in_themselves(
    api: APIClient, rpc: JSONRPC
) -> None:
    rpc.call("anvil_setCode", str(WALLET), "0x" + OF_ITS_OWNER)
    text = new_message(api, WALLET)
    body = OWNER.signed(text)

    as_owner = body | {"message": changed(text, address=OWNER.address)}

    assert problem_of(api.post("/v1/sessions", json=as_owner))[0] == 401


def test_wallet__chain_does_not_answer__503_and_the_nonce_lasts(
    api: APIClient, rpc: JSONRPC, anvil: AnvilNode
) -> None:
    rpc.call("anvil_setCode", str(WALLET), "0x" + OF_ITS_OWNER)
    text = new_message(api, WALLET)
    body = OWNER.signed(text)
    api.app.state.context.deps.access.wallets._rpcs[CHAIN_ID] = JSONRPC(
        "http://127.0.0.1:1", WALLET_LIMITS
    )

    away = api.post("/v1/sessions", json=body)
    api.app.state.context.deps.access.wallets._rpcs[CHAIN_ID] = rpc
    back = api.post("/v1/sessions", json=body)

    assert problem_of(away) == (503, "chain-silent", [])
    assert back.status_code == 201


def test_wallet__whatever_it_answers__only_the_magic_word_counts(rpc: JSONRPC) -> None:
    wallets, found = RPCContractWallets({CHAIN_ID: rpc}), {}
    for name, (code, _) in ANSWERS.items():
        rpc.call("anvil_setCode", str(HOSTILE), "0x" + code)
        found[name] = wallets.accepts(HOSTILE, DIGEST, b"x", chain_id=CHAIN_ID)

    assert found == {name: expected for name, (_, expected) in ANSWERS.items()}


def test_wallet__account_without_code_or_chain__no_wallet(rpc: JSONRPC) -> None:
    wallets = RPCContractWallets({CHAIN_ID: rpc})
    signature = bytes.fromhex(OWNER.signed("x")["signature"][2:])

    for wallet in (OWNER.address, Address(bytes(19) + b"\x01")):
        digest = personal_digest("x")
        assert not wallets.accepts(wallet, digest, signature, chain_id=CHAIN_ID)
    assert not wallets.accepts(WALLET, DIGEST, b"", chain_id=OTHER_CHAIN)


def test_wallet__endpoint_fails_otherwise__transient(rpc: JSONRPC) -> None:
    class Limited(JSONRPC):
        def call(self, method: str, *params: object) -> object:
            # A method that the node does not have: an error that says nothing of the wallet.
            return super().call("eth_nothing" if method == "eth_call" else method, *params)

    rpc.call("anvil_setCode", str(WALLET), "0x" + OF_ITS_OWNER)
    broken = Limited("http://" + rpc.host, WALLET_LIMITS)

    with pytest.raises(ChainSilent, match="chain 31337 does not answer"):
        RPCContractWallets({CHAIN_ID: broken}).accepts(WALLET, DIGEST, b"", chain_id=CHAIN_ID)
    broken.close()
