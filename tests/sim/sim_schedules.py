"""Where schedules for mutants are kept, each by the name of the mutant that it catches."""

from collections.abc import Callable

Schedule = Callable[[], bool]
SCHEDULES: dict[str, Schedule] = {}


def schedule(play: Schedule) -> Schedule:
    """Note a schedule for the mutant that it is named after."""
    SCHEDULES[play.__name__.replace("_", "-")] = play
    return play
