"""Whom of GitHub's workflows a stack trusts, and what bounds the roles: what settings take, and what they refuse."""

import pytest

from stacks.settings.reader import SettingsError
from tests.aws_settings import ACCOUNT, DEV, parse_aws

pytestmark = pytest.mark.unit

OIDC = {"repository": "acme/rag", "environment": "production"}
LIMITS = f"arn:aws:iam::{ACCOUNT}:policy/team/limits"


def refusal(**keys: object) -> str:
    with pytest.raises(SettingsError) as caught:
        parse_aws(**keys)
    return str(caught.value)


@pytest.mark.parametrize(
    "prefix",
    [
        "repo:acme/rag",
        "repo:acme@1234/rag@5678",
        "repository_id:123",
        "repository_owner:acme:repo:acme/rag",
        "repository_owner_id:9919:repository_id:123",
    ],
)
def test_a_subject_begins_as_github_puts_claims_together(prefix: str) -> None:
    settings = parse_aws(oidc={**OIDC, "subject_prefix": prefix})
    assert settings.oidc is not None
    assert settings.oidc.prefix == prefix


@pytest.mark.parametrize("prefix", ["repo:acme/*", "repo:acme/ra?", "repo:acme/rag\n", "repo:acme/rag\x00"])
def test_a_subject_that_is_no_exact_text_is_refused_with_what_would_happen(prefix: str) -> None:
    message = refusal(oidc={**OIDC, "subject_prefix": prefix})
    assert message.startswith("rag:oidc.subject_prefix:")
    assert "holds a wildcard or a control character" in message
    assert "write the exact text" in message


@pytest.mark.parametrize("prefix", ["repo:acme/rag :x", "repo: acme/rag"])
def test_white_space_in_a_subject_is_refused_because_no_token_has_any(prefix: str) -> None:
    message = refusal(oidc={**OIDC, "subject_prefix": prefix})
    assert message.startswith("rag:oidc.subject_prefix:")
    assert "white space" in message


@pytest.mark.parametrize("environment", ["*", "prod\n"])
def test_an_environment_is_an_exact_text_too(environment: str) -> None:
    assert "holds a wildcard" in refusal(oidc={**OIDC, "environment": environment})


def test_an_environment_with_a_colon_is_refused_because_github_writes_another_name_into_the_token() -> None:
    assert "%3A" in refusal(oidc={**OIDC, "environment": "production:eu"})


def test_an_environments_name_may_have_blanks_as_githubs_may() -> None:
    settings = parse_aws(oidc={**OIDC, "environment": "Production EU"})
    assert settings.oidc is not None
    assert settings.oidc.environment == "Production EU"


def test_the_stacks_roles_and_the_trusts_own_are_bounded_by_two_keys() -> None:
    settings = parse_aws(aws={**DEV, "permissions_boundary": LIMITS}, oidc={**OIDC, "permissions_boundary": None})
    assert settings.oidc is not None
    assert (settings.aws.permissions_boundary, settings.oidc.permissions_boundary) == (LIMITS, None)


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({"aws": {**DEV, "permissions_boundary": "limits"}}, "rag:aws.permissions_boundary:"),
        ({"oidc": {**OIDC, "permissions_boundary": "arn:aws-cn:iam::1:policy/x"}}, "rag:oidc.permissions_boundary:"),
    ],
)
def test_a_boundary_is_the_arn_of_a_policy(keys: dict[str, object], key: str) -> None:
    message = refusal(**keys)
    assert message.startswith(key)
    assert "write arn:aws:iam::<account>:policy/<name>" in message


def test_a_boundary_of_another_account_is_refused_where_the_own_one_is_known() -> None:
    aws = {**DEV, "account_id": ACCOUNT[::-1], "permissions_boundary": LIMITS}
    assert "aws.permissions_boundary belongs to account" in refusal(aws=aws)
