"""Durations in the texts of options, and as SLURM writes them."""

import re

from tagmates.errors import ConfigError

SHORTEST_WALL = 600  # seconds; less would be spent on starting and saving


def parse_duration(text: str, option: str = "--time-limit") -> float:
    """``90``, ``45s``, ``25m``, ``1h30m`` or ``2d`` as seconds; ConfigError for anything else."""
    found = re.fullmatch(r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s?)?", text.strip())
    if not found or not any(found.groups()):
        raise ConfigError(f"{option} {text}: write a time such as 45s, 25m, 1h30m or 2d")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


def parse_wall(text: str) -> int:
    """The seconds of a time as SLURM writes it (``8:00:00``, ``1-12``, ``90``: minutes) or as ``8h`` or ``1d12h``.

    Raises ConfigError for anything else, or for less than ten minutes.
    """
    units = re.fullmatch(r"(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m)?", text)
    days = re.fullmatch(r"(\d{1,4})-(\d{1,2})(?::(\d{1,2}))?(?::(\d{1,2}))?", text)
    clock = re.fullmatch(r"(?:(\d{1,5}):)?(\d{1,6})(?::(\d{1,2}))?", text)
    if units and any(units.groups()):
        parts = [*units.groups(), None]
    elif days:
        parts = list(days.groups())
    elif clock and (clock[3] is not None or clock[1] is None):
        parts = [None, *clock.groups()]
    elif clock:  # minutes and seconds
        parts = [None, None, clock[1], clock[2]]
    else:
        raise ConfigError(f"--time {text}: write a time as SLURM does, such as 8:00:00 or 1-12:00:00, or 8h")
    day, hour, minute, second = (int(part or 0) for part in parts)
    wall = ((day * 24 + hour) * 60 + minute) * 60 + second
    if wall < SHORTEST_WALL:
        raise ConfigError(f"--time {text}: must be at least 10 minutes, as starting and saving take some")
    return wall


def wall_text(seconds: int) -> str:
    """Seconds as SLURM writes them: ``D-HH:MM:SS``, or ``H:MM:SS`` for less than a day."""
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return f"{days}-{hour:02}:{minute:02}:{second:02}" if days else f"{hour}:{minute:02}:{second:02}"
