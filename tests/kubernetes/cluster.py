"""A real control plane on loopback: etcd, API server, controller manager and scheduler, with kwok in the nodes' place.

Pods are scheduled and "run", Jobs complete, Deployments become available; `stages.yaml` says how, and how a test makes
them fail. No image is pulled and no container runs. Nothing outlives the test run.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.kubernetes.api import Api, Manifest, RefusedError, condition
from tests.kubernetes.processes import Processes

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

START_SECONDS: Final = 120.0
HOST: Final = "127.0.0.1"
STAGES: Final = Path(__file__).with_name("stages.yaml")
# One node in each, so that a spread over zones has somewhere to go.
ZONES: Final = ("test-a", "test-b", "test-c")
# Documentation addresses (RFC 5737): nothing answers there.
NODE_ADDRESS: Final = "192.0.2.1"


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A running cluster, as a client needs to know it."""

    folder: Path
    url: str
    token: str
    kubectl: Path
    processes: Processes

    @property
    def certificate(self) -> Path:
        """What the server's certificate is verified with."""
        return self.folder / "certificates" / "apiserver.crt"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.folder / "kubeconfig"

    def kubeconfig_as(self, user: str) -> Path:
        """Write a kubeconfig under which clients act as another user, with this user's rights alone."""
        return self._write_kubeconfig(f"kubeconfig-{secrets.token_hex(4)}", {"as": user})

    def api(self) -> Api:
        """Return a client with the administrator's rights; close it."""
        return Api(self.url, self.certificate, self.token)

    def write_kubeconfig(self) -> None:
        """Write the administrator's kubeconfig."""
        self._write_kubeconfig(self.kubeconfig.name, {})

    def _write_kubeconfig(self, name: str, extra: dict[str, str]) -> Path:
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": "test", "cluster": {"server": self.url, "certificate-authority": str(self.certificate)}}
            ],
            "users": [{"name": "test", "user": {"token": self.token, **extra}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "current-context": "test",
        }
        path = self.folder / name
        # JSON is YAML, too.
        path.write_text(json.dumps(document))
        path.chmod(0o600)
        return path


@contextlib.contextmanager
def run_cluster(binaries: Path, *, api_server: Sequence[str] = ()) -> Generator[Cluster]:
    """Run a fresh cluster for the length of the block; `api_server` adds flags to that program.

    Raises ClusterError with the end of a log when a part of it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="rag-test-kubernetes-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        etcd, etcd_peers, server = _free_ports(3)
        processes = Processes(folder=folder)
        cluster = Cluster(
            folder=folder,
            url=f"https://{HOST}:{server}",
            token=secrets.token_urlsafe(24),
            kubectl=binaries / "kubectl",
            processes=processes,
        )
        try:
            _start_etcd(processes, binaries, etcd, etcd_peers)
            _start_api_server(cluster, binaries, etcd, server, api_server)
            _start_controllers(cluster, binaries)
            _prove_that_it_works(cluster)
            yield cluster
        finally:
            processes.stop()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        # All are held until the last is found, or the same one might be given twice.
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((HOST, 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def _start_etcd(processes: Processes, binaries: Path, port: int, peers: int) -> None:
    processes.start(
        binaries / "etcd",
        f"--data-dir={processes.folder / 'etcd'}",
        f"--listen-client-urls=http://{HOST}:{port}",
        f"--advertise-client-urls=http://{HOST}:{port}",
        f"--listen-peer-urls=http://{HOST}:{peers}",
        f"--initial-advertise-peer-urls=http://{HOST}:{peers}",
        f"--initial-cluster=default=http://{HOST}:{peers}",
        # Nothing here has to survive a power cut.
        "--unsafe-no-fsync",
        "--log-level=warn",
    )


def _start_api_server(cluster: Cluster, binaries: Path, etcd: int, port: int, extra: Sequence[str]) -> None:
    folder = cluster.folder
    tokens = folder / "tokens.csv"
    tokens.touch(mode=0o600)
    tokens.write_text(f'{cluster.token},admin,admin,"system:masters"\n')
    key = folder / "service-accounts.pem"
    key.touch(mode=0o600)
    key.write_bytes(_private_key())
    cluster.processes.start(
        binaries / "kube-apiserver",
        f"--etcd-servers=http://{HOST}:{etcd}",
        f"--bind-address={HOST}",
        f"--advertise-address={HOST}",
        f"--secure-port={port}",
        # Here the server leaves the certificate that it signs for itself.
        f"--cert-dir={folder / 'certificates'}",
        f"--token-auth-file={tokens}",
        "--anonymous-auth=false",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--service-cluster-ip-range=10.96.0.0/16",
        # A loopback address is refused as an endpoint of the Service `kubernetes`, which no test uses.
        "--endpoint-reconciler-type=none",
        "--allow-privileged=true",
        # The provider begins to wait for a rollout with a list from the server's cache. On a busy machine that may be
        # the Deployment of before the update, which was complete, and the provider then reports success at once.
        "--watch-cache-sizes=deployments.apps#0",
        "--profiling=false",
        *extra,
    )

    def answers() -> bool:
        if not cluster.certificate.is_file():
            return False
        try:
            with contextlib.closing(cluster.api()) as api:
                api.request("GET", "/readyz")
        except (httpx.TransportError, RefusedError, OSError):
            return False
        return True

    cluster.processes.wait_until(answers, what="the API server's readiness", by="kube-apiserver", seconds=START_SECONDS)
    cluster.write_kubeconfig()


def _start_controllers(cluster: Cluster, binaries: Path) -> None:
    client = f"--kubeconfig={cluster.kubeconfig}"
    # Alone, they need no election; without a port, no certificate.
    alone = (client, "--leader-elect=false", "--secure-port=0", "--kube-api-qps=200", "--kube-api-burst=400")
    cluster.processes.start(
        binaries / "kube-controller-manager",
        *alone,
        f"--service-account-private-key-file={cluster.folder / 'service-accounts.pem'}",
        f"--root-ca-file={cluster.certificate}",
        # A machine that stood still for a minute must not cost the cluster its nodes.
        "--node-monitor-grace-period=10m",
    )
    cluster.processes.start(binaries / "kube-scheduler", *alone)
    cluster.processes.start(
        binaries / "kwok",
        client,
        f"--config={STAGES}",
        "--manage-all-nodes",
        f"--node-ip={NODE_ADDRESS}",
        "--node-port=0",
        # Zero, the default, means no heartbeat: after 50 s all nodes would be lost, and every pod with them.
        "--node-lease-duration-seconds=40",
        "--cidr=10.244.0.0/16",
    )


def _prove_that_it_works(cluster: Cluster) -> None:
    """Run a pod from its creation to its readiness, which takes every part of the cluster."""
    wait = cluster.processes.wait_until
    account: Manifest = {"apiVersion": "v1", "kind": "ServiceAccount"}
    account["metadata"] = {"name": "default", "namespace": "default"}
    pod: Manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "proof", "namespace": "default"}}
    pod["spec"] = {"containers": [{"name": "proof", "image": "proof"}]}
    with contextlib.closing(cluster.api()) as api:
        nodes = [api.create(_node(zone)) for zone in ZONES]
        for node in nodes:
            name = f"node {node['metadata']['name']}"
            wait(lambda node=node: _is_ready(api, node), what=name, by="kwok", seconds=START_SECONDS)
        manager = "kube-controller-manager"
        wait(lambda: api.read(account) is not None, what="a ServiceAccount", by=manager, seconds=START_SECONDS)
        api.create(pod)
        wait(lambda: _is_ready(api, pod), what="a ready pod", by="kube-scheduler", seconds=START_SECONDS)
        api.delete(pod)


def _is_ready(api: Api, manifest: Manifest) -> bool:
    found = api.read(manifest)
    return found is not None and condition(found, "Ready") == "True"


def _node(zone: str) -> Manifest:
    labels = {
        "kubernetes.io/hostname": f"node-{zone}",
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "topology.kubernetes.io/region": "test",
        "topology.kubernetes.io/zone": zone,
    }
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": f"node-{zone}", "labels": labels}}


def _private_key() -> bytes:
    """Return a new key that signs service accounts' tokens."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
