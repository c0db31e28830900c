"""Takes secrets out of logs before they are shown: a stack's state and the logs of CI keep what is shown."""

import re
from collections.abc import Iterable

CREDENTIALS = re.compile(r"://[^\s/@]+@|\brag_[A-Za-z0-9]{8}_[A-Za-z0-9_-]{43}")


def without(secrets: Iterable[str], text: str) -> str:
    """A text without these values. The longest goes first: a password is part of the URL that holds it."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def without_credentials(text: str) -> str:
    """A text without what looks like a password in a URL or one of the service's API keys."""
    return CREDENTIALS.sub(lambda found: "://***@" if found.group().startswith("://") else "***", text)
