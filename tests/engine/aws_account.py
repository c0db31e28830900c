"""An account of AWS with one stack in it: a checkout of the program, doubles of its providers, a server playing ECS."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tests.aws.fake_ecs import FakeEcs
from tests.aws.fake_server import serving
from tests.engine.doubles.tables.aws import ACCOUNT, AWS, REGION
from tests.engine.doubles.tables.docker_build import DOCKER_BUILD
from tests.engine.doubles.tables.random import RANDOM
from tests.engine.doubles.wire import plain
from tests.engine.harness import Engine
from tests.engine.sources import COPIED, copy_checkout

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from tests.aws.fake_services import Revision
    from tests.engine.doubles.world import Object, World
    from tests.engine.harness import Result

SERVICE = "aws:ecs/service:Service"
DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
LISTENER = "aws:lb/listener:Listener"
RULE = "aws:lb/listenerRule:ListenerRule"

SHARED = {"rag:cloud": "aws", "rag:rollout": {"evidence": "platform"}}
DEV = {**SHARED, "rag:profile": "dev", "rag:aws": {"region": REGION, "allow_plain_http": True}}


class Told:
    """What the doubled provider has been told of services, task definitions and listeners."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._images: dict[str, Mapping[str, str]] = {}

    def _made(self, kind: str) -> Sequence[Object]:
        return [found for found in self._world.objects().values() if found["type"] == kind]

    def revision_of(self, service: str) -> Revision | None:
        for found in self._made(SERVICE):
            if found["state"]["arn"] == service:
                inputs = cast("dict[str, Any]", plain(found["inputs"]))
                return {
                    "taskDefinition": inputs["taskDefinition"],
                    "networkConfiguration": {"awsvpcConfiguration": _network(inputs["networkConfiguration"])},
                    "loadBalancers": [
                        {**one, "containerPort": int(one["containerPort"])} for one in inputs["loadBalancers"]
                    ],
                }
        return None

    def images_of(self, task_definition: str) -> Mapping[str, str]:
        for found in self._made(DEFINITION):
            containers = cast("list[dict[str, str]]", json.loads(str(plain(found["inputs"]["containerDefinitions"]))))
            # ECS keeps definitions that are not used any more, which is what it goes back to.
            self._images[str(found["state"]["arn"])] = {one["name"]: one["image"] for one in containers}
        return self._images.get(task_definition, {})

    def rules_of(self, listener: str) -> Mapping[str, Mapping[str, int]] | None:
        if listener not in [str(found["state"]["arn"]) for found in self._made(LISTENER)]:
            return None
        rules = [found for found in self._made(RULE) if found["inputs"]["listenerArn"] == listener]
        return {str(found["state"]["arn"]): _weights(found) for found in rules}


def _network(told: Mapping[str, Any]) -> dict[str, object]:
    public = "ENABLED" if told.get("assignPublicIp") else "DISABLED"
    return {"subnets": told["subnets"], "securityGroups": told["securityGroups"], "assignPublicIp": public}


def _weights(rule: Object) -> Mapping[str, int]:
    ((action,),) = [cast("list[dict[str, Any]]", plain(rule["inputs"]["actions"]))]
    return {str(group["arn"]): int(group["weight"]) for group in action["forward"]["targetGroups"]}


class Account:
    """An account of AWS with one stack in it, deployed from a checkout of its own."""

    def __init__(self, folder: Path, pulumi: Path, stack: str, config: Mapping[str, object]) -> None:
        self.program = folder / "program"
        copy_checkout(self.program, COPIED)
        self.engine = Engine.create(
            folder=folder / "engine", program=self.program, pulumi=pulumi, stack=stack, config=config
        )
        for package, table in (("aws", AWS), ("random", RANDOM), ("docker-build", DOCKER_BUILD)):
            self.engine.doubles.install(package, table)
        _log_in_to(f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com", folder / "docker", self.engine.doubles.bin)
        self.engine.variables["DOCKER_CONFIG"] = str(folder / "docker")
        self.ecs = FakeEcs(Told(self.world))
        self._settled = False

    @property
    def world(self) -> World:
        return self.engine.doubles.world

    def settle(self) -> None:
        """Deploys the checkout as it is, unless the last command did just that."""
        if not self._settled:
            self.up().require()

    def up(self) -> Result:
        """Deploys the checkout as it is."""
        result = self.engine.up()
        self._settled = result.code == 0
        return result

    def destroy(self) -> Result:
        """Removes the stack, as `make destroy` does: with a preview, which meets what is protected first."""
        self._settled = False
        return self.engine.destroy("--skip-preview=false")

    def release(self, mark: str) -> None:
        """Changes the source, so that the next update is another release."""
        self._settled = False
        with (self.program / "app" / "__init__.py").open("a") as file:
            file.write(f"\n# {mark}\n")

    def digest(self) -> str:
        """What the stack says that it has released."""
        return str(self.engine.outputs()["release"])

    def service(self) -> str:
        """The ARN of the stack's only service."""
        (service,) = self.ecs.services.deployments
        return service

    def serves(self) -> str:
        """The digest of the image that the service's tasks run."""
        definition = self.ecs.services.serving(self.service())
        assert definition is not None
        return Told(self.world).images_of(definition)["web"].partition("@")[2]


def _log_in_to(registry: str, folder: Path, programs: Path) -> None:
    """Sets Docker up as its user would: a credential helper for the registry."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"credHelpers": {registry: "ecr-login"}}))
    helper = programs / "docker-credential-ecr-login"
    helper.write_text("#!/bin/sh\nexit 0\n")
    helper.chmod(0o755)


@contextmanager
def account_of(folder: Path, pulumi: Path, stack: str, config: Mapping[str, object]) -> Generator[Account]:
    """An empty account, whose ECS answers as long as the context lasts."""
    account = Account(folder, pulumi, stack, config)
    with serving(account.ecs) as variables:
        account.engine.variables.update(variables)
        yield account
