"""The command that administers keys."""

import pytest

from app.settings import API_KEY_PATTERN
from app.tenancy.keys import generate_key, hash_key, public_part
from tests.app.service import bearer, environment, run_module, service

pytestmark = pytest.mark.integration


def test_a_key_is_made_shown_once_listed_without_its_secret_and_revoked(migrated_url: str) -> None:
    env = environment(migrated_url)
    created = run_module("app.keys", "create", "--tenant", "acme corp", "--label", "laptop", env=env)
    key = created.stdout.strip()
    assert created.returncode == 0, created.stderr
    assert API_KEY_PATTERN.fullmatch(key)

    listed = run_module("app.keys", "list", env=env)
    assert listed.stdout.startswith(f"{public_part(key)}\tacme corp\t")
    assert "active\tlaptop" in listed.stdout
    assert key.split("_", 2)[2] not in listed.stdout
    assert run_module("app.keys", "list", "--tenant", "nobody", env=env).stdout == ""

    assert run_module("app.keys", "revoke", public_part(key), env=env).returncode == 0
    assert "revoked" in run_module("app.keys", "list", env=env).stdout
    with service(migrated_url) as client:
        assert client.get("/v1/queries", headers=bearer(key)).status_code == 401


def test_revoking_what_does_not_exist_is_an_error_with_the_remedy(migrated_url: str) -> None:
    done = run_module("app.keys", "revoke", "nothere1", env=environment(migrated_url))
    assert done.returncode == 1
    assert "app.keys list" in done.stderr


def test_a_database_without_its_schema_is_an_error_in_plain_words(database_url: str) -> None:
    done = run_module("app.keys", "list", env=environment(database_url))
    assert done.returncode == 1
    assert "python -m app.migrate" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_key_can_be_generated_without_a_database() -> None:
    env = {name: value for name, value in environment("").items() if name != "DATABASE_URL"}
    done = run_module("app.keys", "generate", env=env)
    assert API_KEY_PATTERN.fullmatch(done.stdout.strip()), done.stderr


@pytest.mark.unit
def test_generated_keys_differ_in_both_parts_and_have_the_format() -> None:
    keys = [generate_key() for _ in range(200)]
    assert all(API_KEY_PATTERN.fullmatch(key) for key in keys)
    assert len({public_part(key) for key in keys}) == 200
    assert len({hash_key(key) for key in keys}) == 200
