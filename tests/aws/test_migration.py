"""The migration as Pulumi runs it, over real HTTP: what is asked, what gets lost, and who is left to stop it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import pulumi
import pytest

from components.aws import fargate, task_log
from components.aws.migration import (
    Migration,
    _FargateMigrationProvider,  # pyright: ignore[reportPrivateUsage]  # why: what it compares decides when data changes
    run_migration,
)
from components.contracts import DeploymentError
from components.migration import report_of
from stacks.settings import PROJECT
from tests.contracts.cases.aws_b1 import IMAGE, migration_args
from tests.contracts.cases.shared import DIGEST
from tests.contracts.recorder import Recording, record
from tests.judges.botocore_shapes import member_findings

unit = pytest.mark.unit
integration = pytest.mark.integration

TASK = "arn:aws:ecs:eu-central-1:123456789012:task/rag-test/1234"
PATIENCE_SECONDS = 120


@dataclass
class Ecs:
    """As much of ECS and CloudWatch Logs as one task needs, on loopback. `ends` is the exit code it has at once."""

    ends: int | None = None
    lose_answers: int = 0
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list[tuple[str, dict[str, Any]]])

    def asked(self, action: str) -> list[dict[str, Any]]:
        return [request for name, request in self.calls if name == action]

    def answer(self, action: str, request: dict[str, Any]) -> Mapping[str, object] | None:
        self.calls.append((action, request))
        if action == "RunTask" and len(self.asked("RunTask")) <= self.lose_answers:
            return None
        over = self.ends is not None or self.asked("StopTask")
        container = {"name": "migrate", "exitCode": self.ends if self.ends is not None else 143}
        task = {"taskArn": TASK, "lastStatus": "STOPPED" if over else "RUNNING", "containers": [container]}
        answers: Mapping[str, Mapping[str, object]] = {
            "ListTasks": {"taskArns": []},
            "RunTask": {"tasks": [task], "failures": []},
            "DescribeTasks": {"tasks": [task], "failures": []},
            "StopTask": {"task": task},
            "GetLogEvents": {"events": [{"timestamp": 1, "message": line} for line in ("begun", "at head", " ")]},
        }
        return answers[action]


@pytest.fixture
def ecs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ecs]:
    known = Ecs()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = known.answer(self.headers["X-Amz-Target"].rsplit(".", 1)[-1], json.loads(body))
            if answer is None:
                self.close_connection = True
                return
            text = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # why: the base class's name for it
            """Nothing on the terminal."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        monkeypatch.delenv("AWS_PROFILE", raising=False)
        for module in (fargate, task_log):
            monkeypatch.setattr(module, "POLL_SECONDS", 0.01)
        yield known
        server.shutdown()


def props(**changed: object) -> dict[str, Any]:
    """As the engine hands them over: its wire format knows no whole numbers."""
    usual: dict[str, Any] = {
        "digest": DIGEST,
        "region": "eu-central-1",
        "database": "db-ABCDEF",
        "cluster": "arn:aws:ecs:eu-central-1:123456789012:cluster/rag-test",
        "task_definition": "arn:aws:ecs:eu-central-1:123456789012:task-definition/rag-test-migrate:1",
        "container": "migrate",
        "subnets": ["subnet-3"],
        "groups": ["sg-2"],
        "public_address": False,
        "log_group": "/ecs/rag-test/migrate",
        "seconds": 600.0,
    }
    return {**usual, **changed}


@integration
def test_the_report_is_the_last_line_that_says_something(ecs: Ecs) -> None:
    ecs.ends = 0
    created = _FargateMigrationProvider().create(props())
    assert created.id == "c" * 12
    assert cast(dict[str, Any], created.outs)["report"] == "at head"
    assert len(ecs.asked("RunTask")) == 1
    assert ecs.asked("StopTask") == []


@integration
def test_a_start_whose_answer_was_lost_is_asked_for_again_with_the_same_token(ecs: Ecs) -> None:
    ecs.ends, ecs.lose_answers = 0, 2
    assert report_of(run_migration(props())) == "at head"
    tokens = [request["clientToken"] for request in ecs.asked("RunTask")]
    assert len(tokens) == 3
    assert len(set(tokens)) == 1


@integration
def test_a_failed_migration_leaves_no_state_so_the_next_update_tries_the_same_digest_with_another_token(
    ecs: Ecs,
) -> None:
    ecs.ends = 1
    with pytest.raises(DeploymentError, match="failed with exit code 1"):
        _FargateMigrationProvider().create(props())
    ecs.ends = 0
    assert report_of(run_migration(props())) == "at head"
    tokens = [request["clientToken"] for request in ecs.asked("RunTask")]
    assert len(set(tokens)) == 2


AS_A_PLUGIN = """
import concurrent.futures, json, sys, threading
from components.aws.migration import run_migration
# Pulumi's plugin serves its calls beside the main thread.
with concurrent.futures.ThreadPoolExecutor() as threads:
    threads.submit(run_migration, json.loads(sys.argv[1]))
    threading.Event().wait()
"""
AS_A_PROGRAM = """
import json, sys
from components.aws.migration import run_migration
run_migration(json.loads(sys.argv[1]))
"""


def until(condition: object, what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not cast(Any, condition)():
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE_SECONDS} s"
        time.sleep(0.05)


@integration
@pytest.mark.parametrize(
    ("program", "number", "reason"),
    [
        (AS_A_PROGRAM, signal.SIGINT, "interrupted (KeyboardInterrupt)"),
        (AS_A_PROGRAM, signal.SIGTERM, "whoever started it is gone"),
        (AS_A_PLUGIN, signal.SIGTERM, "whoever started it is gone"),
        (AS_A_PLUGIN, signal.SIGKILL, "whoever started it is gone"),
    ],
    ids=["interrupted", "terminated", "plugin-terminated", "plugin-killed"],
)
def test_a_cancelled_update_stops_its_task_however_it_ends(
    ecs: Ecs, program: str, number: signal.Signals, reason: str
) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", program, json.dumps(props())],
        cwd=PROJECT,
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: len(ecs.asked("DescribeTasks")) > 1, "the task is watched")
        assert ecs.asked("StopTask") == []
        # As Pulumi does it: the whole group of the plugin, whose watchdog must not be in it.
        os.killpg(child.pid, number)
        child.wait(timeout=PATIENCE_SECONDS)
        until(lambda: ecs.asked("StopTask"), "the task is stopped")
    finally:
        child.kill()
        child.wait()
    (stopped,) = ecs.asked("StopTask")
    assert stopped["task"] == TASK
    assert stopped["reason"] == f"Stopped by the deployment: {reason}"


@unit
@pytest.mark.parametrize(
    ("changed", "again"),
    [
        ({}, []),
        ({"task_definition": "another", "subnets": ["another"], "seconds": 900.0, "cluster": "another"}, []),
        ({"digest": "sha256:" + "d" * 64}, ["digest"]),
        ({"digest": pulumi.output.UNKNOWN}, ["digest"]),
        ({"database": "db-OTHER"}, ["database"]),
        ({"database": pulumi.output.UNKNOWN}, ["database"]),
    ],
)
def test_only_another_release_or_another_database_is_another_migration(
    changed: Mapping[str, object], again: list[str]
) -> None:
    before = props(report="at head")
    found = _FargateMigrationProvider().diff("c" * 12, before, props(**changed))
    assert (found.changes, found.replaces) == (bool(again), again)


@unit
def test_refresh_and_destroy_never_migrate() -> None:
    assert not {"read", "delete", "update"} & vars(_FargateMigrationProvider).keys()


@pytest.fixture(scope="module")
def recording() -> Recording:
    return record(lambda: Migration("migration", migration_args(pulumi.Output.from_input)))


@unit
def test_the_task_is_one_that_aws_takes_and_runs_the_releases_own_image(recording: Recording) -> None:
    definition = recording.one("migration-definition").inputs
    containers = json.loads(definition["containerDefinitions"])
    assert member_findings("ecs", "RegisterTaskDefinition", "containerDefinitions", containers) == []
    assert [container["name"] for container in containers] == ["migrate"]
    assert containers[0]["image"] == IMAGE
    assert definition["family"] == "rag-test-migrate"
    assert definition["runtimePlatform"] == {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"}


@unit
def test_its_role_reads_the_migrations_secrets_and_exists_before_the_task_starts(recording: Recording) -> None:
    policy = json.loads(recording.one("migration-execution-policy").inputs["policy"])
    (secrets,) = [one for one in policy["Statement"] if one["Action"] == ["secretsmanager:GetSecretValue"]]
    assert secrets["Resource"] == ["api-key-reference", "database-url-reference"]
    assert "migration-execution-policy" in recording.needed_by("migration-definition")
    assert "migration-definition" in recording.needed_by("migration-run")


@unit
def test_its_own_role_may_do_nothing(recording: Recording) -> None:
    attached = [one for one in recording.resources if one.type.startswith("aws:iam/") and "role" in one.inputs]
    assert [one.inputs["role"] for one in attached] == ["rag-test-migrate-execution"]
    definition = recording.one("migration-definition").inputs
    assert definition["taskRoleArn"] != definition["executionRoleArn"]
