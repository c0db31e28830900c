"""What a stack may say, and what it is told when it says something else: the key, what would happen, what to do."""

import json
import re
import string
from collections.abc import Iterator, Mapping
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from components.workload import MANAGED_ENVIRONMENT, OPERATOR_ENVIRONMENT
from stacks.settings import PROJECT, KubernetesSettings, LocalSettings, Settings, SettingsError, parse_settings
from tests.parsing import FILE, parse_as, parse_local

pytestmark = pytest.mark.unit

KEYS = ("cloud", "profile", "app", "database", "release", "rollout", "local", "oidc", "project", "other")


def parse(keys: Mapping[str, object]) -> LocalSettings:
    return parse_local(keys)


def refusal(**keys: object) -> str:
    with pytest.raises(SettingsError) as caught:
        parse(keys)
    return str(caught.value)


def test_a_stack_that_names_only_its_target_gets_the_defaults_and_they_fit() -> None:
    settings = parse({})
    assert (settings.profile, settings.local.port, settings.local.database_port) == ("dev", 8000, 54330)
    assert settings.connections.fits
    assert settings.project == PROJECT


def test_values_that_stand_in_the_file_as_text_become_numbers_and_keep_their_place() -> None:
    settings = parse({"local": {"port": 9001}, "app": {"web_processes": {"min": 2, "max": 3}, "pool_size": 5}})
    assert (settings.local.port, settings.app.web_processes.min, settings.app.pool_size) == (9001, 2, 5)


def test_keys_of_other_namespaces_are_not_ours_to_judge() -> None:
    settings = parse_settings({"rag:cloud": "local", "aws:region": "eu-central-1", "pulumi:tags": "{"}, file=FILE)
    assert settings.cloud == "local"


def test_a_stack_without_a_target_is_told_which_there_are() -> None:
    with pytest.raises(SettingsError) as caught:
        parse_settings({"rag:profile": "dev"}, file=FILE)
    message = str(caught.value)
    assert message.startswith("rag:cloud is missing")
    assert "nothing says where to deploy" in message
    assert "set it to local" in message
    assert FILE in message


@pytest.mark.parametrize("cloud", ["gcp", "azure"])
def test_a_planned_target_is_called_planned_and_not_unknown(cloud: str) -> None:
    message = refusal(cloud=cloud)
    assert f"rag:cloud: '{cloud}' is planned and not built yet" in message
    assert "available now: local" in message


@pytest.mark.parametrize("cloud", ["heroku", "LOCAL", "", '{"name": "local"}'])
def test_an_unknown_target_is_named_with_those_that_exist(cloud: str) -> None:
    message = refusal(cloud=cloud)
    assert "rag:cloud:" in message
    assert "is no target; available: local" in message


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"databse": {"max_connections": 50}}, "rag:databse"),
        ({"app": {"pool": 3}}, "rag:app.pool"),
        ({"app": {"web_processes": {"maximum": 3}}}, "rag:app.web_processes.maximum"),
        ({"local": {"ports": 8000}}, "rag:local.ports"),
        ({"project": "/somewhere"}, "rag:project"),
    ],
)
def test_a_misspelled_key_is_an_error_because_ignored_it_would_do_nothing(keys: dict[str, object], named: str) -> None:
    message = refusal(**keys)
    assert message.startswith(f"{named}: is no setting, so it would do nothing; correct or remove it")
    assert f"[{FILE}]" in message


def test_the_project_folder_is_a_fact_of_the_checkout_and_no_key_can_move_it() -> None:
    assert "rag:project: is no setting" in refusal(project="/etc")
    assert "rag:project: is no setting" in refusal(project={"path": "/etc"})


def test_github_trust_on_one_machine_is_refused_and_not_ignored() -> None:
    message = refusal(oidc={"repository": "owner/name"})
    assert message.startswith("rag:oidc: one machine has no cloud account")
    assert f"remove the key from {FILE}" in message


@pytest.mark.parametrize(
    ("keys", "named", "rule"),
    [
        ({"local": {"port": "http"}}, "rag:local.port", "should be a valid integer"),
        ({"app": {"pool_size": 1.5}}, "rag:app.pool_size", "should be a valid integer"),
        (
            {"app": {"environment": {"LOG_LEVEL": ["INFO"]}}},
            "rag:app.environment.LOG_LEVEL",
            "should be a valid string",
        ),
        ({"database": {"protect": "perhaps"}}, "rag:database.protect", "should be a valid boolean"),
        ({"profile": "staging"}, "rag:profile", "should be 'dev' or 'prod'"),
        ({"database": {"max_connections": 9}}, "rag:database.max_connections", "greater than or equal to 10"),
        ({"local": {"keep_releases": 1}}, "rag:local.keep_releases", "greater than or equal to 2"),
        ({"app": {"web_processes": {"min": 0}}}, "rag:app.web_processes.min", "greater than or equal to 1"),
        ({"rollout": {"migration_seconds": 0}}, "rag:rollout.migration_seconds", "greater than or equal to 1"),
    ],
)
def test_a_value_of_the_wrong_kind_or_size_is_named_with_its_rule(
    keys: dict[str, object], named: str, rule: str
) -> None:
    message = refusal(**keys)
    assert message.startswith(f"{named}: ")
    assert rule in message
    assert "nothing was deployed; correct the value" in message


def whole_numbers(model: type[BaseModel], *above: str) -> Iterator[tuple[str, ...]]:
    """Where a stack file says a whole number, found in the models themselves."""
    for name, field in model.model_fields.items():
        if field.annotation is int:
            yield (*above, name)
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from whole_numbers(field.annotation, *above, name)


NUMBERS = sorted(whole_numbers(LocalSettings))


def test_the_whole_numbers_are_found() -> None:
    assert {("app", "pool_size"), ("app", "web_processes", "max"), ("local", "port")} < set(NUMBERS)


@pytest.mark.parametrize("place", NUMBERS, ids=".".join)
@pytest.mark.parametrize("value", [True, False])
def test_a_truth_value_is_no_whole_number_anywhere(place: tuple[str, ...], value: bool) -> None:
    keys: object = value
    for name in reversed(place):
        keys = {name: keys}
    message = refusal(**cast(dict[str, object], keys))
    assert f"rag:{'.'.join(place)}: {str(value).lower()} is no whole number, so nothing was deployed" in message
    assert "write the number" in message


@pytest.mark.parametrize("value", ["8000", "true", [1, 2], "text"])
def test_a_group_that_is_no_object_is_explained_without_the_names_of_our_classes(value: object) -> None:
    message = refusal(local=value)
    assert "rag:local: is no object" in message
    assert "indented below it" in message
    assert "LocalMachine" not in message


@pytest.mark.parametrize("text", ["{port: 8000}", "{", "[1,", '{"port": ' + "9" * 5000 + "}", "[" * 100_000])
def test_an_object_that_is_not_json_is_a_settings_error_that_names_the_key(text: str) -> None:
    message = refusal(local=text)
    assert message.startswith("rag:local: is not readable as an object or a list")
    assert "indented below it" in message


def test_every_problem_has_its_own_line_so_that_one_run_shows_them_all() -> None:
    lines = refusal(local={"port": 1}, release={"digest": "latest"}, extra="1").splitlines()
    assert [line.split(": ")[0] for line in lines] == ["rag:release", "rag:local.port", "rag:extra"]


@pytest.mark.parametrize("port", [0, 1023, 65536, -1])
@pytest.mark.parametrize("key", ["port", "database_port"])
def test_a_port_that_needs_root_or_does_not_exist_is_refused(key: str, port: int) -> None:
    assert refusal(local={key: port}).startswith(f"rag:local.{key}: should be")


@pytest.mark.parametrize("port", [1024, 65535])
def test_the_first_and_the_last_free_port_are_accepted(port: int) -> None:
    assert parse({"local": {"port": port}}).local.port == port


def test_two_servers_on_one_port_are_refused() -> None:
    message = refusal(local={"port": 54330})
    assert "port and database_port are both 54330" in message
    assert "one of the two could not start" in message


def test_bounds_in_the_wrong_order_are_refused() -> None:
    message = refusal(app={"web_processes": {"min": 5, "max": 4}})
    assert "rag:app.web_processes: min 5 is above max 4" in message
    assert "set min <= max" in message
    assert parse({"app": {"web_processes": {"min": 4, "max": 4}}}).app.web_processes.min == 4


def test_a_pool_that_does_not_fit_is_refused_with_the_numbers_and_the_largest_that_does() -> None:
    message = refusal(app={"pool_size": 10, "max_overflow": 20, "web_processes": {"max": 4}})
    assert "8 web processes x (10 + 20) + 2 workers x (2 x 1 + 1 that listens) + 3 (migration" in message
    assert "= 249 connections" in message
    assert "max_connections 100 less 3 reserved leaves 97" in message
    assert "the largest pool_size + max_overflow that fits is 11" in message
    assert "503 under load" in message
    for key in ("pool_size", "max_overflow", "web_processes", "environment.WORKER_CONCURRENCY"):
        assert f"app.{key}" in message
    assert "database.max_connections" in message


def test_the_pool_that_the_message_recommends_is_accepted_and_one_more_is_not() -> None:
    assert parse({"app": {"pool_size": 11, "max_overflow": 0}}).connections.fits
    assert "connection budget" in refusal(app={"pool_size": 11, "max_overflow": 1})


def test_more_jobs_at_a_time_need_more_connections_and_the_budget_counts_them() -> None:
    fitting = {"pool_size": 11, "max_overflow": 0, "environment": {"WORKER_CONCURRENCY": 1}}
    assert parse({"app": fitting}).connections.per_worker == 3
    message = refusal(app=fitting | {"environment": {"WORKER_CONCURRENCY": 4}})
    assert "2 workers x (2 x 4 + 1 that listens)" in message
    assert "the largest pool_size + max_overflow that fits is 9" in message


@pytest.mark.parametrize("value", [0, 17, "many"])
def test_jobs_at_a_time_that_the_worker_would_refuse_are_refused_before_anything_is_deployed(value: object) -> None:
    message = refusal(app={"environment": {"WORKER_CONCURRENCY": value}})
    assert message.startswith(f"rag:app: environment.WORKER_CONCURRENCY '{value}' is no whole number from 1 to 16")
    assert "the worker would not start" in message


def test_where_no_pool_fits_the_remedy_is_another() -> None:
    message = refusal(app={"web_processes": {"max": 64}}, database={"max_connections": 20})
    assert "no pool fits: raise max_connections, or run fewer processes" in message


@pytest.mark.parametrize("digest", ["latest", "v1.2.3", "sha256:abc", "a" * 64, "sha256:" + "A" * 64, ""])
def test_a_release_is_named_by_its_digest_and_never_by_a_tag(digest: str) -> None:
    message = refusal(release={"digest": digest})
    assert message.startswith(f"rag:release: digest {digest!r} is not a content digest")
    assert "can mean something else tomorrow" in message
    assert "sha256: and 64 hexadecimal digits" in message


def test_a_full_digest_is_accepted_and_null_means_this_checkout() -> None:
    assert parse({"release": {"digest": "sha256:" + "a" * 64}}).release.digest == "sha256:" + "a" * 64
    assert parse({"release": {"digest": None}}).release.digest is None


def test_a_failed_release_that_could_take_over_five_minutes_to_go_back_is_refused_with_what_fits() -> None:
    message = refusal(rollout={"startup_seconds": 224})
    assert (
        "a failed release could take 301 s to go back, over the promised 300 s, with rollout.startup_seconds 224, "
        "rollout.drain_seconds 2, rollout.graceful_seconds 30; lower rollout.startup_seconds to 223, or "
        "rollout.drain_seconds to 1, or rollout.graceful_seconds to 29"
    ) in message
    assert parse({"rollout": {"startup_seconds": 223}}).rollout.times.rollback == 300


def test_each_value_that_a_refusal_says_fits_is_accepted() -> None:
    refused = {"startup_seconds": 250, "drain_seconds": 40, "graceful_seconds": 40}
    told = re.findall(r"rollout\.(\w+) to (\d+)", refusal(rollout=refused))
    assert {name for name, _ in told} >= {"startup_seconds"}
    for name, value in told:
        assert parse({"rollout": {**refused, name: int(value)}})
        assert "over the promised" in refusal(rollout={**refused, name: int(value) + 1})


def test_a_release_that_could_take_over_fifteen_minutes_is_refused() -> None:
    message = refusal(rollout={"startup_seconds": 850})
    assert "a release could take 906 s, over the promised 900 s, with rollout.startup_seconds 850" in message
    assert "lower rollout.startup_seconds to 844" in message


def test_how_long_a_migration_takes_is_no_part_of_what_is_promised_of_a_release() -> None:
    """Its data decides that, and the release before serves meanwhile."""
    assert parse({"rollout": {"migration_seconds": 3600}}).rollout.times == parse({}).rollout.times


@pytest.mark.parametrize("name", sorted(MANAGED_ENVIRONMENT))
def test_a_variable_that_the_platform_sets_cannot_be_set_by_hand_and_the_right_key_is_named(name: str) -> None:
    message = refusal(app={"environment": {name: "x"}})
    assert f"environment.{name} is set by the platform" in message
    assert MANAGED_ENVIRONMENT[name] in message


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "log_level", "LOGLEVEL", ""])
def test_a_variable_that_the_application_does_not_read_is_refused_with_those_that_it_reads(name: str) -> None:
    message = refusal(app={"environment": {name: "x"}})
    assert f"environment.{name} is not read by the application, so it would do nothing" in message
    assert ", ".join(sorted(OPERATOR_ENVIRONMENT)) in message


def test_a_variable_that_operators_may_set_is_kept_as_it_is() -> None:
    assert parse({"app": {"environment": {"LOG_LEVEL": "DEBUG"}}}).app.environment == {"LOG_LEVEL": "DEBUG"}


def test_a_number_or_a_truth_value_of_the_stack_file_reaches_a_process_as_a_shell_would_write_it() -> None:
    given = {"DEBUG": True, "DOCS_ENABLED": False, "CHUNK_SIZE": 500, "MMR_LAMBDA": 0.5}
    read = parse({"app": {"environment": given}}).app.environment
    assert read == {"DEBUG": "true", "DOCS_ENABLED": "false", "CHUNK_SIZE": "500", "MMR_LAMBDA": "0.5"}


def test_only_prod_protects_its_data_unless_the_stack_says_otherwise() -> None:
    assert parse({"profile": "prod"}).protected
    assert not parse({"profile": "dev"}).protected
    assert not parse({"profile": "prod", "database": {"protect": False}}).protected
    assert parse({"database": {"protect": True}}).protected


nested = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["port", "environment", "digest", "min", "max", "web_processes", "protect"])
            | st.text(string.ascii_letters, max_size=5),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
texts = (
    st.text()
    | st.sampled_from(["local", "true", " NULL ", "\x1ctrue", "{", "[", '{"a":'])
    | nested.map(json.dumps)
    | st.text().map(lambda text: "{" + text)
)


@given(st.dictionaries(st.sampled_from(KEYS).map("rag:{}".format), texts), st.booleans())
def test_whatever_a_stack_says_it_is_accepted_or_refused_and_never_a_crash(config: dict[str, str], local: bool) -> None:
    outcome = judged(config | ({"rag:cloud": "local"} if local else {}))
    assert outcome.startswith("rag:") if isinstance(outcome, str) else isinstance(outcome, LocalSettings)


def judged(config: Mapping[str, str]) -> Settings | str:
    try:
        return parse_settings(config, file=FILE)
    except SettingsError as error:
        return str(error)


def test_a_secret_that_stands_in_the_file_as_plain_text_is_refused_with_the_command_that_encrypts_it() -> None:
    keys = {
        "cloud": "kubernetes",
        "kubernetes": {"context": "home"},
        "ingress": {
            "host": "rag.example.com",
            "class": "nginx",
            "controller_namespace": "ingress-nginx",
            "tls_secret": "rag-tls",
        },
        "registry": {"repository": "registry.example.com/team/rag"},
        "database": {"kind": "external", "url": "postgresql://rag:hunter2@db.example.com:5432/rag?sslmode=require"},
    }
    with pytest.raises(SettingsError) as caught:
        parse_as(KubernetesSettings, keys)
    message = str(caught.value)
    assert message.startswith("rag:database.url: stands in the file as plain text")
    assert "`pulumi config set --secret --path rag:database.url`" in message
    assert FILE in message
    assert "hunter2" not in message
    url = parse_as(KubernetesSettings, keys, encrypted=["database"]).database.url
    assert url is not None
    assert "hunter2" in url.get_secret_value()


def test_a_secret_is_in_no_message_about_another_mistake() -> None:
    keys = {"cloud": "kubernetes", "database": {"kind": "external", "url": "postgresql://rag:hunter2@h/rag", "x": 1}}
    with pytest.raises(SettingsError) as caught:
        parse_as(KubernetesSettings, keys, encrypted=["database"])
    assert "rag:database.x" in str(caught.value)
    assert "hunter2" not in str(caught.value)
