"""The rules that single settings must pass; each refusal says what is wrong, what it means, and the remedy."""

from limits import parse as parse_rate
from pydantic import ValidationError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

_KEY_VAULT_REFERENCE = "@Microsoft.KeyVault("
_PLACEHOLDERS = frozenset({"changeme", "change-me", "changethis", "placeholder", "example", "todo", "xxx", "secret"})
KNOWN_EXTENSIONS = frozenset({"pdf", "docx", "txt", "md"})


def split(value: object) -> object:
    """Read `a, b` as two values; environment variables have no lists."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def only(existing: str, value: str) -> str:
    """Refuse what does not exist yet."""
    if value != existing:
        raise ValueError(
            "names something that is not available yet, so it would change a label and nothing else; "
            f"leave it unset, or set it to {existing}"
        )
    return value


def check_rate(value: str) -> str:
    """A rate such as 20/minute."""
    try:
        parse_rate(value)
    except ValueError:
        raise ValueError(
            "is not a rate, so requests could not be counted; write for example 20/minute or 10/hour"
        ) from None
    return value


def refuse_unresolved_reference(value: object) -> None:
    """An App Service that cannot resolve a Key Vault reference hands over the reference itself."""
    if isinstance(value, str) and _KEY_VAULT_REFERENCE in value:
        raise ValueError(
            "is an unresolved Key Vault reference, so the service would use the reference as the secret; "
            "set key_vault_reference_identity and let that identity read the secret"
        )


def check_database_url(value: str) -> None:
    """A PostgreSQL URL with a password of its own; never shown in the refusal."""
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        url = None
    if url is None or url.get_backend_name() not in ("postgresql", "postgres"):
        raise ValueError(
            "is not a PostgreSQL URL, so no request could be served; "
            "write postgresql://USER:PASSWORD@HOST:PORT/DATABASE with the password percent-encoded"
        )
    if (url.password or "").lower() in _PLACEHOLDERS:
        raise ValueError("has a placeholder as its password, which anybody could guess; generate one")


def explain(error: ValidationError) -> str:
    """Every key that is wrong, and why, without its value."""
    lines = ["The environment of this service is not usable:"]
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        key = "_".join(str(part) for part in problem["loc"]).upper()
        if problem["type"] == "missing":
            text = "is not set, and the service cannot run without it; set it"
        else:
            text = problem["msg"].removeprefix("Value error, ")
        lines.append(f"- {key} {text}" if key else f"- {text}")
    return "\n".join(lines)
