"""The repository's own program on the real API server, and what the tests ask about what it has deployed."""

from __future__ import annotations

import secrets
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from tests.engine.doubles.tables import tables_of
from tests.engine.harness import Engine
from tests.kubernetes import manifests
from tests.kubernetes.api import condition
from tests.kubernetes.engine import use_kubernetes
from tools.pulumi_cli.obtain import bin_folder

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kubernetes.api import Api, Manifest
    from tests.kubernetes.cluster import Cluster

NAME: Final = "rag"
HOST: Final = "rag.example.com"
INGRESS_CLASS: Final = "test"
PASSWORD: Final = "hunter2hunter2"
FIRST, SECOND, THIRD = (f"registry.example.com/team/rag@sha256:{digit * 64}" for digit in "123")
"""Releases that a registry holds already, so nothing is built."""
SERVED: Final = {"app.kubernetes.io/instance": NAME, "app.kubernetes.io/component": "service"}
"""What selects the pods of the service, and not the migration's."""
RELEASED: Final = ["migration-job", "migration-outcome", "rollout-check", "service-deployment", "service-replicas"]
"""All that a new release changes: its Job, the Deployment, and what looks at the two."""

# By kind, what the stack may leave in a namespace that it did not make: nothing of these.
KINDS: Final = (
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("v1", "Service"),
    ("v1", "ServiceAccount"),
    ("v1", "Pod"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "ReplicaSet"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("batch/v1", "Job"),
    ("networking.k8s.io/v1", "Ingress"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("policy/v1", "PodDisruptionBudget"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
)
OF_EVERY_NAMESPACE: Final = {("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")}
"""What Kubernetes itself puts into each."""


@dataclass(kw_only=True)
class Stack:
    """One stack of the program in a namespace of its own."""

    engine: Engine
    api: Api
    namespace: str
    kubeconfig: Path

    @staticmethod
    def create(*, folder: Path, program: Path, plugin: Path, cluster: Cluster, api: Api) -> Stack:
        """Make the stack in `folder`; only the provider of Kubernetes is real, passwords are made by a double."""
        namespace = f"test-{secrets.token_hex(4)}"
        # A path that stays while the user behind it changes, as on the machines of CI.
        kubeconfig = folder / "kubeconfig"
        settings: dict[str, object] = {
            "rag:cloud": "kubernetes",
            "rag:kubernetes": {"context": "test", "kubeconfig": str(kubeconfig), "namespace": namespace},
            "rag:release": {"image": FIRST},
            "rag:ingress": {
                "host": HOST,
                "class": INGRESS_CLASS,
                "controller_namespace": "ingress",
                "tls_secret": "certificate",
            },
            # Nobody answers at the example's address.
            "rag:rollout": {"evidence": "platform"},
        }
        engine = Engine.create(folder=folder, program=program, pulumi=bin_folder(), config=settings)
        engine.doubles.install("random", tables_of("kubernetes")["random"])
        use_kubernetes(engine, plugin=plugin, kubeconfig=kubeconfig)
        stack = Stack(engine=engine, api=api, namespace=namespace, kubeconfig=kubeconfig)
        stack.use(cluster.kubeconfig)
        return stack

    def with_external_database(self) -> Stack:
        """Return the stack with a database that exists already, so that it needs no operator."""
        url = f"postgresql://rag:{PASSWORD}@db.example.com:5432/rag?sslmode=verify-full"
        self.engine.config["rag:database"] = {"kind": "external", "url": self.engine.encrypted(url)}
        return self

    def release(self, image: str) -> None:
        """Set what the next run deploys."""
        self.engine.config["rag:release"] = {"image": image}

    def use(self, kubeconfig: Path) -> None:
        """Set as whom the next runs speak to the cluster."""
        shutil.copyfile(kubeconfig, self.kubeconfig)

    def find(self, api_version: str, kind: str, labels: str = "") -> list[Manifest]:
        """Return the objects of a kind in the stack's namespace."""
        return self.api.find(api_version, kind, self.namespace, labels)

    def deployment(self) -> Manifest:
        """Return the Deployment as it is now."""
        (found,) = self.find("apps/v1", "Deployment")
        return found

    def pods(self) -> list[Manifest]:
        """Return the service's pods, but for those on their way out."""
        found = self.find("v1", "Pod", ",".join(map("=".join, SERVED.items())))
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def ready_pods(self) -> dict[str, set[str]]:
        """Return what serves: the images of each pod that is ready, by the pod's unique id."""
        return {
            pod["metadata"]["uid"]: {container["image"] for container in pod["spec"]["containers"]}
            for pod in self.pods()
            if condition(pod, "Ready") == "True"
        }

    def jobs(self) -> dict[str, str]:
        """Return how each Job ended by its name: `Complete`, `Failed`, or nothing while it runs."""
        ends = ("Complete", "Failed")
        return {
            job["metadata"]["name"]: next((end for end in ends if condition(job, end) == "True"), "")
            for job in self.find("batch/v1", "Job")
        }

    def leftovers(self) -> set[tuple[str, str]]:
        """Return kinds and names of what lies in the namespace beyond what Kubernetes itself puts there."""
        found = {(kind, item["metadata"]["name"]) for version, kind in KINDS for item in self.find(version, kind)}
        return found - OF_EVERY_NAMESPACE

    def manifests(self) -> list[Manifest]:
        """Return the objects as the program asked for them, under names that nothing has yet.

        Without the Secrets: the state keeps their data encrypted, and they have no other fields that could be wrong.
        """
        asked = [cast("Manifest", item["inputs"]) for item in self.engine.resources() if _is_object(str(item["type"]))]
        return [
            {**_without_marks(inputs), "metadata": {**inputs["metadata"], "name": f"new-{inputs['metadata']['name']}"}}
            for inputs in asked
        ]

    def namespace_object(self) -> Manifest | None:
        """Return the namespace; None when it is gone."""
        return self.api.read(manifests.namespace(self.namespace))


def job_of(image: str) -> str:
    """Return the name of a release's migration."""
    return f"{NAME}-migrate-{image.rpartition(':')[2][:12]}"


def _is_object(kind: str) -> bool:
    return kind.startswith("kubernetes:") and not kind.endswith(":Secret")


def _without_marks(inputs: Manifest) -> Manifest:
    """The same without what the provider notes for itself."""
    return {key: value for key, value in inputs.items() if not key.startswith("__")}


def ingress_class() -> Manifest:
    """Return the class that the stack's Ingress asks for."""
    metadata = {"name": INGRESS_CLASS}
    spec = {"controller": "example.com/ingress"}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": metadata, "spec": spec}
