"""The whole stack on Kubernetes against the strict recorder: the nine steps, what waits for what, and known traps."""

import ast
import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import pytest
import yaml

from components.kubernetes.labels import COMPONENT, RELEASE
from components.kubernetes.migration import EXISTS, READ_BY_MIGRATION
from stacks import compose as compose_any
from stacks.kubernetes import compose
from stacks.settings import KubernetesSettings
from tests.contracts import recorder
from tests.contracts.cases import WORKLOAD
from tests.contracts.recorder import SECRET, SIGNATURE, Recording, Registered, record
from tests.parsing import parse_as

pytestmark = pytest.mark.unit

Json = dict[str, Any]
STEPS = (
    "Cluster", "Namespace", "Registry", "Release", "Network", "entrance_of", "trust_of", "observability_of",
    "database_of", "Secrets", "Migration", "AppService", "Autoscaler", "RolloutCheck",
)  # fmt: skip
ALWAYS = {"Cluster", "Namespace", "Registry", "Release", "Network", "Secrets", "Migration", "AppService", "Autoscaler"}
OUTPUTS = {"url", "release", "image", "previous_release", "migration", "evidence", "api_key", "rollback"}
FIRST, SECOND = "sha256:" + "1" * 64, "sha256:" + "2" * 64
REPOSITORY = "registry.example.com/team/rag"
PASSWORD = "hunter2"
MINIMAL: Json = {
    "cloud": "kubernetes",
    "kubernetes": {"context": "production"},
    "release": {"image": f"{REPOSITORY}@{FIRST}"},
    "ingress": {
        "host": "rag.example.com",
        "class": "nginx",
        "controller_namespace": "ingress-nginx",
        "issuer": "letsencrypt",
    },
}
BUILT: Json = {"release": {}, "registry": {"repository": REPOSITORY, "username": "robot", "password": PASSWORD}}
EXTERNAL: Json = {
    "database": {"kind": "external", "url": f"postgresql://rag:{PASSWORD}@db.example.com:6432/rag?sslmode=require"}
}
GATEWAY: Json = {
    "ingress": {
        "host": "rag.example.com",
        "controller_namespace": "gateways",
        "gateway": {"name": "shared", "namespace": "gateways", "section": "https"},
    }
}
EVERYTHING: Json = {
    "profile": "prod",
    "observability": {"metrics": "operator", "labels": {"release": "prometheus"}},
    "oidc": {"repository": "owner/name", "environment": "production"},
    "database": {"backups": {"destination": "s3://backups/rag", "credentials": "rag-backups"}},
    **BUILT,
}
VARIANTS = {"least": Json(), "built": BUILT, "external": EXTERNAL, "gateway": GATEWAY, "everything": EVERYTHING}

providers: dict[str, str] = {}
"""By the names of resources, the provider that the last recording asked for."""


@pytest.fixture(scope="module", autouse=True)
def asked_providers() -> Iterator[None]:
    """The recorder keeps no providers; here they matter, because an ambient one could be another cluster's."""
    register: Callable[[str, Any], Registered] = vars(recorder)["_registered"]

    def registered(urn: str, request: Any) -> Registered:
        providers[request.name] = request.provider
        return register(urn, request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.contracts.recorder._registered", registered)
        yield


def settings(**changes: object) -> KubernetesSettings:
    return parse_as(KubernetesSettings, MINIMAL | changes, encrypted=("database", "registry"))


def recorded(**changes: object) -> Recording:
    chosen = settings(**changes)
    return record(lambda: compose(chosen))


def previewed(**changes: object) -> Recording:
    chosen = settings(**changes)
    return record(lambda: compose(chosen), preview=True)


both_ways = pytest.mark.parametrize("composed", [recorded, previewed])
Composed = Callable[..., Recording]


@pytest.fixture(scope="module")
def recording() -> Recording:
    return recorded()


@pytest.fixture(scope="module")
def everything() -> Recording:
    return recorded(**EVERYTHING)


def spec_of(made: Recording, name: str) -> Json:
    return cast(Json, made.one(name).inputs["spec"])


def pod_of(made: Recording, name: str) -> Json:
    return cast(Json, spec_of(made, name)["template"]["spec"])


def containers_of(made: Recording, name: str) -> dict[str, Json]:
    return {container["name"]: container for container in pod_of(made, name)["containers"]}


def annotations_of(made: Recording, name: str) -> Json:
    return cast(Json, made.one(name).inputs["metadata"].get("annotations", {}))


def of_type(made: Recording, kind: str) -> list[Registered]:
    return [resource for resource in made.resources if resource.type.rsplit(":", 1)[-1] == kind]


def variables(container: Json) -> dict[str, Json]:
    return {entry["name"]: entry for entry in container["env"]}


def secrets_in(container: Json) -> dict[str, str]:
    return {
        name: entry["valueFrom"]["secretKeyRef"]["name"]
        for name, entry in variables(container).items()
        if "valueFrom" in entry
    }


PODS = ("service-deployment", "migration-job")
every_pod = pytest.mark.parametrize("name", PODS)


# The nine steps


def test_a_reader_meets_the_nine_steps_in_their_order() -> None:
    calls = [
        (node.lineno, node.func.id)
        for node in ast.walk(ast.parse(inspect.getsource(compose)))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in STEPS
    ]
    assert [name for _, name in sorted(calls)] == list(STEPS)


@both_ways
@pytest.mark.parametrize("profile", ["dev", "prod"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_stack_composes_with_known_and_with_unknown_values(variant: str, profile: str, composed: Composed) -> None:
    made = composed(**VARIANTS[variant] | {"profile": profile})
    assert {component.type.rsplit(":", 1)[-1] for component in made.components()} >= ALWAYS
    assert sorted(made.outputs) == sorted(component.urn for component in made.components())


@both_ways
def test_nothing_is_printed_while_the_stack_composes(composed: Composed, capfd: pytest.CaptureFixture[str]) -> None:
    composed()
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")


def outputs_of(**changes: object) -> Mapping[str, object]:
    found: list[Mapping[str, object]] = []
    record(lambda: found.append(compose_any(settings(**changes))))
    return found[0]


def test_the_outputs_are_those_that_people_and_tools_ask_for() -> None:
    assert set(outputs_of()) == OUTPUTS
    assert set(outputs_of(**EVERYTHING)) == OUTPUTS | {"authentication_configuration"}


def test_the_command_that_goes_back_names_the_stack() -> None:
    assert outputs_of()["rollback"] == "make rollback STACK=test"


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        ("namespace-namespace", {"cluster-check"}),
        ("registry-account", {"namespace-namespace"}),
        ("database-cluster", {"namespace-namespace", "database-owner"}),
        ("database-url", {"database-cluster"}),
        ("migration-job", {"database-cluster", "database-url", "secrets-api-key", "registry-account"}),
        ("migration-outcome", {"migration-job"}),
        ("service-deployment", {"migration-outcome", "migration-job", "secrets-environment", "registry-account"}),
        ("service-replicas", {"service-deployment"}),
        ("autoscaler-scaler", {"service-deployment"}),
        ("rollout-check", {"service-replicas", "service-deployment", "migration-outcome"}),
    ],
)
def test_each_step_waits_for_those_that_it_needs(recording: Recording, later: str, earlier: set[str]) -> None:
    assert earlier <= recording.needed_by(later)


def test_the_migration_waits_for_all_that_can_be_judged_without_it(everything: Recording) -> None:
    later = {"migration-job", "migration-outcome", "service-deployment", "service-replicas", "autoscaler-scaler"}
    judged = {
        resource.name
        for resource in everything.resources
        if resource.type.startswith("kubernetes:") and resource.name not in later
    }
    assert judged >= {"network-service", "network-closed", "network-disruptions", "ingress-ingress"}
    assert judged >= {"trust-deploy-role", "observability-rules", "secrets-environment", "registry-pull"}
    # The first backup may be asked for while the service is already being deployed.
    assert judged - {"database-schedule"} <= everything.needed_by("migration-job")


@pytest.mark.parametrize("variant", VARIANTS)
def test_everything_in_the_cluster_waits_until_the_cluster_was_judged(variant: str) -> None:
    made = recorded(**VARIANTS[variant])
    for resource in made.resources:
        if resource.type.startswith("kubernetes:"):
            assert "cluster-check" in made.needed_by(resource.name), resource.name
    assert "cluster-check" in made.needed_by("cluster-provider")


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_object_goes_through_the_provider_of_the_named_context_and_none_through_an_ambient_one(
    variant: str,
) -> None:
    made = recorded(**VARIANTS[variant])
    objects = [resource for resource in made.resources if resource.type.startswith("kubernetes:")]
    assert len(objects) > 12
    assert {providers[resource.name].split("::")[3] for resource in objects} == {"cluster-provider"}


def test_the_database_needs_no_release_so_a_broken_one_cannot_touch_it(recording: Recording) -> None:
    assert recording.needed_by("database-cluster").isdisjoint({"release", "migration-job"})


def test_nothing_is_built_for_a_cluster_that_lacks_something(everything: Recording) -> None:
    needed = everything.needed_by("release-image")
    assert "cluster-check" in needed
    assert "namespace-namespace" not in needed


# The cluster


def test_trap_a_path_of_one_machine_in_the_state_stops_every_other_machine(recording: Recording) -> None:
    for name in ("cluster-provider", "cluster-check", "migration-outcome", "service-replicas"):
        assert recording.one(name).inputs["kubeconfig"] == "~/.kube/config"


def test_another_address_of_the_same_cluster_is_no_other_cluster(recording: Recording) -> None:
    inputs = recording.one("cluster-provider").inputs
    assert (inputs["context"], inputs["clusterIdentifier"]) == ("production", "production")


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({}, {"Cluster", "IngressClass", "ClusterIssuer"}),
        (EXTERNAL, {"IngressClass", "ClusterIssuer"}),
        (GATEWAY, {"Cluster", "Gateway"}),
        (EVERYTHING, {"Cluster", "ObjectStore", "IngressClass", "ClusterIssuer", "ServiceMonitor"}),
    ],
)
def test_the_cluster_is_asked_for_exactly_what_these_settings_count_on(changes: Json, kinds: set[str]) -> None:
    asked = recorded(**changes).one("cluster-check").inputs["requirements"]
    assert {requirement["kind"] for requirement in asked} == kinds


def test_a_plan_asks_the_cluster_nothing() -> None:
    plan = recorded(kubernetes={"context": "production", "check": False})
    assert plan.one("cluster-check").inputs["enabled"] is False
    assert recorded().one("cluster-check").inputs["enabled"] is True


def test_a_namespace_of_somebody_else_is_used_and_not_made() -> None:
    made = recorded(kubernetes={"context": "production", "namespace": "theirs", "create_namespace": False})
    assert not of_type(made, "Namespace")
    assert made.one("service-deployment").inputs["metadata"]["namespace"] == "theirs"
    assert made.one("cluster-check").inputs["create_namespace"] is False


def test_the_namespace_enforces_the_strictest_level_of_pod_security(recording: Recording) -> None:
    labels = recording.one("namespace-namespace").inputs["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


# The pods


@every_pod
def test_every_pod_is_what_restricted_demands(everything: Recording, name: str) -> None:
    pod = pod_of(everything, name)
    security = pod["securityContext"]
    assert (security["runAsNonRoot"], security["runAsUser"], security["fsGroup"]) == (True, 10001, 10001)
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        own = container["securityContext"]
        assert own["allowPrivilegeEscalation"] is False
        assert own["readOnlyRootFilesystem"] is True
        assert own["capabilities"] == {"drop": ["ALL"]}


@every_pod
def test_no_pod_may_ask_the_api_server_for_anything(recording: Recording, name: str) -> None:
    assert pod_of(recording, name)["automountServiceAccountToken"] is False
    assert recording.one("registry-account").inputs["automountServiceAccountToken"] is False


@every_pod
def test_every_container_says_what_it_takes_and_at_most(recording: Recording, name: str) -> None:
    for container in pod_of(recording, name)["containers"]:
        for bound in ("requests", "limits"):
            assert set(container["resources"][bound]) == {"cpu", "memory"}


@every_pod
def test_every_container_has_the_image_by_digest_and_its_own_writable_folders(recording: Recording, name: str) -> None:
    pod = pod_of(recording, name)
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    for container in pod["containers"]:
        assert container["image"] == f"{REPOSITORY}@{FIRST}"
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        on_disk, in_memory = (volumes[mounts[path]]["emptyDir"] for path in WORKLOAD.rewritten)
        assert on_disk == {"sizeLimit": "2Gi"}
        assert in_memory == {"medium": "Memory", "sizeLimit": "64Mi"}
    scratch = [name for name, volume in volumes.items() if "emptyDir" in volume]
    assert len(scratch) == 2 * len(pod["containers"])


def test_web_and_worker_are_two_containers_of_one_pod_and_are_probed_as_the_application_offers(
    recording: Recording,
) -> None:
    containers = containers_of(recording, "service-deployment")
    web, worker = containers["web"], containers["worker"]
    assert set(containers) == {"web", "worker"}
    assert web["startupProbe"]["httpGet"] == {"path": "/livez", "port": "http"}
    assert web["startupProbe"]["periodSeconds"] * web["startupProbe"]["failureThreshold"] == 60
    assert web["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert web["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert not {key for key in worker if key.endswith("Probe") or key in {"ports", "lifecycle"}}


def test_trap_liveness_with_an_initial_delay_hides_slow_starts(recording: Recording) -> None:
    web = containers_of(recording, "service-deployment")["web"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert "initialDelaySeconds" not in web[probe]


@every_pod
def test_each_process_is_handed_its_own_secrets_and_no_others(recording: Recording, name: str) -> None:
    key, url = "<secrets-api-key.name>", "<database-url.name>"
    expected = {
        "web": {"DATABASE_URL": url},
        "worker": {"DATABASE_URL": url},
        "migrate": {"DATABASE_URL": url, "BOOTSTRAP_API_KEY": key},
    }
    for process, container in containers_of(recording, name).items():
        assert secrets_in(container) == expected[process]


@every_pod
def test_one_digest_names_the_release_in_every_process(recording: Recording, name: str) -> None:
    for container in containers_of(recording, name).values():
        assert variables(container)["APP_RELEASE"]["value"] == FIRST
    assert spec_of(recording, name)["template"]["metadata"]["annotations"][RELEASE] == FIRST


@every_pod
def test_of_the_databases_authority_a_pod_sees_the_certificate_and_never_the_key(
    recording: Recording, name: str
) -> None:
    (volume,) = [volume for volume in pod_of(recording, name)["volumes"] if "secret" in volume]
    assert volume["secret"] == {"secretName": "rag-database-ca", "items": [{"key": "ca.crt", "path": "ca.crt"}]}
    for container in containers_of(recording, name).values():
        (mount,) = [mount for mount in container["volumeMounts"] if mount["name"] == volume["name"]]
        assert (mount["mountPath"], mount["readOnly"]) == ("/etc/rag/database", True)


def test_an_external_databases_certificate_is_judged_by_what_the_image_knows() -> None:
    made = recorded(**EXTERNAL)
    assert not [volume for volume in pod_of(made, "service-deployment")["volumes"] if "secret" in volume]


def test_another_configuration_is_another_configmap_whose_name_rolls_the_pods(recording: Recording) -> None:
    (source,) = containers_of(recording, "service-deployment")["web"]["envFrom"]
    assert source["configMapRef"]["name"] == "<secrets-environment.name>"
    for name in ("secrets-environment", "secrets-api-key", "database-url"):
        inputs = recording.one(name).inputs
        assert inputs["immutable"] is True
        assert "name" not in inputs["metadata"]


def test_the_pull_secret_belongs_to_the_account_so_that_another_password_rolls_no_pods(everything: Recording) -> None:
    assert everything.one("registry-account").inputs["imagePullSecrets"] == [{"name": "<registry-pull.name>"}]
    assert "imagePullSecrets" not in pod_of(everything, "service-deployment")
    assert everything.one("registry-pull").inputs["type"] == "kubernetes.io/dockerconfigjson"


# The Deployment


def test_trap_a_release_sets_the_replicas_back_that_the_autoscaler_owns(recording: Recording) -> None:
    assert "replicas" not in spec_of(recording, "service-deployment")


def test_no_pod_is_taken_away_before_another_is_ready_and_the_rollout_is_given_up_in_time(
    recording: Recording,
) -> None:
    spec, times = spec_of(recording, "service-deployment"), settings().times
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": "50%", "maxUnavailable": 0},
    }
    assert spec["progressDeadlineSeconds"] == times.progress
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] == times.grace


def test_trap_an_image_without_a_shell_cannot_run_sleep(recording: Recording) -> None:
    web = containers_of(recording, "service-deployment")["web"]
    assert web["lifecycle"] == {"preStop": {"sleep": {"seconds": settings().rollout.drain_seconds}}}


def test_trap_grace_that_is_shorter_than_sleep_and_requests_in_flight_cuts_them_off(recording: Recording) -> None:
    pod, rollout = pod_of(recording, "service-deployment"), settings().rollout
    assert pod["terminationGracePeriodSeconds"] > rollout.drain_seconds + rollout.graceful_seconds


def test_pods_are_spread_over_zones_and_machines_but_run_anywhere_rather_than_nowhere(recording: Recording) -> None:
    pod = pod_of(recording, "service-deployment")
    constraints = pod["topologySpreadConstraints"]
    assert [constraint["topologyKey"].rpartition("/")[2] for constraint in constraints] == ["zone", "hostname"]
    assert {constraint["whenUnsatisfiable"] for constraint in constraints} == {"ScheduleAnyway"}


def test_the_autoscaler_keeps_processors_at_60_percent_within_the_bounds(everything: Recording) -> None:
    spec = spec_of(everything, "autoscaler-scaler")
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 10)
    assert spec["metrics"][0]["resource"]["target"] == {"type": "Utilization", "averageUtilization": 60}
    assert spec["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 300
    assert spec["behavior"]["scaleUp"]["stabilizationWindowSeconds"] <= 60
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "rag"}


def test_a_budget_never_blocks_the_drain_of_a_single_replica_nor_of_a_broken_one(recording: Recording) -> None:
    spec = spec_of(recording, "network-disruptions")
    assert spec["maxUnavailable"] == 1
    assert "minAvailable" not in spec
    assert spec["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


# The migration


def test_trap_a_job_of_a_fixed_name_fails_on_the_second_deployment(recording: Recording) -> None:
    assert recording.one("migration-job").inputs["metadata"]["name"] == f"rag-migrate-{'1' * 12}"
    second = recorded(release={"image": f"{REPOSITORY}@{SECOND}"})
    assert second.one("migration-job").inputs["metadata"]["name"] == f"rag-migrate-{'2' * 12}"


def test_trap_a_failed_job_blocks_its_digest_for_ever(recording: Recording) -> None:
    assert annotations_of(recording, "migration-job")["pulumi.com/replaceUnready"] == "true"


def test_trap_a_job_whose_deletion_is_not_awaited_meets_its_successor_of_the_same_name(recording: Recording) -> None:
    annotations = annotations_of(recording, "migration-job")
    assert "pulumi.com/skipAwait" not in annotations
    assert annotations["pulumi.com/waitFor"] == EXISTS


def test_trap_the_job_of_a_failed_release_leaves_its_predecessors_behind(recording: Recording) -> None:
    assert "delete_before_replace" in recording.one("migration-job").options


def test_trap_a_job_that_the_cluster_removes_is_drift(recording: Recording) -> None:
    assert "ttlSecondsAfterFinished" not in spec_of(recording, "migration-job")


def selects(selector: Json, labels: Json) -> bool:
    return all(labels.get(key) == value for key, value in selector.items())


def test_trap_a_jobs_pods_that_match_the_services_selectors_get_requests_and_stop_the_autoscaler(
    everything: Recording,
) -> None:
    job = spec_of(everything, "migration-job")["template"]["metadata"]["labels"]
    served = spec_of(everything, "service-deployment")["template"]["metadata"]["labels"]
    selectors = {
        "Service": spec_of(everything, "network-service")["selector"],
        "Deployment": spec_of(everything, "service-deployment")["selector"]["matchLabels"],
        "PodDisruptionBudget": spec_of(everything, "network-disruptions")["selector"]["matchLabels"],
        "NetworkPolicy": spec_of(everything, "network-entrance")["podSelector"]["matchLabels"],
    }
    for kind, selector in selectors.items():
        assert selects(selector, served), kind
        assert not selects(selector, job), kind


def test_one_attempt_within_its_time_is_all_that_a_migration_gets(recording: Recording) -> None:
    spec = spec_of(recording, "migration-job")
    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"]) == (0, settings().rollout.migration_seconds)
    assert spec["template"]["spec"]["restartPolicy"] == "Never"


def differing(before: Recording, after: Recording) -> set[str]:
    inputs = {resource.urn: resource.inputs for resource in after.resources}
    assert inputs.keys() == {resource.urn for resource in before.resources}
    return {one.name for one in before.resources if one.custom and one.inputs != inputs[one.urn]}


def test_a_new_digest_changes_the_job_and_the_deployment_and_nothing_else(recording: Recording) -> None:
    after = recorded(release={"image": f"{REPOSITORY}@{SECOND}"})
    reported = {"migration-outcome", "service-replicas", "rollout-check"}
    assert differing(recording, after) == {"migration-job", "service-deployment"} | reported


def test_another_configuration_of_the_same_release_is_no_reason_to_migrate_again(recording: Recording) -> None:
    after = recorded(app={"environment": {"LOG_LEVEL": "DEBUG", "RETRIEVAL_TOP_K": 5}, "pool_size": 4})
    assert differing(recording, after) == {"secrets-environment"}


def test_the_migration_is_told_what_it_reads_and_nothing_more() -> None:
    made = recorded(app={"environment": {"LOG_LEVEL": "DEBUG", "BOOTSTRAP_TENANT": "first"}})
    container = containers_of(made, "migration-job")["migrate"]
    plain = {name for name, entry in variables(container).items() if "value" in entry}
    assert plain == {"APP_RELEASE", "BOOTSTRAP_TENANT"}
    assert plain <= READ_BY_MIGRATION | {"APP_RELEASE"}
    assert "envFrom" not in container


def test_a_rollback_deploys_the_image_that_was_asked_for_and_builds_nothing() -> None:
    image = f"{REPOSITORY}@{SECOND}"
    made = recorded(**BUILT | {"release": {"image": image}})
    assert not of_type(made, "Image")
    for name in PODS:
        assert {container["image"] for container in containers_of(made, name).values()} == {image}
    assert made.one("rollout-check").inputs["digest"] == SECOND


def test_the_address_is_asked_unless_the_clusters_own_word_is_chosen(recording: Recording) -> None:
    assert recording.one("rollout-check").inputs["ask"] is True
    assert recording.one("rollout-check").inputs["address"] == "https://rag.example.com/health"
    assert recorded(rollout={"evidence": "platform"}).one("rollout-check").inputs["ask"] is False


# Secrets


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


# The database


def test_prod_runs_three_servers_that_destroy_does_not_take_and_dev_one(everything: Recording) -> None:
    assert spec_of(everything, "database-cluster")["instances"] == 3
    assert {resource.name for resource in everything.resources if resource.protect} == {"database-cluster"}
    dev = recorded()
    assert spec_of(dev, "database-cluster")["instances"] == 1
    assert not {resource.name for resource in dev.resources if resource.protect}
    assert recorded(database={"protect": True}).one("database-cluster").protect


def test_a_single_servers_node_can_be_drained(everything: Recording, recording: Recording) -> None:
    assert spec_of(recording, "database-cluster")["enablePDB"] is False
    assert spec_of(everything, "database-cluster")["enablePDB"] is True


def test_a_superuser_creates_the_extensions_that_the_migrations_expect(recording: Recording) -> None:
    initdb = spec_of(recording, "database-cluster")["bootstrap"]["initdb"]
    assert initdb["postInitApplicationSQL"] == [
        "CREATE EXTENSION IF NOT EXISTS vector",
        "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    ]
    assert (initdb["database"], initdb["owner"], initdb["secret"]) == ("rag", "rag", {"name": "rag-database-owner"})


def test_the_migration_waits_until_the_database_takes_connections(recording: Recording) -> None:
    assert annotations_of(recording, "database-cluster")["pulumi.com/waitFor"] == "condition=Ready"


def test_the_servers_offer_the_connections_that_the_budget_counted_on(recording: Recording) -> None:
    parameters = spec_of(recording, "database-cluster")["postgresql"]["parameters"]
    assert parameters["max_connections"] == str(settings().database.max_connections)


def test_backups_go_through_the_plugin_and_not_through_what_is_deprecated(everything: Recording) -> None:
    cluster = spec_of(everything, "database-cluster")
    assert "backup" not in cluster
    (plugin,) = cluster["plugins"]
    assert plugin["isWALArchiver"] is True
    store = everything.one("database-store")
    assert plugin["parameters"]["barmanObjectName"] == store.inputs["metadata"]["name"]
    assert "database-store" in everything.needed_by("database-cluster")
    schedule = spec_of(everything, "database-schedule")
    assert (schedule["method"], schedule["pluginConfiguration"]["name"]) == ("plugin", plugin["name"])
    assert schedule["cluster"] == {"name": "rag-database"}


def test_without_a_key_the_servers_own_identity_writes_backups() -> None:
    made = recorded(database={"backups": {"destination": "s3://backups/rag"}})
    configuration = spec_of(made, "database-store")["configuration"]
    assert configuration["s3Credentials"] == {"inheritFromIAMRole": True}
    assert "endpointURL" not in configuration


# The network


def policies(made: Recording) -> dict[str, Json]:
    return {policy.name: cast(Json, policy.inputs["spec"]) for policy in of_type(made, "NetworkPolicy")}


def peers(rules: list[Json], key: str) -> set[str]:
    return {json.dumps(peer, sort_keys=True) for rule in rules for peer in rule[key]}


def test_the_pods_and_the_migration_are_closed_in_both_directions(recording: Recording) -> None:
    closed = policies(recording)["network-closed"]
    assert closed["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in closed
    for name in PODS:
        assert selects(closed["podSelector"]["matchLabels"], spec_of(recording, name)["template"]["metadata"]["labels"])


def test_only_the_controller_and_prometheus_may_come_in_and_only_to_the_web_process(recording: Recording) -> None:
    (rule,) = policies(recording)["network-entrance"]["ingress"]
    namespaces = [peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for peer in rule["from"]]
    assert namespaces == ["ingress-nginx", "monitoring"]
    assert rule["ports"] == [{"port": 8000, "protocol": "TCP"}]
    (rule,) = policies(recorded(observability={"metrics": "none"}))["network-entrance"]["ingress"]
    assert len(rule["from"]) == 1


def test_out_go_names_the_database_and_https_and_nothing_else(recording: Recording) -> None:
    rules = policies(recording)["network-closed"]["egress"]
    assert [[(port["protocol"], port["port"]) for port in rule["ports"]] for rule in rules] == [
        [("UDP", 53), ("TCP", 53)],
        [("TCP", 5432)],
        [("TCP", 443)],
    ]
    assert rules[1]["to"] == [{"podSelector": {"matchLabels": {"cnpg.io/cluster": "rag-database"}}}]
    assert rules[2]["to"][0]["ipBlock"]["except"] == ["169.254.0.0/16"]


def test_an_external_database_is_let_through_at_its_own_port() -> None:
    made = policies(recorded(**EXTERNAL))
    assert set(made) == {"network-closed", "network-entrance"}
    rule = made["network-closed"]["egress"][1]
    assert rule["ports"] == [{"port": 6432, "protocol": "TCP"}]
    assert {"ipBlock"} == {key for peer in rule["to"] for key in peer}


def test_the_database_is_reached_by_the_service_its_own_servers_the_operator_and_prometheus(
    recording: Recording,
) -> None:
    policy = policies(recording)["network-database"]
    assert policy["policyTypes"] == ["Ingress"]
    ports = {
        json.dumps(peer, sort_keys=True): [port["port"] for port in rule["ports"]]
        for rule in policy["ingress"]
        for peer in rule["from"]
    }
    assert sorted(ports.values()) == [[5432], [8000, 5432], [8000, 5432], [9187]]
    assert '{"podSelector": {"matchLabels": {"app.kubernetes.io/instance": "rag"}}}' in ports


def test_the_service_is_not_waited_for_because_its_pods_come_last(recording: Recording) -> None:
    for name in ("network-service", "ingress-ingress"):
        assert annotations_of(recording, name)["pulumi.com/skipAwait"] == "true"


def test_the_ingress_ends_tls_and_lets_uploads_through(recording: Recording) -> None:
    spec = spec_of(recording, "ingress-ingress")
    assert spec["ingressClassName"] == "nginx"
    assert spec["tls"] == [{"hosts": ["rag.example.com"], "secretName": "rag-tls"}]
    annotations = annotations_of(recording, "ingress-ingress")
    assert annotations["cert-manager.io/cluster-issuer"] == "letsencrypt"
    assert annotations["nginx.ingress.kubernetes.io/proxy-body-size"] == "200m"


def test_what_an_operator_annotates_wins() -> None:
    key = "nginx.ingress.kubernetes.io/proxy-body-size"
    made = recorded(ingress=MINIMAL["ingress"] | {"annotations": {key: "1m"}})
    assert annotations_of(made, "ingress-ingress")[key] == "1m"


def test_a_route_takes_the_ingresses_place_by_a_key() -> None:
    made = recorded(**GATEWAY)
    assert not of_type(made, "Ingress") or [item.custom for item in of_type(made, "Ingress")] == []
    spec = spec_of(made, "ingress-route")
    assert spec["parentRefs"] == [{"name": "shared", "namespace": "gateways", "sectionName": "https"}]
    assert spec["rules"] == [{"backendRefs": [{"name": "rag", "port": 80}]}]


# GitHub's trust


def rules_of(made: Recording, name: str) -> list[Json]:
    return cast(list[Json], made.one(name).inputs["rules"])


def test_trap_a_wildcard_is_not_least_privilege(everything: Recording) -> None:
    for name in ("trust-preview-role", "trust-deploy-role"):
        for rule in rules_of(everything, name):
            assert "*" not in {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
    assert not of_type(everything, "ClusterRole")


def test_a_pull_request_reads_and_never_a_secret_nor_a_log(everything: Recording) -> None:
    for rule in rules_of(everything, "trust-preview-role"):
        assert set(rule["verbs"]) <= {"get", "list", "watch"}
        assert {"secrets", "pods/log", "pods/exec"}.isdisjoint(rule["resources"])


def test_the_environments_user_may_make_what_a_deployment_makes_and_no_rights(everything: Recording) -> None:
    writable = {
        (group, kind)
        for rule in rules_of(everything, "trust-deploy-role")
        if "create" in rule["verbs"]
        for group in rule["apiGroups"]
        for kind in rule["resources"]
    }
    plurals = {"Ingress": "ingresses", "NetworkPolicy": "networkpolicies"}
    own = {"Namespace", "Role", "RoleBinding"}
    for resource in everything.resources:
        if resource.type.startswith("kubernetes:"):
            _, api, kind = resource.type.split(":")
            group = api.rpartition("/")[0].removeprefix("core")
            if kind not in own:
                assert (group, plurals.get(kind, f"{kind.lower()}s")) in writable, resource.type
    assert not {kind for _, kind in writable} & {"roles", "rolebindings", "namespaces", "pods"}


def test_two_subjects_are_bound_each_to_its_own_role(everything: Recording) -> None:
    for name, subject in (("preview", "pull_request"), ("deploy", "environment:production")):
        inputs = everything.one(f"trust-{name}-binding").inputs
        assert [item["name"] for item in inputs["subjects"]] == [f"github:repo:owner/name:{subject}"]
        assert inputs["roleRef"]["name"] == f"rag-github-{name}"


def test_trap_the_subjects_form_is_hard_coded() -> None:
    oidc = {"repository": "owner/name", "environment": "production", "subject_prefix": "repo:owner@1/name@2"}
    made = recorded(oidc=oidc)
    (subject,) = made.one("trust-deploy-binding").inputs["subjects"]
    assert subject["name"] == "github:repo:owner@1/name@2:environment:production"


def test_the_api_server_is_told_whom_to_trust_and_refuses_every_other_repository() -> None:
    document = cast(Json, yaml.safe_load(cast(str, outputs_of(**EVERYTHING)["authentication_configuration"])))
    assert (document["apiVersion"], document["kind"]) == ("apiserver.config.k8s.io/v1", "AuthenticationConfiguration")
    (provider,) = document["jwt"]
    assert provider["issuer"]["url"] == "https://token.actions.githubusercontent.com"
    assert provider["claimValidationRules"] == [{"claim": "repository", "requiredValue": "owner/name"}]
    assert provider["claimMappings"]["username"] == {"claim": "sub", "prefix": "github:"}


# What is watched


def test_prometheus_finds_the_pods_by_annotations_or_by_its_operators_objects(
    recording: Recording, everything: Recording
) -> None:
    pods = spec_of(recording, "service-deployment")["template"]["metadata"]["annotations"]
    assert pods["prometheus.io/port"] == "8000"
    assert not of_type(recording, "ServiceMonitor")
    pods = spec_of(everything, "service-deployment")["template"]["metadata"]["annotations"]
    assert set(pods) == {RELEASE}
    monitor = everything.one("observability-monitor").inputs
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    labels = everything.one("network-service").inputs["metadata"]["labels"]
    assert selects(monitor["spec"]["selector"]["matchLabels"], labels)
    ports = {port["name"] for port in spec_of(everything, "network-service")["ports"]}
    assert {endpoint["port"] for endpoint in monitor["spec"]["endpoints"]} == ports


def test_the_jobs_pods_are_of_a_component_of_their_own(recording: Recording) -> None:
    job = spec_of(recording, "migration-job")["template"]["metadata"]["labels"]
    assert job[COMPONENT] == "migration"
