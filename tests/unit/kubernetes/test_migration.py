"""The migration is told what it reads; whatever else it read would be a setting that silently does nothing there."""

import ast
from collections.abc import Iterator

import pytest

from app.settings import Settings
from components.kubernetes.migration import READ_BY_MIGRATION
from components.workload import MIGRATE
from stacks.settings import PROJECT

pytestmark = pytest.mark.unit

FILES = ("app/migrate.py", "app/db/engine.py", "app/db/schema.py", "alembic/env.py")
RUN_BY_IT = {"run", "_upgrade", "_bootstrap", "create_sync_engine"}
"""The functions of those files that the migration calls with the settings."""


def functions() -> Iterator[ast.FunctionDef]:
    for file in FILES:
        for node in ast.walk(ast.parse((PROJECT / file).read_text())):
            if isinstance(node, ast.FunctionDef) and node.name in RUN_BY_IT:
                yield node


def read_by_the_application() -> set[str]:
    """The variables behind the settings' attributes that the migration's functions use."""
    fields = set(Settings.model_fields)
    used = {
        node.attr
        for function in functions()
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "settings"
    }
    derived = {"sqlalchemy_url": "database_url"}
    return {derived.get(name, name).upper() for name in used if name in fields or name in derived}


def test_the_functions_that_the_migration_runs_are_found() -> None:
    assert {function.name for function in functions()} == RUN_BY_IT
    assert read_by_the_application() >= MIGRATE.secrets


def test_every_plain_variable_that_the_migration_reads_is_one_that_its_job_is_given() -> None:
    assert read_by_the_application() - MIGRATE.secrets == READ_BY_MIGRATION
