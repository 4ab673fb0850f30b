"""What the demo can be asked for."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """Size, seed and ending of a demo; its files go below `directory`.

    What finance and auditors get is written to `papers`, if it is named.
    """

    seed: int
    subscribers: int
    works: int
    is_served: bool
    is_json: bool
    directory: Path
    papers: Path | None = None
