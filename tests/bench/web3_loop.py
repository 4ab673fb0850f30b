"""The loop that a careful user of web3.py writes: logs by range, decoded, and inserted with SQL.

`python -m tests.bench.web3_loop RPC_URL DATABASE_URL BLOCKS` indexes the first blocks and prints
the seconds, without imports and connecting. It stores what we store (transfers and approvals with
times and hashes, balances) in tables with primary keys, one transaction for each range. It verifies
nothing, and it cannot resume.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

import psycopg
from web3 import HTTPProvider, Web3
from web3.contract import Contract
from web3.types import FilterParams, LogReceipt

from tests.bench.yardstick import APPROVAL, TOKEN, TRANSFER

_RANGE_BLOCKS = 100
_SCHEMA = """
CREATE TABLE plain_transfer (
    block_number BIGINT, log_index BIGINT, source BYTEA NOT NULL, target BYTEA NOT NULL,
    amount NUMERIC(78, 0) NOT NULL, transaction_hash BYTEA NOT NULL, timestamp BIGINT NOT NULL,
    PRIMARY KEY (block_number, log_index));
CREATE TABLE plain_approval (LIKE plain_transfer INCLUDING ALL);
CREATE TABLE plain_balance (account BYTEA PRIMARY KEY, balance NUMERIC NOT NULL);
"""
_INSERT = "INSERT INTO {} VALUES (%s, %s, %s, %s, %s, %s, %s)"
_ADD = """
INSERT INTO plain_balance VALUES (%s, %s)
ON CONFLICT (account) DO UPDATE SET balance = plain_balance.balance + excluded.balance
"""


def main(rpc_url: str, database_url: str, blocks: int) -> None:
    web3 = Web3(HTTPProvider(rpc_url, request_kwargs={"timeout": 60}))
    token = web3.eth.contract(Web3.to_checksum_address(TOKEN), abi=_abi())
    with psycopg.connect(database_url) as connection:
        connection.execute(_SCHEMA)
        connection.commit()
        started, transfers, approvals = time.monotonic(), 0, 0
        for start in range(0, blocks, _RANGE_BLOCKS):
            moved, allowed = _fetch(web3, token, start, min(start + _RANGE_BLOCKS, blocks) - 1)
            _store(connection, moved, allowed)
            transfers, approvals = transfers + len(moved), approvals + len(allowed)
        seconds = time.monotonic() - started
    result = {"seconds": seconds, "transfers": transfers, "approvals": approvals}
    sys.stdout.write(json.dumps(result) + "\n")


Row = tuple[int, int, bytes, bytes, int, bytes, int]


def _fetch(web3: Web3, token: Contract, first: int, last: int) -> tuple[list[Row], list[Row]]:
    wanted: FilterParams = {
        "address": token.address,
        "topics": [["0x" + TRANSFER.hex(), "0x" + APPROVAL.hex()]],
        "fromBlock": first,
        "toBlock": last,
    }
    logs = web3.eth.get_logs(wanted)
    numbers = {log["blockNumber"] for log in logs}
    times = {number: web3.eth.get_block(number)["timestamp"] for number in numbers}
    transfer, approval = token.events.Transfer(), token.events.Approval()
    moved, allowed = [], []
    for log in logs:
        if log["topics"][0] == TRANSFER:
            moved.append(_row(log, transfer.process_log(log)["args"], times))
        else:
            allowed.append(_row(log, approval.process_log(log)["args"], times))
    return moved, allowed


def _row(log: LogReceipt, arguments: dict[str, Any], times: dict[Any, Any]) -> Row:
    number, values = log["blockNumber"], iter(arguments.values())
    accounts = (bytes.fromhex(next(values)[2:]), bytes.fromhex(next(values)[2:]))
    sent = bytes(log["transactionHash"])
    return (number, log["logIndex"], *accounts, next(values), sent, times[number])


def _store(connection: psycopg.Connection, moved: list[Row], allowed: list[Row]) -> None:
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(_INSERT.format("plain_transfer"), moved)
        cursor.executemany(_INSERT.format("plain_approval"), allowed)
        cursor.executemany(_ADD, _deltas(moved).items())


def _deltas(moved: Iterable[Row]) -> Counter[bytes]:
    deltas: Counter[bytes] = Counter()
    for _, _, source, target, amount, _, _ in moved:
        deltas[source] -= amount
        deltas[target] += amount
    return deltas


def _abi() -> list[dict[str, Any]]:
    def event(name: str, first: str, second: str) -> dict[str, Any]:
        inputs = [
            {"name": first, "type": "address", "indexed": True},
            {"name": second, "type": "address", "indexed": True},
            {"name": "amount", "type": "uint256", "indexed": False},
        ]
        return {"type": "event", "name": name, "anonymous": False, "inputs": inputs}

    return [event("Transfer", "source", "target"), event("Approval", "owner", "spender")]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
