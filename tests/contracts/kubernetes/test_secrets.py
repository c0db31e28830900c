"""No value of a secret stands in plain text."""

from typing import Any, cast

import pytest

from stacks.kubernetes import compose
from tests.contracts.kubernetes.stack import PASSWORD, VARIANTS, Composed, both_ways, settings
from tests.contracts.recorder import SECRET, SIGNATURE, Recording, record

pytestmark = pytest.mark.unit


@both_ways
@pytest.mark.parametrize("variant", VARIANTS)
def test_no_value_of_a_secret_stands_anywhere_in_plain_text(variant: str, composed: Composed) -> None:
    made = composed(**VARIANTS[variant])
    texts = {text for resource in made.resources for text in resource.plain_texts} | made.plain_outputs
    told = (PASSWORD, ".result>", "postgresql://", "rag_<")
    assert not {text for text in texts if any(secret in text for secret in told)}


def test_the_databases_url_verifies_the_server_and_its_password_needs_no_encoding(recording: Recording) -> None:
    kept = recording.one("database-url").inputs["stringData"]
    assert kept[SIGNATURE] == SECRET
    assert kept["value"]["DATABASE_URL"] == (
        "postgresql://rag:<database-password.result>@rag-database-rw.rag.svc:5432/rag"
        "?sslmode=verify-full&sslrootcert=/etc/rag/database/ca.crt"
    )


def test_trap_a_percent_sign_in_a_password_breaks_alembic(recording: Recording) -> None:
    inputs = recording.one("database-password").inputs
    assert (inputs["special"], inputs["length"]) == (False, 32)


def test_the_first_api_key_is_never_an_output_only_how_to_read_it() -> None:
    seen: list[str] = []

    def program() -> None:
        cast(Any, compose(settings())["api_key"]).apply(seen.append)

    record(program)
    (command,) = seen
    assert command.startswith("kubectl --context production --namespace rag get secret <secrets-api-key.name> ")
    assert PASSWORD not in command
