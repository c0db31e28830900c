"""The migration's Job: how it ended, with the end of its log and without a secret."""

import base64
from urllib.parse import parse_qs, urlsplit

import pytest

from components.contracts import DeploymentError
from components.kubernetes import job as job_module
from components.kubernetes.job import await_job
from components.migration import report_of
from tests.unit.kubernetes.scripted_api import SECOND, Json, Script, items

pytestmark = [pytest.mark.unit, pytest.mark.timeout(120)]

URL = "postgresql://rag:hunter2%21@db.example.com/rag"
API_KEY = "rag_12345678_abcdefghijklmnopqrstuvwxyz0123456789abcdefghi"
SECRETS = {"DATABASE_URL": "url-secret", "BOOTSTRAP_API_KEY": "key-secret"}
JOBS = "/apis/batch/v1/namespaces/rag/jobs/migrate"
PODS = "/api/v1/namespaces/rag/pods"
LOG = f"{PODS}/migrate-abc/log"


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
