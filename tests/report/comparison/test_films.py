"""Roll-outs from the same start: where they part, and how many videos a page holds."""

from dataclasses import replace

import pytest

import comparisons
from comparisons import key_poses
from premotor.folders import ComparisonFolder
from premotor.report.comparison import films

TASKS = comparisons.TASKS[:3]
ARMS = ("apart", "aligned")


def test_key_poses_that_are_alike_to_the_end_do_not_part():
    assert films.parting(key_poses(0.0), key_poses(0.019)) is None


def test_the_first_key_pose_that_lies_elsewhere_is_named():
    found = films.parting(key_poses(0.0), key_poses(0.05))
    assert (found.index, found.said) == (1, "5.0 cm apart")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"quaternion": (0.965926, 0.258819, 0.0, 0.0)}, "turned by 30\u00b0"),
        ({"gripper_open": False}, "fingers the other way"),
    ],
)
def test_turned_hands_and_other_fingers_differ_too(change, said):
    first = key_poses(0.0)
    found = films.parting(first, (replace(first[0], **change), *first[1:]))
    assert (found.index, found.said) == (0, said)


def test_where_one_ends_first_they_part_at_what_only_the_other_has():
    found = films.parting(key_poses(0.0), key_poses(0.0)[:2])
    assert (found.index, found.said) == (2, "only one goes on")


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    found = comparisons.comparison(tasks=TASKS)
    comparisons.records(folder, found, episodes=10, videos=[bytes(1000)])
    return films.read_kept(ComparisonFolder(folder), ARMS, 0)


def test_the_same_starts_are_paired_with_how_they_ended(kept):
    assert len(kept.pairs) == 6
    pair = kept.pairs[0]
    assert [film.episode for film in pair.films] == [pair.episode, pair.episode]
    assert kept.solved[pair.episode] == tuple(film.success for film in pair.films)


def test_a_start_that_one_arm_was_not_filmed_from_does_not_part(kept):
    pair = films._pair(kept.pairs[0].episode, [kept.pairs[0].films[0], None])
    assert pair.parting is None


def test_videos_beyond_the_budget_stay_out_task_by_task(kept):
    held, left_out = films.within_budget(kept, budget=9000)  # three videos of each of three starts
    assert left_out == 9
    shown = [p.episode.task for p in held.pairs if all(f.video for f in p.films)]
    assert sorted(shown) == sorted(TASKS)
    assert sum(clip.video != "" for clip in held.clips) == 3
    assert films.within_budget(kept)[1] == 0


def test_without_records_there_is_nothing(tmp_path):
    found = films.read_kept(ComparisonFolder(tmp_path), ARMS, 0)
    assert (found.pairs, found.clips, found.solved) == ((), (), {})
