"""A roll-out's own video: of the demonstrations' kind, and recorded without a trace."""

from pathlib import Path

import numpy as np
import pytest

from premotor.cli import collect
from premotor.data.dataset import Dataset, Format
from premotor.episode.identity import EpisodeId, EpisodeSlot
from premotor.episode.keyframe import Keyframe
from premotor.errors import ConfigError, DataError
from premotor.evaluate.acting.own_video import clip_path, own_clips, write_clip
from premotor.evaluate.acting.rollout import roll_out
from premotor.evaluate.acting.success import (
    RollOuts,
    RolloutUnit,
    Weights,
    actor_of,
    shared_environment,
)
from premotor.evaluate.acting.traces import Trace
from premotor.geometry.poses import Pose
from premotor.simulate.environment import Environment
from premotor.store.cache import NUM_FRAMES, EpisodeCache
from premotor.store.reader import DemoSet

pytestmark = pytest.mark.sim


class Stretched:
    """Wants what no posture of the arm reaches."""

    def act(self, observation, instruction):
        return Keyframe(Pose.of([0.77, 0.65, 1.75], [0, 1, 0, 0]), True, False)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, replay):
    """Two demonstrations, and the clips of an expert's roll-outs of the same episodes."""
    folder = tmp_path_factory.mktemp("own") / "data"
    collect.command(["push_buttons", "--episodes", "2", "--split", "test", "--out", str(folder)])
    demos = DemoSet.open(folder, "test")
    form = Format(num_frames=2, caption_context=28, instruction_context=24)
    dataset = Dataset(EpisodeCache.build_or_open(demos, num_frames=3), form)
    units = [unit_of(info.variation, info.seed) for info in demos.episodes]
    clips, path = folder / "clips", folder / "rollouts.jsonl"
    campaign = RollOuts(ledger=path, clips=clips).campaign(lambda *_: replay(shared_environment()))
    found = campaign.run(units).insist("roll-outs")
    assert [record.success for record in found] == [True, True]
    return demos, dataset, units, path, clips


EPISODE = EpisodeId("push_buttons", 1, 7)


def unit_of(variation: int, seed: int, step: int = 1) -> RolloutUnit:
    weights = Weights("run", step, "trained", "nano")
    return RolloutUnit(weights, EpisodeSlot("push_buttons", variation, (seed,)))


def test_clips_begin_as_the_demonstrations_do_and_show_what_was_done(recorded):
    demos, dataset, _, _, clips = recorded
    own = own_clips(clips, dataset).cache.frames
    assert own.shape == dataset.cache.frames.shape
    for position in range(2):
        demonstrated = dataset.cache.frames[position]
        lost = difference(own[position][0], demonstrated[0])
        assert lost < 4.0  # by the video's compression
        assert difference(own[1 - position][0], demonstrated[0]) > lost  # of another episode
        assert difference(own[position][-1], own[position][0]) > lost
        (first,) = demos.observations(position, limit=1)
        assert np.array_equal(own[position][0], first.views["front"].rgb)


def difference(one: np.ndarray, two: np.ndarray) -> float:
    return float(np.abs(one.astype(int) - two.astype(int)).mean())


def test_the_last_frame_is_that_of_the_end(replay, recorded):
    *_, clips = recorded
    clip = np.load(clips / next(clips.iterdir()).name)
    assert clip.shape == (NUM_FRAMES, 128, 128, 3)
    environment, trace = Environment(), Trace()
    roll_out(environment, replay(environment), EPISODE, watcher=trace)
    assert np.array_equal(trace.states[len(trace.states) - 1], environment.world.state())


def test_a_roll_out_that_never_moves_shows_the_same_frame_throughout(tmp_path):
    environment, trace = Environment(), Trace()
    result = roll_out(environment, Stretched(), EpisodeId("push_buttons", 0, 8), watcher=trace)
    assert (result.failure, result.key_poses) == ("unreachable", 1)
    path = clip_path(tmp_path, EpisodeId("push_buttons", 0, 8))
    write_clip(environment, trace, path)
    clip = np.load(path)
    assert len(clip) == NUM_FRAMES
    assert (clip == clip[0]).all()


def test_a_roll_out_without_its_clip_is_done_again_where_clips_are_wanted(recorded, tmp_path):
    _, _, units, path, clips = recorded

    def known(folder: Path | None) -> list[RolloutUnit]:
        return list(RollOuts(ledger=path, clips=folder).campaign(actor_of).known(units))

    assert known(clips) == known(None) == units
    assert known(tmp_path) == []


def test_an_episode_without_a_clip_is_named(recorded, tmp_path):
    demos, dataset, _, _, clips = recorded
    first, second = demos.episodes
    kept = clip_path(tmp_path, first.episode)
    kept.write_bytes(clip_path(clips, first.episode).read_bytes())
    with pytest.raises(DataError, match=rf"1 of 2 .* seed {second.seed}\).* run the same command"):
        own_clips(tmp_path, dataset)


def test_what_is_no_clip_is_named(recorded, tmp_path):
    demos, dataset, *_ = recorded
    paths = [clip_path(tmp_path, i.episode) for i in demos.episodes]
    for path in paths:
        np.save(path, np.zeros((NUM_FRAMES, 8, 8, 3), dtype=np.uint8))
    with pytest.raises(DataError, match=r"uint8 \(32, 8, 8, 3\), expected uint8 \(32, 128, 128"):
        own_clips(tmp_path, dataset)
    paths[0].write_bytes(b"")
    with pytest.raises(DataError, match=f"{paths[0].name} is no clip"):
        own_clips(tmp_path, dataset)


def test_two_policies_do_not_share_a_folder_of_clips(tmp_path):
    units = [unit_of(0, 8, step=1), unit_of(0, 8, step=2)]
    with pytest.raises(ConfigError, match="2 policies"):
        RollOuts(ledger=tmp_path / "rollouts.jsonl", clips=tmp_path).of(units)
