import os
from importlib.metadata import version
from pathlib import Path

import pytest

from scripts.embedded.anvil import anvil_binary
from scripts.embedded.places import Account, scratch_directory
from scripts.embedded.programs import copied_package, may_execute, package_folder
from scripts.errors import ProgramMissing

STRANGER = Account(name="stranger", user_id=54_321, group_id=54_322)


def test_package_folder__installed__found_without_import() -> None:
    assert (package_folder("json", remedy="") / "decoder.py").is_file()


def test_package_folder__absent__remedy_named() -> None:
    with pytest.raises(ProgramMissing, match="no_such_package was not found: install it"):
        package_folder("no_such_package", remedy="install it")


def test_may_execute__program_or_folder_closed__refused() -> None:
    with scratch_directory() as directory:
        directory.chmod(0o711)
        program = directory / "bin" / "server"
        program.parent.mkdir()
        program.parent.chmod(0o755)
        program.write_text("")

        program.chmod(0o755)
        assert may_execute(program, STRANGER)

        program.chmod(0o750)
        assert not may_execute(program, STRANGER)

        program.chmod(0o755)
        program.parent.chmod(0o700)
        assert not may_execute(program, STRANGER)


def test_copied_package__closed_source__everything_readable_and_needless_left_out(
    tmp_path: Path,
) -> None:
    package = tmp_path / "site" / "server"
    for name in ("bin/server", "include/server.h", "lib/library.a", "__init__.py"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(name)
        (package / name).chmod(0o600)
    libraries = tmp_path / "site" / "server.libs"
    libraries.mkdir(mode=0o700)
    (libraries / "library.so").write_text("")

    copy = copied_package(package, "pytest", tmp_path / "bin")

    assert copy == tmp_path / "bin" / f"pytest-{version('pytest')}" / "server"
    files = {path.relative_to(copy.parent) for path in copy.parent.rglob("*") if path.is_file()}
    assert files == {Path("server/bin/server"), Path("server.libs/library.so")}
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "bin").rglob("*")} == {0o755}


def test_copied_package__made_before__used_again_and_others_removed(tmp_path: Path) -> None:
    package = tmp_path / "server"
    package.mkdir()
    (package / "program").write_text("first")
    (tmp_path / "bin" / "pytest-0.1").mkdir(parents=True)
    (tmp_path / "bin" / "unfinished").mkdir()

    first = copied_package(package, "pytest", tmp_path / "bin")
    (package / "program").write_text("second")
    second = copied_package(package, "pytest", tmp_path / "bin")

    assert (second / "program").read_text() == "first"
    assert os.listdir(tmp_path / "bin") == [first.parent.name]


def test_anvil_binary__nowhere__remedy_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ProgramMissing, match=r"anvil was not found: run scripts/setup\.sh"):
        anvil_binary(tmp_path)


def test_anvil_binary__on_the_search_path__second_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "anvil"
    program.write_text("")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert anvil_binary(tmp_path) == program
