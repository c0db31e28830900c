"""What every pod is: restricted, sized, probed, with its own secrets."""

import pytest

from components.kubernetes.labels import RELEASE
from tests.contracts.cases import WORKLOAD
from tests.contracts.kubernetes.stack import (
    EXTERNAL,
    FIRST,
    REPOSITORY,
    containers_of,
    every_pod,
    pod_of,
    recorded,
    secrets_in,
    spec_of,
    variables,
)
from tests.contracts.recorder import Recording

pytestmark = pytest.mark.unit


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
