"""What our own resources ask the API server, with the real client against a server on loopback that we script."""

import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from components.contracts import DeploymentError
from components.kubernetes import job as job_module
from components.kubernetes import requirements
from components.kubernetes.cluster import judge_cluster
from components.kubernetes.handles import ClusterAccess
from components.kubernetes.job import await_job
from components.kubernetes.rollout import serving_of
from components.migration import report_of

pytestmark = [pytest.mark.unit, pytest.mark.timeout(120)]

Json = dict[str, Any]
FIRST, SECOND = "sha256:" + "1" * 64, "sha256:" + "2" * 64
URL = "postgresql://rag:hunter2%21@db.example.com/rag"
API_KEY = "rag_12345678_abcdefghijklmnopqrstuvwxyz0123456789abcdefghi"
SECRETS = {"DATABASE_URL": "url-secret", "BOOTSTRAP_API_KEY": "key-secret"}
JOBS = "/apis/batch/v1/namespaces/rag/jobs/migrate"
PODS = "/api/v1/namespaces/rag/pods"
LOG = f"{PODS}/migrate-abc/log"
DEPLOYMENT = "/apis/apps/v1/namespaces/rag/deployments/rag"
REPLICA_SETS = "/apis/apps/v1/namespaces/rag/replicasets"
OPERATOR = "/apis/postgresql.cnpg.io/v1"
VERSION_FIELDS = ("buildDate", "compiler", "gitCommit", "gitTreeState", "gitVersion", "goVersion", "platform")


@dataclass
class Script:
    """Answers by path: a status with a body, or several of them, of which the last one stays."""

    access: ClusterAccess = field(default_factory=lambda: ClusterAccess(kubeconfig="", context="test"))
    answers: dict[str, list[tuple[int, object]]] = field(default_factory=dict[str, list[tuple[int, object]]])
    asked: list[str] = field(default_factory=list[str])

    def say(self, path: str, *answers: object) -> None:
        """A number is a refusal with that status, anything else the answer."""
        self.answers[path] = [(answer, {}) if isinstance(answer, int) else (200, answer) for answer in answers]

    def answer(self, target: str) -> tuple[int, object]:
        path = urlsplit(target).path.rstrip("/")
        self.asked.append(target)
        waiting = self.answers.get(path) or [(404, {"kind": "Status", "reason": "NotFound"})]
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(job_module, "POLL_SECONDS", 0.02)
    script = Script()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = script.answer(self.path)
            content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain" if isinstance(body, str) else "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # why: the base class's name for it
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    script.access = ClusterAccess(kubeconfig=str(tmp_path / "kubeconfig"), context="test")
    write_kubeconfig(tmp_path / "kubeconfig", f"http://127.0.0.1:{server.server_address[1]}")
    script.say("/version", {"major": "1", "minor": "36"} | dict.fromkeys(VERSION_FIELDS, ""))
    yield script
    server.shutdown()
    server.server_close()
    thread.join()


def write_kubeconfig(path: Path, server: str) -> None:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": server}}],
        "users": [{"name": "test", "user": {"token": "a-token"}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    }
    path.write_text(yaml.safe_dump(document))


def items(kind: str, *found: Json) -> Json:
    return {"apiVersion": "v1", "kind": kind, "metadata": {}, "items": list(found)}


# The cluster


def kinds(*names: str) -> Json:
    resources = [
        {"name": name.lower(), "kind": name, "namespaced": True, "singularName": "", "verbs": ["get"]} for name in names
    ]
    return {"kind": "APIResourceList", "groupVersion": "v1", "resources": resources}


def test_a_cluster_that_has_everything_has_no_problems(api: Script) -> None:
    api.say(OPERATOR, kinds("Backup", "Cluster"))
    api.say("/apis/networking.k8s.io/v1/ingressclasses/nginx", {"kind": "IngressClass"})
    api.say("/apis/gateway.networking.k8s.io/v1/namespaces/edge/gateways/shared", {"kind": "Gateway"})
    needs = [requirements.cloudnative_pg(), requirements.ingress_class("nginx"), requirements.gateway("shared", "edge")]
    assert judge_cluster(api.access, needs) == []


def test_a_kubeconfig_of_the_home_is_found_there(api: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def account(_uid: int) -> SimpleNamespace:
        return SimpleNamespace(pw_dir=str(tmp_path))

    monkeypatch.setattr("components.kubernetes.kubeconfig.pwd.getpwuid", account)
    assert judge_cluster(ClusterAccess(kubeconfig="~/kubeconfig", context="test"), []) == []


def test_everything_that_is_absent_is_told_at_once_with_key_consequence_and_remedy(api: Script) -> None:
    needs = [
        requirements.cloudnative_pg(),
        requirements.backups(),
        requirements.issuer("letsencrypt"),
        requirements.ingress_class("nginx"),
        requirements.gateway("shared", "edge"),
        requirements.prometheus_operator(),
    ]
    problems = judge_cluster(api.access, needs)
    assert [problem.split(":")[1] for problem in problems] == [
        "database.kind", "database.backups", "ingress.issuer", "ingress.class", "ingress.gateway",
        "observability.metrics",
    ]  # fmt: skip
    for need, problem in zip(needs, problems, strict=True):
        assert problem.startswith(f"rag:{need.key}: the cluster has no {need.kind}")
        assert f"so {need.consequence}; nothing was deployed. {need.remedy}" in problem


def test_an_operator_of_an_older_version_lacks_the_kind(api: Script) -> None:
    api.say(OPERATOR, kinds("Backup"))
    (problem,) = judge_cluster(api.access, [requirements.cloudnative_pg()])
    assert OPERATOR in {target.rstrip("/") for target in api.asked}
    assert "has no Cluster (postgresql.cnpg.io/v1)" in problem


def test_what_this_user_may_not_ask_for_is_not_judged_because_a_previews_user_sees_little(api: Script) -> None:
    api.say("/apis/networking.k8s.io/v1/ingressclasses/nginx", 403)
    api.say("/api/v1/namespaces/rag", 403)
    assert judge_cluster(api.access, [requirements.ingress_class("nginx")], existing_namespace="rag") == []


@pytest.mark.parametrize(("major", "minor", "fits"), [("1", "30", True), ("1", "29+", False), ("1", "36+", True)])
def test_a_cluster_that_cannot_let_a_container_sleep_is_too_old(
    api: Script, major: str, minor: str, fits: bool
) -> None:
    api.say("/version", {"major": major, "minor": minor} | dict.fromkeys(VERSION_FIELDS, ""))
    problems = judge_cluster(api.access, [])
    assert (problems == []) is fits
    if not fits:
        assert "so each release would cut off requests" in problems[0]
        assert "Upgrade it to 1.30 or newer" in problems[0]


def test_a_namespace_that_is_not_created_must_exist(api: Script) -> None:
    (problem,) = judge_cluster(api.access, [], existing_namespace="theirs")
    assert problem.startswith("rag:kubernetes.namespace: the cluster has no namespace 'theirs'")
    api.say("/api/v1/namespaces/theirs", {"kind": "Namespace", "metadata": {"name": "theirs"}})
    assert judge_cluster(api.access, [], existing_namespace="theirs") == []


def test_a_server_that_does_not_answer_is_told_with_the_command_that_shows_it(tmp_path: Path, api: Script) -> None:
    write_kubeconfig(tmp_path / "kubeconfig", "http://127.0.0.1:9")
    with pytest.raises(DeploymentError) as caught:
        judge_cluster(api.access, [])
    assert str(caught.value).startswith("rag:kubernetes.context: the API server of the context 'test' does not answer")
    assert "kubectl --context test version" in str(caught.value)


@pytest.mark.parametrize(
    ("status", "said"), [(401, "does not know the user"), (500, "refused a request (500 Internal Server Error)")]
)
def test_a_server_that_refuses_is_told_without_its_answer(api: Script, status: int, said: str) -> None:
    api.say("/version", status)
    with pytest.raises(DeploymentError) as caught:
        judge_cluster(api.access, [])
    assert said in str(caught.value)


# The migration


def job(condition: str = "", reason: str = "") -> Json:
    conditions = [{"type": condition, "status": "True", "reason": reason}] if condition else []
    return {"kind": "Job", "metadata": {"name": "migrate"}, "status": {"conditions": conditions}}


def pod(state: Json) -> Json:
    status = {"name": "migrate", "image": "i", "imageID": "i", "ready": False, "restartCount": 0, "state": state}
    return {"metadata": {"name": "migrate-abc"}, "status": {"containerStatuses": [status]}}


ENDED = pod({"terminated": {"exitCode": 1}})
RUNNING = pod({"running": {}})


@pytest.fixture
def migration(api: Script) -> Script:
    for name, variable, value in (("url-secret", "DATABASE_URL", URL), ("key-secret", "BOOTSTRAP_API_KEY", API_KEY)):
        encoded = base64.b64encode(value.encode()).decode()
        api.say(f"/api/v1/namespaces/rag/secrets/{name}", {"kind": "Secret", "data": {variable: encoded}})
    api.say(PODS, items("PodList", ENDED))
    api.say(LOG, "migrate: waiting\nmigrate: the schema is at this release's head\n\n")
    return api


def outcome(api: Script, seconds: int = 300) -> str:
    return report_of(await_job(api.access, "rag", "migrate", digest=SECOND, secrets=SECRETS, seconds=seconds))


def failure(api: Script, seconds: int = 300) -> str:
    with pytest.raises(DeploymentError) as caught:
        outcome(api, seconds)
    return str(caught.value)


def test_the_report_is_the_last_line_of_the_log(migration: Script) -> None:
    migration.say(JOBS, job(), job(), job("Complete", "CompletionsReached"))
    assert outcome(migration) == "migrate: the schema is at this release's head"
    (asked,) = {target for target in migration.asked if urlsplit(target).path == PODS}
    assert parse_qs(urlsplit(asked).query) == {"labelSelector": ["job-name=migrate"]}


def test_a_migration_that_says_nothing_is_done_all_the_same(migration: Script) -> None:
    migration.say(JOBS, job("Complete", "CompletionsReached"))
    migration.say(LOG, "\n")
    assert outcome(migration) == "done"


def test_a_failure_shows_the_end_of_the_log_and_that_it_can_be_tried_again(migration: Script) -> None:
    migration.say(JOBS, job("Failed", "BackoffLimitExceeded"))
    migration.say(LOG, "migrate: applying 0002\nmigrate: relation is locked\n")
    message = failure(migration)
    assert message.startswith(f"the migration of release {'2' * 12} failed (BackoffLimitExceeded)")
    assert "the release that served before goes on serving" in message
    assert "it is tried again, also with the same digest" in message
    assert message.endswith("  migrate: applying 0002\n  migrate: relation is locked")


def test_no_secret_that_the_migration_prints_is_in_the_message(migration: Script) -> None:
    migration.say(JOBS, job("Failed", "BackoffLimitExceeded"))
    migration.say(LOG, f"url {URL}\nencoded hunter2%21\ndecoded hunter2!\nkey {API_KEY}\n")
    message = failure(migration)
    assert message.count("***") == 4
    assert not [secret for secret in ("hunter2", API_KEY) if secret in message]


def test_no_secret_is_in_the_report_either(migration: Script) -> None:
    migration.say(JOBS, job("Complete", "CompletionsReached"))
    migration.say(LOG, f"connected to {URL}")
    assert outcome(migration) == "connected to ***"


def test_the_log_is_read_while_the_pod_is_there_because_a_deadline_removes_it(migration: Script) -> None:
    migration.say(JOBS, job(), job("Failed", "DeadlineExceeded"))
    migration.say(PODS, items("PodList", RUNNING), items("PodList"))
    migration.say(LOG, "migrate: waiting for a lock")
    message = failure(migration)
    assert "failed (DeadlineExceeded)" in message
    assert message.endswith("  migrate: waiting for a lock")


def test_a_pod_that_never_started_is_explained_by_what_it_waits_for(migration: Script) -> None:
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "unauthorized"}}
    migration.say(PODS, items("PodList", pod(waiting)))
    migration.say(JOBS, job(), job("Failed", "DeadlineExceeded"))
    message = failure(migration)
    assert "Its pod waits: ImagePullBackOff: unauthorized." in message
    assert "(it wrote none; `kubectl --namespace rag describe job migrate` says more)" in message
    assert not [target for target in migration.asked if target.startswith(LOG)]


def test_a_pod_that_no_machine_has_room_for_is_explained(migration: Script) -> None:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes fit"}
    migration.say(PODS, items("PodList", {"metadata": {"name": "p"}, "status": {"conditions": [condition]}}))
    migration.say(JOBS, job("Failed", "DeadlineExceeded"))
    assert "Its pod waits: Unschedulable: 0/3 nodes fit." in failure(migration)


def test_a_log_that_cannot_be_read_hides_neither_failure_nor_success(migration: Script) -> None:
    migration.say(LOG, 403)
    migration.say(JOBS, job("Failed", "BackoffLimitExceeded"))
    assert failure(migration).endswith("(it could not be read: 403 Forbidden)")
    migration.say(JOBS, job("Complete", "CompletionsReached"))
    assert outcome(migration) == "done"


def test_an_api_server_that_is_away_for_a_moment_does_not_fail_the_release(migration: Script) -> None:
    migration.say(JOBS, job(), 503, 429, job("Complete", "CompletionsReached"))
    assert outcome(migration) == "migrate: the schema is at this release's head"


def test_a_job_that_somebody_removed_fails_the_release(migration: Script) -> None:
    migration.say(JOBS, job(), 404)
    assert "refused a request (404 Not Found)" in failure(migration)


def test_a_migration_that_never_ends_is_given_up(migration: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_module, "MARGIN_SECONDS", 0.1)
    migration.say(JOBS, job())
    migration.say(PODS, items("PodList", RUNNING))
    assert "did not end within 0 s" in failure(migration, seconds=0)


def test_secrets_that_are_gone_are_none_that_could_be_printed(migration: Script) -> None:
    migration.say("/api/v1/namespaces/rag/secrets/url-secret", 404)
    migration.say(JOBS, job("Complete", "CompletionsReached"))
    assert outcome(migration) == "migrate: the schema is at this release's head"


# The rollout


def deployment(*conditions: Json) -> Json:
    labels = {"app.kubernetes.io/instance": "rag"}
    template = {"metadata": {"labels": labels}}
    return {
        "metadata": {"name": "rag", "namespace": "rag", "uid": "its-uid"},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
        "status": {"conditions": list(conditions)},
    }


def replica_set(digest: str, ready: int, owner: str = "its-uid") -> Json:
    annotations = {"rag/release": digest} if digest else {}
    return {
        "metadata": {
            "name": f"rag-{digest[-3:]}",
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "rag", "uid": owner}],
        },
        "spec": {"selector": {}, "template": {"metadata": {"annotations": annotations}}},
        "status": {"replicas": ready, "readyReplicas": ready},
    }


def replica_sets(api: Script, *found: Json) -> None:
    api.say(DEPLOYMENT, deployment({"type": "Available", "status": "True", "message": "has minimum availability"}))
    api.say(REPLICA_SETS, items("ReplicaSetList", *found))


def test_the_ready_replica_set_says_what_is_served(api: Script) -> None:
    replica_sets(api, replica_set(FIRST, 0), replica_set(SECOND, 3), replica_set(FIRST, 2, owner="another"))
    seen = serving_of(api.access, "rag", "rag", SECOND)
    assert seen.digest == SECOND
    assert f"ready pods: 3 of release {'2' * 12}" in seen.evidence
    assert "Available=True: has minimum availability" in seen.evidence


def test_the_last_old_pods_are_waited_for(api: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.kubernetes.rollout.POLL_SECONDS", 0.02)
    replica_sets(api)
    mixed = items("ReplicaSetList", replica_set(FIRST, 1), replica_set(SECOND, 3))
    api.say(REPLICA_SETS, mixed, mixed, items("ReplicaSetList", replica_set(SECOND, 3)))
    assert serving_of(api.access, "rag", "rag", SECOND).digest == SECOND


@pytest.mark.parametrize(
    ("found", "digest"),
    [
        ([replica_set(FIRST, 2), replica_set(SECOND, 0)], FIRST),
        ([replica_set(FIRST, 2), replica_set(SECOND, 1)], ""),
        ([replica_set(SECOND, 0)], ""),
        ([replica_set("", 2)], ""),
        ([], ""),
    ],
)
def test_anything_else_than_the_new_release_alone_is_no_success(api: Script, found: list[Json], digest: str) -> None:
    replica_sets(api, *found)
    seen = serving_of(api.access, "rag", "rag", SECOND, seconds=0)
    assert seen.digest == digest
    assert seen.evidence.startswith("ready pods: ")
