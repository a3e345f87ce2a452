import numpy as np

import make
from premotor.episode.keyframe import Keyframe
from premotor.evaluate.films import MAX_PICTURES, choose, draw_keyframe, film_strip
from premotor.geometry.cameras import pinhole
from premotor.geometry.poses import Pose
from premotor.records import EvalRecord


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
