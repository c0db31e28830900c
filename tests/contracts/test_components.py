"""What every component keeps to; discovered, so that a new one is held to it from its first day."""

import ast
import dataclasses
import inspect
import textwrap
from collections.abc import Callable, Mapping
from typing import Any, cast

import pulumi
import pytest

from components.contracts import DeploymentError
from components.local.app_service import AppService, AppServiceArgs
from components.local.migration import Migration, MigrationArgs
from components.workload import BOOTSTRAP_API_KEY, DATABASE_URL
from tests.contracts.cases import CASES, WORKLOAD, Given, discovered
from tests.contracts.recorder import Recording, Registered, record, unknown

pytestmark = pytest.mark.unit

SHARED = "release"
"""The middle of the type token of components that every cloud shares."""
Component = type[pulumi.ComponentResource]
COMPONENTS = discovered()


def _short(component: Component) -> str:
    return f"{component.__module__.removeprefix('components.')}.{component.__name__}"


every_component = pytest.mark.parametrize("component", COMPONENTS, ids=lambda cls: _short(cast(Component, cls)))


def known(text: str) -> pulumi.Output[str]:
    return pulumi.Output.from_input(text)


def build(component: Component, given: Given, name: str = "part", opts: pulumi.ResourceOptions | None = None) -> Any:
    return cast(Callable[..., object], component)(name, CASES[component](given), opts)


def recorded(component: Component, given: Given = known) -> tuple[Registered, Recording]:
    recording = record(lambda: build(component, given))
    (own,) = recording.components()
    return own, recording


def constructor(component: Component) -> ast.FunctionDef:
    tree = ast.parse(textwrap.dedent(inspect.getsource(component)))
    return next(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "__init__")


def test_every_component_under_components_has_a_case_here() -> None:
    assert set(COMPONENTS) == set(CASES)
    assert len(COMPONENTS) >= 9


@every_component
def test_the_type_token_is_the_folder_and_the_class(component: Component) -> None:
    own, _ = recorded(component)
    parts = component.__module__.split(".")
    assert own.type == f"rag:{parts[1] if len(parts) > 2 else SHARED}:{component.__name__}"


def test_no_two_components_share_a_type_token() -> None:
    tokens = [recorded(component)[0].type for component in COMPONENTS]
    assert len(tokens) == len(set(tokens))


@every_component
def test_the_constructor_takes_a_name_arguments_and_options_and_nothing_else(component: Component) -> None:
    parameters = inspect.signature(component.__init__, eval_str=True).parameters
    assert list(parameters) == ["self", "name", "args", "opts"]
    assert parameters["opts"].default is None
    assert parameters["args"].default is inspect.Parameter.empty
    assert all(parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for parameter in parameters.values())
    assert parameters["args"].annotation.__name__ == f"{component.__name__}Args"


@every_component
def test_the_arguments_are_frozen_and_named_at_every_call(component: Component) -> None:
    arguments = CASES[component](known)
    assert dataclasses.is_dataclass(arguments)
    assert all(field.kw_only for field in dataclasses.fields(arguments))
    first = dataclasses.fields(arguments)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(arguments, first, "changed")


@every_component
def test_every_resource_that_it_makes_lies_below_it_and_carries_its_name(component: Component) -> None:
    own, recording = recorded(component)
    others = [resource for resource in recording.resources if resource is not own]
    assert others, "a component without a child adds nothing"
    assert {resource.urn for resource in recording.below(own.urn)} == {resource.urn for resource in others}
    assert all(resource.name.startswith("part-") for resource in others)


@every_component
def test_the_callers_options_reach_the_component_and_stop_there(component: Component) -> None:
    def program() -> None:
        outer = pulumi.ComponentResource("test:outer:Parent", "outer")
        options = pulumi.ResourceOptions(
            parent=outer, ignore_changes=["anything"], retain_on_delete=True, aliases=[pulumi.Alias(name="before")]
        )
        build(component, known, opts=options)

    recording = record(program)
    own = recording.one("part")
    assert own.parent == recording.one("outer").urn
    children = list(recording.below(own.urn))
    assert children
    assert {child.parent for child in children} == {own.urn}
    _, alone = recorded(component)
    for child in children:
        # Pulumi itself passes a renamed parent's alias on to its children.
        assert child.options <= alone.one(child.name).options | {"aliases"}
        assert child.ignore_changes == alone.one(child.name).ignore_changes


@every_component
def test_the_options_are_handed_to_pulumi_once_and_to_nothing_else(component: Component) -> None:
    init = constructor(component)
    uses = [node for node in ast.walk(init) if isinstance(node, ast.Name) and node.id == "opts"]
    assert len(uses) == 1
    first = init.body[0]
    assert isinstance(first, ast.Expr)
    assert ast.unparse(first.value).startswith("super().__init__(")
    assert uses[0] in list(ast.walk(first))


@every_component
def test_outputs_are_registered_once_and_as_the_constructors_last_step(component: Component) -> None:
    own, recording = recorded(component)
    assert recording.outputs == [own.urn]
    init = constructor(component)
    last = init.body[-1]
    assert isinstance(last, ast.Expr)
    assert ast.unparse(last.value).startswith("self.register_outputs(")
    assert ast.unparse(init).count("register_outputs(") == 1


@every_component
def test_two_of_a_kind_live_side_by_side_because_every_name_derives_from_their_own(component: Component) -> None:
    def program() -> None:
        build(component, known, name="one")
        build(component, known, name="two")

    recording = record(program)
    assert len({resource.urn for resource in recording.resources}) == len(recording.resources)


@every_component
def test_one_name_twice_is_refused_by_the_recorder_as_by_the_engine(component: Component) -> None:
    def program() -> None:
        build(component, known)
        build(component, known)

    with pytest.raises(AssertionError, match="the engine would refuse a second"):
        record(program)


@every_component
def test_a_first_preview_where_nothing_is_known_registers_the_same_and_prints_nothing(
    component: Component, capfd: pytest.CaptureFixture[str]
) -> None:
    _, known_recording = recorded(component)
    preview = record(lambda: build(component, lambda _text: unknown()), preview=True)
    assert {resource.urn for resource in preview.resources} == {resource.urn for resource in known_recording.resources}
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")


@every_component
def test_a_secret_that_comes_in_stays_a_secret_in_every_input_and_output(component: Component) -> None:
    marker = "hunter2-"
    given = record(lambda: build(component, lambda text: pulumi.Output.secret(f"{marker}{text}")))
    texts = {text for resource in given.resources for text in resource.plain_texts} | given.plain_outputs
    assert not {text for text in texts if marker in text}


def test_the_recorder_would_see_a_secret_that_is_not_marked() -> None:
    recording = record(lambda: build(COMPONENTS[0], lambda text: pulumi.Output.from_input(f"hunter2-{text}")))
    texts = {text for resource in recording.resources for text in resource.plain_texts}
    assert any(text.startswith("hunter2-") for text in texts)


def test_an_error_inside_of_an_apply_fails_the_test_instead_of_passing_in_silence() -> None:
    def program() -> pulumi.Output[None]:
        def wrong(_text: str) -> None:
            raise AssertionError("seen")

        return known("x").apply(wrong)

    with pytest.raises(AssertionError, match="seen"):
        record(program)


def test_an_output_in_an_f_string_is_an_error_instead_of_deployed_text() -> None:
    def program() -> str:
        return f"{known('x')}"

    with pytest.raises(Exception, match=r"Calling __str__ on an Output\[T\] is not supported"):
        record(program)


HANDED: Mapping[Component, Mapping[str, frozenset[str]]] = {
    AppService: {"web": WORKLOAD.web.secrets, "worker": WORKLOAD.worker.secrets},
    Migration: {"migrate": WORKLOAD.migrate.secrets},
}
"""Components that run processes, and what each process may read."""


def with_secrets(component: Component, references: Mapping[str, pulumi.Input[str]]) -> Recording:
    arguments = cast(AppServiceArgs | MigrationArgs, CASES[component](known))
    given = dataclasses.replace(arguments, secrets=references)
    return record(lambda: cast(Callable[..., object], component)("part", given))


@pytest.mark.parametrize("component", HANDED, ids=lambda cls: cast(Component, cls).__name__)
def test_each_process_is_handed_the_secrets_that_it_names_whatever_else_its_component_is_given(
    component: Component,
) -> None:
    references = {name: f"/secrets/{name}" for name in (DATABASE_URL, BOOTSTRAP_API_KEY, "ANOTHER")}
    (task,) = [resource for resource in with_secrets(component, references).resources if resource.custom]
    for process, names in HANDED[component].items():
        assert task.inputs[process]["secrets"] == {name: references[name] for name in names}


@pytest.mark.parametrize("component", HANDED, ids=lambda cls: cast(Component, cls).__name__)
def test_a_secret_that_nobody_keeps_is_an_error_that_names_it_and_the_process(component: Component) -> None:
    with pytest.raises(DeploymentError) as caught:
        with_secrets(component, {BOOTSTRAP_API_KEY: "/secrets/KEY"})
    process = next(iter(HANDED[component]))
    message = str(caught.value)
    assert message.startswith(f"the process {process!r} needs the secret DATABASE_URL, and nothing says where it is")
    assert "(known: BOOTSTRAP_API_KEY); nothing was deployed" in message
