"""What a Deployment really serves."""

import pytest

from components.kubernetes.rollout import serving_of
from tests.unit.kubernetes.scripted_api import FIRST, SECOND, Json, Script, items

pytestmark = [pytest.mark.unit, pytest.mark.timeout(120)]

DEPLOYMENT = "/apis/apps/v1/namespaces/rag/deployments/rag"
REPLICA_SETS = "/apis/apps/v1/namespaces/rag/replicasets"


AVAILABLE = {"type": "Available", "status": "True", "message": "has minimum availability"}


def deployment(*conditions: Json, digest: str = "", revision: str = "", observed: int = 1) -> Json:
    """Changed once; `digest` is what its template says, `observed` the change that its status is about."""
    labels = {"app.kubernetes.io/instance": "rag"}
    template = {"metadata": {"labels": labels, "annotations": {"rag/release": digest} if digest else {}}}
    return {
        "metadata": {"name": "rag", "namespace": "rag", "uid": "its-uid", "generation": 1} | revised(revision),
        "spec": {"selector": {"matchLabels": labels}, "template": template},
        "status": {"conditions": list(conditions), "observedGeneration": observed},
    }


def revised(revision: str) -> Json:
    return {"annotations": {"deployment.kubernetes.io/revision": revision}} if revision else {}


def replica_set(digest: str, ready: int, owner: str = "its-uid", revision: str = "") -> Json:
    annotations = {"rag/release": digest} if digest else {}
    return {
        "metadata": {
            "name": f"rag-{digest[-3:]}",
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "rag", "uid": owner}],
        }
        | revised(revision),
        "spec": {"selector": {}, "template": {"metadata": {"annotations": annotations}}},
        "status": {"replicas": ready, "readyReplicas": ready},
    }


def replica_sets(api: Script, *found: Json) -> None:
    api.say(DEPLOYMENT, deployment(AVAILABLE))
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


def test_pods_of_before_a_change_of_settings_are_not_taken_for_the_new_ones_of_the_same_release(api: Script) -> None:
    api.say(DEPLOYMENT, deployment(digest=SECOND, revision="8"))
    api.say(REPLICA_SETS, items("ReplicaSetList", replica_set(SECOND, 3, revision="7")))
    seen = serving_of(api.access, "rag", "rag", SECOND, seconds=0)
    assert seen.digest == ""
    assert "3 of release 222222222222 as it was before" in seen.evidence


def test_a_status_of_before_the_last_change_proves_nothing(api: Script) -> None:
    api.say(REPLICA_SETS, items("ReplicaSetList", replica_set(SECOND, 3, revision="7")))
    api.say(DEPLOYMENT, deployment(digest=SECOND, revision="7", observed=0))
    assert serving_of(api.access, "rag", "rag", SECOND, seconds=0).digest == ""
    api.say(DEPLOYMENT, deployment(digest=SECOND, revision="7", observed=1))
    assert serving_of(api.access, "rag", "rag", SECOND, seconds=0).digest == SECOND


@pytest.mark.parametrize(
    ("condition", "moves"),
    [
        ({"status": "True", "reason": "ReplicaSetUpdated"}, True),
        ({"status": "True", "reason": "NewReplicaSetAvailable"}, False),
        ({"status": "False", "reason": "ProgressDeadlineExceeded"}, False),
        ({"status": "Unknown", "reason": "DeploymentPaused"}, False),
    ],
)
def test_a_rollout_that_the_cluster_says_goes_on_is_waited_for_beyond_the_time(
    api: Script, monkeypatch: pytest.MonkeyPatch, condition: Json, moves: bool
) -> None:
    monkeypatch.setattr("components.kubernetes.rollout.POLL_SECONDS", 0.02)
    api.say(DEPLOYMENT, deployment({"type": "Progressing"} | condition))
    old = items("ReplicaSetList", replica_set(FIRST, 2))
    api.say(REPLICA_SETS, old, old, items("ReplicaSetList", replica_set(SECOND, 2)))
    assert serving_of(api.access, "rag", "rag", SECOND, seconds=0).digest == (SECOND if moves else FIRST)
