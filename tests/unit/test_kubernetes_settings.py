"""What a stack on Kubernetes may say, and what it is told otherwise: the key, what would happen, what to do."""

import copy
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, cast

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from app.settings import Settings as AppSettings
from components.kubernetes.app_service import SURGE
from stacks.settings import PROJECT, KubernetesSettings, SettingsError
from stacks.settings.kubernetes import BATCHES, USUAL_PARSE_MEMORY_MB, USUAL_UPLOAD_MB
from stacks.settings.kubernetes_rules import DNS_LABEL, quantity, registry_of, require_label
from tests.parsing import FILE, parse_as

pytestmark = pytest.mark.unit

Keys = dict[str, Any]
DIGEST = "sha256:" + "a" * 64
IMAGE = f"registry.example.com/team/rag@{DIGEST}"
URL = "postgresql://rag:hunter2@db.example.com:6432/rag?sslmode=require"
MINIMAL: Keys = {
    "cloud": "kubernetes",
    "kubernetes": {"context": "production"},
    "registry": {"repository": "registry.example.com/team/rag"},
    "ingress": {
        "host": "rag.example.com",
        "class": "nginx",
        "controller_namespace": "ingress-nginx",
        "issuer": "letsencrypt",
    },
}
SECRETS = ("database", "registry")


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> Keys:
    """`base` with the changes, group by group; a value of None takes its key away."""
    found = copy.deepcopy(dict(base))
    for key, value in changes.items():
        if value is None:
            found.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(found.get(key), Mapping):
            found[key] = merged(found[key], cast(Mapping[str, Any], value))
        else:
            found[key] = value
    return found


def parse(**changes: object) -> KubernetesSettings:
    return parse_as(KubernetesSettings, merged(MINIMAL, changes), encrypted=SECRETS)


def refusal(**changes: object) -> str:
    with pytest.raises(SettingsError) as caught:
        parse(**changes)
    return str(caught.value)


def test_the_least_that_a_stack_must_say_is_enough_and_fits() -> None:
    settings = parse()
    assert (settings.profile, settings.kubernetes.namespace, settings.bounds.max) == ("dev", "rag", 3)
    assert settings.database.instances_of(settings.profile) == 1
    assert settings.kubernetes.check
    assert settings.connections_of(settings.database.max_connections).fits


def test_prod_runs_more_of_everything_and_still_fits() -> None:
    settings = parse(profile="prod")
    assert (settings.bounds.min, settings.bounds.max) == (2, 10)
    assert settings.database.instances_of("prod") == 3
    assert settings.is_protected(settings.database.protect)
    assert settings.connections_of(settings.database.max_connections).fits


def test_the_example_stack_is_one_that_is_accepted() -> None:
    document = cast(Keys, yaml.safe_load((PROJECT / "Pulumi.kubernetes.yaml").read_text()))
    keys = {key.removeprefix("rag:"): value for key, value in cast(Keys, document["config"]).items()}
    assert parse_as(KubernetesSettings, keys).profile == "prod"


@pytest.mark.parametrize("missing", ["context"])
def test_a_cluster_must_be_named_so_that_no_preview_meets_another_one(missing: str) -> None:
    assert refusal(kubernetes={missing: None}).startswith(f"rag:kubernetes.{missing}: is missing and has no default")


@pytest.mark.parametrize("group", ["kubernetes", "ingress"])
def test_a_group_without_which_nothing_can_be_deployed_is_asked_for(group: str) -> None:
    assert refusal(**{group: None}).startswith(f"rag:{group}: is missing and has no default")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"kubernetes": {"contexts": "x"}}, "rag:kubernetes.contexts"),
        ({"ingress": {"hostname": "rag.example.com"}}, "rag:ingress.hostname"),
        (
            {"ingress": {"class": None, "gateway": {"name": "a", "namespace": "b", "port": 1}}},
            "rag:ingress.gateway.port",
        ),
        ({"resources": {"web": {"cpu": "1"}}}, "rag:resources.web.cpu"),
        ({"database": {"port": 5432}}, "rag:database.port"),
        ({"observability": {"metric": "none"}}, "rag:observability.metric"),
    ],
)
def test_a_misspelled_key_is_an_error_because_ignored_it_would_do_nothing(changes: Keys, named: str) -> None:
    assert f"{named}: is no setting, so it would do nothing" in refusal(**changes)


# Sizes


@pytest.mark.parametrize(
    ("container", "size", "said"),
    [
        ("web", {"cpu_request": "2"}, "cpu_request 2 is above cpu_limit 1"),
        ("web", {"memory_request": "2Gi"}, "memory_request 2Gi is above memory_limit 1Gi"),
        ("worker", {"cpu_request": "1001m"}, "cpu_request 1001m is above cpu_limit 1"),
    ],
)
def test_requests_above_limits_are_refused_as_the_api_server_would(container: str, size: Keys, said: str) -> None:
    usual = {"cpu_request": "500m", "cpu_limit": "1", "memory_request": "512Mi", "memory_limit": "1Gi"}
    message = refusal(resources={container: usual | size})
    assert message.startswith(f"rag:resources.{container}: {said}")
    assert "the API server would refuse the Deployment; lower the request or raise the limit" in message


@pytest.mark.parametrize("text", ["512m", "1", "63Mi"])
def test_memory_in_which_no_process_starts_is_refused_and_half_a_byte_is_explained(text: str) -> None:
    size = {"cpu_request": "500m", "cpu_limit": "1", "memory_request": text, "memory_limit": "1Gi"}
    message = refusal(resources={"web": size})
    assert f"memory_request {text} is less than 64Mi: no process would start" in message
    assert "512m is half a byte" in message


@pytest.mark.parametrize("text", ["", "much", "1,5", "-1", "512 Mi", "1GB", "Mi", "1e3", "0x10", "\u0661"])
def test_a_size_that_is_no_quantity_is_refused(text: str) -> None:
    message = refusal(database={"storage": text})
    assert message.startswith(f"rag:database.storage: {text!r} is no quantity of Kubernetes")
    assert "write for example 500m, 2 or 512Mi" in message


def test_a_number_that_yaml_reads_as_a_number_is_a_quantity_too() -> None:
    size = {"cpu_request": 1, "cpu_limit": 2, "memory_request": "512Mi", "memory_limit": "1Gi"}
    assert parse(resources={"web": size}).resources.web.cpu_request == "1"
    assert parse(database={"cpu": 1.5}).database.cpu == "1.5"


@given(st.decimals(min_value=0, max_value=10**6, places=3), st.sampled_from(["", "m", "k", "M", "Gi", "Ti"]))
def test_every_quantity_of_kubernetes_is_read_as_what_it_is(number: Decimal, unit: str) -> None:
    factor = {"": 1, "m": Decimal("0.001"), "k": 10**3, "M": 10**6, "Gi": 2**30, "Ti": 2**40}[unit]
    assert quantity(f"{number:f}{unit}") == number * factor


@given(st.integers(min_value=1, max_value=10**6), st.integers(min_value=1, max_value=10**6))
def test_a_request_is_accepted_exactly_when_it_is_within_the_limit(request: int, limit: int) -> None:
    size = {
        "cpu_request": f"{request}m",
        "cpu_limit": f"{limit}m",
        "memory_request": "512Mi",
        "memory_limit": "1Gi",
    }
    try:
        parse(resources={"web": size})
    except SettingsError:
        assert request > limit
    else:
        assert request <= limit


def test_a_worker_whose_memory_does_not_hold_the_parser_is_refused_before_it_is_killed_over_and_over() -> None:
    message = refusal(app={"environment": {"PARSE_MEMORY_MB": 1024}})
    assert message.startswith("resources.worker.memory_limit 1Gi is less than 1280Mi")
    assert "would get the worker killed" in message
    assert "raise the limit or lower PARSE_MEMORY_MB" in message
    assert parse(app={"environment": {"PARSE_MEMORY_MB": 768}}).resources.worker.memory_limit == "1Gi"


def test_the_defaults_of_the_application_are_those_that_are_reckoned_with() -> None:
    fields = AppSettings.model_fields
    assert (fields["parse_memory_mb"].default, fields["max_upload_size_mb"].default) == (
        USUAL_PARSE_MEMORY_MB,
        USUAL_UPLOAD_MB,
    )


def test_the_way_in_lets_through_what_the_application_takes() -> None:
    assert parse().upload_megabytes == USUAL_UPLOAD_MB
    assert parse(app={"environment": {"MAX_UPLOAD_SIZE_MB": 300}}).upload_megabytes == 300


def test_a_release_comes_in_as_many_groups_as_the_surge_makes_of_it() -> None:
    assert int(SURGE.removesuffix("%")) * BATCHES == 100


# Replicas, connections and times


def test_more_replicas_at_least_than_at_most_are_refused() -> None:
    message = refusal(replicas={"min": 5, "max": 4})
    assert message.startswith("rag:replicas: min 5 is above max 4")
    assert "min <= max" in message


def test_a_connection_budget_over_the_limit_is_refused_with_the_numbers_and_the_largest_pool() -> None:
    message = refusal(replicas={"min": 2, "max": 20})
    assert "connection budget" in message
    assert "80 web processes x (3 + 2)" in message
    assert "max_connections 400" in message
    assert "the largest pool_size + max_overflow that fits is" in message
    for key in ("app.pool_size", "replicas.max", "database.max_connections"):
        assert key in message


def test_times_over_what_is_promised_are_refused() -> None:
    assert "over the promised 900 s, with rollout.startup_seconds 400" in refusal(rollout={"startup_seconds": 400})
    assert "over the promised 300 s, with rollout.startup_seconds 200" in refusal(rollout={"startup_seconds": 200})


def test_how_long_a_migration_takes_is_no_part_of_what_is_promised_of_a_release() -> None:
    assert parse(rollout={"migration_seconds": 3600}).times == parse().times


# The release and its registry


@pytest.mark.parametrize(
    "image", ["registry.example.com/team/rag:latest", "rag", f"{IMAGE[:-1]}", f"registry.example.com/rag:1@{DIGEST} "]
)
def test_an_image_that_is_not_pinned_by_its_digest_is_refused(image: str) -> None:
    message = refusal(release={"image": image})
    assert message.startswith(f"rag:release: image {image!r} is not pinned by its digest")
    assert "a tag can mean another image tomorrow" in message
    assert "write repository@sha256: and 64 hexadecimal digits" in message


def test_without_a_repository_or_an_image_there_is_nothing_to_deploy() -> None:
    message = refusal(registry=None)
    assert "registry.repository or release.image is missing" in message
    assert "set one of them" in message
    assert parse(registry=None, release={"image": IMAGE}).release.image == IMAGE


@pytest.mark.parametrize(
    "repository",
    [
        "rag",
        "https://registry.example.com/rag",
        "registry.example.com/rag:1",
        "Registry.example.com/Rag",
        "example.com/",
    ],
)
def test_a_repository_that_nothing_could_be_pushed_to_is_refused(repository: str) -> None:
    message = refusal(registry={"repository": repository})
    assert message.startswith(f"rag:registry.repository: {repository!r} is no repository of a registry")
    assert "without a scheme, a tag or a digest" in message


@pytest.mark.parametrize("login", [{"username": "robot"}, {"password": "hunter2"}])
def test_half_of_a_login_is_refused_because_no_pod_could_pull(login: Keys) -> None:
    message = refusal(registry=login)
    assert message.startswith("rag:registry: username and password belong together")
    assert "set both or none" in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("image", "host"),
    [
        ("registry.example.com/team/rag", "registry.example.com"),
        ("localhost:5000/rag", "localhost:5000"),
        ("localhost/rag", "localhost"),
        ("team/rag", "docker.io"),
        ("rag", "docker.io"),
    ],
)
def test_the_registry_is_read_off_an_image_as_docker_does(image: str, host: str) -> None:
    assert registry_of(image) == host


@pytest.mark.parametrize(("group", "key"), [("database", "url"), ("registry", "password")])
def test_a_secret_that_stands_in_the_file_as_plain_text_is_refused_and_not_shown(group: str, key: str) -> None:
    values = {"database": {"kind": "external", "url": URL}, "registry": {"username": "robot", "password": "hunter2"}}
    with pytest.raises(SettingsError) as caught:
        parse_as(KubernetesSettings, merged(MINIMAL, {group: values[group]}))
    message = str(caught.value)
    assert message.startswith(f"rag:{group}.{key}: stands in the file as plain text")
    assert f"pulumi config set --secret --path rag:{group}.{key}" in message
    assert "hunter2" not in message


# The way in


@pytest.mark.parametrize("gateway", [None, {"name": "shared", "namespace": "gateways"}])
def test_an_ingress_needs_a_class_or_a_gateway_and_not_both(gateway: Keys | None) -> None:
    changes: Keys = {"class": None, "issuer": None} if gateway is None else {"gateway": gateway}
    message = refusal(ingress=changes)
    assert message.startswith("rag:ingress: needs either `class`")
    assert "no controller, or the wrong one, would route to the service" in message
    assert "kubectl get ingressclass" in message


def test_an_ingress_needs_a_host() -> None:
    assert refusal(ingress={"host": None}).startswith("rag:ingress.host: is missing and has no default")


@pytest.mark.parametrize(
    "host",
    ["localhost", "https://rag.example.com", "rag.example.com/", "rag.example.com:443", "RAG.example.com",
     "*.example.com", "rag_.example.com", "-rag.example.com", "10.0.0.1", "", "a" * 64 + ".example.com"],
)  # fmt: skip
def test_a_host_that_is_no_domain_is_refused(host: str) -> None:
    message = refusal(ingress={"host": host})
    assert message.startswith(f"rag:ingress.host: {host!r} is no domain name")
    assert "no certificate could be issued" in message
    assert "for example rag.example.com" in message


def test_an_ingress_without_a_certificate_is_refused() -> None:
    message = refusal(ingress={"issuer": None})
    assert message.startswith("rag:ingress: needs `issuer`")
    assert "browsers would be shown the controller's own certificate" in message
    assert parse(ingress={"issuer": None, "tls_secret": "rag-tls"}).ingress.tls_secret == "rag-tls"


@pytest.mark.parametrize("key", [{"issuer": "letsencrypt"}, {"tls_secret": "own"}, {"annotations": {"a/b": "c"}}])
def test_what_a_gateway_would_ignore_is_refused(key: Keys) -> None:
    gateway = {"class": None, "issuer": None, "gateway": {"name": "shared", "namespace": "gateways"}}
    message = refusal(ingress=gateway | key)
    assert "belong to an Ingress; with `gateway` they would do nothing" in message
    assert parse(ingress=gateway).ingress.gateway is not None


# Names


NAMES = (
    ("kubernetes", "namespace"),
    ("ingress", "controller_namespace"),
    ("ingress", "class"),
    ("ingress", "issuer"),
    ("ingress", "tls_secret"),
    ("observability", "namespace"),
    ("database", "operator_namespace"),
    ("database", "storage_class"),
)


@pytest.mark.parametrize(("group", "key"), NAMES)
@pytest.mark.parametrize("value", ["a" * 64, "Upper", "under_score", "-begins", "ends-", "do.ts", ""])
def test_a_name_that_is_no_dns_label_is_refused_before_it_fails_halfway(group: str, key: str, value: str) -> None:
    message = refusal(**{group: {key: value}})
    assert f"rag:{group}.{key}: {value!r} is no DNS label" in message
    assert "use at most 63 lower-case letters, digits and hyphens" in message


@given(st.text(max_size=70))
def test_a_label_is_accepted_exactly_when_kubernetes_accepts_it(text: str) -> None:
    letters = set("abcdefghijklmnopqrstuvwxyz0123456789")
    valid = 0 < len(text) <= 63 and set(text) <= letters | {"-"} and text[0] in letters and text[-1] in letters
    if valid:
        assert require_label(text) == text
    else:
        with pytest.raises(ValueError, match="is no DNS label"):
            require_label(text)


@given(st.from_regex(DNS_LABEL, fullmatch=True))
def test_every_label_is_accepted_as_a_namespace_unless_it_is_the_clusters_own(label: str) -> None:
    taken = {"default", "kube-system", "kube-public", "kube-node-lease"}
    assert label in taken or parse(kubernetes={"namespace": label}).kubernetes.namespace == label


@pytest.mark.parametrize("namespace", ["default", "kube-system", "kube-public", "kube-node-lease"])
def test_the_clusters_own_namespaces_are_refused(namespace: str) -> None:
    message = refusal(kubernetes={"namespace": namespace})
    assert message.startswith(f"rag:kubernetes.namespace: {namespace!r} belongs to the cluster")
    assert "choose a namespace of its own" in message


@pytest.mark.parametrize("name", ["a" * 33, "1rag", "Rag", "rag-", ""])
def test_a_name_that_would_make_longer_ones_invalid_is_refused(name: str) -> None:
    assert refusal(name=name).startswith(f"rag:name: {name!r} cannot begin the names of resources")


@pytest.mark.parametrize("content", ["apiVersion: v1\nkind: Config", "{}", "kind: Config\ntoken: hunter2"])
def test_the_content_of_a_kubeconfig_is_refused_where_its_path_belongs(content: str) -> None:
    message = refusal(kubernetes={"kubeconfig": content})
    assert message.startswith("rag:kubernetes.kubeconfig: is a kubeconfig's content and not its path")
    assert "credentials would stand in the stack file" in message
    assert "hunter2" not in message


@pytest.mark.parametrize("path", ["kubeconfig", "./kubeconfig", "../.kube/config", "~somebody/config"])
def test_a_relative_path_is_refused_because_providers_run_elsewhere(path: str) -> None:
    message = refusal(kubernetes={"kubeconfig": path})
    assert message.startswith(f"rag:kubernetes.kubeconfig: {path!r} is relative")
    assert "begins with ~/" in message


# The database


def test_an_external_database_is_reached_at_the_port_of_its_url() -> None:
    assert parse(database={"kind": "external", "url": URL}).database.port == 6432
    assert parse(database={"kind": "external", "url": URL.replace(":6432", "")}).database.port == 5432
    assert parse().database.port == 5432


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": "external"}, "kind external needs url: the service would have no database"),
        ({"url": URL}, "url belongs to kind external"),
        (
            {"kind": "external", "url": URL, "backups": {"destination": "s3://backups"}},
            "backups belong to cloudnative-pg",
        ),
    ],
)
def test_a_database_is_either_created_or_exists(changes: Keys, said: str) -> None:
    message = refusal(database=changes)
    assert message.startswith(f"rag:database: {said}")
    assert "hunter2" not in message


@pytest.mark.parametrize(
    "url",
    ["mysql://rag:hunter2@db/rag", "postgresql://db/rag", "postgresql://rag:hunter2@/rag", "postgresql://rag@db/rag",
     "postgresql://rag:hunter2@db", "postgresql://rag:hunter2@db:port/rag", "hunter2", "postgresql://rag:hunter2@[db/rag"],
)  # fmt: skip
def test_a_url_of_no_database_is_refused_and_never_shown(url: str) -> None:
    message = refusal(database={"kind": "external", "url": f"{url}?sslmode=require"})
    assert message.startswith("rag:database.url: is no URL of a PostgreSQL database")
    assert "with the password percent-encoded" in message
    assert "hunter2" not in message


@pytest.mark.parametrize("mode", ["", "?sslmode=disable", "?sslmode=prefer", "?sslmode=", "?ssl=true"])
def test_a_database_without_encryption_is_refused(mode: str) -> None:
    message = refusal(database={"kind": "external", "url": f"postgresql://rag:hunter2@db.example.com/rag{mode}"})
    assert message.startswith("rag:database.url: does not ask for encryption")
    assert "in plain text" in message
    assert "require, verify-ca, verify-full" in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("backups", "key", "said"),
    [
        ({"destination": "backups"}, "destination", "is no bucket, so nothing would be backed up; write s3://bucket"),
        ({"destination": "https://bucket"}, "destination", "is no bucket"),
        ({"endpoint": "http://storage"}, "endpoint", "all data would cross the network in plain text"),
        ({"credentials": "My_Secret"}, "credentials", "is no DNS label"),
        ({"schedule": "0 3 * * *"}, "schedule", "write six fields, seconds first"),
        ({"schedule": "daily"}, "schedule", "which would refuse it"),
        ({"retention_days": 0}, "retention_days", "greater than or equal to 1"),
    ],
)
def test_backups_that_would_never_be_written_are_refused(backups: Keys, key: str, said: str) -> None:
    message = refusal(database={"backups": {"destination": "s3://backups/rag"} | backups})
    assert message.startswith(f"rag:database.backups.{key}: ")
    assert said in message


@pytest.mark.parametrize("key", ["storage", "memory", "cpu"])
@pytest.mark.parametrize("nothing", ["0", "0.0", "0Gi", 0])
def test_a_size_of_nothing_is_refused(key: str, nothing: object) -> None:
    assert f"rag:database.{key}: '{nothing}' is nothing, so nothing could run" in refusal(database={key: nothing})


# Everything that takes a number


def whole_numbers(model: type[BaseModel], *above: str) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        if field.annotation is int:
            yield (*above, name)
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from whole_numbers(field.annotation, *above, name)


@pytest.mark.parametrize("place", sorted(whole_numbers(KubernetesSettings)), ids=".".join)
def test_a_truth_value_is_no_whole_number_anywhere(place: tuple[str, ...]) -> None:
    changes: object = True
    for name in reversed(place):
        changes = {name: changes}
    assert f"rag:{'.'.join(place)}: true is no whole number" in refusal(**cast(Keys, changes))


def test_every_problem_has_its_own_line_with_its_key_and_its_file() -> None:
    lines = refusal(ingress={"host": "localhost"}, kubernetes={"namespace": "default"}).splitlines()
    assert [line.split(": ")[0] for line in lines] == ["rag:kubernetes.namespace", "rag:ingress.host"]
    assert all(line.endswith(f"[{FILE}]") for line in lines)
