"""`scripts/setup.sh` with stand-ins for Python, Node and npm: what it does, and what it says."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REAL_TOOLS = ("bash", "cat", "chmod", "dirname", "env", "git", "mkdir", "sleep")

PYTHON = f"""#!/usr/bin/env bash
# Makes an environment whose Python notes what pip is asked, and takes its time.
if [ "$1" = -c ]; then exec "{sys.executable}" "$@"; fi
mkdir -p .venv/bin
echo 'echo "$@" >>pip.log; sleep "${{PIP_S:-0}}"' >.venv/bin/python
chmod +x .venv/bin/python
"""
NODE = '#!/usr/bin/env bash\n[ "$1" = --version ] && echo v20.0.0\nexit "${NODE_IS_OLD:-0}"\n'
NPM = "#!/usr/bin/env bash\nmkdir -p node_modules; echo npm >>npm.log\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a space in its name that has what set-up reads, and the programs it calls."""
    folder, programs = tmp_path / "a project", tmp_path / "programs"
    (folder / "scripts").mkdir(parents=True)
    programs.mkdir()
    shutil.copy(ROOT / "scripts" / "setup.sh", folder / "scripts")
    for name in ("requirements.txt", "pyproject.toml", "package.json", "package-lock.json"):
        (folder / name).write_text(name)
    for name, text in (("python3", PYTHON), ("node", NODE), ("npm", NPM)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    for name in REAL_TOOLS:
        (programs / name).symlink_to(str(shutil.which(name)))
    return folder


def started(project: Path, **environ: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [project / "scripts" / "setup.sh"],
        env={"PATH": str(project.parent / "programs"), "HOME": str(project)} | environ,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def done(project: Path, **environ: str) -> tuple[int, list[str]]:
    """Exit code, and the lines on stderr; nothing is said on stdout."""
    process = started(project, **environ)
    output, errors = process.communicate(timeout=60)
    assert output == ""
    return process.returncode, errors.splitlines()


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.02)


def test_setup__twice__installs_once(project: Path) -> None:
    first, second = done(project), done(project)

    assert first == (
        0,
        [
            "setup: installing the Python packages (about a minute the first time)",
            "setup: installing the Node packages",
        ],
    )
    assert second == (0, [])
    assert len((project / "pip.log").read_text().splitlines()) == 2


def test_setup__two_at_once__one_waits_and_finds_all_there(project: Path) -> None:
    first = started(project, PIP_S="0.5")
    wait_for(project / "pip.log")

    second = done(project)
    first.communicate(timeout=60)

    assert first.returncode == 0
    assert second == (0, ["setup: another set-up of this folder runs; waiting for it"])
    assert len((project / "npm.log").read_text().splitlines()) == 1


@pytest.mark.parametrize("name", [".venv", "node_modules"])
def test_setup__link_to_the_packages_of_another_folder__left_alone(
    project: Path, name: str
) -> None:
    theirs = project.parent / "theirs"
    theirs.mkdir()
    (theirs / "package").touch()
    (project / name).symlink_to(theirs)

    code, lines = done(project)

    assert (code, len(lines)) == (3, 1)
    assert "remove the link" in lines[0]
    assert (theirs / "package").exists()


@pytest.mark.parametrize(
    ("number", "code", "what"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_setup__signalled__one_sentence_and_begun_anew(
    project: Path, number: signal.Signals, code: int, what: str
) -> None:
    process = started(project, PIP_S="30")
    wait_for(project / "pip.log")
    os.killpg(process.pid, number)
    _, errors = process.communicate(timeout=60)
    again = done(project)

    assert process.returncode == code
    assert errors.splitlines()[-1] == f"setup: {what}; the next start installs what is missing."
    assert "Traceback" not in errors
    assert again[0] == 0
    assert again[1][0].startswith("setup: installing the Python packages")


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ("python3", "setup: needs Python 3.11, 3.12 or 3.13 with its venv module; "),
        ("node", "setup: needs Node 20 or newer (with npm) on the PATH; "),
        ("npm", "setup: needs npm, which comes with Node, on the PATH."),
        ("git", "setup: needs git on the PATH."),
    ],
)
def test_setup__something_missing__named(project: Path, missing: str, sentence: str) -> None:
    (project.parent / "programs" / missing).unlink()

    code, errors = done(project)

    assert code == 3
    assert len(errors) == 1
    assert errors[0].startswith(sentence)


def test_setup__old_node__refused(project: Path) -> None:
    assert done(project, NODE_IS_OLD="1")[0] == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_setup__folder_is_read_only__named(project: Path) -> None:
    project.chmod(0o555)
    code, errors = done(project)
    project.chmod(0o755)

    assert code == 3
    assert errors == [f"setup: cannot write in {project}, where .venv is to be made."]
