"""Contract wallets that sign in, on a real chain: api.adapters.contract_wallets."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from eth_abi.abi import encode
from sqlalchemy import create_engine
from sqlalchemy import text as sql_text

from api.adapters.contract_wallets import NOT_DEPLOYED, WALLET_LIMITS, RPCContractWallets
from api.adapters.tables import ACCESS_NONCE, ACCESS_SESSION
from api.auth_signatures import personal_digest
from api.errors import ChainSilent
from api.sessions import SEEN_STEP_S, SESSIONS_MAX
from contracts.evm import Address, ChainId, Hash32, keccak
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
    cookie_of,
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

FACTORY = Address(b"\x44" * 20)
MAKES_WALLETS_CODE = "36600060003760003660006000f500"
"""A factory: calldatacopy(0, 0, size); create2(0, 0, size, 0)."""

INIT_CODE = bytes.fromhex("600b380380600b3d393df3" + OF_ITS_OWNER)
COUNTERFACTUAL = Address(keccak(b"\xff" + FACTORY + bytes(32) + keccak(INIT_CODE))[12:])
OPENS_WHEN_CALLED = (
    "60003560e01c631626ba7e14601557600160005500"  # whatever else is called: sstore(0, 1)
    "5b60005415602d57631626ba7e60e01b60005260206000f35b00"
)
"""A wallet that accepts everything once anybody has called it."""

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
def clock() -> Clock:
    return Clock()


@pytest.fixture
def api(rpc: JSONRPC, clock: Clock, postgres_server: PostgresServer) -> Iterator[APIClient]:
    with wallet_api(postgres_server, clock, {CHAIN_ID: rpc}) as client:
        yield client


@contextmanager
def wallet_api(
    server: PostgresServer, clock: Clock, rpcs: Mapping[ChainId, JSONRPC]
) -> Iterator[APIClient]:
    """An app that asks wallets, with nobody signed in."""
    url = server.url("access_wallets")
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    ACCESS_SESSION.metadata.create_all(engine, [ACCESS_NONCE, ACCESS_SESSION])
    with engine.begin() as connection:
        connection.execute(sql_text("TRUNCATE access_nonce, access_session"))
    engine.dispose()
    wallets = RPCContractWallets(rpcs)
    with running_api(access_deps(url, clock, wallets=wallets)) as client:
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


def test_wallet__not_deployed_yet__signs_in_by_how_it_would_be(
    api: APIClient, rpc: JSONRPC
) -> None:
    """A counterfactual wallet (ERC-6492), before and after somebody deploys it."""
    rpc.call("anvil_setCode", str(FACTORY), "0x" + MAKES_WALLETS_CODE)
    text = new_message(api, COUNTERFACTUAL)
    body = OWNER.signed(text)
    bare = api.post("/v1/sessions", json=body)
    forged = api.post("/v1/sessions", json=STRANGER.signed(text) | wrapped(STRANGER.signed(text)))
    opened = api.post("/v1/sessions", json=body | wrapped(body))

    assert problem_of(bare) == (401, "sign-in-refused", ["signature"])
    assert problem_of(forged) == (401, "sign-in-refused", ["signature"])
    assert (opened.status_code, opened.json()["address"]) == (201, str(COUNTERFACTUAL))
    assert rpc.call("eth_getCode", str(COUNTERFACTUAL), "latest") == "0x"


def test_wallet__stands_already__what_a_signature_wants_deployed_is_not_called(
    api: APIClient, rpc: JSONRPC
) -> None:
    """The call would make the wallet accept anybody; it is made only where there is no wallet."""
    rpc.call("anvil_setCode", str(WALLET), "0x" + OPENS_WHEN_CALLED)
    text = new_message(api, WALLET)
    body = STRANGER.signed(text)
    taken_over = body | wrapped(body, factory=WALLET, calldata=b"open")

    assert problem_of(api.post("/v1/sessions", json=taken_over))[0] == 401


@pytest.mark.parametrize("content", [b"", b"\x01", b"\xff" * 96, bytes(96)])
def test_wallet__wrapped_signature_that_is_none__refused(rpc: JSONRPC, content: bytes) -> None:
    wallets = RPCContractWallets({CHAIN_ID: rpc})

    assert not wallets.accepts(WALLET, DIGEST, content + NOT_DEPLOYED, chain_id=CHAIN_ID)


def wrapped(
    body: dict[str, str], *, factory: Address | None = None, calldata: bytes | None = None
) -> dict[str, str]:
    """The same signature, with how the wallet is deployed."""
    own = bytes.fromhex(body["signature"][2:])
    said = encode(
        ["address", "bytes", "bytes"],
        [str(factory or FACTORY), INIT_CODE if calldata is None else calldata, own],
    )
    return {"signature": "0x" + (said + NOT_DEPLOYED).hex()}


def test_wallet__owner_signs_for_the_contract__is_not_signed_in_themselves(
    api: APIClient, rpc: JSONRPC
) -> None:
    rpc.call("anvil_setCode", str(WALLET), "0x" + OF_ITS_OWNER)
    text = new_message(api, WALLET)
    body = OWNER.signed(text)

    as_owner = body | {"message": changed(text, address=OWNER.address)}

    assert problem_of(api.post("/v1/sessions", json=as_owner))[0] == 401


def wallet_session(api: APIClient, rpc: JSONRPC) -> dict[str, str]:
    """The headers of a session that the wallet's owner opened."""
    rpc.call("anvil_setCode", str(WALLET), "0x" + OF_ITS_OWNER)
    opened = api.post("/v1/sessions", json=OWNER.signed(new_message(api, WALLET)))
    assert opened.status_code == 201, opened.text
    return {"cookie": opened.headers["set-cookie"].partition(";")[0]}


def test_wallet__changes_its_owner__sessions_of_the_old_one_end(
    api: APIClient, rpc: JSONRPC, clock: Clock
) -> None:
    headers = wallet_session(api, rpc)
    clock.seconds += SEEN_STEP_S
    still = api.get("/v1/sessions", headers=headers)
    of_another = OF_ITS_OWNER.replace(OWNER.address.hex(), STRANGER.address.hex())
    rpc.call("anvil_setCode", str(WALLET), "0x" + of_another)

    clock.seconds += SEEN_STEP_S - 1
    not_asked_yet = api.get("/v1/sessions", headers=headers)
    clock.seconds += 1
    ended = api.get("/v1/sessions", headers=headers)
    rpc.call("anvil_setCode", str(WALLET), "0x" + OF_ITS_OWNER)
    afterwards = api.get("/v1/sessions", headers=headers)

    assert still.json()["items"][0]["seen_at"] == "2027-01-15T08:01:00Z"
    assert not_asked_yet.status_code == 200
    assert problem_of(ended) == (401, "no-session", ["cookie"])
    assert problem_of(afterwards) == (401, "no-session", ["cookie"])


def test_wallet__another_contract_at_its_address_elsewhere__ends_and_sees_nothing_of_it(
    rpc: JSONRPC, clock: Clock, postgres_server: PostgresServer
) -> None:
    """Who deploys a contract of their own at the address on a second chain is somebody else."""
    with wallet_api(postgres_server, clock, {CHAIN_ID: rpc, OTHER_CHAIN: rpc}) as api:
        ours = wallet_session(api, rpc)
        (session,) = api.get("/v1/sessions", headers=ours).json()["items"]
        of_another = OF_ITS_OWNER.replace(OWNER.address.hex(), STRANGER.address.hex())
        rpc.call("anvil_setCode", str(WALLET), "0x" + of_another)
        text = new_message(api, WALLET, chain_id=OTHER_CHAIN)
        theirs = {"cookie": cookie_of(api.post("/v1/sessions", json=STRANGER.signed(text)))}

        seen = api.get("/v1/sessions", headers=theirs).json()["items"]
        one = api.delete(f"/v1/sessions/{session['id']}", headers=theirs)
        for _ in range(SESSIONS_MAX):  # nor does it make room for itself
            text = new_message(api, WALLET, chain_id=OTHER_CHAIN)
            last = api.post("/v1/sessions", json=STRANGER.signed(text))
        everything = api.delete("/v1/sessions", headers={"cookie": cookie_of(last)})

        assert [each["chain_id"] for each in seen] == [OTHER_CHAIN]
        assert problem_of(one) == (404, "not-found", ["session"])
        assert everything.status_code == 204
        assert api.get("/v1/sessions", headers=ours).json()["items"] == [session]


def test_key__code_that_it_delegates_to_signed_in__its_sessions_are_the_keys(
    api: APIClient, rpc: JSONRPC
) -> None:
    """A key rules its address (EIP-7702): it sees and ends what its contract code opened."""
    code = OF_ITS_OWNER.replace(OWNER.address.hex(), STRANGER.address.hex())
    rpc.call("anvil_setCode", str(OWNER.address), "0x" + code)
    text = new_message(api, OWNER.address)
    delegated = {"cookie": cookie_of(api.post("/v1/sessions", json=STRANGER.signed(text)))}
    text = new_message(api, OWNER.address)
    own = {"cookie": cookie_of(api.post("/v1/sessions", json=OWNER.signed(text)))}

    of_code = api.get("/v1/sessions", headers=delegated).json()["items"]
    of_key = api.get("/v1/sessions", headers=own).json()["items"]
    ended = api.delete(f"/v1/sessions/{of_code[0]['id']}", headers=own)

    assert [len(of_code), len(of_key)] == [1, 2]
    assert ended.status_code == 204
    assert api.get("/v1/sessions", headers=delegated).status_code == 401


def test_wallet__chain_does_not_answer__session_lives_on_and_is_not_prolonged(
    api: APIClient, rpc: JSONRPC, clock: Clock
) -> None:
    headers = wallet_session(api, rpc)
    wallets = api.app.state.context.deps.access.wallets
    wallets._rpcs[CHAIN_ID] = JSONRPC("http://127.0.0.1:1", WALLET_LIMITS)

    clock.seconds += SEEN_STEP_S
    silent = api.get("/v1/sessions", headers=headers)
    wallets._rpcs[CHAIN_ID] = rpc
    clock.seconds += SEEN_STEP_S
    back = api.get("/v1/sessions", headers=headers)

    assert "set-cookie" not in silent.headers
    assert silent.json()["items"][0]["expires_at"] == "2027-01-22T08:00:00Z"
    assert back.json()["items"][0]["expires_at"] == "2027-01-22T08:02:00Z"
    assert "set-cookie" in back.headers


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
