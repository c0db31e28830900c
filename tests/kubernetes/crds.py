"""The operators' own definitions of their kinds, as each operator's Go module holds them: what judges our objects.

Only the schemas are installed, and no operator: a test plays its part where the stack waits for it.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import yaml

from tests.kubernetes.api import condition
from tests.kubernetes.build import (
    BuildError,
    Go,
    find_go,
)
from tools.pulumi_cli.cache import cache_folder, exclusive, publish

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.kubernetes.api import Api, Manifest

GONE_SECONDS: Final = 60.0


@dataclass(frozen=True, kw_only=True)
class Definitions:
    """Files of one version of a Go module; `checksum` is what go.sum would have of it."""

    module: str
    version: str
    checksum: str
    folder: str
    files: tuple[str, ...]


OPERATORS: Final = (
    Definitions(
        module="github.com/cloudnative-pg/cloudnative-pg",
        version="v1.30.0",
        checksum="h1:fnhVq44xXx97MNiuvJsPrX1vSjYbgdyBK5MSGfdHdp0=",
        folder="config/crd/bases",
        files=("postgresql.cnpg.io_clusters.yaml", "postgresql.cnpg.io_scheduledbackups.yaml"),
    ),
    Definitions(
        module="github.com/cloudnative-pg/plugin-barman-cloud",
        version="v0.15.0",
        checksum="h1:gNVytrzzYUE08wxLDrjfJqy1FPPSFkMe1OEr4s4pVI0=",
        folder="config/crd/bases",
        files=("barmancloud.cnpg.io_objectstores.yaml",),
    ),
    Definitions(
        module="github.com/cert-manager/cert-manager",
        version="v1.21.2",
        checksum="h1:UWgoYM+KLNtRlqmoWOKjKBOBUPVHeepQ6/ac3ERJW68=",
        folder="deploy/crds",
        files=("cert-manager.io_clusterissuers.yaml",),
    ),
    Definitions(
        module="sigs.k8s.io/gateway-api",
        version="v1.6.3",
        checksum="h1:lKpJa5bGlraC/QeACvCpsHLdmO6y0iKfzVl6gzaFEYc=",
        folder="config/crd/standard",
        files=("gateway.networking.k8s.io_gateways.yaml", "gateway.networking.k8s.io_httproutes.yaml"),
    ),
    Definitions(
        module="github.com/prometheus-operator/prometheus-operator",
        version="v0.85.0",
        checksum="h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
        folder="example/prometheus-operator-crd",
        files=("monitoring.coreos.com_servicemonitors.yaml", "monitoring.coreos.com_prometheusrules.yaml"),
    ),
)


@contextlib.contextmanager
def installed(api: Api) -> Generator[None]:
    """Let the server know the kinds of all operators inside the block, and forget them and their objects after it.

    Raises BuildError when a module cannot be had.
    """
    found = [cast("Manifest", yaml.safe_load(file.read_text())) for one in OPERATORS for file in _files(one)]
    made: list[Manifest] = []
    try:
        for definition in found:
            made.append(api.apply(definition))
        for definition in made:
            api.wait_until(definition, lambda seen: condition(seen, "Established") == "True")
        yield
    finally:
        for definition in made:
            api.delete(definition)
        for definition in made:
            _wait_until_gone(api, definition)


def _files(definitions: Definitions) -> list[Path]:
    name = f"{definitions.module.rpartition('/')[2]}-{definitions.version}"
    target = cache_folder().parent / "kubernetes" / f"definitions-{name}"
    target.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(target.parent):
        folder = publish(target, lambda scratch: _fetch(definitions, scratch))
    return [folder / file for file in definitions.files]


def _fetch(definitions: Definitions, target: Path) -> None:
    """Copy the files out of Go's own cache, and nothing else of the module."""
    with tempfile.TemporaryDirectory(prefix="rag-kubernetes-definitions-") as scratch:
        folder = Path(scratch)
        (folder / "go.mod").write_text("module definitions\n")
        go = Go(binary=find_go(folder), folder=folder)
        told = json.loads(go.run("mod", "download", "-json", f"{definitions.module}@{definitions.version}"))
        if told["Sum"] != definitions.checksum:
            raise BuildError(
                f"{definitions.module} {definitions.version} is not what it was: its checksum is {told['Sum']} and not "
                f"{definitions.checksum}, so nothing of it is used. Find out why before you change {__file__}"
            )
        for file in definitions.files:
            shutil.copyfile(Path(told["Dir"]) / definitions.folder / file, target / file)


def _wait_until_gone(api: Api, definition: Manifest) -> None:
    deadline = time.monotonic() + GONE_SECONDS
    while api.read(definition) is not None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{definition['metadata']['name']} is still there after {GONE_SECONDS:.0f} s")
        time.sleep(0.1)
