"""An episode is its (task, variation, seed): who records it, and when, changes no byte.

What is compared are the records, which hold the hashes of all states (every row) and of the
lossless images (four cameras, color and depth, first row and every keyframe, the last among them).
"""

import functools
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
import pytest

from premotor.demonstrate.collect import CollectConfig, CollectUnit, collect_unit, work_list
from premotor.episode.observation import CAMERAS
from premotor.folders import SplitFolder
from premotor.simulate.tasks import TASKS
from premotor.store.layout import EpisodeInfo, check_contents
from premotor.worklist import Crew, Done, Engine, run_units

pytestmark = pytest.mark.sim


class Way(NamedTuple):
    """One way to get the same work done."""

    workers: int
    engine: Engine
    order: int  # 1 or -1


WAYS = (Way(2, "processes", -1), Way(2, "ray", -1))


def _made(units: Sequence[CollectUnit], way: Way) -> list[EpisodeInfo]:
    infos: list[EpisodeInfo] = []

    def on_done(done: Done[CollectUnit, EpisodeInfo]) -> None:
        infos.append(done.unwrap())

    run_units(
        collect_unit, units[:: way.order], Crew(workers=way.workers, engine=way.engine), on_done
    )
    return sorted(infos, key=lambda info: info.index)


def _units(folder: Path, tasks: Sequence[str], episodes: int) -> list[CollectUnit]:
    return work_list(CollectConfig(tasks=tuple(tasks), episodes=episodes, out=folder))


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[EpisodeInfo]]:
    """Some tasks' first episodes, made in this process one after the other."""
    folder = tmp_path_factory.mktemp("sample")
    return folder, _made(_units(folder, SAMPLE, 1), Way(1, "processes", 1))


SAMPLE = tuple(TASKS)[::5]


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.engine)
def test_other_processes_in_another_order_make_the_same_bytes(sample, tmp_path, way) -> None:
    assert _made(_units(tmp_path, SAMPLE, 1), way) == sample[1]


@pytest.mark.slow
def test_what_is_hashed_holds_the_first_and_the_last_state_and_what_was_seen_then(sample) -> None:
    folder = SplitFolder(sample[0] / "train")
    for info in sample[1]:
        check_contents(folder, info)
        images = pq.read_table(folder.keyframes(info.index))
        states = pq.read_table(folder.states(info.index))
        assert images["step"].to_pylist()[0] == 0
        assert images["step"].to_pylist()[-1] == info.num_rows - 1 == len(states) - 1
        assert np.isfinite(states["state"].to_pylist()).all()
        for camera in CAMERAS:
            for kind in ("rgb", "depth"):
                column = images[f"observation.camera.{camera}.{kind}"].to_pylist()
                assert all(cell["bytes"] for cell in column)


@functools.cache
def _all_in_this_process(folder: Path) -> list[EpisodeInfo]:
    try:
        return _made(_units(folder, tuple(TASKS), 3), Way(1, "processes", 1))
    finally:
        shutil.rmtree(folder)


@pytest.mark.exhaustive
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.engine)
def test_three_episodes_of_every_task_are_the_same_bytes(tmp_path_factory, way) -> None:
    here = _all_in_this_process(tmp_path_factory.getbasetemp() / "here")
    folder = tmp_path_factory.mktemp("elsewhere")
    assert len(here) == 3 * len(TASKS)
    assert _made(_units(folder, tuple(TASKS), 3), way) == here
