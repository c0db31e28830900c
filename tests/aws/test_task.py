"""What a task runs, held against AWS's own model of its API, and against the image that it is made from."""

import copy
import json
import re
from collections.abc import Mapping
from typing import Any, cast

import pytest

from components.aws.task import (
    GIVEN_BY_FARGATE,
    ContainerHealth,
    TaskSize,
    TaskSpec,
    migration_containers,
    scratch,
    service_containers,
)
from components.contracts import DeploymentError, ReleaseHandle
from components.workload import BOOTSTRAP_API_KEY, DATABASE_URL, WorkloadSpec
from stacks.settings import PROJECT
from tests.contracts.cases.shared import DIGEST, WORKLOAD
from tests.judges.botocore_shapes import findings

pytestmark = pytest.mark.unit

REGION = "eu-central-1"
IMAGE = f"123456789012.dkr.ecr.{REGION}.amazonaws.com/rag-test@{DIGEST}"
ARN = f"arn:aws:secretsmanager:{REGION}:123456789012:secret:rag-test"
REFERENCES = {DATABASE_URL: f"{ARN}/DATABASE_URL-abc", BOOTSTRAP_API_KEY: f"{ARN}/KEY-abc", "OTHER": f"{ARN}/OTHER-abc"}
HEALTH = ContainerHealth(interval=5, timeout=5, retries=3)
SIZE = TaskSize(cpu=1024, memory=2048)


def a_spec(
    *, stop_seconds: int = 40, references: Mapping[str, str] = REFERENCES, workload: WorkloadSpec = WORKLOAD
) -> TaskSpec:
    # The definitions are the same for values and for Outputs of them, so values make them judgeable here.
    release = ReleaseHandle(digest=DIGEST, location=cast(Any, IMAGE))
    return TaskSpec(
        workload=workload,
        release=release,
        references=references,
        log_groups={process: f"/ecs/rag-test/{process}" for process in ("web", "worker", "migrate")},
        region=REGION,
        size=SIZE,
        stop_seconds=stop_seconds,
    )


def service(spec: TaskSpec | None = None, *, startup_seconds: int = 60) -> list[dict[str, Any]]:
    return service_containers(spec or a_spec(), health=HEALTH, startup_seconds=startup_seconds)


def every_container() -> list[dict[str, Any]]:
    return [*service(), *migration_containers(a_spec())]


def registration(containers: list[dict[str, Any]]) -> dict[str, Any]:
    volumes = sorted({mount["sourceVolume"] for one in containers for mount in one["mountPoints"]})
    return {
        "family": "rag-test-service",
        "containerDefinitions": json.loads(json.dumps(containers)),
        "volumes": [{"name": name} for name in volumes],
    }


@pytest.mark.parametrize("containers", [service(), migration_containers(a_spec())], ids=["service", "migration"])
def test_awss_own_model_has_nothing_against_the_container_definitions(containers: list[dict[str, Any]]) -> None:
    assert findings("ecs", "RegisterTaskDefinition", registration(containers)) == []


def test_the_model_would_see_a_fault_in_them() -> None:
    wrong = copy.deepcopy(service())
    wrong[0]["logConfiguration"]["logDriver"] = "cloudwatch"
    assert len(findings("ecs", "RegisterTaskDefinition", registration(wrong))) == 1


@pytest.mark.parametrize("container", every_container(), ids=lambda one: cast(dict[str, str], one)["name"])
def test_every_container_runs_without_privileges_and_cannot_change_its_image(container: dict[str, Any]) -> None:
    assert container["user"] == "10001:10001"
    assert container["readonlyRootFilesystem"] is True
    assert container["linuxParameters"] == {"initProcessEnabled": True, "capabilities": {"drop": ["ALL"]}}
    assert container.get("privileged", False) is False


def test_the_user_is_the_images_own_so_that_folders_have_the_owner_that_it_gave_them() -> None:
    users = re.findall(r"^USER (\S+)$", (PROJECT / "Dockerfile").read_text(), re.MULTILINE)
    assert users[-1] == service()[0]["user"]


def test_everything_runs_the_release_by_its_digest_and_says_so() -> None:
    for container in every_container():
        assert container["image"] == IMAGE
        assert {"name": "APP_RELEASE", "value": DIGEST} in container["environment"]


def test_the_environment_is_sorted_so_that_a_preview_without_changes_shows_none() -> None:
    backwards = WorkloadSpec(
        name="rag", port=8000, environment={"Z": "1", "A": "2"}, drain_seconds=2, graceful_seconds=30
    )
    names = [one["name"] for one in service(a_spec(workload=backwards))[0]["environment"]]
    assert names == ["A", "APP_RELEASE", "Z"]


def test_each_process_is_handed_its_own_secrets_by_reference_and_no_others() -> None:
    web, worker = service()
    (migrate,) = migration_containers(a_spec())
    database = {"name": DATABASE_URL, "valueFrom": REFERENCES[DATABASE_URL]}
    assert web["secrets"] == worker["secrets"] == [database]
    assert migrate["secrets"] == [{"name": BOOTSTRAP_API_KEY, "valueFrom": REFERENCES[BOOTSTRAP_API_KEY]}, database]
    for container in every_container():
        assert not {one["name"] for one in container["environment"]} & REFERENCES.keys()


def test_a_secret_that_nobody_keeps_is_an_error_before_anything_is_registered() -> None:
    with pytest.raises(DeploymentError, match="the process 'web' needs the secret DATABASE_URL"):
        service(a_spec(references={}))


def test_the_web_process_is_the_tasks_life_and_the_worker_is_started_again_in_place() -> None:
    web, worker = service()
    assert web["essential"] is True
    assert "restartPolicy" not in web
    assert worker["essential"] is False
    assert worker["restartPolicy"] == {"enabled": True, "restartAttemptPeriod": 60}


def test_the_health_check_is_the_images_own_and_needs_no_shell() -> None:
    web, worker = service(startup_seconds=90)
    assert web["healthCheck"] == {
        "command": ["CMD", "python", "-m", "app.healthcheck"],
        "interval": 5,
        "timeout": 5,
        "retries": 3,
        "startPeriod": 90,
    }
    assert "healthCheck" not in worker, "the worker has no port: its exit is its report"
    assert (PROJECT / "app" / "healthcheck.py").exists()


def test_only_the_web_process_has_a_port_and_it_is_named_and_never_the_hosts() -> None:
    web, worker = service()
    assert web["portMappings"] == [{"name": "web", "containerPort": 8000, "protocol": "tcp"}]
    assert "portMappings" not in worker


def test_each_container_has_a_writable_tmp_of_its_own_and_fargates_own_shared_memory() -> None:
    web, worker = service()
    assert web["mountPoints"] == [{"sourceVolume": "web-tmp", "containerPath": "/tmp", "readOnly": False}]  # noqa: S108  # why: inside of the container
    assert worker["mountPoints"][0]["sourceVolume"] == "worker-tmp"
    mounted = {mount["containerPath"] for mount in web["mountPoints"]}
    assert mounted | {GIVEN_BY_FARGATE} == set(WORKLOAD.rewritten)


def test_a_volume_of_fargate_belongs_to_root_unless_the_image_declares_the_folder_a_volume() -> None:
    declared = set[str]()
    for line in re.findall(r"^VOLUME (.+)$", (PROJECT / "Dockerfile").read_text(), re.MULTILINE):
        declared |= set(json.loads(line)) if line.startswith("[") else set(line.split())
    assert set(scratch(WORKLOAD, WORKLOAD.web).values()) <= declared, (
        "user 10001 could not write there: ECS takes over owner and mode of a folder only for a VOLUME of the image"
    )


def test_logs_go_to_the_group_of_their_process_without_ever_holding_it_up() -> None:
    for container in every_container():
        name = container["name"]
        assert container["logConfiguration"] == {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": f"/ecs/rag-test/{name}",
                "awslogs-region": REGION,
                "awslogs-stream-prefix": name,
                "mode": "non-blocking",
                "max-buffer-size": "10m",
            },
        }


@pytest.mark.parametrize("seconds", [1, 121])
def test_a_stop_that_fargate_would_cut_short_is_refused_with_the_key_to_change(seconds: int) -> None:
    with pytest.raises(DeploymentError, match=rf"rollout\.graceful_seconds comes to {seconds} s.*takes 2 to 120"):
        service(a_spec(stop_seconds=seconds))
    assert service(a_spec(stop_seconds=120))[0]["stopTimeout"] == 120


def test_a_start_that_ecs_would_take_for_a_hang_is_refused_with_the_key_to_change() -> None:
    with pytest.raises(DeploymentError, match=r"rollout\.startup_seconds comes to 301 s.*takes 0 to 300"):
        service(startup_seconds=301)
    assert service(startup_seconds=300)[0]["healthCheck"]["startPeriod"] == 300


@pytest.mark.parametrize(("cpu", "memory"), [(256, 512), (512, 1024), (1024, 2048), (4096, 30720), (16384, 122880)])
def test_web_and_worker_share_the_task_and_never_more_than_it_has(cpu: int, memory: int) -> None:
    size = TaskSize(cpu=cpu, memory=memory)
    assert size.web[0] + size.worker[0] == cpu
    assert size.web[1] + size.worker[1] == memory
    assert size.web[0] > size.worker[0] > 0
    assert min(size.web[1], size.worker[1]) >= 256


def test_a_size_that_fargate_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="memory 512 does not go with cpu 1024"):
        TaskSize(cpu=1024, memory=512)


def test_the_migration_has_the_whole_task_for_itself() -> None:
    (migrate,) = migration_containers(a_spec())
    assert (migrate["cpu"], migrate["memory"]) == (1024, 2048)
    assert migrate["command"] == ["python", "-m", "app.migrate"]
    assert migrate["essential"] is True
    assert "healthCheck" not in migrate
