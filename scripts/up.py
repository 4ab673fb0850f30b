"""`quittance up`: the processes of one machine as children, until one ends or we are stopped."""

import logging
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from scripts.devnet import SEED
from scripts.devnode import account_from_seed
from scripts.launcher import running_process
from scripts.settings import Settings

log = logging.getLogger(__name__)

_DEV_FEE_PER_GAS_WEI_MAX = 100_000_000_000


def up_environment(
    environ: Mapping[str, str], settings: Settings, dev_config: Path | None
) -> dict[str, str]:
    """The children's environment; on the development chain also its well-known signer."""
    made = dict(environ) | {"QUITTANCE_DATABASE_URL": settings.database_url or ""}
    if dev_config is not None:
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
    with ExitStack() as stack:
        children = [
            stack.enter_context(
                running_process(command, environ=environ, log_file=logs / f"{command}.log")
            )
            for command in commands
        ]
        log.info("running", extra={"processes": commands, "logs": str(logs)})
        while not stop.wait(0.5):
            for child in children:
                child.check()
