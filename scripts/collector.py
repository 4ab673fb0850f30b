"""How often a process looks for garbage that reference counts do not free.

Records of money hold one another in no circle: nearly everything is freed as soon as nobody names
it, and what little is not (a traceback, a driver's cursor) can wait. Python looks after every 700
new objects, through all that a step holds: an eighth of the processor time of posting.
"""

import gc

OBJECTS_MAX = 50_000
"""New objects, all but those that are gone again, until the next look: a few megabytes."""


def collect_seldom() -> None:
    """Look seldom, and never again at what was there when the process began."""
    gc.freeze()
    gc.set_threshold(OBJECTS_MAX)
