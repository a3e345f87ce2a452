"""One checkpoint on made-up held-out episodes: every number against a computation of its own."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from premotor import presets
from premotor.batch import MirrorBatch
from premotor.data.dataset import Dataset
from premotor.errors import ConfigError
from premotor.evaluate.acting.keyframes import predict_keyframes
from premotor.evaluate.acting.losses import teacher_forced
from premotor.evaluate.held_out_losses import HeldOutConfig, measure_held_out
from premotor.evaluate.naming.calibration import fitted_temperature, text_scores
from premotor.evaluate.naming.recognition import WITHIN_TASK, catalog, recognize
from premotor.execute.loss import TERMS, execute_losses
from premotor.measure.keyframes import located, turned
from premotor.mirror import Mirror
from premotor.records import HeldOutRecord, read_json, write_json
from premotor.represent import Source, open_dataset
from premotor.train.loop import build_mirror
from small_data import write_split

torch.set_num_threads(1)
CONFIG = presets.train_preset("nano")
ALL = HeldOutConfig(fit_split="train")


@pytest.fixture(scope="module")
def data(tmp_path_factory, make_demo) -> Path:
    """Nine episodes of push_buttons and six of close_jar to measure, as many others to fit on."""
    folder = tmp_path_factory.mktemp("two_tasks")
    for split, first in (("test", 100), ("train", 0)):
        pushes = [make_demo(seed) for seed in range(first, first + 9)]
        jars = [
            make_demo(seed, task="close_jar", variation=seed % 2, steps=(4, 9))
            for seed in range(first + 50, first + 56)
        ]
        write_split(folder / split, [*pushes, *jars])
    return folder


@pytest.fixture(scope="module")
def test_set(data: Path) -> Dataset:
    return open_dataset(Source(data), "test", CONFIG.mirror)


@pytest.fixture(scope="module")
def fit_set(data: Path) -> Dataset:
    return open_dataset(Source(data), "train", CONFIG.mirror)


@pytest.fixture(scope="module")
def mirror() -> Mirror:
    return build_mirror(CONFIG).train()


@pytest.fixture(scope="module")
def record(mirror: Mirror, test_set: Dataset, fit_set: Dataset) -> HeldOutRecord:
    return measure_held_out(mirror, test_set, fit_set, ALL)


def test_the_record_comes_back_from_its_file(record, tmp_path):
    write_json(tmp_path / "held_out.json", record)
    assert read_json(tmp_path / "held_out.json", HeldOutRecord) == record
    assert (record.split, record.fitted_on) == ("test", "train")
    assert (record.rows, record.clips) == (9 * 3 + 6 * 2, 15)


def test_measuring_draws_nothing_and_leaves_the_network_as_it_was(
    mirror, test_set, fit_set, record
):
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    assert measure_held_out(mirror, test_set, fit_set, ALL) == record
    assert torch.equal(torch.random.get_rng_state(), before)
    assert mirror.training


def test_execute_is_the_loss_of_each_row_alone_with_every_task_alike(mirror, test_set, record):
    mirror.eval()
    losses: dict[str, list[float]] = {}
    for row in range(len(test_set.cache.transitions)):
        rows = np.array([row])
        episodes = test_set.episodes_of(rows)
        target = test_set.target(rows)
        batch = MirrorBatch(test_set.executed(rows), test_set.instruction(episodes), target)
        with torch.inference_mode():
            output = mirror.execute(batch.executed, batch.instruction, target)
        total = execute_losses(output, target, CONFIG.mirror.execute).total
        losses.setdefault(test_set.cache.episodes[episodes[0]].task, []).append(float(total))
    means = {task: float(np.mean(values)) for task, values in losses.items()}
    assert record.execute_by_task == pytest.approx(means, rel=1e-4)
    assert record.execute["execute"] == pytest.approx(np.mean(list(means.values())), rel=1e-4)
    assert set(record.execute) == {"execute", *TERMS}
    terms = sum(record.execute[name] for name in TERMS)
    assert record.execute["execute"] == pytest.approx(terms, rel=1e-5)


def test_shares_of_key_poses_are_those_of_their_records(mirror, test_set, record):
    found = list(predict_keyframes(mirror.eval(), test_set, 0))
    for name, right in (("position", located), ("rotation", turned)):
        means = [
            np.mean([right(r) for r in found if r.task == task])
            for task in ("close_jar", "push_buttons")
        ]
        assert getattr(record, name) == pytest.approx(np.mean(means))
    chosen = [r for r in found if r.decisive]
    assert (record.decisive is None) is (not chosen)


def test_texts_are_named_as_the_recognizer_names_them(mirror, test_set, record):
    mirror.eval()
    named = recognize(mirror.understand, test_set, catalog(test_set), "").records
    told = {r.class_set: r for r in named}
    values = {task: rate.value for task, rate in told["text"].by_task.items()}
    assert record.text_accuracy_by_task == pytest.approx(values)
    assert record.text_accuracy == pytest.approx(np.mean(list(values.values())))
    within = [rate.value for rate in told[WITHIN_TASK].by_task.values()]
    assert record.text_within_task == pytest.approx(np.mean(within))
    assert record.chance["text_accuracy"] == pytest.approx(told["text"].chance)


def test_log_p_at_the_fitted_temperature_lies_between_certainty_and_far_below_a_guess(record):
    assert 1e-3 <= record.temperature <= 1e2
    assert record.text_log_p < record.text_log_p_within_task < 0.0
    assert record.text_log_p > 2.0 * math.log(record.chance["text_accuracy"])


def test_neighbors_are_of_instructions_with_two_episodes(record):
    assert set(record.neighbor) == {"u", "e", "e_without_words"}
    assert all(0.0 <= value <= 1.0 for value in record.neighbor.values())
    # 3 instructions of 3 episodes, and 3 of 2: a guess is right with 2 of 8, and 1 of 5
    assert record.chance["neighbor"] == pytest.approx((2 / 8 + 1 / 5) / 2)


def test_a_choice_is_the_same_every_time_and_as_many_of_each_task(mirror, test_set, fit_set):
    few = replace(ALL, rows=5, clips=4, fit_clips=3)
    one, two = (measure_held_out(mirror, test_set, fit_set, few) for _ in range(2))
    assert one == two
    assert (one.rows, one.clips) == (10, 8)
    other = measure_held_out(mirror, test_set, fit_set, replace(few, seed=1))
    assert other.execute != one.execute


def test_rows_that_are_never_met_are_left_out_with_settled_answers(
    mirror, test_set, fit_set, monkeypatch
):
    never = np.arange(len(test_set.cache.transitions)) % 3 == 1
    monkeypatch.setattr(Dataset, "never_met", property(lambda _: never))
    found = measure_held_out(mirror, test_set, fit_set, ALL)
    assert found.rows == (~never).sum()
    recorded = measure_held_out(mirror, test_set, fit_set, replace(ALL, answers="recorded"))
    assert recorded.rows == len(never)


def test_groups_of_rows_have_their_own_means(mirror, test_set):
    mirror.eval()
    one, two = np.arange(10), np.arange(10, 13)
    apart = teacher_forced(mirror, test_set, [one, two])
    (together,) = teacher_forced(mirror, test_set, [np.arange(13)])
    expected = (10 * apart[0]["fine"] + 3 * apart[1]["fine"]) / 13
    assert together["fine"] == pytest.approx(expected, rel=1e-5)


def test_a_temperature_is_fitted_on_other_clips_of_the_same_tasks(mirror, test_set, made_up_data):
    with pytest.raises(ConfigError, match="rows, clips and fit_clips must be >= 0"):
        HeldOutConfig(rows=-1)
    pushes = open_dataset(Source(made_up_data), "val", CONFIG.mirror)
    with pytest.raises(ConfigError, match="split val has no episode of close_jar"):
        measure_held_out(mirror, test_set, pushes, HeldOutConfig())


def test_without_another_split_each_half_is_measured_at_the_temperature_of_the_other(
    mirror, test_set, record
):
    alone = measure_held_out(mirror, test_set, None, replace(ALL, fit_split="test"))
    assert alone.fitted_on == "test"
    assert alone.text_accuracy_by_task == record.text_accuracy_by_task
    order = np.array([e.task for e in test_set.cache.episodes])
    clips = np.concatenate(
        [np.flatnonzero(order == task) for task in ("close_jar", "push_buttons")]
    )
    scores = text_scores(mirror.understand.eval(), test_set, clips)
    weights = np.repeat([1 / 6, 1 / 9], [6, 9]) / 2
    first = np.concatenate(
        [np.random.default_rng([0, task]).permutation(n) % 2 == 0 for task, n in ((0, 6), (1, 9))]
    )
    log_p = np.empty(15)
    for half in (first, ~first):
        tau = fitted_temperature(scores.only(~half), weights[~half])
        log_p[half] = scores.only(half).log_p(tau).numpy()
    assert alone.text_log_p == pytest.approx(float(weights @ log_p), rel=1e-6)
