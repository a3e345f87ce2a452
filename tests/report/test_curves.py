"""Charts over training: what they show, and gaps where nothing could be measured."""

import math
from dataclasses import replace

import numpy as np
import pytest

import make
from premotor.measure.retrieval import recall_at_k
from premotor.report import curves
from premotor.report.run import RunRecords, read_run


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, list[float]]]:
    """Values of each line by the title of its chart, kept as they are drawn."""
    found: dict[str, dict[str, list[float]]] = {}
    panel = curves.panel

    def kept(title, note, series, levels=()):
        found[title] = {line.label: list(line.values) for line in series}
        return panel(title, note, series, levels)

    monkeypatch.setattr(curves, "panel", kept)
    return found


def read(tmp_path, kind: str = "mirror", steps: int = 50) -> RunRecords:
    return read_run(make.run_folder(tmp_path / "run", kind=kind, steps=steps, films=False))


def test_alignment_of_the_probe_episodes_is_shown_step_by_step(tmp_path, drawn):
    run = read(tmp_path)
    panels = curves.alignment_panels(run)
    assert [panel.title for panel in panels] == list(drawn)
    there = drawn["Partner found first"]["watched \u2192 done"]
    assert there == [100 * recall_at_k(step.z_u, step.z_e) for step in run.probe]
    assert there[-1] > there[0]
    neighbors = drawn["Shared neighbors"]
    assert neighbors["partners"][-1] > neighbors["shuffled within the task"][-1]


def test_where_a_tower_collapsed_the_lines_have_gaps(tmp_path, drawn):
    run = read(tmp_path, kind="collapsed")
    panels = curves.alignment_panels(run)
    assert len(panels) == 4
    for lines in drawn.values():
        for values in lines.values():
            assert math.isfinite(values[0])  # as training began
            assert np.isnan(values[1:]).all()


def test_a_run_that_never_varied_is_charted_without_a_line(tmp_path, drawn):
    run = read(tmp_path, kind="collapsed")
    late = replace(run, probe=run.probe[1:])
    assert len(curves.alignment_panels(late)) == 4
    assert all(np.isnan(v).all() for lines in drawn.values() for v in lines.values())


def test_a_single_measurement_or_too_few_episodes_make_no_chart(tmp_path):
    run = read(tmp_path)
    assert curves.alignment_panels(replace(run, probe=run.probe[:1])) == ()
    assert curves.alignment_panels(replace(run, rows=run.rows[:11])) == ()


def test_every_loss_has_a_chart_and_one_that_is_new_its_own(tmp_path, drawn):
    run = read(tmp_path)
    steps = [make.step(i, losses={"total": 2.0, "align": 1.0, "novel": 1.0}) for i in range(3)]
    titles = {panel.title for panel in curves.loss_panels(run)}
    assert titles == {title for title, _, _ in curves.GROUPS}
    few = replace(run, steps=tuple(steps))
    assert [panel.title for panel in curves.loss_panels(few)] == ["Align", "novel"]
    assert drawn["novel"] == {"novel": [1.0] * 3}
    assert curves.loss_panels(replace(run, steps=())) == ()


def test_what_each_loss_asks_of_each_part_is_charted_where_it_was_written_down(tmp_path, drawn):
    run = read(tmp_path)
    assert curves.gradient_panels(run) == ()
    told = {"policy/coarse/own": 2.0, "policy/coarse/align": 0.5, "policy/coarse/cosine": -0.1}
    steps = [make.step(i, gradients=told if i == 4 else {}) for i in range(6)]
    panels = curves.gradient_panels(replace(run, steps=tuple(steps)))
    assert [panel.title for panel in panels] == [title for _, title, _ in curves.GRADIENTS]
    assert [list(lines.values()) for lines in drawn.values()] == [[[2.0]], [[0.5]], [[-0.1]]]


def test_beside_the_alignment_of_a_block_stands_what_the_task_alone_would_reach(tmp_path, drawn):
    told = {"align": 1.5, "align_within_task": 1.0, "align_task_alone": 1.1, "align_bound": 0.5}
    run = replace(read(tmp_path), steps=tuple(make.step(i, losses=told) for i in range(3)))
    assert [panel.title for panel in curves.loss_panels(run)] == ["Align"]
    assert {k: v[0] for k, v in drawn["Align"].items()} == {
        "L_align": 1.5,
        "within the task": 1.0,
        "knowing the task alone": 1.1,
    }
    assert [(level.label, level.value) for level in curves._chance(run)] == [("chance: 2.00", 2.0)]


def test_the_time_that_went_to_waiting_is_a_share_of_all():
    steps = [make.step(data_seconds=0.1, step_seconds=0.4), make.step(data_seconds=0.3)]
    assert curves.waiting_share(steps) == pytest.approx(0.4 / 0.75)
    assert curves.waiting_share([]) is None
