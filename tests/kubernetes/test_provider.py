"""How the real engine and the real provider behave on a real API server; the Kubernetes target is built upon this."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kubernetes import manifests
from tests.kubernetes.api import condition
from tests.kubernetes.fate import FAIL, NEVER_READY, NO_CONTROLLER, fate
from tests.kubernetes.manifests import FIRST_IMAGE, SECOND_IMAGE

if TYPE_CHECKING:
    from tests.engine.harness import Engine, MakeEngine
    from tests.kubernetes.api import Api, Manifest

pytestmark = [pytest.mark.kubernetes, pytest.mark.engine]

# A Job of the release's own name, then the Deployment: what the Kubernetes target does, without anything else.
PROGRAM = """
import pulumi
from pulumi_kubernetes.apps.v1 import Deployment
from pulumi_kubernetes.batch.v1 import Job

config = pulumi.Config()
job, web = config.require_object("job"), config.require_object("web")
migration = Job("migration", metadata=job["metadata"], spec=job["spec"])
options = pulumi.ResourceOptions(depends_on=[migration])
Deployment("web", metadata=web["metadata"], spec=web["spec"], opts=options)
"""

INGRESS = """
import pulumi
from pulumi_kubernetes.core.v1 import Service
from pulumi_kubernetes.networking.v1 import Ingress

config = pulumi.Config()
service, ingress = config.require_object("service"), config.require_object("ingress")
target = Service("web", metadata=service["metadata"], spec=service["spec"])
options = pulumi.ResourceOptions(depends_on=[target])
Ingress("web", metadata=ingress["metadata"], spec=ingress["spec"], opts=options)
"""

RETRIED = {"pulumi.com/replaceUnready": "true"}


def release(namespace: str, image: str, *, retried: bool = True, web: Manifest | None = None) -> dict[str, object]:
    """Return the configuration of a release: its Job is named by its image."""
    job = manifests.job(namespace, f"migration-{image[-8:]}", image=image)
    if retried:
        job["metadata"]["annotations"] = RETRIED
    return {"inline:job": job, "inline:web": web or manifests.deployment(namespace, image=image)}


def deployed_image(api: Api, namespace: str) -> str:
    found = api.read(manifests.deployment(namespace))
    assert found is not None
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"])


def jobs(api: Api, namespace: str) -> list[str]:
    return [job["metadata"]["name"] for job in api.find("batch/v1", "Job", namespace)]


@pytest.fixture
def engine(kubernetes_engine: MakeEngine, namespace: str) -> Engine:
    """The first release, deployed."""
    made = kubernetes_engine(PROGRAM, release(namespace, FIRST_IMAGE))
    made.up().require()
    return made


def test_a_release_runs_its_job_once_and_the_next_release_removes_it(engine: Engine, api: Api, namespace: str) -> None:
    assert engine.preview().require().changes == ()
    engine.config = release(namespace, SECOND_IMAGE)
    engine.up().require()
    assert deployed_image(api, namespace) == SECOND_IMAGE
    assert jobs(api, namespace) == ["migration-22222222"]
    engine.destroy().require()
    assert api.read(manifests.deployment(namespace)) is None
    assert jobs(api, namespace) == []


def test_a_failing_job_stops_the_release_and_the_same_release_can_be_tried_again(
    engine: Engine, api: Api, namespace: str
) -> None:
    engine.config = release(namespace, SECOND_IMAGE)
    with fate(api, namespace, FAIL, image=SECOND_IMAGE):
        failed = engine.up().require_failure()
    assert "BackoffLimitExceeded" in failed.output
    assert deployed_image(api, namespace) == FIRST_IMAGE

    engine.up().require()
    assert deployed_image(api, namespace) == SECOND_IMAGE
    assert jobs(api, namespace) == ["migration-22222222"]
    assert engine.preview().require().changes == ()


def test_without_the_annotation_a_failed_job_blocks_its_release_for_ever(
    engine: Engine, api: Api, namespace: str
) -> None:
    engine.config = release(namespace, SECOND_IMAGE, retried=False)
    with fate(api, namespace, FAIL, image=SECOND_IMAGE):
        engine.up().require_failure()
    # Nothing would make it fail any more, but it is never run again.
    assert "BackoffLimitExceeded" in engine.up().require_failure().output
    assert deployed_image(api, namespace) == FIRST_IMAGE

    engine.config = release(namespace, SECOND_IMAGE)
    engine.up().require()
    assert deployed_image(api, namespace) == SECOND_IMAGE


def test_a_preview_refuses_what_an_update_alone_would_find_out_after_the_migration(
    engine: Engine, api: Api, namespace: str
) -> None:
    wrong = manifests.deployment(namespace, image=SECOND_IMAGE)
    wrong["spec"]["template"]["spec"]["containers"][0]["ports"][0]["name"] = "a-name-of-more-than-fifteen"
    engine.config = release(namespace, SECOND_IMAGE, web=wrong)
    assert "must be no more than 15 characters" in engine.preview().require_failure().output
    assert jobs(api, namespace) == ["migration-11111111"]
    # The harness's `up` goes without a preview: this is why a deployment must not.
    assert "must be no more than 15 characters" in engine.up().require_failure().output
    assert "migration-22222222" in jobs(api, namespace)
    assert deployed_image(api, namespace) == FIRST_IMAGE


def test_pods_that_never_become_ready_fail_the_release_and_the_old_ones_serve(
    engine: Engine, api: Api, namespace: str
) -> None:
    stuck = manifests.deployment(namespace, image=SECOND_IMAGE, labels={NEVER_READY: "true"})
    stuck["metadata"]["annotations"] = {"pulumi.com/timeoutSeconds": "15"}
    engine.config = release(namespace, SECOND_IMAGE, web=stuck)
    failed = engine.up().require_failure()
    assert "Minimum number of Pods" in failed.output
    pods = api.find("v1", "Pod", namespace, "app=web")
    ready = [pod["spec"]["containers"][0]["image"] for pod in pods if condition(pod, "Ready") == "True"]
    assert ready == [FIRST_IMAGE, FIRST_IMAGE]

    engine.config = release(namespace, FIRST_IMAGE)
    engine.up().require()
    assert deployed_image(api, namespace) == FIRST_IMAGE


def test_an_ingress_that_no_controller_serves_fails_the_update_after_its_timeout(
    kubernetes_engine: MakeEngine, namespace: str
) -> None:
    service, unserved = manifests.service(namespace), manifests.ingress(namespace)
    service["metadata"]["annotations"] = {"pulumi.com/skipAwait": "true"}
    unserved["metadata"]["labels"] = {NO_CONTROLLER: "true"}
    unserved["metadata"]["annotations"] = {"pulumi.com/timeoutSeconds": "5"}
    engine = kubernetes_engine(INGRESS, {"inline:service": service, "inline:ingress": unserved})
    assert "Ingress .status.loadBalancer field was not updated" in engine.up().require_failure().output

    engine.config["inline:ingress"] = manifests.ingress(namespace)
    engine.up().require()
