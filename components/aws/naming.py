"""AWS's limits on names, judged before anything is created, and names that keep within them.

Everything is named after the prefix `<settings.name>-<stack>`. A name that AWS refuses is refused halfway through a
deployment otherwise, when half of the stack exists.
"""

import re

from components.naming import fingerprint

PREFIX = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
MOST_PREFIX = 32
"""A load balancer's name has at most 32 characters, fewer than all other names here less what is appended to them
(roles 64, databases and parameter groups 63, ECR 256, log groups 512)."""
RESERVED = "internal-"
"""What the name of a load balancer must not begin with."""


def require_names(prefix: str) -> None:
    """Raises ValueError for a prefix from which AWS would refuse a name; the settings and the stack decide it."""
    if len(prefix) > MOST_PREFIX:
        raise ValueError(
            f"rag:name and the stack's name give {prefix!r}, which has {len(prefix)} characters: AWS refuses a load "
            f"balancer's name beyond {MOST_PREFIX}, in the middle of the deployment; shorten rag:name, or take a stack "
            "with a shorter name"
        )
    if PREFIX.fullmatch(prefix) is None:
        raise ValueError(
            f"rag:name and the stack's name give {prefix!r}: AWS's databases and repositories refuse names with other "
            "than lower-case letters, digits and single hyphens, beginning with a letter, in the middle of the "
            "deployment; take such a stack name, for example dev or prod"
        )
    if prefix.startswith(RESERVED):
        raise ValueError(
            f"rag:name {prefix!r} begins with {RESERVED}: AWS keeps that for its own load balancers and would refuse "
            "ours; choose another name"
        )


def limited(text: str, most: int) -> str:
    """A name within a limit: as it is where it fits, else cut, with a fingerprint that keeps two of them apart."""
    if len(text) <= most:
        return text
    mark = fingerprint(text, length=6)
    return f"{text[: most - len(mark) - 1].rstrip('-')}-{mark}"
