"""Every component with arguments to build it from; a component without a case fails the suite."""

import importlib
import inspect
import pkgutil

import pulumi

import components
from tests.contracts.cases import aws, kubernetes, local, shared
from tests.contracts.cases.shared import WORKLOAD, Case, Cases, Given

CASES: Cases = {**shared.CASES, **local.CASES, **kubernetes.CASES, **aws.CASES}

__all__ = ["CASES", "WORKLOAD", "Case", "Given", "classes_below_components", "discovered"]


def classes_below_components() -> list[type]:
    """Every class that a module under components/ defines."""
    found: list[type] = []
    for module in pkgutil.walk_packages(components.__path__, "components."):
        members = inspect.getmembers(importlib.import_module(module.name), inspect.isclass)
        found += [cls for _, cls in members if cls.__module__ == module.name]
    return found


def discovered() -> list[type[pulumi.ComponentResource]]:
    """Every component, whether it has a case or not."""
    return [cls for cls in classes_below_components() if issubclass(cls, pulumi.ComponentResource)]
