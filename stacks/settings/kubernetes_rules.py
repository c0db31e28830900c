"""What Kubernetes accepts as names, quantities and images; each refusal says what would happen and what to write."""

import re
from decimal import Decimal
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, BeforeValidator

DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?", re.ASCII)
FACTORS = {"m": Decimal("0.001"), "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12} | {
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40
}  # fmt: skip
TLS_MODES = ("require", "verify-ca", "verify-full")
DOCKER_HUB = "docker.io"


def quantity(text: str) -> Decimal:
    """A Kubernetes quantity (`500m`, `1.5`, `512Mi`) as a number; raises ValueError for anything else."""
    found = QUANTITY.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{text!r} is no quantity of Kubernetes, so the API server would refuse it in the middle of the "
            "deployment; write for example 500m, 2 or 512Mi"
        )
    return Decimal(found[1]) * FACTORS.get(found[2] or "", 1)


def _as_text(value: object) -> object:
    """YAML reads `2` as a number, and it is a quantity all the same."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _some(text: str) -> str:
    if quantity(text) <= 0:
        raise ValueError(f"{text!r} is nothing, so nothing could run with it; write for example 500m, 2 or 512Mi")
    return text


Quantity = Annotated[str, BeforeValidator(_as_text), AfterValidator(_some)]
"""A quantity above nothing."""


def require_label(value: str) -> str:
    """A name that Kubernetes accepts for a namespace or a Service; raises ValueError for anything else."""
    if DNS_LABEL.fullmatch(value) is None:
        raise ValueError(
            f"{value!r} is no DNS label, so the API server would refuse it in the middle of the deployment; "
            "use at most 63 lower-case letters, digits and hyphens, with a letter or digit at both ends"
        )
    return value


Label = Annotated[str, AfterValidator(require_label)]
"""The name of an object of the cluster."""


def registry_of(image: str) -> str:
    """The host of a repository or of an image, as Docker reads it: without one it is Docker Hub."""
    host, separator, _ = image.partition("/")
    return host if separator and (host == "localhost" or "." in host or ":" in host) else DOCKER_HUB


def require_database_url(url: str) -> None:
    """A PostgreSQL URL with a user, a password and encryption; raises ValueError that never shows it."""
    try:
        parts = urlsplit(url)
        whole = all([parts.hostname, parts.username, parts.password, parts.path.strip("/"), (parts.port or 1) > 0])
    except ValueError:
        parts, whole = None, False
    if parts is None or parts.scheme not in {"postgresql", "postgres"} or not whole:
        raise ValueError(
            "is no URL of a PostgreSQL database, so no process of the service could start; write "
            "postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full with the password percent-encoded"
        )
    if parse_qs(parts.query).get("sslmode", [""])[-1] not in TLS_MODES:
        raise ValueError(
            f"does not ask for encryption, so passwords and documents could cross the network in plain text; append "
            f"?sslmode= and one of {', '.join(TLS_MODES)}"
        )
