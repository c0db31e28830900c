"""Judges the resources of a stack by the rules that cfn-lint has of CloudFormation, as one template."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from cfnlint import api
from cfnlint.config import ManualArgs

from tests.contracts.recorder import SIGNATURE, Registered
from tests.engine.doubles import wire
from tests.engine.doubles.rules import Rule
from tests.engine.doubles.tables.aws import AWS, REGION
from tests.engine.doubles.tables.docker_build import DOCKER_BUILD
from tests.engine.doubles.tables.random import RANDOM
from tests.judges.cloudformation_mapping import TAGS, TYPES, Mapped

RULES: Mapping[str, Rule] = {**AWS.resources, **RANDOM.resources, **DOCKER_BUILD.resources}
REFERENCE = re.compile(r"<[\w-]+\.\w+>")
TASK_DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
DATABASE = "AWS::RDS::DBInstance"
Values = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a rule of cfn-lint says of one resource."""

    rule: str
    resource: str
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.rule} {self.resource} {self.where}: {self.message}"


def template(resources: Iterable[Registered]) -> Values:
    """The template of what a program registered, in which everything that AWS would answer is a plausible value.

    Values rather than references: cfn-lint holds them against the forms that AWS knows. The task definition of a
    service is referred to, because rules compare the two.
    """
    known: dict[str, Any] = {}
    rendered: Values = {}
    for resource in resources:
        inputs = cast(Values, _resolved(resource.inputs, known))
        known |= _answers(resource, inputs)
        mapped = TYPES.get(resource.type)
        if isinstance(mapped, Mapped):
            made = properties(mapped, resource.name, inputs)
            whole = _whole(rendered, mapped, made)
            if whole is not None:
                whole["Properties"] |= made
                continue
            policies = {"DeletionPolicy": "Snapshot", "UpdateReplacePolicy": "Snapshot"}
            rendered[logical(resource.name)] = {
                "Type": mapped.kind,
                **(policies if mapped.kind == DATABASE else {}),
                "Properties": made,
            }
    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": rendered}


def answered(resources: Iterable[Registered]) -> Iterable[tuple[Registered, str]]:
    """The resources that AWS gives an ARN, with the one that it would give."""
    known: dict[str, Any] = {}
    for resource in resources:
        inputs = cast(Values, _resolved(resource.inputs, known))
        answers = _answers(resource, inputs)
        known |= answers
        arn = answers.get(f"<{resource.name}.arn>", answers.get(f"<{resource.name}.dashboardArn>"))
        if isinstance(arn, str):
            yield resource, arn


def logical(name: str) -> str:
    """A name that CloudFormation takes: letters and digits."""
    return "".join(word.capitalize() for word in re.split(r"\W+", name))


def _whole(rendered: Values, mapped: Mapped, made: Values) -> Values | None:
    """The resource that this one is a part of in CloudFormation, if there is one."""
    if not mapped.part_of:
        return None
    same = [one for one in rendered.values() if one["Type"] == mapped.kind]
    return next((one for one in same if one["Properties"][mapped.part_of] == made[mapped.part_of]), None)


def _resolved(value: object, known: Mapping[str, Any]) -> object:
    """The inputs with what AWS would have answered, and without the marks of secrets."""
    if isinstance(value, Mapping):
        items = cast(Mapping[str, object], value)
        if SIGNATURE in items:
            return _resolved(items.get("value"), known)
        return {key: _resolved(item, known) for key, item in items.items() if not key.startswith("__")}
    if isinstance(value, list):
        return [_resolved(item, known) for item in cast(list[object], value)]
    if not isinstance(value, str):
        return int(value) if isinstance(value, float) and value.is_integer() else value
    if value in known:
        return known[value]
    return REFERENCE.sub(lambda found: str(known.get(found.group(), found.group())), value)


def _answers(resource: Registered, inputs: Values) -> dict[str, Any]:
    """What a program reads of a resource, by the texts that the recorder gives it instead."""
    digest = hashlib.sha256(resource.urn.encode()).hexdigest()
    facts: wire.Properties = {
        "name": resource.name,
        "urn": resource.urn,
        "inputs": inputs,
        "digest": digest,
        "short": digest[:17],
        "number": 7,
        "contents": digest,
        "word": digest[: int(inputs.get("length", 0))],
    }
    rule = RULES.get(resource.type)
    if rule is None:
        return {}
    inputs = {**rule.defaults, **inputs}
    facts["inputs"] = inputs
    if rule.autoname:
        facts["inputs"] = {rule.autoname: f"{resource.name}-{digest[:7]}", **inputs}
    facts["id"] = wire.rendered(rule.id, facts)
    made = {key: wire.rendered(value, facts) for key, value in {**rule.outputs, **rule.follows}.items()}
    if rule.autoname:
        made[rule.autoname] = cast(Values, facts["inputs"])[rule.autoname]
    answers: dict[str, Any] = {f"<{resource.name}.{key}>": value for key, value in made.items()}
    answers[f"{resource.name}-id"] = facts["id"]
    if resource.type == TASK_DEFINITION:
        answers[f"<{resource.name}.arn>"] = {"Ref": logical(resource.name)}
    return answers


def properties(mapped: Mapped, name: str, inputs: Values) -> Values:
    """The inputs in CloudFormation's words."""
    made: Values = {}
    attributes: list[Values] = []
    for key, value in _leaves(mapped, inputs):
        if value is None or key in mapped.dropped:
            continue
        if key in mapped.attributes:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            attributes.append({"Key": mapped.attributes[key], "Value": text})
        else:
            _put(made, _name(mapped, key), _converted(mapped, key, value))
    if attributes:
        made[mapped.attribute_list] = attributes
    for path, text in mapped.always.items():
        _put_where_missing(made, path, text.replace("${name}", name))
    return _special(mapped.kind, made)


def _leaves(mapped: Mapped, inputs: Values) -> Iterable[tuple[str, Any]]:
    """The inputs, and in place of an object whose parts lie at the top level there, its parts."""
    flat = {key.split(".")[0] for key in (*mapped.attributes, *mapped.names) if "." in key}
    for key, value in inputs.items():
        if key in flat and isinstance(value, dict) and key not in mapped.names and _is_flat(mapped, key):
            yield from ((f"{key}.{part}", item) for part, item in cast(Values, value).items())
        else:
            yield key, value


def _is_flat(mapped: Mapped, key: str) -> bool:
    """Whether the parts of an object are properties of their own there."""
    return key == "healthCheck" or any(path.startswith(f"{key}.") for path in mapped.attributes)


def _name(mapped: Mapped, path: str) -> str:
    last = path.rsplit(".", 1)[-1]
    return mapped.names.get(path, last[:1].upper() + last[1:])


def _converted(mapped: Mapped, path: str, value: Any) -> Any:
    if path in mapped.choices:
        return mapped.choices[path][value]
    if path in mapped.texts:
        return str(value)
    if path in mapped.lists:
        return [value]
    if path in mapped.pairs or path == "tags":
        return _pairs(value, *mapped.pairs.get(path, TAGS))
    if path in mapped.documents and isinstance(value, str):
        value = json.loads(value)
        return _nested(mapped, path, value) if path in mapped.translated else value
    return value if path in mapped.maps else _nested(mapped, path, value)


def _pairs(value: Any, key: str, item: str) -> list[Values]:
    """A list of objects with a key and a value, or with the one value that there is."""
    return [{key: name, item: text} for name, text in cast(Values, value).items()] if item else [{key: value}]


def _nested(mapped: Mapped, path: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_converted(mapped, path, item) for item in cast(list[Any], value)]
    if not isinstance(value, dict) or "Ref" in value:
        return cast(Any, value)
    made: Values = {}
    for key, item in cast(Values, value).items():
        _put(made, _name(mapped, f"{path}.{key}"), _converted(mapped, f"{path}.{key}", item))
    return made


def _put(made: Values, path: str, value: Any) -> None:
    *outer, last = path.split(".")
    for part in outer:
        made = made.setdefault(part, {})
    if isinstance(value, dict) and isinstance(made.get(last), dict):
        made[last] |= value
    else:
        made[last] = value


def _put_where_missing(made: Values, path: str, text: str) -> None:
    first, _, rest = path.partition(".")
    if not rest:
        made.setdefault(first, text)
        return
    for item in made.get(first, []):
        item.setdefault(rest, text)


def _special(kind: str, made: Values) -> Values:
    """Where the two differ in more than names."""
    if kind == "AWS::RDS::DBParameterGroup":
        parameters = {one["Name"]: one["Value"] for one in made.get("Parameters", [])}
        return {**made, "Parameters": parameters}
    if kind == "AWS::Events::Rule" and "Targets" in made:
        return {**made, "Targets": [made["Targets"]]}
    if kind == "AWS::Route53::RecordSet" and "AliasTarget" in made:
        return {**made, "AliasTarget": made["AliasTarget"][0]}
    return made


def lint(document: Values) -> list[Finding]:
    """What cfn-lint finds in a template."""
    found = api.lint(json.dumps(document), config=ManualArgs(regions=[REGION]))
    return [
        Finding(
            rule=str(match.rule.id),
            resource=next(iter(_path(match)[1:]), ""),
            where=".".join(_path(match)[3:]),
            message=str(match.message),
        )
        for match in found
    ]


def _path(match: object) -> list[str]:
    """Where in the template a rule has found something; cfn-lint says it in an attribute that only rules set."""
    return [str(part) for part in cast(list[object], getattr(match, "path", None) or [])]
