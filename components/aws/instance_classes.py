"""The instance classes of RDS that this program knows, with their memory: it decides how many connections they hold."""

from collections.abc import Callable, Mapping

BURSTABLE: Mapping[str, float] = {"micro": 1, "small": 2, "medium": 4, "large": 8, "xlarge": 16, "2xlarge": 32}
GENERAL: Mapping[str, float] = {"large": 8, "xlarge": 16, "2xlarge": 32, "4xlarge": 64}
MEMORY: Mapping[str, float] = {"large": 16, "xlarge": 32, "2xlarge": 64, "4xlarge": 128}
"""GiB by size, for families with 1 to 4, 4, and 8 GiB to a vCPU."""

FAMILIES: Mapping[str, Mapping[str, float]] = {
    "t3": BURSTABLE,
    "t4g": BURSTABLE,
    "m6g": GENERAL,
    "m7g": GENERAL,
    "m8g": GENERAL,
    "r6g": MEMORY,
    "r7g": MEMORY,
    "r8g": MEMORY,
}
CLASSES: Mapping[str, float] = {
    f"db.{family}.{size}": memory for family, sizes in FAMILIES.items() for size, memory in sizes.items()
}
"""Memory in GiB by class."""


def memory_of(instance_class: str) -> float:
    """The memory of a class in GiB; raises ValueError, with how to choose, for a class that is not known here."""
    memory = CLASSES.get(instance_class)
    if memory is None:
        raise ValueError(
            f"{instance_class!r} is no instance class that is known here, so nobody could say how many connections it "
            "holds, and RDS might refuse it after minutes; choose db.t4g.micro to db.t4g.2xlarge for little money, "
            "db.m7g.large to db.m7g.4xlarge for steady load, db.r7g.large to db.r7g.4xlarge for more memory and "
            f"connections (known families: {', '.join(FAMILIES)})"
        )
    return memory


def smallest_class(like: str, fits: Callable[[float], bool]) -> str | None:
    """The smallest class whose memory (GiB) `fits`, of the same family where it has one; None when none does."""
    family = like.rsplit(".", 1)[0]
    found = [(not name.startswith(f"{family}."), memory, name) for name, memory in CLASSES.items() if fits(memory)]
    return min(found)[-1] if found else None
