"""The collector of garbage, in a process of its own: its settings are the process's."""

import subprocess
import sys

from scripts.collector import OBJECTS_MAX

_TOLD = (
    "import gc; import scripts.cli.app; from scripts.collector import collect_seldom;"
    " collect_seldom(); print(gc.isenabled(), gc.get_threshold()[0], gc.get_freeze_count() > 1000)"
)


def test_collect_seldom__process__looks_seldom_and_only_at_what_is_new() -> None:
    told = subprocess.run([sys.executable, "-c", _TOLD], capture_output=True, text=True, check=True)

    assert told.stdout.split() == ["True", str(OBJECTS_MAX), "True"]
