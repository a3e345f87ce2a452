"""The tables of held-out keyframes from made-up records."""

import io

from rich.console import Console

import make
from premotor.measure.intervals import wilson
from premotor.report.keyframes import keyframe_tables
from premotor.report.table import terminal


def _records():
    """Two tasks and a study; of open_drawer 5 of 6 are right, of its two decisive ones one."""
    errors = [0.0, 0.1, 0.0, 0.0, 0.0, 0.0]
    drawer = [
        make.keyframe(
            task="open_drawer",
            seed=place // 3,
            keyframe_index=place % 3,
            position_error=error,
            coarse_error=error,
            decisive=place in (0, 1),
        )
        for place, error in enumerate(errors)
    ]
    cups = [
        make.keyframe(task="place_cups", seed=s, rotation_error=90.0, decisive=False)
        for s in range(4)
    ]
    study = [make.keyframe(task="push_buttons_free", position_error=0.03, decisive=True)]
    return [*study, *cups, *drawer, make.keyframe(task="touch_dot", gripper_right=False)]


def test_shares_and_causes_by_task_and_in_all():
    every, _ = keyframe_tables(_records())
    assert [column.name for column in every.columns] == [
        "task",
        "within 2 cm",
        "within 15\u00b0",
        "gripper",
        "what is wrong",
    ]
    one, none = wilson(1, 1), wilson(0, 1)
    assert every.rows == (
        (
            "open drawer\n6 in 2 episodes",
            wilson(5, 6),
            wilson(6, 6),
            wilson(6, 6),
            "1 \u00d7 elsewhere",
        ),
        (
            "place cups\n4 in 4 episodes",
            wilson(4, 4),
            wilson(0, 4),
            wilson(4, 4),
            "4 \u00d7 rotation",
        ),
        ("touch dot\n1 in 1 episodes", one, one, none, "1 \u00d7 gripper"),
        ("push buttons free\n1 in 1 episodes", none, one, one, "1 \u00d7 near"),
        (
            "all of 3 tasks\n11 in 7 episodes",  # the study is none of them
            wilson(10, 11),
            wilson(7, 11),
            wilson(10, 11),
            "4 \u00d7 rotation\n1 \u00d7 elsewhere\n1 \u00d7 gripper",
        ),
    )
    assert every.totals == 1


def test_decisive_keyframes_stand_apart_and_unknown_ones_are_none():
    _, chosen = keyframe_tables(_records())
    assert chosen.rows == (
        ("open drawer\n2 in 1 episodes", wilson(1, 2), wilson(2, 2), "1 \u00d7 elsewhere"),
        ("push buttons free\n1 in 1 episodes", wilson(0, 1), wilson(1, 1), "1 \u00d7 near"),
    )
    assert chosen.totals == 0  # one task and a study are not summed up


def test_without_decisive_ones_there_is_one_table():
    (every,) = keyframe_tables([make.keyframe()])
    assert every.rows[0][-1] == "nothing"


def test_the_tables_fit_a_terminal():
    for table in keyframe_tables(_records()):
        console = Console(width=100, file=io.StringIO())
        console.print(terminal(table))
        assert max(map(len, console.file.getvalue().splitlines())) <= 100
