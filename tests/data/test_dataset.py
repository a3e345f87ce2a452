import dataclasses
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import make
from premotor.backbones.tokenizer import Tokenizer
from premotor.batch import Executed, MirrorBatch, Observed
from premotor.data.dataset import (
    BatchStream,
    Dataset,
    Format,
    blank_instruction,
    pairing_of,
    training_batches,
)
from premotor.data.pairing import Pairing, PairingConfig, Rows
from premotor.episode.turns import RESTING, Turns
from premotor.errors import TextTooLong
from premotor.geometry.poses import Pose
from premotor.store.cache import EpisodeCache, Transitions
from premotor.store.layout import EpisodeInfo

FORMAT = Format(num_frames=4, caption_context=12, instruction_context=16)
TEXTS = [("push the red button", "press red"), ("push the blue button",)]


def info(index: int) -> EpisodeInfo:
    return make.episode(index, variation=index % 2, instructions=TEXTS[index % 2])


@pytest.fixture
def cache(tmp_path: Path) -> EpisodeCache:
    """Four episodes of two transitions in memory; cloud i has 5 + i points of color i."""
    rng = np.random.default_rng(0)
    counts = np.arange(5, 13)
    row = np.arange(8)
    quaternions = np.tile(np.array([1.0, 0.0, 0.0, 0.0], np.float32), (8, 1))
    transitions = Transitions(
        episode=row // 2,
        observation_index=row,
        keyframe_index=row % 2,
        position=rng.uniform(0, 0.5, (8, 3)).astype(np.float32),
        quaternion=quaternions,
        gripper_open=row % 3 == 0,
        ignore_collisions=row % 2 == 0,
        proprioception=np.tile(row[:, None], (1, 3)).astype(np.float32),
    )
    return EpisodeCache(
        folder=tmp_path,
        episodes=tuple(info(i) for i in range(4)),
        transitions=transitions,
        frames=np.tile(np.arange(8, dtype=np.uint8)[None, :, None, None, None], (4, 1, 6, 6, 3)),
        low=np.zeros(3),
        high=np.ones(3),
        offsets=np.concatenate([[0], np.cumsum(counts)]),
        steps=rng.integers(0, 65536, (counts.sum(), 3), dtype=np.uint16),
        colors=np.repeat(row.astype(np.uint8), counts)[:, None].repeat(3, 1),
    )


def test_a_run_may_see_more_of_the_rows_that_have_to_find_their_place(cache: EpisodeCache):
    far = cache.transitions.approaches  # the first of each episode, and by chance all others too
    assert far.tolist() == [True] * 8
    cache.transitions.position[1::2] = cache.transitions.position[::2]
    config = PairingConfig(batch_size=8, recognition_every=0, approaches=3.0)
    plan = pairing_of(Dataset(cache, FORMAT), 0, config)
    drawn = np.concatenate([plan.rows(step, 0, 1).transitions for step in range(256)])
    assert (drawn % 2 == 0).mean() == pytest.approx(0.75, abs=1e-3)


def test_a_row_may_act_to_the_settled_one_of_the_key_poses_that_are_as_good(cache: EpisodeCache):
    free = Turns((0.2, 0.2), (np.pi / 2, np.pi, 3 * np.pi / 2))
    told = dataclasses.replace(cache.episodes[1], turns=(None, free))
    episodes = (cache.episodes[0], told, *cache.episodes[2:])
    rows = np.array([2, 3])
    dataset = Dataset(dataclasses.replace(cache, episodes=episodes), FORMAT)
    shown = dataset.target(rows)
    assert torch.equal(shown.position, torch.from_numpy(cache.transitions.position[rows]))
    batch = dataset.batch(Rows(rows, paired=False, answers="settled"))
    pose = free.settled(Pose.of(cache.transitions.position[3], cache.transitions.quaternion[3]))
    assert torch.equal(batch.target.position[0], shown.position[0])
    assert batch.target.position[1].numpy() == pytest.approx(pose.position, abs=1e-6)
    assert batch.target.quaternion[1].numpy() == pytest.approx(pose.quaternion, abs=1e-6)
    assert torch.equal(batch.target.gripper_open, shown.gripper_open)


@pytest.mark.parametrize("other_side", [False, True])
def test_what_a_policy_of_settled_answers_never_meets_is_not_learned(cache, other_side):
    taken = Turns((0.2, 0.2), (np.pi / 2, np.pi, 3 * np.pi / 2), symmetry=2)
    put = dataclasses.replace(taken, symmetry=1)
    rows, resting = cache.transitions, np.array(RESTING)
    rows.position[2] = (0.2, 0.3 if other_side else 0.1, 0.9)
    rows.quaternion[2] = resting
    episodes = [dataclasses.replace(e, turns=()) for e in cache.episodes]
    episodes[1] = dataclasses.replace(cache.episodes[1], turns=(taken, put))
    episodes[2] = dataclasses.replace(cache.episodes[2], turns=(None, put))
    dataset = Dataset(dataclasses.replace(cache, episodes=tuple(episodes)), FORMAT)
    assert np.flatnonzero(dataset.never_met).tolist() == [3] * other_side
    config = PairingConfig(batch_size=8, recognition_every=0)
    for answers, left in (("settled", [3] * other_side), ("recorded", [])):
        plan = pairing_of(dataset, 0, dataclasses.replace(config, answers=answers))
        drawn = {row for step in range(64) for row in plan.rows(step, 0, 1).transitions}
        assert sorted(set(range(8)) - drawn) == left


def test_rows_carry_the_clouds_of_their_observations(cache: EpisodeCache):
    batch = Dataset(cache, FORMAT).batch(Rows(np.array([6, 1]), paired=False))
    assert batch.executed.points.shape == (2, 11, 3)
    assert torch.isfinite(batch.executed.points[0]).all()
    assert torch.isnan(batch.executed.points[1, 6:]).all()
    expected = torch.from_numpy(cache.cloud(1)[0])
    assert torch.equal(batch.executed.points[1, :6], expected)
    assert torch.allclose(batch.executed.colors[0], torch.full((11, 3), 6 / 255))
    assert batch.executed.proprioception[:, 0].tolist() == [6.0, 1.0]
    assert batch.observed is None


def test_targets_are_the_keyframes_that_end_the_transitions(cache: EpisodeCache):
    target = Dataset(cache, FORMAT).batch(Rows(np.array([3, 6]), paired=False)).target
    assert target is not None
    assert torch.equal(target.position, torch.from_numpy(cache.transitions.position[[3, 6]]))
    assert target.gripper_open.tolist() == [1, 1]
    assert target.ignore_collisions.tolist() == [0, 1]


def test_watching_and_doing_are_of_one_episode(cache: EpisodeCache):
    dataset = Dataset(cache, FORMAT)
    batch = dataset.batch(Rows(np.array([2, 5]), paired=True), np.random.default_rng(0))
    assert batch.observed is not None
    expected = Tokenizer(16).encode([TEXTS[1][0], TEXTS[0][0]])
    assert torch.equal(batch.instruction, expected)
    said = [set(map(tuple, Tokenizer(12).encode(t).tolist())) for t in (TEXTS[1], TEXTS[0])]
    for row, allowed in zip(batch.observed.caption.tolist(), said, strict=True):
        assert tuple(row) in allowed
    assert batch.observed.text_id[0] != batch.observed.text_id[1]


def test_rows_tell_their_task_text_class_and_episode(cache: EpisodeCache):
    tasks = ("stack", "close", "stack", "turn")
    episodes = (dataclasses.replace(e, task=t) for e, t in zip(cache.episodes, tasks, strict=True))
    dataset = Dataset(dataclasses.replace(cache, episodes=tuple(episodes)), FORMAT)
    lots = np.array([0.1, 0.2, 0.3, 0.4])
    batch = dataset.batch(Rows(np.array([7, 2, 5, 1]), paired=False, shuffled=lots))
    assert isinstance(batch, MirrorBatch)
    ids = batch.to("cpu").ids
    assert ids is not None
    assert ids.task.tolist() == [2, 0, 1, 1]
    assert ids.episode.tolist() == [3, 1, 2, 0]
    assert ids.instruction.tolist() == dataset.labels.texts[[3, 1, 2, 0]].tolist()
    assert ids.shuffled is not None
    assert ids.shuffled.tolist() == lots.tolist()


def test_unmasked_clips_take_middle_frames_and_the_first_text(cache: EpisodeCache):
    observed = Dataset(cache, FORMAT).observed(np.array([0, 2]))
    shown = (observed.frames[0, :, 0, 0, 0] * 255).round().int().tolist()
    assert shown == [0, 2, 4, 6]
    assert torch.equal(observed.caption, Tokenizer(12).encode([TEXTS[0][0]] * 2))
    assert observed.text_id[0] == observed.text_id[1]


def test_paraphrases_are_all_used_in_training(cache: EpisodeCache):
    dataset, rng = Dataset(cache, FORMAT), np.random.default_rng(0)
    seen = {tuple(dataset.observed(np.array([0]), rng).caption[0].tolist()) for _ in range(20)}
    assert len(seen) == 2


def read_by_the_policy(dataset: Dataset, rows: Rows, seed: int) -> MirrorBatch:
    batch = dataset.batch(rows, np.random.default_rng(seed))
    assert isinstance(batch, MirrorBatch)
    return batch


def test_the_policy_reads_every_text_where_any_may_be_drawn(cache: EpisodeCache):
    dataset, rows = Dataset(cache, FORMAT), Rows(np.array([0, 2]), paired=False, texts="any")
    drawn = [read_by_the_policy(dataset, rows, seed).instruction for seed in range(12)]
    known = [set(map(tuple, Tokenizer(16).encode(texts).tolist())) for texts in TEXTS]
    for place, texts in enumerate(known):
        assert {tuple(words[place].tolist()) for words in drawn} == texts
    assert torch.equal(read_by_the_policy(dataset, rows, 7).instruction, drawn[7])
    assert torch.equal(dataset.batch(rows).instruction, dataset.instruction(np.array([0, 1])))


def test_what_the_policy_reads_changes_no_draw_of_the_clips(cache: EpisodeCache):
    dataset, rows = Dataset(cache, FORMAT), Rows(np.array([0, 4]), paired=True)
    any_text = dataclasses.replace(rows, texts="any")
    for seed in range(8):
        first, other = (read_by_the_policy(dataset, r, seed) for r in (rows, any_text))
        assert torch.equal(first.instruction, dataset.instruction(np.array([0, 2])))
        assert first.observed is not None
        assert other.observed is not None
        assert torch.equal(first.observed.frames, other.observed.frames)
        assert torch.equal(first.observed.caption, other.observed.caption)


def test_texts_that_the_policy_cannot_read_whole_are_refused_before_training(cache: EpisodeCache):
    infos = [
        dataclasses.replace(e, instructions=("push it", "press the red one", "press it"))
        for e in cache.episodes
    ]
    long = dataclasses.replace(cache, episodes=tuple(infos))
    dataset = Dataset(long, dataclasses.replace(FORMAT, instruction_context=5))
    config = PairingConfig(batch_size=2, pair_batch_size=2)
    pairing_of(dataset, 0, config)
    said = r"'press the red one' has 6 tokens.*--execute.text.context 6.*--pairing.texts any"
    with pytest.raises(TextTooLong, match=said):
        pairing_of(dataset, 0, dataclasses.replace(config, texts="any"))
    enough = Dataset(long, dataclasses.replace(FORMAT, instruction_context=6))
    plan = pairing_of(enough, 0, dataclasses.replace(config, texts="any"))
    make = training_batches(enough, plan, 0, 0, 1)
    assert plan.rows(3, 0, 1).texts == "any"
    assert all(torch.equal(make(step).instruction, make(step).instruction) for step in range(4))
    assert len({tuple(row) for step in range(9) for row in make(step).instruction.tolist()}) == 3


def with_keyframes(cache: EpisodeCache, *steps: int) -> EpisodeCache:
    """The same frames, numbered 0 to 7 and kept of rows 0, 1, 3, 4, 5, 6, 8, 9."""
    infos = (dataclasses.replace(e, keyframe_steps=steps) for e in cache.episodes)
    return dataclasses.replace(cache, episodes=tuple(infos))


def frames_shown(observed: Observed) -> list[list[int]]:
    return (observed.frames[:, :, 0, 0, 0] * 255).round().int().tolist()


@pytest.mark.parametrize(
    ("steps", "segments"),
    [
        ((3, 9), ([0, 1, 2], [2, 3, 4, 5, 6, 7])),  # a frame at a keyframe ends one and begins one
        ((7, 9), ([0, 1, 2, 3, 4, 5], [6, 7])),
        ((3, 3), ([0, 1, 2], [2])),
        ((2, 2), ([0, 1], [1])),  # no frame of row 2; rows 1 and 3 are as near
        ((6, 7), ([0, 1, 2, 3, 4, 5], [5])),
    ],
)
def test_a_segment_runs_from_the_observation_to_the_target(cache, steps, segments):
    changed = with_keyframes(cache, *steps)
    for episode in range(4):
        for k in range(2):
            assert changed.segment(2 * episode + k).tolist() == segments[k]


def test_a_segments_clip_shows_what_lies_between_its_keyframes(cache: EpisodeCache):
    dataset = Dataset(with_keyframes(cache, 3, 9), FORMAT)
    assert frames_shown(dataset.observed_segments(np.array([0, 3]))) == [[0, 1, 2, 2], [2, 3, 5, 6]]
    rng = np.random.default_rng(0)
    drawn = [frames_shown(dataset.observed_segments(np.array([4, 7]), rng)) for _ in range(60)]
    assert {frame for first, _ in drawn for frame in first} == {0, 1, 2}
    assert {frame for _, second in drawn for frame in second} == {2, 3, 4, 5, 6, 7}
    assert all(row == sorted(row) for clips in drawn for row in clips)
    one = Dataset(with_keyframes(cache, 3, 3), FORMAT).observed_segments(np.array([1]))
    assert frames_shown(one) == [[2, 2, 2, 2]]


def test_a_segment_is_captioned_as_its_episode(cache: EpisodeCache):
    dataset = Dataset(cache, FORMAT)
    parts, whole = (
        dataset.observed_segments(np.array([1, 2, 6])),
        dataset.observed(np.array([0, 1, 3])),
    )
    assert torch.equal(parts.caption, whole.caption)
    assert torch.equal(parts.text_id, whole.text_id)


def test_only_pairs_of_segments_show_segments(cache: EpisodeCache):
    dataset, rows = Dataset(cache, WITH_CLASSES), np.array([1, 2])
    shown = {}
    for unit in ("episode", "segment"):
        observed = dataset.batch(Rows(rows, paired=True, unit=unit)).observed
        assert observed is not None
        assert observed.classes is not None
        shown[unit] = frames_shown(observed)
    assert shown == {
        "episode": [[0, 2, 4, 6]] * 2,
        "segment": [[2, 3, 5, 6], [0, 1, 2, 2]],
    }
    assert frames_shown(dataset.clips(rows, "episode")) == shown["episode"]


WITH_CLASSES = dataclasses.replace(FORMAT, class_captions=True)


def test_clips_come_with_a_caption_of_every_class_only_where_asked_for(cache: EpisodeCache):
    plain = Dataset(cache, FORMAT).batch(Rows(np.array([2, 5]), paired=True))
    dataset = Dataset(cache, WITH_CLASSES)
    asked = dataset.batch(Rows(np.array([2, 5]), paired=True))
    assert plain.observed is not None
    assert plain.observed.classes is None
    assert asked.observed is not None
    assert asked.observed.classes is not None
    assert asked.observed.classes.shape == (2, 12)  # two classes, whichever the rows are of
    own = asked.observed.classes[asked.observed.text_id]
    assert torch.equal(own, asked.observed.caption)
    assert dataset.batch(Rows(np.array([2, 5]), paired=False)).observed is None
    assert dataset.observed(np.array([0])).classes is None  # what is measured needs none


def test_drawing_classes_changes_no_other_draw(cache: EpisodeCache):
    rows = Rows(np.array([2, 5]), paired=True)
    plain, asked = (
        Dataset(cache, form).batch(rows, np.random.default_rng(3)).observed
        for form in (FORMAT, WITH_CLASSES)
    )
    assert plain is not None
    assert asked is not None
    assert torch.equal(plain.frames, asked.frames)
    assert torch.equal(plain.caption, asked.caption)


def test_every_paraphrase_of_a_class_is_drawn_but_those_of_several_classes(cache: EpisodeCache):
    lists = [("push red", "press red", "press it"), ("push blue", "press it"), ("press it",)]
    infos = [dataclasses.replace(cache.episodes[i], instructions=lists[i % 3]) for i in range(4)]
    dataset = Dataset(dataclasses.replace(cache, episodes=tuple(infos)), WITH_CLASSES)
    rng, drawn = np.random.default_rng(0), [set[tuple[int, ...]]() for _ in lists]
    for _ in range(20):
        observed = dataset.batch(Rows(np.array([0]), paired=True), rng).observed
        assert observed is not None
        assert observed.classes is not None
        for seen, row in zip(drawn, observed.classes.tolist(), strict=True):
            seen.add(tuple(row))
    said = [("press it",), ("push blue",), ("push red", "press red")]  # in the order of the ids
    expected = [set(map(tuple, Tokenizer(12).encode(texts).tolist())) for texts in said]
    assert drawn == expected


def test_a_blank_instruction_has_no_word():
    words = Tokenizer(8).encode(["push", ""])
    assert torch.equal(blank_instruction(8, 2), words[1:].expand(2, -1))


@pytest.mark.parametrize("unit", ["episode", "segment"])
def test_batches_are_the_same_wherever_a_stream_starts(cache: EpisodeCache, unit):
    config = PairingConfig(batch_size=2, pair_batch_size=2, unit=unit)
    dataset = Dataset(cache, FORMAT)
    plan = Pairing(cache.transitions.episode, dataset.labels, 0, config)
    make = training_batches(dataset, plan, 0, 0, 1)
    with BatchStream(make, range(10)) as whole, BatchStream(make, range(7, 10)) as late:
        tail = list(whole)[7:]
        for a, b in zip(tail, late, strict=True):
            assert torch.equal(a.executed.points.nan_to_num(), b.executed.points.nan_to_num())
            if a.observed is not None and b.observed is not None:
                assert torch.equal(a.observed.frames, b.observed.frames)
        assert tail[2].observed is not None


def empty_batch() -> MirrorBatch:
    executed = Executed(torch.zeros(1, 1, 3), torch.zeros(1, 1, 3), torch.zeros(1, 3))
    return MirrorBatch(executed, torch.zeros(1, 4, dtype=torch.int64))


def test_what_goes_wrong_in_the_thread_reaches_the_loop():
    def make(step: int) -> MirrorBatch:
        if step == 2:
            raise ValueError("torn")
        return empty_batch()

    with BatchStream(make, range(5)) as batches, pytest.raises(ValueError, match="torn"):
        for _ in batches:
            pass


def test_a_stream_that_is_left_early_ends_its_threads():
    with BatchStream(lambda _: empty_batch(), range(1000), threads=2) as batches:
        next(iter(batches))
        assert any(thread.name.startswith("batches") for thread in threading.enumerate())
    assert not any(thread.name.startswith("batches") for thread in threading.enumerate())


def test_several_threads_hand_out_batches_in_order_and_at_once():
    def make(step: int) -> MirrorBatch:
        time.sleep(0.05 if step % 2 else 0.1)
        return dataclasses.replace(empty_batch(), instruction=torch.full((1, 4), step))

    start = time.perf_counter()
    with BatchStream(make, range(8), threads=4) as batches:
        found = [int(batch.instruction[0, 0]) for batch in batches]
    assert found == list(range(8))
    assert time.perf_counter() - start < 0.45  # 0.6 one after the other


def test_preparing_ahead_hides_the_time_it_takes():
    def make(_: int) -> MirrorBatch:
        time.sleep(0.01)
        return empty_batch()

    waited = 0.0
    with BatchStream(make, range(12)) as batches:
        for number, _ in enumerate(batches):
            time.sleep(0.03)
            waited += batches.waited if number >= 2 else 0.0
    assert waited < 0.1


def test_episode_infos_stay_with_their_rows(cache: EpisodeCache):
    swapped = dataclasses.replace(cache, episodes=cache.episodes[::-1])
    ids = Dataset(cache, FORMAT).observed(np.arange(4)).text_id
    assert torch.equal(Dataset(swapped, FORMAT).observed(np.arange(4)).text_id, ids.flip(0))
