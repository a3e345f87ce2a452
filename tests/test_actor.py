"""Acting with a policy: alone, in batches, from disk, and laid open."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import make
from premotor import checkpoint, presets
from premotor.actor import Actor
from premotor.episode.decision import Decision
from premotor.episode.observation import cloud_from_views
from premotor.errors import (
    BadDepth,
    ConfigError,
    EmptyCloud,
    UncountedSteps,
    WrongCameras,
    WrongImage,
)
from premotor.execute.policy import Policy
from premotor.mirror import Mirror
from premotor.records import write_json
from premotor.represent import Source, open_dataset

CONFIG = replace(presets.train_preset("nano").mirror.execute, count_to=0)
WORDS = ("push the red button", "open the top drawer", "slide the block to green target")
SIDE = 32  # of the made-up cameras


@pytest.fixture(scope="module")
def actor() -> Actor:
    torch.manual_seed(0)
    return Actor(Policy(CONFIG), SIDE)


@pytest.fixture
def seen(make_demo):
    return [replace(make_demo(seed).observations[0], key_poses=0) for seed in range(3)]


def numbers(keyframe) -> np.ndarray:
    return keyframe.action()


def test_a_batch_decides_what_each_row_decides_alone(actor, seen):
    alone = [actor.act(o, w) for o, w in zip(seen, WORDS, strict=True)]
    together = actor.act_batch(seen, WORDS)
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(numbers(one), numbers(other), atol=1e-4)
    assert len({tuple(numbers(k).round(4)) for k in alone}) == 3  # they do differ


def test_the_same_question_gets_the_same_answer_to_the_bit(actor, seen):
    first, again = (actor.act_batch(seen, WORDS) for _ in range(2))
    assert all(np.array_equal(numbers(a), numbers(b)) for a, b in zip(first, again, strict=True))


def test_a_batch_without_rows_has_no_answers_and_an_uneven_one_is_refused(actor, seen):
    assert actor.act_batch([], []) == []
    with pytest.raises(ConfigError, match="3 observations and 2 instructions"):
        actor.act_batch(seen, WORDS[:2])


def test_a_policy_acts_the_same_from_a_run_and_from_a_folder_of_its_own(tmp_path, seen, actor):
    torch.manual_seed(1)
    mirror = Mirror(presets.train_preset("nano").mirror)
    checkpoint.save(tmp_path / "run", 3, mirror)
    checkpoint.save_policy(tmp_path / "alone", mirror.execute)
    expected = numbers(Actor(mirror.execute, SIDE).act(seen[0], WORDS[0]))
    for folder in ("run", "alone"):
        loaded = Actor.load(tmp_path / folder)
        assert loaded.image_side == 128
        found = numbers(Actor(loaded.policy, SIDE).act(seen[0], WORDS[0]))
        assert np.array_equal(found, expected)
    assert not np.allclose(numbers(actor.act(seen[0], WORDS[0])), expected)


def test_looking_lays_open_the_decision_that_acting_takes(actor, seen):
    decision = actor.look(seen[0], WORDS[0])
    assert isinstance(decision, Decision)
    assert np.array_equal(numbers(decision.keyframe), numbers(actor.act(seen[0], WORDS[0])))
    size = CONFIG.views.size
    for stage in (decision.coarse, decision.fine):
        assert stage.colors.shape == (3, size, size, 3)
        assert stage.heatmap.shape == stage.depth.shape == stage.occupied.shape == (3, size, size)
        np.testing.assert_allclose(stage.probability.sum((1, 2)), 1.0, rtol=1e-5)
        assert not stage.colors[~stage.occupied].any()
    assert decision.coarse.occupied.any()
    assert decision.rotation.shape == (3, CONFIG.tokens.rotation_bins)
    assert (decision.gripper_open > 0.5) == decision.keyframe.gripper_open
    assert (decision.ignore_collisions > 0.5) == decision.keyframe.ignore_collisions
    assert decision.e.shape == (CONFIG.e_dim,)
    assert decision.e.dtype == np.float32


def test_looking_shows_what_both_stages_decided_by(actor, seen):
    heatmap = replace(CONFIG.heatmap, coarse_weight=1.0)
    policy = Policy(replace(CONFIG, heatmap=heatmap))
    policy.load_state_dict(actor.policy.state_dict())
    both, alone = (one.look(seen[0], WORDS[0]) for one in (Actor(policy, SIDE), actor))
    zoom, middle = CONFIG.views.zoom, CONFIG.views.size // 2
    share = both.fine.heatmap - np.log(alone.fine.probability)  # of the coarse stage, per pixel
    coarse = np.log(alone.coarse.probability)
    assert share.max() - share.min() > 0.0
    assert share.max() <= coarse.max() + 1e-4
    assert share.min() >= coarse.min() - 1e-4
    steps = np.abs(np.diff(share[:, middle], axis=-1)).max()
    assert steps <= np.abs(np.diff(coarse, axis=-1)).max() / zoom * 2 + 1e-4
    assert np.array_equal(both.coarse.heatmap, alone.coarse.heatmap)


def test_the_zoomed_cube_is_a_part_of_the_scene_around_the_best_point(actor, seen):
    decision = actor.look(seen[0], WORDS[0])
    coarse, fine = decision.coarse, decision.fine
    np.testing.assert_allclose(coarse.low, CONFIG.views.low, atol=1e-6)
    np.testing.assert_allclose(coarse.high, CONFIG.views.high, atol=1e-6)
    np.testing.assert_allclose(fine.high - fine.low, 1.0 / CONFIG.views.zoom, atol=1e-6)
    position = decision.keyframe.end_effector.position
    assert ((position > fine.low) & (position < fine.high)).all()


def test_every_point_of_the_cloud_is_drawn_where_the_stage_says(actor, seen):
    decision = actor.look(seen[0], WORDS[0])
    low, high = np.array(CONFIG.views.low), np.array(CONFIG.views.high)
    points, _ = cloud_from_views(seen[0].views, low, high)
    for stage, stride in ((decision.coarse, CONFIG.views.stride), (decision.fine, 1)):
        inside = ((points > stage.low) & (points < stage.high)).all(1)
        pixels = stage.pixels(points[inside & (np.arange(len(points)) % stride == 0)])
        assert pixels.min() > -0.5001
        assert pixels.max() < CONFIG.views.size - 0.4999
        columns, rows = pixels.round().astype(int).clip(0, CONFIG.views.size - 1).transpose(2, 1, 0)
        assert all(stage.occupied[view, rows[view], columns[view]].all() for view in range(3))


def test_the_views_look_from_above_from_the_front_and_from_the_left(actor, seen):
    stage = actor.look(seen[0], WORDS[0]).coarse
    above, front, left = stage.pixels(stage.low[None])[0]
    last = CONFIG.views.size - 0.5
    np.testing.assert_allclose(above, [-0.5, last], atol=1e-5)  # x to the right, y up
    np.testing.assert_allclose(front, [-0.5, last], atol=1e-5)  # y to the right, z up
    np.testing.assert_allclose(left, [last, last], atol=1e-5)  # x to the left, z up


def test_what_cannot_be_acted_on_is_refused_before_the_network(actor, seen):
    blind = replace(seen[0], views={})
    with pytest.raises(WrongCameras):
        actor.act(blind, WORDS[0])
    with pytest.raises(WrongImage):
        Actor(actor.policy).act(seen[0], WORDS[0])
    view = seen[0].views["front"]
    dark = {**seen[0].views, "front": replace(view, depth=np.zeros_like(view.depth))}
    with pytest.raises(BadDepth, match="'front' is empty"):
        actor.look(replace(seen[0], views=dark), WORDS[0])


def test_a_scene_without_a_point_is_called_so(actor, seen):
    far = {n: replace(v, depth=np.full_like(v.depth, 10.0)) for n, v in seen[0].views.items()}
    with pytest.raises(EmptyCloud, match="bounds"):
        actor.act_batch([seen[1], replace(seen[0], views=far)], WORDS[:2])


COUNTING = replace(CONFIG, count_to=3)


@pytest.fixture(scope="module")
def counting() -> Actor:
    torch.manual_seed(0)
    return Actor(Policy(COUNTING), SIDE)


def test_a_policy_is_told_how_many_key_poses_were_done_if_it_asks(actor, counting, seen):
    at = [replace(seen[0], key_poses=done) for done in (0, 1, 2, 5, None)]
    told = [numbers(counting.act(observation, WORDS[0])) for observation in at[:4]]
    assert not np.array_equal(told[0], told[1])
    assert not np.array_equal(told[1], told[2])
    assert np.array_equal(told[2], told[3])  # more than it tells apart
    unasked = [numbers(actor.act(observation, WORDS[0])) for observation in at]
    assert all(np.array_equal(unasked[0], other) for other in unasked)


def test_a_policy_that_counts_refuses_an_observation_without_the_count(counting, seen):
    uncounted = replace(seen[0], key_poses=None)
    with pytest.raises(UncountedSteps, match=r"0 at first, and one more after each"):
        counting.act_batch([replace(seen[1], key_poses=0), uncounted], WORDS[:2])


def test_what_is_told_beside_the_cloud_in_acting_is_what_was_told_in_training(
    counting, made_up_data
):
    mirror = replace(presets.train_preset("nano").mirror, execute=COUNTING)
    source = Source(made_up_data)
    dataset, demos = open_dataset(source, "val", mirror), source.open("val")
    learned = dataset.executed(np.arange(6)).proprioception.numpy()
    acted = [counting._states(demos.observations(position, limit=3)) for position in range(2)]
    np.testing.assert_array_equal(learned, np.concatenate(acted))
    np.testing.assert_array_equal(learned[:, 3:], np.tile(np.eye(3), (2, 1)))


@pytest.mark.gpu
def test_a_gpu_decides_what_the_cpu_decides(actor, seen, tmp_path):
    checkpoint.save_policy(tmp_path / "p", actor.policy)
    there = Actor(Actor.load(tmp_path / "p", device="cuda").policy, SIDE)
    for one, other in zip(there.act_batch(seen, WORDS), actor.act_batch(seen, WORDS), strict=True):
        np.testing.assert_allclose(numbers(one), numbers(other), atol=1e-2)


def test_words_that_a_policy_was_never_told_are_said_once_and_acted_on(actor, seen, caplog):
    strange = Actor(actor.policy, SIDE)
    with caplog.at_level("WARNING", logger="premotor.actor"):
        strange.act(seen[0], WORDS[0])
        assert not caplog.records
        strange.act_batch(seen[:2], ["push the zebra", "open the Zebra's top quagga, please"])
        strange.look(seen[0], "push the zebra")
    (record,) = caplog.records
    assert "never been told 'zebra', 'zebras', 'quagga'" in record.getMessage()


def test_a_run_knows_the_words_of_its_training_alone(actor, seen, caplog):
    with caplog.at_level("WARNING", logger="premotor.actor"):
        Actor(actor.policy, SIDE, words=("push", "the", "button")).act(seen[0], WORDS[0])
    assert [r.getMessage().count("'red'") for r in caplog.records] == [1]


def test_the_words_of_a_training_come_along_with_its_run(tmp_path):
    told = make.manifest(words=("open", "drawer"))
    run = make.checkpoints(tmp_path / "run")
    write_json(run / "manifest.json", told)
    assert Actor.load(run)._words == {"open", "drawer"}
