"""Held-out keyframes against what the data set holds."""

import dataclasses

import numpy as np
import pytest
import torch

import make
from premotor import checkpoint, presets
from premotor.evaluate.acting import keyframes
from premotor.evaluate.acting.keyframes import located, measure_keyframes, predict_keyframes, turned
from premotor.represent import Source, open_dataset
from premotor.train.loop import build_mirror

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
    assert told == [("keyframes", i, 12, "") for i in range(1, 13)]
    assert all(np.isfinite([r.position_error, r.rotation_error]).all() for r in records)


def test_what_was_measured_is_read_back(run, made_up_data, monkeypatch):
    def measure():
        return measure_keyframes(run, Source(made_up_data), "val", lambda *_: None)

    first = measure()
    monkeypatch.setattr(keyframes, "load_mirror", None)
    assert measure() == first
    monkeypatch.undo()
    checkpoint.save(run, 9, build_mirror(CONFIG), {"world": 1})
    assert {r.step for r in measure()} == {9}  # other weights are measured anew


def test_the_errors_are_those_of_the_decoded_pose(made_up_data, monkeypatch):
    mirror = build_mirror(CONFIG).eval()
    dataset = open_dataset(Source(made_up_data), "val", CONFIG.mirror)
    known = dataset.cache.transitions
    decode = keyframes.decode.keyframes
    rows = iter(range(len(known)))

    def almost(output, config):
        said = []
        for keyframe in decode(output, config):
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


def test_right_is_within_two_centimeters_and_fifteen_degrees():
    near = make.keyframe(position_error=0.019, rotation_error=14.9)
    assert located(near)
    assert turned(near)
    assert not located(dataclasses.replace(near, position_error=0.021))
    assert not turned(dataclasses.replace(near, rotation_error=15.1))
