"""The judge itself: a wrong object is refused by the real server, and the fates that tests choose come about."""

from __future__ import annotations

import copy
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

import psutil
import pytest

from tests.kubernetes import build, manifests
from tests.kubernetes.api import RefusedError, condition
from tests.kubernetes.cluster import ZONES, run_cluster
from tests.kubernetes.fate import FAIL, NEVER_READY, NO_CONTROLLER, fate
from tests.kubernetes.manifests import FIRST_IMAGE, SECOND_IMAGE
from tests.kubernetes.processes import ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.kubernetes.api import Api, Manifest
    from tests.kubernetes.cluster import Cluster

pytestmark = pytest.mark.kubernetes

REPOSITORY = Path(__file__).resolve().parents[2]
INVALID = 422


def long_port_name(namespace: str) -> Manifest:
    wrong = manifests.deployment(namespace)
    wrong["spec"]["template"]["spec"]["containers"][0]["ports"][0]["name"] = "a-name-of-more-than-fifteen"
    return wrong


def selector_that_misses(namespace: str) -> Manifest:
    wrong = manifests.deployment(namespace)
    wrong["spec"]["selector"]["matchLabels"]["app"] = "another"
    return wrong


def requests_above_limits(namespace: str) -> Manifest:
    wrong = manifests.deployment(namespace)
    wrong["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["memory"] = "128Mi"
    return wrong


def unknown_field(namespace: str) -> Manifest:
    wrong = manifests.deployment(namespace)
    wrong["spec"]["replica"] = 2
    return wrong


def job_that_always_restarts(namespace: str) -> Manifest:
    wrong = manifests.job(namespace)
    wrong["spec"]["template"]["spec"]["restartPolicy"] = "Always"
    return wrong


def autoscaler_upside_down(namespace: str) -> Manifest:
    wrong = manifests.autoscaler(namespace)
    wrong["spec"]["minReplicas"] = wrong["spec"]["maxReplicas"] + 1
    return wrong


def budget_with_both_limits(namespace: str) -> Manifest:
    wrong = manifests.disruption_budget(namespace)
    wrong["spec"]["minAvailable"] = 1
    return wrong


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (long_port_name, "must be no more than 15 characters"),
        (selector_that_misses, "`selector` does not match template `labels`"),
        (requests_above_limits, "must be less than or equal to memory limit"),
        (unknown_field, 'unknown field "spec.replica"'),
        (job_that_always_restarts, "spec.template.spec.restartPolicy"),
        (autoscaler_upside_down, "must be greater than or equal to `minReplicas`"),
        (budget_with_both_limits, "minAvailable and maxUnavailable cannot be both set"),
    ],
)
def test_a_wrong_object_is_refused_with_the_reason(
    api: Api, namespace: str, spoil: Callable[[str], Manifest], words: str
) -> None:
    with pytest.raises(RefusedError) as refusal:
        api.create(spoil(namespace))
    assert words in refusal.value.message


def test_the_template_of_a_job_cannot_be_changed(api: Api, namespace: str) -> None:
    api.apply(manifests.job(namespace, image=FIRST_IMAGE))
    api.apply(manifests.job(namespace, image=FIRST_IMAGE))
    with pytest.raises(RefusedError, match="field is immutable") as refusal:
        api.apply(manifests.job(namespace, image=SECOND_IMAGE))
    assert refusal.value.code == INVALID


def test_a_namespace_that_enforces_pod_security_refuses_a_pod_that_may_run_as_root(api: Api, namespace: str) -> None:
    api.apply(manifests.namespace(namespace, {"pod-security.kubernetes.io/enforce": "restricted"}))
    good = manifests.pod(namespace, "good")
    wrong = copy.deepcopy(good)
    wrong["metadata"]["name"] = "wrong"
    wrong["spec"]["securityContext"]["runAsNonRoot"] = False
    api.create(good)
    with pytest.raises(RefusedError, match="violates PodSecurity") as refusal:
        api.create(wrong)
    assert refusal.value.reason == "Forbidden"
    assert "runAsNonRoot" in refusal.value.message


def test_the_nodes_renew_their_leases_and_so_stay_ready(api: Api) -> None:
    def renewals() -> dict[str, str]:
        leases = api.find("coordination.k8s.io/v1", "Lease", "kube-node-lease")
        return {str(lease["metadata"]["name"]): str(lease["spec"]["renewTime"]) for lease in leases}

    until(lambda: len(renewals()) == len(ZONES))
    first = renewals()
    until(lambda: all(renewals()[node] > renewed for node, renewed in first.items()))


def test_a_user_without_a_role_may_do_nothing_and_with_one_may_do_that(api: Api, namespace: str) -> None:
    user = api.as_user("somebody")
    with pytest.raises(RefusedError) as refusal:
        user.create(manifests.job(namespace))
    assert refusal.value.reason == "Forbidden"

    rbac = "rbac.authorization.k8s.io"
    metadata = {"name": "migrator", "namespace": namespace}
    rule = {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create"]}
    api.create({"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": metadata, "rules": [rule]})
    api.create(
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "migrator"},
            "subjects": [{"apiGroup": rbac, "kind": "User", "name": "somebody"}],
        }
    )
    until(lambda: allows(user, manifests.job(namespace)))
    with pytest.raises(RefusedError) as refusal:
        user.create(manifests.deployment(namespace))
    assert refusal.value.reason == "Forbidden"
    user.close()


def test_a_good_job_completes(api: Api, namespace: str) -> None:
    created = api.create(manifests.job(namespace))
    ended = api.wait_until(created, lambda job: condition(job, "Complete") == "True")
    assert ended["status"]["succeeded"] == 1


def test_a_job_whose_pod_fails_is_seen_as_failed(api: Api, namespace: str) -> None:
    created = api.create(manifests.job(namespace, labels={FAIL: "true"}))
    ended = api.wait_until(created, lambda job: condition(job, "Failed") == "True")
    assert ended["status"]["failed"] == 1
    assert [item["reason"] for item in ended["status"]["conditions"] if item["type"] == "Failed"] == [
        "BackoffLimitExceeded"
    ]


def test_a_job_whose_pod_never_becomes_ready_does_not_end(api: Api, namespace: str) -> None:
    hanging = api.create(manifests.job(namespace, "hanging", labels={NEVER_READY: "true"}))
    api.wait_until(hanging, lambda job: job["status"].get("active") == 1 and job["status"].get("ready", 0) == 0)
    ending = api.create(manifests.job(namespace, "ending"))
    api.wait_until(ending, lambda job: condition(job, "Complete") == "True")
    still = api.wait_until(hanging, lambda _: True)
    assert still["status"]["active"] == 1
    assert still["status"]["ready"] == 0
    assert condition(still, "Complete") == ""


def test_a_deployment_becomes_available_with_endpoints_and_a_computed_budget(api: Api, namespace: str) -> None:
    api.create(manifests.service(namespace))
    budget = api.create(manifests.disruption_budget(namespace))
    created = api.create(manifests.deployment(namespace, replicas=3))
    api.wait_until(created, lambda deployment: condition(deployment, "Available") == "True")
    api.wait_until(budget, lambda found: found["status"].get("disruptionsAllowed") == 1)

    def ready_addresses() -> set[str]:
        slices = api.find("discovery.k8s.io/v1", "EndpointSlice", namespace, "kubernetes.io/service-name=web")
        return {address for found in slices for address in addresses(found)}

    until(lambda: len(ready_addresses()) == 3)
    nodes = {pod["spec"]["nodeName"] for pod in api.find("v1", "Pod", namespace)}
    assert len(nodes) == 3


def test_pods_that_never_become_ready_keep_the_old_ones_serving(api: Api, namespace: str) -> None:
    first = api.apply(manifests.deployment(namespace))
    api.wait_until(first, lambda found: found["status"].get("availableReplicas") == 2)
    api.apply(manifests.deployment(namespace, image=SECOND_IMAGE, labels={NEVER_READY: "true"}))
    stuck = api.wait_until(
        first,
        lambda found: found["status"]["observedGeneration"] == 2 and found["status"].get("unavailableReplicas") == 1,
    )
    assert stuck["status"]["updatedReplicas"] == 1
    assert stuck["status"]["availableReplicas"] == 2


def test_an_ingress_gets_an_address_unless_it_is_told_that_nobody_serves_it(api: Api, namespace: str) -> None:
    unserved = manifests.ingress(namespace, "unserved")
    unserved["metadata"]["labels"] = {NO_CONTROLLER: "true"}
    api.create(unserved)
    served = api.create(manifests.ingress(namespace))
    api.wait_until(served, lambda found: found["status"]["loadBalancer"].get("ingress") == [{"ip": "192.0.2.10"}])
    assert api.wait_until(unserved, lambda _: True)["status"]["loadBalancer"] == {}


def test_the_fate_of_an_image_is_decided_by_the_server_and_ends_with_the_block(api: Api, namespace: str) -> None:
    with fate(api, namespace, FAIL, image=SECOND_IMAGE):
        doomed = api.create(manifests.job(namespace, "doomed", image=SECOND_IMAGE))
        other = api.create(manifests.job(namespace, "other", image=FIRST_IMAGE))
        api.wait_until(doomed, lambda job: condition(job, "Failed") == "True")
        api.wait_until(other, lambda job: condition(job, "Complete") == "True")
    again = api.create(manifests.job(namespace, "again", image=SECOND_IMAGE))
    api.wait_until(again, lambda job: condition(job, "Complete") == "True")


def test_a_kind_of_our_own_is_judged_by_its_schema_and_gets_its_status_from_the_test(api: Api, namespace: str) -> None:
    kind = api.apply(manifests.definition("test.example", "Shelf", {"size": {"type": "integer", "minimum": 1}}))
    api.wait_until(kind, lambda found: condition(found, "Established") == "True")
    shelf: Manifest = {"apiVersion": "test.example/v1", "kind": "Shelf"}
    shelf["metadata"] = {"name": "shelf", "namespace": namespace}
    until(lambda: allows(api, {**shelf, "spec": {"size": 2}}))
    with pytest.raises(RefusedError, match="greater than or equal to 1"):
        api.apply({**shelf, "spec": {"size": 0}})
    api.apply_status({**shelf, "status": {"phase": "Full"}})
    assert api.wait_until(shelf, lambda found: "status" in found)["status"] == {"phase": "Full"}
    api.delete(kind)


def test_kubectl_speaks_to_the_cluster_as_the_user_of_its_kubeconfig(cluster: Cluster) -> None:
    def kubectl(kubeconfig: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(cluster.kubectl), f"--kubeconfig={kubeconfig}", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert kubectl(cluster.kubeconfig, "auth", "can-i", "delete", "nodes").stdout.strip() == "yes"
    assert kubectl(cluster.kubeconfig_as("somebody"), "auth", "can-i", "delete", "nodes").stdout.strip() == "no"


def test_a_cluster_that_cannot_start_says_which_part_and_why_and_leaves_nothing() -> None:
    before = set(children())
    with pytest.raises(ClusterError, match=r"(?s)kube-apiserver .* ended .*unknown flag: --no-such-flag"):  # noqa: SIM117
        with run_cluster(build.control_plane(), api_server=["--no-such-flag"]):
            pytest.fail("the cluster started")
    assert set(children()) <= before


def test_a_test_run_that_is_killed_leaves_no_process_behind(tmp_path: Path) -> None:
    source = (
        "import pathlib, sys, time\n"
        "from tests.kubernetes.processes import Processes\n"
        f"processes = Processes(folder=pathlib.Path({str(tmp_path)!r}))\n"
        "processes.start(pathlib.Path('/bin/sleep'), '600')\n"
        "print(processes.pids['sleep'], flush=True)\n"
        "time.sleep(600)\n"
    )
    run = subprocess.Popen([sys.executable, "-c", source], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    child = psutil.Process(int(run.stdout.readline()))
    until(lambda: child.name() == "sleep")
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    run.stdout.close()
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def addresses(endpoint_slice: Manifest) -> list[str]:
    endpoints = cast("list[Manifest]", endpoint_slice["endpoints"] or [])
    return [str(endpoint["addresses"][0]) for endpoint in endpoints if endpoint["conditions"]["ready"]]


def children() -> list[int]:
    return [process.pid for process in psutil.Process().children(recursive=True)]


def allows(api: Api, manifest: Manifest) -> bool:
    try:
        api.create(manifest)
    except RefusedError:
        return False
    return True


def until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "what the test waits for did not come"
        time.sleep(0.1)
