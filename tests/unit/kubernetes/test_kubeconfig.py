"""A kubeconfig that cannot be used is named with what is wrong in it, and nothing of its content is shown."""

import os
import pwd
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from components.contracts import DeploymentError
from components.kubernetes.kubeconfig import expanded, require_context

pytestmark = pytest.mark.unit

TOKEN = "hunter2"
GOOD: Mapping[str, object] = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "here", "cluster": {"server": "https://127.0.0.1:6443"}}],
    "users": [{"name": "me", "user": {"token": TOKEN}}],
    "contexts": [
        {"name": "production", "context": {"cluster": "here", "user": "me"}},
        {"name": "staging", "context": {"cluster": "there", "user": "me"}},
        {"name": "nobody", "context": {"cluster": "here"}},
    ],
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(dict(GOOD)))
    return path


def refusal(file: Path, context: str = "production") -> str:
    with pytest.raises(DeploymentError) as caught:
        require_context(str(file), context)
    message = str(caught.value)
    assert "nothing was deployed" in message
    assert TOKEN not in message
    return message


def test_a_whole_kubeconfig_with_the_context_is_accepted(file: Path) -> None:
    require_context(str(file), "production")


def test_the_home_is_the_accounts_as_the_provider_reads_it_and_not_the_environments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home = pwd.getpwuid(os.getuid()).pw_dir
    monkeypatch.setenv("HOME", "/somewhere/else")
    assert expanded("~/.kube/config") == f"{home}/.kube/config"
    assert expanded("/etc/kubeconfig") == "/etc/kubeconfig"


def test_a_file_that_does_not_exist_is_named_with_its_key(tmp_path: Path) -> None:
    message = refusal(tmp_path / "nowhere")
    assert message.startswith(f"rag:kubernetes.kubeconfig: {tmp_path / 'nowhere'} does not exist")
    assert "Write the path of your kubeconfig" in message


def test_a_folder_is_no_kubeconfig(tmp_path: Path) -> None:
    assert "cannot be read (Is a directory)" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"token: {TOKEN}\n\t- broken", "is no YAML"),
        ("", "is no kubeconfig"),
        (TOKEN, "is no kubeconfig"),
        (f"- {TOKEN}", "is no kubeconfig"),
        (f"kind: Secret\ntoken: {TOKEN}", "is no kubeconfig"),
    ],
)
def test_a_file_of_another_kind_is_refused_without_a_word_of_its_content(file: Path, content: str, said: str) -> None:
    file.write_text(content)
    message = refusal(file)
    assert message.startswith(f"rag:kubernetes.kubeconfig: {file} {said}")


def test_bytes_that_are_no_text_are_refused(file: Path) -> None:
    file.write_bytes(b"\xff\xfe\x00")
    assert "is no YAML" in refusal(file)


def test_a_context_that_does_not_exist_is_answered_with_those_that_do(file: Path) -> None:
    message = refusal(file, "prod")
    assert message.startswith(f"rag:kubernetes.context: {file} has no context 'prod'")
    assert "The contexts that it has: nobody, production, staging" in message


def test_a_kubeconfig_without_contexts_says_so(file: Path) -> None:
    file.write_text("kind: Config\ncontexts:\n")
    assert "The contexts that it has: none" in refusal(file)


@pytest.mark.parametrize(("context", "said"), [("staging", "the cluster 'there'"), ("nobody", "the user None")])
def test_a_context_that_refers_to_what_the_file_does_not_hold_is_refused(file: Path, context: str, said: str) -> None:
    message = refusal(file, context)
    assert said in message
    assert "which the file does not hold" in message


def test_a_login_program_that_is_not_installed_is_named(file: Path) -> None:
    users = [{"name": "me", "user": {"exec": {"command": "no-such-login", "args": [TOKEN]}}}]
    file.write_text(yaml.safe_dump({**GOOD, "users": users}))
    message = refusal(file)
    assert "logs in with the program 'no-such-login', which is not installed here" in message
    assert "Install it" in message


def test_a_login_program_that_is_installed_is_accepted(file: Path) -> None:
    users = [{"name": "me", "user": {"exec": {"command": "sh"}}}]
    file.write_text(yaml.safe_dump({**GOOD, "users": users}))
    require_context(str(file), "production")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
shapes = st.fixed_dictionaries(
    {"kind": st.just("Config")}, optional=dict.fromkeys(("clusters", "users", "contexts"), json_values)
)


@given(shapes)
def test_whatever_a_kubeconfig_holds_it_is_accepted_or_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory, document: dict[str, object]
) -> None:
    file = tmp_path_factory.mktemp("any") / "kubeconfig"
    file.write_text(yaml.safe_dump(document))
    with pytest.raises(DeploymentError, match="rag:kubernetes"):
        require_context(str(file), "production")
