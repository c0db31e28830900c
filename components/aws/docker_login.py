"""The login to the registry: no password ever enters the program, its state or a file.

The machine's own Docker logs in, through a credential helper that asks AWS for a short-lived token at each push. That
the helper is set up and has an answer is checked before anything is built; a push that fails afterwards says only "no
basic auth".
"""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from components.contracts import DeploymentError
from components.dynamic import plain_errors

HELPER = "ecr-login"
"""The name of Amazon's own helper in Docker's configuration."""
HELPER_SECONDS = 60
"""How long a helper may take; one that waits for somebody to type would wait for ever."""
MOST_WORDS = 300
"""Characters of a helper's error that are shown."""


def registry_host(repository: str) -> str:
    """The host of a repository `host/path`, which is what credential helpers are configured for."""
    return repository.partition("/")[0]


def docker_configuration() -> Path:
    """Docker's configuration on this machine, where Docker itself looks for it."""
    folder = os.environ.get("DOCKER_CONFIG")
    return (Path(folder) if folder else Path.home() / ".docker") / "config.json"


def configured_helper(host: str, file: Path) -> str:
    """The name of the credential helper that Docker would ask for this host, and that can log in there.

    Raises DeploymentError when there is none, when its program cannot be found, or when it has no answer. Of the file
    only the names of helpers are looked at, never a password that may stand in it.
    """
    content = _content(file, host)
    helpers = content.get("credHelpers")
    own = cast(dict[str, object], helpers).get(host) if isinstance(helpers, dict) else None
    helper = own or content.get("credsStore")
    if not isinstance(helper, str) or not helper:
        raise DeploymentError(_remedy(f"Docker knows no credential helper for {host} ({file})", host, file))
    program = shutil.which(f"docker-credential-{helper}")
    if program is None:
        raise DeploymentError(
            _remedy(f"the credential helper {helper!r} that {file} names for {host} is not on the PATH", host, file)
        )
    if (error := _asked(program, host)) is not None:
        raise DeploymentError(
            _remedy(
                f"the credential helper {helper!r} that {file} names for {host} cannot log in ({error})", host, file
            )
        )
    return helper


def _asked(program: str, host: str) -> str | None:
    """Asks a helper for the login as Docker does. Of an answer nothing is kept; None, or the helper's own error."""
    try:
        done = subprocess.run(
            [program, "get"], input=host.encode(), capture_output=True, timeout=HELPER_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {HELPER_SECONDS} s"
    except OSError as error:
        return error.strerror or type(error).__name__
    if done.returncode == 0:
        return None
    # By Docker's protocol an error is what a helper prints, and an answer is JSON: that is never shown.
    for said in (done.stderr, done.stdout):
        text = " ".join(said.decode(errors="replace").split())
        if text and "{" not in text:
            return text[:MOST_WORDS]
    return f"exit code {done.returncode}"


def _content(file: Path, host: str) -> dict[str, object]:
    try:
        content = cast(object, json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not JSON"
        raise DeploymentError(_remedy(f"Docker's configuration {file} cannot be read ({reason})", host, file)) from None
    return cast(dict[str, object], content) if isinstance(content, dict) else {}


def _remedy(what: str, host: str, file: Path) -> str:
    return (
        f"{what}, so the image could not be pushed; nothing was built. Install amazon-ecr-credential-helper, put "
        f'"credHelpers": {{"{host}": "{HELPER}"}} into {file} and see that the AWS credentials of this shell are '
        "valid, or deploy an image that the registry already holds (release.image)"
    )


class _DockerLoginProvider(ResourceProvider):
    @plain_errors
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Looked at again whenever something will be pushed: another release, or another registry."""
        return DiffResult(changes=any(_olds.get(key) != _news[key] for key in ("repository", "tag")))

    @plain_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(id_=registry_host(props["repository"]), outs=_checked(props))

    @plain_errors
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(outs=_checked(_news))


def _checked(props: dict[str, Any]) -> dict[str, Any]:
    helper = configured_helper(registry_host(props["repository"]), docker_configuration())
    return {**props, "helper": helper}


class _Login(Resource, module="aws", name="DockerLogin"):
    helper: pulumi.Output[str]

    def __init__(self, name: str, *, args: "DockerLoginArgs", opts: pulumi.ResourceOptions) -> None:
        props: dict[str, Any] = {"repository": args.repository, "tag": args.tag, "helper": None}
        super().__init__(_DockerLoginProvider(), name, props, opts)


@dataclass(frozen=True, kw_only=True)
class DockerLoginArgs:
    """`repository` is where the image is pushed (host and path), `tag` names what is pushed."""

    repository: pulumi.Input[str]
    tag: str


class DockerLogin(pulumi.ComponentResource):
    """The proof that this machine's Docker can log in; a release that is built waits for it."""

    def __init__(self, name: str, args: DockerLoginArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:aws:DockerLogin", name, None, opts)
        login = _Login(f"{name}-helper", args=args, opts=pulumi.ResourceOptions(parent=self))
        self.register_outputs({"helper": login.helper})
