"""The hours in which RDS takes backups and maintains: how they are written, and that they keep apart."""

import re

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = 24 * 60
WEEK = 7 * DAY
LEAST_MINUTES = 30
"""RDS takes no window that is shorter."""
CLOCK = r"([01][0-9]|2[0-3]):([0-5][0-9])"
DAILY = re.compile(f"{CLOCK}-{CLOCK}")
WEEKLY = re.compile(f"({'|'.join(DAYS)}):{CLOCK}-({'|'.join(DAYS)}):{CLOCK}")


def daily(text: str) -> tuple[int, int]:
    """Begin and length of a window such as `03:00-04:00`, in minutes of the day; raises ValueError for no such one."""
    found = DAILY.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{text!r} is no window of a day, so RDS would refuse the database in the middle of the deployment; "
            "write it in UTC with two digits each, for example 03:00-04:00"
        )
    begin, end = (60 * int(hour) + int(minute) for hour, minute in (found.group(1, 2), found.group(3, 4)))
    return begin, _long_enough(text, (end - begin) % DAY)


def weekly(text: str) -> tuple[int, int]:
    """The same of a window such as `sun:04:30-sun:05:30`, in minutes of the week."""
    found = WEEKLY.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{text!r} is no window of a week, so RDS would refuse the database in the middle of the deployment; "
            "write it in UTC, for example sun:04:30-sun:05:30"
        )
    begin, end = (
        DAY * DAYS.index(day) + 60 * int(hour) + int(minute)
        for day, hour, minute in (found.group(1, 2, 3), found.group(4, 5, 6))
    )
    return begin, _long_enough(text, (end - begin) % WEEK)


def require_apart(backup: str, maintenance: str) -> None:
    """Raises ValueError when the two would meet on some day of the week, which RDS refuses."""
    (start, length), (begin, lasting) = daily(backup), weekly(maintenance)
    for day in range(len(DAYS)):
        today = day * DAY + start
        if (begin - today) % WEEK < length or (today - begin) % WEEK < lasting:
            raise ValueError(
                f"backup_window {backup} and maintenance_window {maintenance} overlap on {DAYS[day]}, so RDS would "
                "refuse the database in the middle of the deployment; move one of them"
            )


def _long_enough(text: str, minutes: int) -> int:
    if minutes < LEAST_MINUTES:
        raise ValueError(
            f"{text!r} lasts {minutes} minutes, and RDS refuses windows under {LEAST_MINUTES}, in the middle of the "
            "deployment; make it longer"
        )
    return minutes
