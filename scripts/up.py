"""`quittance up`: the processes of one machine as children, until one ends or we are stopped."""

import threading
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

import typer

from scripts.devnet import SEED
from scripts.devnode import account_from_seed
from scripts.launcher import running_process
from scripts.settings import Settings

_LOOK_S = 0.5
_DEV_FEE_PER_GAS_WEI_MAX = 100_000_000_000


def up_environment(
    environ: Mapping[str, str], settings: Settings, dev_config: Path | None
) -> dict[str, str]:
    """The children's environment; on the development chain also its well-known signer."""
    made = dict(environ) | {"QUITTANCE_DATABASE_URL": settings.database_url or ""}
    if dev_config is not None:
        made.pop("QUITTANCE_SIGNER_KEY_FILE", None)  # it would win over the well-known key
        made |= {
            "QUITTANCE_CONFIG": str(dev_config),
            "QUITTANCE_SIGNER_KEY": "0x" + account_from_seed(SEED, "submitter").key.hex(),
            "QUITTANCE_FEE_PER_GAS_WEI_MAX": str(_DEV_FEE_PER_GAS_WEI_MAX),
        }
    return made


def watch_children(environ: Mapping[str, str], settings: Settings, stop: threading.Event) -> None:
    """Run them; return when stopped.

    Raises:
        ServerFailed: a child ended by itself; the others are stopped.
    """
    commands = ["index", "worker", "serve"]
    if settings.broker_url is not None:
        commands.append("schedule")
    logs = settings.data_directory / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    for command in commands:
        with suppress(FileNotFoundError):
            (logs / f"{command}.log").replace(logs / f"{command}.log.1")
    with ExitStack() as stack:
        children = [
            stack.enter_context(
                running_process(command, environ=environ, log_file=logs / f"{command}.log")
            )
            for command in commands
        ]
        is_told = False
        while not stop.wait(_LOOK_S):
            for child in children:
                child.check()
            url = None if is_told else api_url(logs / "serve.log")
            if url is not None:
                typer.echo(f"The API answers at {url}; logs are in {logs}; Ctrl-C stops all.")
                is_told = True


def api_url(log_file: Path) -> str | None:
    """The address that the newest `serve` printed into its log; None before it did."""
    lines = log_file.read_text().splitlines() if log_file.exists() else []
    return next((line for line in reversed(lines) if line.startswith("http://")), None)
