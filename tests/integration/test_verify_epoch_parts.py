"""The verifier by parts: what was paid of leaves, one work, one shard, and helping processes."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from contracts.evm import Address, ChainId, Epoch, Hash32
from contracts.operations import withdraw_operation_id
from scripts import verify_epoch
from tests import bundle_builder as story
from tests import modifiers_story as modifiers
from tests.verifier_node import FILES, committed_log, node_with, serving

PAYOUTS = story.CONTRACTS["EpochPayouts"]
P1, P2, X, Y = story.P1, story.P2, story.TOKEN_X, story.TOKEN_Y
SUSPENSE = b"\x03" + story.A[1:]

Report = story.Json
Run = Callable[..., tuple[int, Report]]


def op_id(work_id: bytes, asset: bytes, *, epoch: int = story.EPOCH) -> bytes:
    return bytes(
        withdraw_operation_id(
            Epoch(epoch),
            Hash32(work_id),
            0,
            Address(asset),
            chain_id=ChainId(story.CHAIN_ID),
            contract=Address(PAYOUTS),
        )
    )


A_X, A_Y, B_X, KEPT = (
    op_id(*leaf) for leaf in ((story.A, X), (story.A, Y), (story.B, X), (SUSPENSE, Y))
)


def happened(*events: tuple[Any, ...]) -> list[story.Json]:
    """Logs of EpochPayouts in block 22, from index 10 on."""
    return [
        story.raw_log(22, 10 + at, "EpochPayouts", name, values)
        for at, (name, *values) in enumerate(events)
    ]


def withdrawn(
    of: bytes, work_id: bytes, asset: bytes, amount: int, epoch: int = 2
) -> tuple[Any, ...]:
    return "LeafWithdrawn", of, epoch, work_id, 0, asset, amount


def line(name: str, of: bytes, payee: bytes, *rest: Any) -> tuple[Any, ...]:
    """An event of a line: asset, amount and index are the rest."""
    return name, of, payee, *rest


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the program on a bundle, and with logs against a node that committed it."""

    def verify(
        *options: str,
        files: dict[str, bytes] = FILES,
        logs: Sequence[story.Json] | None = None,
        commit: bool = True,
    ) -> tuple[int, Report]:
        directory = story.write_bundle(tmp_path, files)
        words = [str(directory), "--json", *options]
        if logs is None:
            code = verify_epoch.main(words)
        else:
            node = node_with(*([committed_log((22, 0))] if commit else []), *logs)
            with serving(node) as url:
                code = verify_epoch.main([*words, "--rpc", url])
        report: Report = json.loads(capsys.readouterr().out)
        return code, report

    return verify


def test_payments__nothing_paid__all_lines_open(run: Run) -> None:
    assert run(logs=[])[1]["payments"] == {"open": 5}


def test_payments__every_state__counted(run: Run) -> None:
    logs = happened(
        line("PayeePaid", A_X, P1, X, story.A_X_P1, 0),
        line("PayeeHeld", A_X, Y, X, story.A_X_TOKEN_Y, 1),
        withdrawn(A_X, story.A, X, story.A_X_P1),
        line("PayeeHeld", A_Y, P1, Y, story.A_Y_P1, 0),
        line("PayeeUnclaimed", B_X, P2, X, story.S1_B, 0),
        withdrawn(B_X, story.B, X, story.S1_B),
        ("EscrowReleased", KEPT, 2, SUSPENSE, Y, story.DONOR, 22),
    )

    code, report = run(logs=logs)

    assert (code, report["result"]) == (0, "OK")
    assert report["payments"] == {"held": 2, "paid": 1, "released": 1, "unclaimed": 1}


def test_payments__held_line_paid_later__two_withdrawals(run: Run) -> None:
    logs = happened(
        line("PayeeHeld", A_X, P1, X, story.A_X_P1, 0),
        line("PayeePaid", A_X, Y, X, story.A_X_TOKEN_Y, 1),
        withdrawn(A_X, story.A, X, story.A_X_TOKEN_Y),
        line("PayeePaid", A_X, P1, X, story.A_X_P1, 0),
        withdrawn(A_X, story.A, X, story.A_X_P1),
        ("EscrowExpired", KEPT, 2, SUSPENSE, Y, 22),
    )

    assert run(logs=logs)[1]["payments"] == {"expired": 1, "open": 2, "paid": 2}


def test_payments__of_other_epochs__not_looked_at(run: Run) -> None:
    other = op_id(story.A, X, epoch=1)
    logs = happened(
        line("PayeePaid", other, P2, X, 5, 7),
        withdrawn(other, story.A, X, 5, epoch=1),
        ("EscrowReleased", other, 1, SUSPENSE, Y, story.DONOR, 1),
    )

    assert run(logs=logs)[1]["payments"] == {"open": 5}


PAID = line("PayeePaid", A_X, P1, X, story.A_X_P1, 0)


@pytest.mark.parametrize(
    ("events", "about"),
    [
        ([line("PayeePaid", A_X, P2, X, story.A_X_P1, 0)], "PayeePaid payee"),
        ([line("PayeePaid", A_X, P1, X, story.A_X_P1 + 1, 0)], "PayeePaid asset and amount"),
        ([line("PayeePaid", A_X, P1, Y, story.A_X_P1, 0)], "PayeePaid asset and amount"),
        ([line("PayeeUnclaimed", A_X, P1, X, story.A_X_P1, 2)], "PayeeUnclaimed line"),
        ([line("PayeeHeld", A_X, P2, X, story.A_X_P1, 0)], "PayeeHeld payee"),
        ([PAID, PAID], "PayeePaid: expected a line that is open, found one that is paid"),
        ([PAID, line("PayeeHeld", A_X, P1, X, story.A_X_P1, 0)], "PayeeHeld: expected a line"),
        ([PAID], "LeafWithdrawn of 0x"),
        ([withdrawn(A_X, story.A, X, 1)], "LeafWithdrawn of 0x"),
        ([withdrawn(A_X, story.B, X, 1)], "LeafWithdrawn leaf"),
        ([withdrawn(A_X, story.A, Y, 1)], "LeafWithdrawn leaf"),
        ([withdrawn(bytes(32), story.A, X, 1)], "LeafWithdrawn opId"),
        ([("EscrowReleased", KEPT, 2, SUSPENSE, Y, P1, 21)], "EscrowReleased asset and amount"),
        ([("EscrowReleased", KEPT, 2, story.A, Y, P1, 22)], "EscrowReleased leaf"),
        ([("EscrowReleased", KEPT, 3, SUSPENSE, Y, P1, 22)], "EscrowReleased leaf"),
        ([("EscrowExpired", bytes(32), 2, SUSPENSE, Y, 22)], "EscrowExpired opId"),
        (
            [
                ("EscrowExpired", KEPT, 2, SUSPENSE, Y, 22),
                ("EscrowReleased", KEPT, 2, SUSPENSE, Y, P1, 22),
            ],
            "EscrowReleased: expected a line that is open, found one that is expired",
        ),
    ],
)
def test_payments__not_what_the_leaf_holds__difference(
    events: list[tuple[Any, ...]], about: str, run: Run
) -> None:
    code, report = run(logs=happened(*events))

    assert code == 1
    assert about in report["result"]


def test_payments__not_committed__not_read(run: Run) -> None:
    code, report = run(logs=happened(PAID), commit=False)

    assert (code, report["commitment"], report["payments"]) == (0, "absent", None)


def folded(leaf: str, proof: list[str]) -> bytes:
    """The root that a proof leads to."""
    node = bytes.fromhex(leaf[2:])
    for sibling in (bytes.fromhex(one[2:]) for one in proof):
        node = story.keccak(min(node, sibling) + max(node, sibling))
    return node


def test_work__its_shares_leaves_and_proofs(run: Run) -> None:
    code, report = run("--work", story.hex0x(story.A))

    assert (code, report["result"], report["commitment"]) == (0, "OK", None)
    credited = [(each["asset"], each["credited"]) for each in report["credited"]]
    x, y = story.eip55(X), story.eip55(Y)
    assert credited == [(x, "852074"), (x, "375000"), (y, "75")]
    root = json.loads(FILES["manifest.json"])["tree"]["root"]
    listed = [json.loads(each) for each in FILES["leaves.jsonl"].splitlines()]
    for found, leaf, op in zip(
        report["leaves"], (listed[0], listed[1], listed[3]), (A_X, A_Y, KEPT), strict=True
    ):
        assert found | leaf == found
        assert found["op_id"] == story.hex0x(op)
        assert story.hex0x(folded(found["leaf"], found["proof"])) == root
        assert set(found["states"]) == {"unknown"}


def test_work__recognised__with_its_escrow_leaf(run: Run) -> None:
    code, report = run("--work", story.hex0x(modifiers.FILM), files=modifiers.files())

    assert code == 0
    assert [leaf["work_id"] for leaf in report["leaves"]] == [story.hex0x(modifiers.ESCROW_ID)]
    assert report["leaves"][0]["amount"] == "482500"


def test_work__against_a_node__states_of_its_lines(run: Run) -> None:
    logs = happened(PAID, withdrawn(A_X, story.A, X, story.A_X_P1))

    code, report = run("--work", story.hex0x(story.A), logs=logs)

    assert (code, report["commitment"]) == (0, "pending")
    assert [leaf["states"] for leaf in report["leaves"]] == [["paid", "open"], ["open"], ["open"]]


def test_work__against_a_node__payment_that_differs(run: Run) -> None:
    code, report = run("--work", story.hex0x(story.A), logs=happened(PAID))

    assert code == 1
    assert report["result"].startswith("LeafWithdrawn of 0x")


def test_work__another_manifest_committed__difference(run: Run) -> None:
    other = [committed_log((22, 1), digest=bytes(32))]

    code, report = run("--work", story.hex0x(story.A), logs=other, commit=False)

    assert code == 1
    assert "manifest digest" in report["result"]


def edited(name: str, at: int, change: Callable[[story.Json], object]) -> dict[str, bytes]:
    lines = [json.loads(each) for each in FILES[name].splitlines()]
    change(lines[at])
    return {**FILES, name: story.json_lines(lines)}


OF_A = ("--work", story.hex0x(story.A))


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        (
            edited("allocations.jsonl", 1, lambda one: one.update(fee="1")),
            "allocations.jsonl line 2",
        ),
        (
            edited("leaves.jsonl", 0, lambda one: one.update(amount="1")),
            "leaves.jsonl line 1 amount",
        ),
        (
            edited("leaves.jsonl", 3, lambda one: one.update(amount="1")),
            "leaves.jsonl line 4 amount",
        ),
        (
            edited("leaves.jsonl", 2, lambda one: one.update(leaf=story.hex0x(bytes(32)))),
            "manifest.json tree root",
        ),
        (
            edited("leaves.jsonl", 2, lambda one: one.update(work_id=story.hex0x(story.A))),
            "leaves.jsonl line 3 amount",
        ),
    ],
    ids=["share", "leaf", "suspense", "leaf of another", "leaf too many"],
)
def test_work__what_concerns_it_falsified__difference(
    files: dict[str, bytes], sentence: str, run: Run
) -> None:
    code, report = run(*OF_A, files=files)

    assert code == 1
    assert report["result"].startswith(sentence)


def test_work__what_does_not_concern_it__not_looked_at(run: Run) -> None:
    other = edited("allocations.jsonl", 3, lambda one: one.update(fee="1"))

    assert run(*OF_A, files=other)[0] == 0
    assert run(files=other)[0] == 1


@pytest.mark.parametrize("work_id", ["0x00", "x", story.hex0x(story.UNREGISTERED)])
def test_work__none__exit_2(work_id: str, run: Run) -> None:
    code, report = run("--work", work_id)

    assert code == 2
    assert report["result"].startswith("--work:")


@pytest.mark.parametrize("shards", [1, 2, 3, 7])
def test_shard__all_of_them__add_up(shards: int, run: Run) -> None:
    reports = [run("--shard", f"{at}/{shards}")[1] for at in range(1, shards + 1)]

    assert {report["result"] for report in reports} == {"OK"}
    assert sum(int(report["subscribers"]) for report in reports) == 3
    sums = [
        {key: sum(int(one["sums"][at][key]) for one in reports) for key in KEYS} for at in (0, 1)
    ]
    assert sums == [
        {"fee": 1_500_053, "charged": 0, "credited": 1_375_003, "unallocated": 125_050},
        {"fee": 101, "charged": 0, "credited": 75, "unallocated": 26},
    ]


KEYS = ("fee", "charged", "credited", "unallocated")


def test_shard__with_fees__charged_is_summed(run: Run) -> None:
    report = run("--shard", "1/1", files=modifiers.files())[1]

    assert [report["sums"][0][key] for key in KEYS] == ["1001003", "35035", "965000", "968"]


def test_shard__difference__in_its_own_shard_only(run: Run) -> None:
    files = edited("allocations.jsonl", 1, lambda one: one.update(unallocated="1"))

    codes = [run("--shard", f"{at}/3", files=files)[0] for at in (1, 2, 3)]

    assert codes == [0, 1, 0]


@pytest.mark.parametrize("shard", ["0/1", "2/1", "1", "1/0", "a/b", "-1/2", "01/2"])
def test_shard__none__exit_2(shard: str, run: Run) -> None:
    assert run(f"--shard={shard}")[0] == 2


def test_workers__several_differences__the_first_is_named_whatever_their_number(run: Run) -> None:
    files = edited("works.jsonl", 1, lambda one: one.update(price_ppm="7"))
    files |= {"leaves.jsonl": b"", "quarantine.jsonl": b""}

    found = {run("--workers", workers, files=files)[1]["result"] for workers in ("1", "2", "3")}

    assert found == {"works.jsonl line 2 price_ppm: expected 1000000, found 7"}


def test_workers__honest_bundle__same_root(run: Run) -> None:
    assert run("--workers", "1") == run("--workers", "2")


def test_helpers__many_messages__digests_in_their_order() -> None:
    messages = [bytes([at % 251]) * (at % 300) for at in range(2 * verify_epoch.PIECE + 5)]

    with verify_epoch.Helpers(2) as helpers:
        digests = helpers.hash_many(messages)

    assert digests == [story.keccak(message) for message in messages]


def test_helpers__killed__unavailable_and_no_difference() -> None:
    with verify_epoch.Helpers(2) as helpers:
        answer = helpers.start(os._exit, 1)
        with pytest.raises(verify_epoch.Unavailable, match="--workers 1"):
            answer()
