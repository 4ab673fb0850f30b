"""What is running, as the kernel tells it."""

from pathlib import Path


def processes_of(directory: Path) -> dict[int, str]:
    """Living processes that name the directory in command or environment, by process id."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            environ = (entry / "environ").read_bytes().decode(errors="replace")
        except OSError:
            continue  # it ended while we looked
        if state != "Z" and str(directory) in command + environ:
            found[int(entry.name)] = command
    return found
