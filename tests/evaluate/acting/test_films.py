"""Films: which roll-outs, what is kept for them, and that they show what happened."""

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import make
from premotor.episode.identity import EpisodeId
from premotor.episode.keyframe import Keyframe
from premotor.evaluate.acting import films
from premotor.evaluate.acting.films import (
    CAMERA,
    MAX_PICTURES,
    SIZE,
    choose,
    draw_keyframe,
    film,
    film_all,
    film_strip,
    pruning,
)
from premotor.evaluate.acting.rollout import roll_out
from premotor.evaluate.acting.traces import EVERY, Choice, Trace, trace_path
from premotor.folders import EvaluationFolder
from premotor.geometry.cameras import pinhole
from premotor.geometry.poses import Pose
from premotor.records import EvalRecord, FilmRecord, read_list
from premotor.simulate.environment import Environment
from premotor.simulate.rig import Rig


def record(task: str, seed: int, success: bool, checkpoint: str = "trained") -> EvalRecord:
    return make.rollout(task=task, seed=seed, success=success, checkpoint=checkpoint)


def test_one_success_and_one_failure_per_task_are_chosen():
    records = [
        record("a", 3, True),
        record("a", 1, True),
        record("a", 2, False),
        record("b", 5, False),
    ]
    chosen = choose(records, "trained")
    assert {(r.task, r.success, r.seed) for r in chosen} == {
        ("a", True, 1),
        ("a", False, 2),
        ("b", False, 5),
    }


def test_where_nothing_failed_a_failure_from_before_training_stands_in():
    records = [
        record("a", 1, True),
        record("a", 1, False, "untrained"),
        record("b", 1, False),
        record("b", 1, False, "untrained"),
        record("b", 2, True, "untrained"),
    ]
    chosen = [(r.task, r.checkpoint, r.success) for r in choose(records, "trained")]
    assert chosen == [
        ("a", "trained", True),
        ("a", "untrained", False),
        ("b", "trained", False),
    ]


def test_a_key_pose_is_drawn_where_it_projects_to():
    black = np.zeros((96, 96, 3), dtype=np.uint8)
    keyframe = Keyframe(Pose.of([0.0, 0.0, 1.0]), True, False)
    drawn = draw_keyframe(black, keyframe, pinhole(96, 96, 40.0), np.eye(4))
    rows, columns = np.nonzero(drawn.any(2))
    assert abs(rows.mean() - 47.5) < 6  # the principal point
    assert abs(columns.mean() - 47.5) < 6
    assert not black.any()  # the picture that came is left alone


def test_a_strip_holds_the_first_and_the_last_picture():
    stills = [np.full((8, 8, 3), i, dtype=np.uint8) for i in range(20)]
    strip = np.asarray(film_strip(stills))
    assert strip[0, 0, 0] == 0
    assert strip[0, -1, 0] == 19
    assert strip.shape[1] == MAX_PICTURES * 8 + (MAX_PICTURES - 1) * 6


MIXED = [
    record("a", 2, True),
    record("a", 1, True),
    record("a", 3, False),
    record("a", 1, False, "untrained"),
    record("b", 1, False, "untrained"),
]


def test_what_is_filmed_at_the_end_has_kept_its_trace_in_whatever_order_records_came(
    tmp_path: Path,
):
    for number, records in enumerate(permutations(MIXED)):
        folder = tmp_path / str(number)
        folder.mkdir()
        told = pruning(folder, "trained")
        for made in records:
            trace_path(folder, made).write_bytes(b"")
            told(made)
        filmed = choose(records, "trained")
        assert set(filmed) == {MIXED[1], MIXED[2], MIXED[4]}
        assert set(folder.iterdir()) == {trace_path(folder, made) for made in filmed}


def test_the_trace_of_a_roll_out_that_has_no_record_yet_is_left_alone(tmp_path: Path):
    under_way = trace_path(tmp_path, record("a", 5, True))
    under_way.write_bytes(b"")
    told = pruning(tmp_path, "trained")
    told(record("a", 1, True))
    told(record("a", 2, True))
    assert under_way.is_file()


class Live:
    """Takes the pictures of a film while the episode is under way."""

    def __init__(self) -> None:
        self.rig: Rig | None = None
        self.target: Keyframe | None = None
        self.rows = 0
        self.stills: list[np.ndarray] = []
        self.frames: list[np.ndarray] = []

    def before(self, environment: Environment, keyframe: Keyframe | None) -> None:
        world = environment.world
        self.rig = self.rig or Rig(world.model, SIZE, SIZE, shadows=True, looks=world.looks)
        self.target = keyframe
        self.stills.append(self.shot(environment))

    def during(self, environment: Environment) -> None:
        self.rows += 1
        if self.rows % EVERY == 0:
            self.frames.append(self.shot(environment))

    def shot(self, environment: Environment) -> np.ndarray:
        assert self.rig is not None
        data = environment.world.data
        picture = self.rig.picture(data, CAMERA)
        if self.target is None:
            return picture
        view = self.rig.render(data, CAMERA)
        return draw_keyframe(picture, self.target, view.intrinsics, view.world_from_camera)


@pytest.mark.sim
@pytest.mark.slow
def test_a_film_from_kept_states_is_the_one_that_was_seen_live(replay, tmp_path, monkeypatch):
    episode = EpisodeId("push_buttons", 1, 7)
    environment, live, trace = Environment(), Live(), Trace()

    class Both:
        def before(self, environment: Environment, keyframe: Keyframe | None) -> None:
            trace.before(environment, keyframe)
            live.before(environment, keyframe)

        def during(self, environment: Environment) -> None:
            trace.during(environment)
            live.during(environment)

    result = roll_out(environment, replay(environment), episode, watcher=Both())
    encoded: list[np.ndarray] = []
    monkeypatch.setattr(films.video, "encode", lambda f, *_, **__: encoded.append(f) or b"")
    path = tmp_path / "a.npz"
    trace.write(path)
    told = make.rollout(**vars(episode), instruction=result.instruction, step=4)
    made = film(Environment(), told, Trace.read(path), tmp_path)
    rest = [live.stills[-1]] * films.FPS
    assert np.array_equal(encoded[0], np.stack([*live.frames, *rest]))
    strip = np.asarray(Image.open(tmp_path / made.strip))
    assert np.array_equal(strip, np.asarray(film_strip(live.stills)))
    assert (made.episode, made.success, made.reason, made.step) == (episode, True, "success", 4)
    assert made.instruction == result.instruction


def standing(environment: Environment, episode: EpisodeId) -> Trace:
    """Of a roll-out in which nothing moved."""
    environment.reset(episode)
    state = environment.world.state()
    target = Keyframe(Pose.of([0.3, 0.0, 1.0]), True, False)
    return Trace({0: state}, [Choice(0, target), Choice(0, None)])


@pytest.mark.sim
@pytest.mark.slow
def test_only_roll_outs_with_a_trace_are_filmed_and_a_film_of_before_stays(tmp_path: Path):
    environment, folder = Environment(), EvaluationFolder(tmp_path)
    done = make.rollout(task="push_buttons", seed=7, success=False, step=4)
    other = make.rollout(task="open_drawer", seed=8, success=False, step=4)
    stray = trace_path(folder.traces, make.rollout(task="turn_tap", step=3))
    standing(environment, done.episode).write(trace_path(folder.traces, done))
    standing(environment, done.episode).write(stray)
    news: list[tuple[str, int, int, str]] = []

    def filmed(*records: EvalRecord) -> list[FilmRecord]:
        made = film_all(records, "trained", folder, environment, lambda *n: news.append(n))
        assert read_list(folder.films / "films.json", FilmRecord) == made
        return made

    (made,) = filmed(done, other)
    assert made.episode == done.episode
    assert news == [
        ("film", 0, 2, "open_drawer"),
        ("film", 1, 2, "push_buttons, 1 not filmed, their states were not kept"),
        ("film", 2, 2, "1 not filmed, their states were not kept"),
    ]
    assert list(folder.traces.iterdir()) == [trace_path(folder.traces, done)]  # stray ones are gone
    trace_path(folder.traces, done).write_bytes(b"damaged")
    assert filmed(done, other) == [made]  # its film of before
    assert filmed(replace(done, step=5)) == []  # which is of other weights
    assert list(folder.traces.iterdir()) == []


def test_a_film_of_a_version_that_did_not_tell_the_weights_stays():
    told = make.rollout(success=False, step=4)
    of_before = FilmRecord(
        checkpoint="trained",
        **vars(told.episode),
        instruction=told.instruction,
        success=False,
        reason="time_out",
        strip="a.png",
        video="a.mp4",
    )
    assert films._shows(of_before, told)
    assert not films._shows(replace(of_before, step=3), told)
    assert not films._shows(replace(of_before, seed=9), told)
