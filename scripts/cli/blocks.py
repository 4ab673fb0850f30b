"""`quittance blocks`: hold saved answers of a node against the block that they are said to be of.

Neither node nor database nor configuration is needed.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from indexer.adapters.block_documents import (
    BlockDocument,
    block_from_document,
    receipts_from_document,
)
from indexer.block_checks import BlockReport, check_block
from indexer.chain_profiles import CHAIN_PROFILES, ChainProfile, chain_profile_named
from indexer.receipts import NOT_COMMITTED, Receipt
from scripts.cli.problems import CHECK_FAILED, read_json

app = typer.Typer(no_args_is_help=True, help="Blocks: prove the receipts of one.")

_DISCREPANCIES_SHOWN_MAX = 20
_NAMES = ", ".join(profile.name for profile in CHAIN_PROFILES)


@app.callback()
def _group() -> None:
    """Keep `verify` a command of its group while it is the only one."""


@app.command()
def verify(
    block: Annotated[Path, typer.Option(metavar="B.json", help="answer of eth_getBlockBy…")],
    receipts: Annotated[
        Path,
        typer.Option(
            metavar="R.json",
            help="answer of eth_getBlockReceipts, or a list of eth_getTransactionReceipt's",
        ),
    ],
    chain_profile: Annotated[str, typer.Option(help=_NAMES)] = CHAIN_PROFILES[0].name,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Check the hash of a block, and that it commits to these receipts; exit 1 if one is false.

    A block can be made up whole: compare `hash` with one that you trust. The receipts root commits
    neither to transaction hashes nor to indexes: `consistent` says whether they fit the order of
    the receipts and, if the block lists its transactions, that list. If it lists them whole, their
    root is checked too, and with it their hashes are proved.
    """
    profile = chain_profile_named(chain_profile)
    document = block_from_document(read_json(block, "JSON"), str(block))
    given = receipts_from_document(read_json(receipts, "JSON"), str(receipts))
    report = check_block(
        document.header,
        given,
        transactions=document.transactions,
        whole_transactions=document.whole_transactions,
        profile=profile,
    )
    _print(_described(document, given, report, profile), as_json)
    if not report.holds:
        raise typer.Exit(CHECK_FAILED)


def _described(
    document: BlockDocument, receipts: list[Receipt], report: BlockReport, profile: ChainProfile
) -> dict[str, object]:
    return {
        **{str(check): found for check, found in report.checks.items()},
        "unproved": {str(check): reason for check, reason in report.unproved.items()},
        "left_out": {str(place): profile.left_out_reason for place in report.left_out},
        "consistent": not report.discrepancies,
        "discrepancies": list(report.discrepancies[:_DISCREPANCIES_SHOWN_MAX]),
        "discrepancy_count": len(report.discrepancies),
        "not_committed": list(NOT_COMMITTED),
        "transactions_compared": document.transactions is not None,
        "transaction_hashes_proved": report.proves_transaction_hashes,
        "number": document.header.number,
        "hash": str(document.header.hash),
        "receipt_count": len(receipts),
        "log_count": sum(len(receipt.logs) for receipt in receipts),
        "chain_profile": profile.name,
    }


def _print(report: Mapping[str, object], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(report, sort_keys=True))
        return
    for name, value in report.items():
        typer.echo(f"{name}: {value if isinstance(value, str) else json.dumps(value)}")
