"""Held-out keyframes against what the data set holds."""

import dataclasses
import shutil

import numpy as np
import pytest
import torch

from premotor import checkpoint, presets
from premotor.claims import Claim
from premotor.episode.turns import Turns
from premotor.evaluate.acting import keyframes
from premotor.evaluate.acting.keyframes import (
    decisive,
    known_keyframes,
    measure_keyframes,
    predict_keyframes,
)
from premotor.execute import decode
from premotor.folders import RunFolder
from premotor.geometry.poses import Pose
from premotor.measure.keyframes import located, turned
from premotor.progress import no_progress
from premotor.records import write_lines
from premotor.represent import Source, open_dataset
from premotor.simulate.tasks import ALL_TASKS
from premotor.store.reader import DemoSet
from premotor.train.loop import build_mirror
from small_data import write_split

torch.set_num_threads(1)
CONFIG = presets.train_preset("nano")


@pytest.fixture
def run(tmp_path):
    """A run with nothing but an untrained checkpoint that calls itself step 7."""
    checkpoint.save(tmp_path, 7, build_mirror(CONFIG), {"world": 1})
    return tmp_path


def test_every_held_out_keyframe_is_asked_for_once(run, made_up_data):
    told = []
    source = Source(made_up_data)
    records = measure_keyframes(run, source, "val", lambda *news: told.append(news))
    assert [(r.seed, r.keyframe_index) for r in records] == [
        (seed, k) for seed in range(100, 104) for k in range(3)
    ]
    assert {(r.step, r.task) for r in records} == {(7, "push_buttons")}
    decoding = [news for news in told if news[0] == "keyframes"]
    assert decoding == [("keyframes", i, 12, "") for i in range(1, 13)]
    assert all(np.isfinite([r.position_error, r.rotation_error]).all() for r in records)


def test_what_was_measured_of_these_weights_and_episodes_is_known(run, made_up_data):
    source = Source(made_up_data)
    assert known_keyframes(run, source, "val") == []
    first = measure_keyframes(run, source, "val", no_progress)
    assert known_keyframes(run, source, "val") == first
    assert known_keyframes(run, source, "train") == []
    RunFolder(run).evaluation.check(Claim())  # which is still to be made
    checkpoint.save(run, 9, build_mirror(CONFIG), {"world": 1})
    assert known_keyframes(run, source, "val") == []  # other weights
    assert measure_keyframes(run, source, "val", no_progress, step=7) == first
    older = [dataclasses.replace(record, coarse_error=None) for record in first]
    write_lines(RunFolder(run).keyframes, older)
    shutil.rmtree(RunFolder(run).checkpoint(9))
    assert known_keyframes(run, source, "val") == []  # of before the first look was told


@pytest.mark.parametrize("stages", [1, 2])
def test_batches_say_what_a_row_alone_says(made_up_data, stages):
    execute = dataclasses.replace(CONFIG.mirror.execute, stages=stages)
    mirror_config = dataclasses.replace(CONFIG.mirror, execute=execute)
    mirror = build_mirror(dataclasses.replace(CONFIG, mirror=mirror_config)).eval()
    dataset = open_dataset(Source(made_up_data), "val", mirror_config)
    together = list(predict_keyframes(mirror, dataset, 0))
    known = dataset.cache.transitions
    for row, record in enumerate(together):
        rows = np.array([row])
        with torch.inference_mode():
            output = mirror.execute(
                dataset.executed(rows), dataset.instruction(dataset.episodes_of(rows))
            )
        low, high = (np.array(corner) for corner in (execute.views.low, execute.views.high))
        (said,) = decode.keyframes(output, execute)
        pose, true = said.end_effector, known.position[row].astype(float)
        first = pose.position
        if stages == 2:  # the cube has the longest side of the scene, and runs from -1 to 1
            first = (low + high) / 2 + output.zoom_center[0].numpy() * (high - low).max() / 2
        dot = abs(float(pose.quaternion @ known.quaternion[row]))
        assert record.position_error == pytest.approx(
            np.linalg.norm(pose.position - true), abs=1e-5
        )
        assert record.coarse_error == pytest.approx(np.linalg.norm(first - true), abs=1e-5)
        assert record.rotation_error == pytest.approx(
            np.degrees(2 * np.arccos(min(dot, 1.0))), abs=1e-2
        )
        assert record.gripper_right == (said.gripper_open == known.gripper_open[row])
        assert record.collision_right == (said.ignore_collisions == known.ignore_collisions[row])


def test_the_errors_are_those_of_the_decoded_pose(made_up_data, monkeypatch):
    mirror = build_mirror(CONFIG).eval()
    dataset = open_dataset(Source(made_up_data), "val", CONFIG.mirror)
    known = dataset.cache.transitions
    honest = decode.keyframes
    rows = iter(range(len(known)))

    def almost(output, config):
        said = []
        for keyframe in honest(output, config):
            row = next(rows)
            pose = dataclasses.replace(
                keyframe.end_effector,
                position=known.position[row] + np.array([0.03, 0.0, 0.04]),
                quaternion=known.quaternion[row].astype(float),
            )
            hand = not known.gripper_open[row]
            said.append(dataclasses.replace(keyframe, end_effector=pose, gripper_open=hand))
        return said

    monkeypatch.setattr(keyframes.decode, "keyframes", almost)
    records = list(predict_keyframes(mirror, dataset, 0))
    assert [r.position_error for r in records] == pytest.approx([0.05] * 12, abs=1e-6)
    assert max(r.rotation_error for r in records) < 0.1
    assert not any(r.gripper_right or located(r) for r in records)
    assert all(turned(r) for r in records)


def test_the_nearest_of_what_is_as_good_counts(made_up_data, monkeypatch):
    mirror = build_mirror(CONFIG).eval()
    dataset = open_dataset(Source(made_up_data), "val", CONFIG.mirror)
    known = dataset.cache.transitions
    free = Turns((0.1, 0.2), (np.pi / 2, np.pi), symmetry=1)
    told = tuple(
        dataclasses.replace(info, turns=(free, *[None] * (len(info.keyframe_steps) - 1)))
        for info in dataset.cache.episodes
    )
    cache = dataclasses.replace(dataset.cache, episodes=told)
    honest, rows = decode.keyframes, iter(range(len(known)))

    def elsewhere(output, config):
        said = []
        for keyframe in honest(output, config):
            row = next(rows)
            shown = Pose.of(known.position[row], known.quaternion[row])
            aside = Pose.of((0.003, 0.0, 0.0)) @ free.poses(shown)[2]
            said.append(dataclasses.replace(keyframe, end_effector=aside))
        return said

    monkeypatch.setattr(keyframes.decode, "keyframes", elsewhere)
    records = list(predict_keyframes(mirror, dataclasses.replace(dataset, cache=cache), 0))
    for record in records:
        if record.keyframe_index == 0:
            assert record.position_error == pytest.approx(0.003, abs=1e-6)
            assert record.rotation_error < 0.1
        else:
            assert record.rotation_error == pytest.approx(180.0, abs=0.1)


def _recorded(folder, *demos):
    write_split(folder / "val", demos)
    return DemoSet.open(folder, "val").episodes


def test_the_task_says_which_keyframes_are_decisive(tmp_path, make_demo):
    orders = {len(o.colors): i for i, o in enumerate(ALL_TASKS["push_buttons"].variations)}
    infos = _recorded(
        tmp_path,
        make_demo(0, "close_jar", 5, steps=tuple(range(4, 34, 5))),
        make_demo(1, "push_buttons", orders[2], steps=(4, 9, 13, 17)),
        make_demo(2, "push_buttons", orders[2], steps=(4, 9, 13)),  # a knock on the way
        make_demo(3, "touch_dot", 0),  # nobody's task here
    )
    found = [[decisive(info, k) for k in range(len(info.keyframe_steps))] for info in infos]
    assert found == [
        [False, False, False, True, False, False],
        [True, False, True, False],
        [None] * 3,
        [None] * 3,
    ]


def test_records_tell_which_are_decisive(run, tmp_path, make_demo):
    write_split(tmp_path / "data" / "val", [make_demo(seed, "open_drawer") for seed in range(2)])
    records = measure_keyframes(run, Source(tmp_path / "data"), "val", no_progress)
    assert [r.decisive for r in records] == [True, False, False] * 2
