"""The only reader of stack configuration. It judges everything before any resource exists.

`read_settings()` returns the settings of the configured target or raises `pulumi.RunError` with one line per problem:
the key, what is wrong or would happen, and what to do.
"""

import json
from collections.abc import Collection, Mapping
from typing import TypeAlias, cast

import pulumi
from pulumi.runtime.config import get_config_env, get_config_secret_keys_env
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from stacks.settings.aws import AwsSettings
from stacks.settings.kubernetes import KubernetesSettings
from stacks.settings.local import LocalSettings
from stacks.settings.model import secrets_in

Settings: TypeAlias = LocalSettings | KubernetesSettings | AwsSettings

NAMESPACE = "rag"
TARGETS: Mapping[str, type[LocalSettings] | type[KubernetesSettings] | type[AwsSettings]] = {
    "local": LocalSettings,
    "kubernetes": KubernetesSettings,
    "aws": AwsSettings,
}
PLANNED = ("gcp", "azure")
GUIDES: Mapping[str, str] = {"local": "docs/deployment.md", "kubernetes": "docs/kubernetes.md", "aws": "docs/aws.md"}
"""Where the keys of each target stand."""
NOT_OF_ONE_MACHINE = {
    "oidc": "one machine has no cloud account that GitHub could be trusted by",
    "replicas": "one machine cannot add replicas; its web processes are app.web_processes",
}


def read_settings() -> Settings:
    """Reads this stack's configuration.

    Raises `pulumi.RunError`, which Pulumi prints without a traceback, when any key is unknown, missing or impossible.
    """
    stack = pulumi.get_stack()
    try:
        return parse_settings(get_config_env(), file=f"Pulumi.{stack}.yaml", secret_keys=get_config_secret_keys_env())
    except SettingsError as error:
        raise pulumi.RunError(str(error)) from None


class SettingsError(ValueError):
    """The configuration cannot be deployed; nothing was created or changed."""


def parse_settings(config: Mapping[str, str], *, file: str, secret_keys: Collection[str] = ()) -> Settings:
    """Judges a stack's configuration, as the engine hands it over: `rag:key` to text, objects and lists as JSON.

    `file` is only named in messages; `secret_keys` are the keys whose values the stack file holds encrypted. Raises
    SettingsError with a line per problem.
    """
    values = {
        key.removeprefix(f"{NAMESPACE}:"): _value(key, text, file)
        for key, text in config.items()
        if key.startswith(f"{NAMESPACE}:")
    }
    cloud = values.get("cloud")
    model = TARGETS.get(cloud) if isinstance(cloud, str) else None
    if model is None:
        raise SettingsError(no_target(cloud, file))
    if "project" in values:
        raise SettingsError(_line(file, ("project",), _unknown(GUIDES[str(cloud)])))
    if model is LocalSettings:
        _refuse_what_one_machine_has_not(values, file)
    try:
        settings = model.model_validate(values)
    except ValidationError as error:
        guide = GUIDES[str(cloud)]
        told = error.errors(include_url=False)
        problems = [_line(file, problem["loc"], _explain(problem, guide)) for problem in told]
        raise SettingsError("\n".join(problems)) from None
    _require_encrypted(settings, secret_keys, file)
    return settings


def _refuse_what_one_machine_has_not(values: Mapping[str, object], file: str) -> None:
    for key, reason in NOT_OF_ONE_MACHINE.items():
        if key in values:
            raise SettingsError(f"{NAMESPACE}:{key}: {reason}, so nothing would be created; remove the key from {file}")


def _require_encrypted(settings: BaseModel, secret_keys: Collection[str], file: str) -> None:
    """A secret that stands in the stack file as plain text is in the repository for ever."""
    plain = [path for path in secrets_in(settings) if f"{NAMESPACE}:{path[0]}" not in secret_keys]
    if plain:
        raise SettingsError("\n".join(_line(file, path, _how_to_encrypt(path)) for path in plain))


def _how_to_encrypt(path: tuple[str, ...]) -> str:
    return (
        "stands in the file as plain text, so everybody who reads the repository has it; take it out, change it where "
        f"it is used, and set it with `pulumi config set --secret --path {NAMESPACE}:{'.'.join(path)}`"
    )


def _value(key: str, text: str, file: str) -> object:
    """Objects arrive as JSON, everything else as the text that stood in the file."""
    if text[:1] in {"{", "["}:
        try:
            return cast(object, json.loads(text))
        except (ValueError, RecursionError):
            raise SettingsError(
                f"{key}: is not readable as an object or a list, so its settings are unknown; "
                f"write its keys indented below it [{file}]"
            ) from None
    return {"true": True, "false": False, "null": None}.get(text.strip().lower(), text)


def no_target(cloud: object, file: str) -> str:
    """Says why `cloud` is nowhere to deploy to."""
    if cloud is None:
        return f"{NAMESPACE}:cloud is missing from {file}: nothing says where to deploy; set it to {', '.join(TARGETS)}"
    if cloud in PLANNED:
        return f"{NAMESPACE}:cloud: {cloud!r} is planned and not built yet; available now: {', '.join(TARGETS)}"
    return f"{NAMESPACE}:cloud: {cloud!r} is no target; available: {', '.join(TARGETS)}"


def _line(file: str, location: tuple[int | str, ...], message: str) -> str:
    """A problem with its key; what concerns several keys names them itself."""
    key = ".".join(str(part) for part in location)
    return f"{NAMESPACE}:{key}: {message} [{file}]" if key else f"{message} [{file}]"


def _unknown(guide: str) -> str:
    return f"is no setting, so it would do nothing; correct or remove it ({guide} lists all keys)"


def _explain(problem: ErrorDetails, guide: str) -> str:
    match problem["type"]:
        case "extra_forbidden":
            return _unknown(guide)
        case "missing":
            return f"is missing and has no default, so nothing was deployed; set it ({guide} lists all keys)"
        case "value_error":
            return problem["msg"].removeprefix("Value error, ")
        case "model_type":
            return "is no object, so its settings are unknown; write its keys indented below it"
        case _:
            rule = problem["msg"].removeprefix("Input ")
            return f"{rule}, so nothing was deployed; correct the value ({guide} lists all keys)"
