"""Secrets are taken out of logs before anybody sees them."""

import pytest

from components.redaction import without, without_credentials

pytestmark = pytest.mark.unit

API_KEY = "rag_abcd1234_" + "k" * 43


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql+psycopg://u:p%40ss@h/d?sslmode=verify-full", "postgresql+psycopg://***@h/d?sslmode=verify-full"),
        (f"key={API_KEY}.", "key=***."),
        ("https://example.com/a@b", "https://example.com/a@b"),
        ("rag_short_key", "rag_short_key"),
    ],
)
def test_what_looks_like_a_credential_is_taken_out_and_nothing_else(text: str, shown: str) -> None:
    assert without_credentials(text) == shown


def test_a_password_is_taken_out_with_the_url_that_holds_it() -> None:
    url = "postgresql://rag:hunter2@db/rag"
    text = f"cannot reach {url}: hunter2 was refused"
    for order in (["hunter2", url], [url, "hunter2"]):
        assert without(order, text) == "cannot reach ***: *** was refused"


def test_a_secret_without_a_value_takes_nothing_out() -> None:
    assert without(["", "x"], "next") == "ne***t"
