"""The processors that a container may use: the deployment counts them as the application does."""

import itertools
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from app import cpus as application
from components.local import cpus

pytestmark = pytest.mark.unit

V1_QUOTA, V1_PERIOD = "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"
HALF_V1 = {V1_QUOTA: "50000", V1_PERIOD: "100000"}
GROUPS: tuple[tuple[Mapping[str, str], int | None], ...] = (
    ({}, None),
    ({"cpu.max": "50000 100000\n"}, 1),
    ({"cpu.max": "150000 100000\n"}, 2),
    ({"cpu.max": "800000 100000\n"}, 8),
    ({"cpu.max": "max 100000\n"}, None),
    ({"cpu.max": "max 100000\n"} | HALF_V1, 1),
    ({"cpu.max": "300000 100000\n"} | HALF_V1, 3),
    ({"cpu.max": "nonsense"} | HALF_V1, 1),
    ({"cpu.max": "5000 0"}, None),
    ({"cpu.max": ""}, None),
    ({V1_QUOTA: "250000", V1_PERIOD: "100000"}, 3),
    ({V1_QUOTA: "-1", V1_PERIOD: "100000"}, None),
    ({V1_QUOTA: "50000"}, None),
    ({V1_QUOTA: "50000", V1_PERIOD: "0"}, None),
)


@pytest.mark.parametrize("visible", [1, 2, 16])
@pytest.mark.parametrize(("files", "granted"), GROUPS)
def test_the_deployment_and_the_application_count_the_same_processors(
    files: Mapping[str, str], granted: int | None, visible: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    def mask(_process: int) -> set[int]:
        return set(range(visible))

    monkeypatch.setattr(os, "sched_getaffinity", mask, raising=False)
    expected = visible if granted is None else min(visible, granted)
    assert cpus.usable_cpus(tmp_path) == application.usable_cpus(tmp_path) == expected


def test_where_there_is_no_affinity_mask_the_machines_own_count_is_the_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    for count, expected in ((6, 6), (None, 1)):
        counts: Iterator[int | None] = itertools.repeat(count)
        monkeypatch.setattr(os, "cpu_count", counts.__next__)
        assert cpus.usable_cpus(tmp_path) == application.usable_cpus(tmp_path) == expected
