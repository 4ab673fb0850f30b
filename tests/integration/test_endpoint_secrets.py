"""Keys in the address of an endpoint: whatever a node answers, and whoever asks, nobody says them.

Subjects: scripts.bootstrap_settlement, scripts.wallets, scripts.watch, scripts.payments,
settlement.royalties.adapters.chain, settlement.royalties.adapters.watched_chain,
settlement.royalties.adapters.node_calls, settlement.payouts.adapters.endpoint,
scripts.verify_epoch.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from web3 import HTTPProvider, Web3

from contracts.evm import Address, BlockNumber, BlockRef, ChainId, Epoch, Hash32, Timestamp
from indexer.adapters.endpoint_address import EndpointAddress
from scripts import verify_epoch
from scripts.bootstrap_settlement import chain_check, payout_chain
from scripts.payments import payment_node
from scripts.setting_values import Secret
from scripts.settings import ChainSettings
from scripts.wallets import wallet_node
from scripts.watch import Watcher, watching
from settlement.errors import ChainUnavailable
from settlement.royalties.adapters.watched_chain import RPCVetoes, account_from_key
from tests.royalties_builders import SETTLEMENT
from tests.scripted_node import Answer, failure, raw, results, scripted_node

KEY = "secret-key"
WATCHER_KEY = "0x" + "77" * 32
WALLET = Address(b"\x99" * 20)
BLOCK = BlockRef(
    number=BlockNumber(7),
    hash=Hash32(b"\x07" * 32),
    parent_hash=Hash32(b"\x06" * 32),
    timestamp=Timestamp(70),
)
PAGE = f"<html>no route for https://node.example/v3/{KEY}</html>".encode()

ANSWERS: dict[str, Answer] = {
    "an error that repeats it": failure(-32001, f"no route for /v3/{KEY}"),
    "an error that is a text": raw(
        200, b'{"jsonrpc":"2.0","id":0,"error":"/v3/%s"}' % KEY.encode()
    ),
    "a result that is another": results(f"/v3/{KEY}"),
    "a refusal": raw(401, PAGE),
    "a page": raw(200, PAGE),
    "no UTF-8": raw(200, b"\xff" + PAGE),
    "a text": raw(200, b'"/v3/%s"' % KEY.encode()),
    "nothing": raw(200, b""),
}


def chain_at(url: str) -> ChainSettings:
    """A chain of one endpoint and one settlement."""
    return ChainSettings(
        id=ChainId(SETTLEMENT.chain_id),
        name="test",
        rpc=(url,),
        start_block=BlockNumber(0),
        finality_tag="none",
        finality_depth_blocks=0,
        verify="none",
        profile="ethereum",
        workers=0,
        tokens=(),
        settlements=(SETTLEMENT,),
    )


@contextmanager
def watcher(chain: ChainSettings, key: Secret | None = None) -> Iterator[Watcher]:
    with watching(chain, SETTLEMENT, key) as made:
        yield made


def pending(chain: ChainSettings) -> object:
    with watcher(chain) as made:
        return made.chain.pending()


def may_veto(chain: ChainSettings) -> object:
    with watcher(chain, Secret(WATCHER_KEY)) as made:
        return made


READS: dict[str, Callable[[ChainSettings], object]] = {
    "a guardian's block": lambda chain: chain_check(chain, SETTLEMENT).finalized(),
    "a guardian's view": lambda chain: chain_check(chain, SETTLEMENT).standing(Epoch(0), BLOCK),
    "what is pending": pending,
    "whether a key may veto": may_veto,
    "the head for payouts": lambda chain: payout_chain(chain, SETTLEMENT).head(),
    "nonces": lambda chain: payout_chain(chain, SETTLEMENT).pending_count(WALLET),
    "a wallet's account": lambda chain: wallet_node(chain, WALLET).account(BLOCK),
    "a wallet's transactions": lambda chain: wallet_node(chain, WALLET).mined([BLOCK.hash]),
    "a nonce's transaction": lambda chain: wallet_node(chain, WALLET).located(
        0, after=BlockNumber(1), upto=BlockNumber(9)
    ),
    "heights for payments": lambda chain: payment_node(chain, SETTLEMENT, timeout_s=5).heights(),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS.keys())
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
def test_reads__node_says_it__unavailable_and_not_repeated(
    answer: Answer, read: Callable[[ChainSettings], object]
) -> None:
    with scripted_node() as node:
        node.script = [answer]
        with pytest.raises(ChainUnavailable) as caught:
            read(chain_at(node.url))

    assert KEY not in str(caught.value)


@pytest.mark.parametrize("read", READS.values(), ids=READS.keys())
def test_reads__nobody_listens__unavailable_and_not_repeated(
    read: Callable[[ChainSettings], object],
) -> None:
    with pytest.raises(ChainUnavailable) as caught:
        read(chain_at(f"http://127.0.0.1:9/v3/{KEY}"))

    assert KEY not in str(caught.value)


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
def test_verifier__node_says_it__unavailable_and_not_repeated(answer: Answer) -> None:
    with scripted_node() as node:
        node.script = [answer]
        verifying = verify_epoch.Node(node.url)
        with pytest.raises(verify_epoch.Unavailable) as caught:
            verifying.number("eth_blockNumber")

    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        f"http://127.0.0.1:9/v3/{KEY}",
        f"http://127.0.0.1:9/v3/{KEY} and",
        f"http://me:{KEY}@127.0.0.1:9",
        f"http://127.0.0.1:9/?key={KEY}\t",
    ],
)
def test_verifier__nobody_listens__unavailable_and_not_repeated(url: str) -> None:
    with pytest.raises(verify_epoch.Unavailable) as caught:
        verify_epoch.Node(url).number("eth_blockNumber")

    assert KEY not in str(caught.value)


def test_veto__not_accepted__logged_without_it(caplog: pytest.LogCaptureFixture) -> None:
    """Every question before it is answered; what it is sent for, and its receipt, are refused."""
    block = {"hash": str(BLOCK.hash), "number": "0x7", "timestamp": "0x46", "baseFeePerGas": "0x7"}
    answers = {
        "eth_chainId": results(hex(SETTLEMENT.chain_id)),
        "eth_getTransactionCount": results("0x0"),
        "eth_estimateGas": results("0x5208"),
        "eth_maxPriorityFeePerGas": results("0x1"),
        "eth_getBlockByNumber": results(block),
    }
    refusal = failure(-32000, f"no route for /v3/{KEY}")
    with scripted_node() as node:
        node.script = [lambda calls: answers.get(calls[0]["method"], refusal)(calls)]
        told = EndpointAddress.of(node.url).without_secrets
        web3 = Web3(HTTPProvider(node.url))
        vetoes = RPCVetoes(web3, SETTLEMENT, account_from_key(WATCHER_KEY), told=told)
        with pytest.raises(ChainUnavailable, match="eth_getTransactionReceipt"):
            vetoes.veto(Epoch(0), BLOCK.hash, until=Timestamp(100))

    (record,) = [one for one in caplog.records if one.getMessage() == "veto not accepted"]
    assert "no route for /v3/***" in record.__dict__["detail"]
