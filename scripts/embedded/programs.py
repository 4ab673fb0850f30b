"""Where the programs of embedded servers are: in wheels, which we use as files only.

The wheels' own launchers are not imported: one opens every parent folder to all users when it is
run by root, both leave servers behind when their process is killed.
"""

import importlib.metadata
import importlib.util
import os
import shutil
import stat
import tempfile
from pathlib import Path

from scripts.embedded.places import Account, closed_parent
from scripts.errors import ProgramMissing

# What a server does not need at run time: headers, static libraries, the wheel's Python, and an
# older Postgres beside the current one.
NOT_COPIED = shutil.ignore_patterns("include", "*.a", "*.py", "__pycache__", "pginstall")


def package_folder(package: str, *, remedy: str) -> Path:
    """The folder of an installed package, found without importing it.

    Raises:
        ProgramMissing: It is not installed.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ProgramMissing(f"the package {package}", remedy)
    return Path(spec.submodule_search_locations[0])


def may_execute(program: Path, account: Account) -> bool:
    """Whether a third account can reach a program, read it and run it."""
    mode = program.stat().st_mode
    open_to_all = stat.S_IROTH | stat.S_IXOTH
    return mode & open_to_all == open_to_all and closed_parent(program, account) is None


def copied_package(package: Path, wheel: str, into: Path) -> Path:
    """A copy of a package that every account can read, made once per version of its wheel.

    Repaired wheels keep shared libraries in `<package>.libs` beside the package and find them by
    relative path, so both are copied. Copies of other versions are removed: the caller owns `into`.
    """
    target = into / f"{wheel}-{importlib.metadata.version(wheel)}"
    if not target.is_dir():
        into.mkdir(exist_ok=True)
        into.chmod(0o755)
        for other in into.iterdir():
            shutil.rmtree(other)
        unfinished = Path(tempfile.mkdtemp(dir=into))
        libraries = package.with_name(package.name + ".libs")
        for source in (package, libraries):
            if source.is_dir():
                shutil.copytree(source, unfinished / source.name, ignore=NOT_COPIED)
        _open_to_all(unfinished)
        os.sync()  # a crash must not leave empty files under the final name
        unfinished.rename(target)
    return target / package.name


def _open_to_all(folder: Path) -> None:
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755)
