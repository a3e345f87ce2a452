"""The probe in words, as a table and as a figure: they say what the record says."""

from dataclasses import replace

import pytest

from premotor.records import (
    AlignmentRecord,
    Interval,
    NullRecord,
    ProbeRecord,
    RelationRecord,
)
from premotor.report.probe import figure, markdown, sentences


def measure(name: str, space: str, p_task: float, **changes: str) -> AlignmentRecord:
    nulls = [
        NullRecord(
            stratum=stratum,
            null_mean=0.1,
            null_sd=0.1,
            null_q95=0.2,
            z_score=2.0,
            p_value=p,
            permutations=1000,
        )
        for stratum, p in (("all", 0.001), ("task", p_task), ("variation", 0.5))
    ]
    told = {"checkpoint": "trained", "instruction": "given", "episode": "same"} | changes
    return AlignmentRecord(
        measure=name,
        space=space,
        value=1.25,
        reference=4.6,
        num_rows=100,
        nulls=tuple(nulls),
        interval=Interval(value=1.25, low=1.0, high=1.5, count=100),
        **told,
    )


def relation(within: str, auc: float, p: float, watched: str = "expert") -> RelationRecord:
    return RelationRecord(
        score="cosine of z_u and z_e",
        watched=watched,
        instruction="given",
        within=within,
        auc=Interval(value=auc, low=auc - 0.1, high=auc + 0.1, count=60),
        p_value=p,
        permutations=1000,
        num_pairs=200,
        by_stratum={"open_drawer": Interval(value=0.7, low=0.4, high=0.9, count=20)},
    )


@pytest.fixture
def record() -> ProbeRecord:
    return ProbeRecord(
        run_u="runs/u",
        run_e="runs/e",
        step_u=10,
        step_e=10,
        together="",
        fit_split="train",
        num_fit=1800,
        split="test",
        num_rows=100,
        unit="episode",
        named=Interval(value=0.6, low=0.5, high=0.7, count=100),
        other_camera="",
        named_elsewhere=None,
        temperature=0.05,
        measures=(
            measure("debiased_cka", "raw", 0.4),
            measure("debiased_cka", "z", 0.001),
            measure("debiased_cka", "z", 0.3, instruction="blanked"),
            measure("debiased_cka", "z", 0.001, episode="another"),
            measure("bound", "z", 0.001),
            replace(measure("bound", "z", 0.001, checkpoint="untrained"), value=0.5),
        ),
        relations=(relation("task", 0.65, 0.01), relation("all", 0.8, 0.001)),
        successes=60,
        rollouts=100,
        simulator="premotor-mujoco",
        code_version="0",
    )


def test_alignment_is_told_across_tasks_and_within_them_with_its_kind(record):
    apart, raw, shared, bound, *success = sentences(record)
    assert "were trained apart" in apart
    assert "across tasks: found (p = 0.001), within tasks: not found (p = 0.400)" in raw
    assert "scene alignment" in raw
    assert "language alignment" in shared
    assert bound == (
        "log B - L: 1.25 nat (1.00 to 1.50) of at most log 100 = 4.60; untrained towers with maps "
        "of their own 0.50."
    )
    assert success[0] == "60 of 100 roll-outs succeed (premotor-mujoco)."
    assert "AUC 0.65 (0.55 to 0.75), p = 0.010: alignment goes with success" in success[1]


@pytest.mark.parametrize(
    ("auc", "p", "said"),
    [(0.6, 0.2, "no relation found"), (0.3, 0.01, "goes against success")],
)
def test_a_relation_is_claimed_only_where_it_stands(record, auc, p, said):
    found = replace(record, relations=(relation("task", auc, p),))
    assert said in sentences(found)[-1]


def test_models_trained_together_make_no_word_on_spontaneous_alignment(record):
    told = sentences(replace(record, together="both are one run"))[0]
    assert told.startswith("Not trained apart (both are one run): no word here")


@pytest.mark.parametrize(("elsewhere", "warned"), [(0.1, True), (0.5, False)])
def test_a_camera_that_u_cannot_see_through_makes_no_control(record, elsewhere, warned):
    other = Interval(value=elsewhere, low=0.0, high=1.0, count=100)
    _, _, shared, _, told, *_ = sentences(
        replace(record, other_camera="overhead", named_elsewhere=other)
    )
    assert told.startswith("U names 60% of the clips rightly, through the camera overhead")
    assert ("says nothing" in told) is warned
    assert "language alignment" in shared  # withheld words decide without the other control
    unread = replace(record, measures=(record.measures[1], record.measures[3]))
    _, shared, *_ = sentences(replace(unread, other_camera="overhead", named_elsewhere=other))
    assert "of an unknown kind" in shared
    assert ("another episode" in shared) is warned


def test_a_space_that_was_not_measured_is_not_spoken_of(record):
    told = " ".join(sentences(replace(record, measures=(measure("bound", "z", 0.001),))))
    assert "Alignment of z_u and z_e" in told
    assert "Alignment of u and e" not in told


def test_without_both_outcomes_nothing_is_said_of_success(record):
    alike = replace(record, relations=(), successes=100)
    assert "nothing can be said" in sentences(alike)[-1]
    assert "U saw" not in markdown(alike)
    assert "open drawer" not in figure(alike)


def test_the_page_puts_the_pooled_figure_and_the_controls_beside(record):
    page = markdown(record)
    assert "| the expert's episode, within the task | given | 0.65 |" in page
    assert "| the expert's episode, pooled | given | 0.80 |" in page
    _, shared = (line for line in page.splitlines() if line.startswith("| debiased cka"))
    cells = [cell.strip() for cell in shared.strip("|").split("|")]
    assert cells[1:4] == ["1.25", "1.00 to 1.50", "4.60"]
    assert "| at most 4.60 |" in page
    assert cells[6:9] == ["p = 0.500", "p = 0.300", "p = 0.001"]


def test_the_figure_is_the_same_every_time_and_names_tasks_and_measures(record):
    drawn = figure(record)
    assert drawn == figure(record)
    assert "open drawer" in drawn
    assert "debiased cka" in drawn
