"""The tables of the providers that our stacks use: what the real ones are known to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.engine.doubles.rules import Table


def tables_of(cloud: str) -> Mapping[str, Table]:
    """The providers' tables of one target, by package; each target's SDK is looked into only when it is asked for."""
    match cloud:
        case "aws":
            from tests.engine.doubles.tables.aws import AWS  # noqa: PLC0415  # why: needs this target's SDK

            return {"aws": AWS, **_of_containers()}
        case "kubernetes":
            from tests.engine.doubles.tables.kubernetes import KUBERNETES  # noqa: PLC0415  # why: as above

            return {"kubernetes": KUBERNETES, **_of_containers()}
        case _:
            return {}


def _of_containers() -> Mapping[str, Table]:
    from tests.engine.doubles.tables.docker_build import DOCKER_BUILD  # noqa: PLC0415  # why: as above
    from tests.engine.doubles.tables.random import RANDOM  # noqa: PLC0415  # why: as above

    return {"docker-build": DOCKER_BUILD, "random": RANDOM}
