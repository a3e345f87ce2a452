"""The ablation's table and figure from made-up records."""

import make
from premotor.records import AblationRecord
from premotor.report import ablation


def record(variant: str, measure: str, task: str = "all tasks", change: float | None = None):
    return AblationRecord(
        variant=variant,
        task=task,
        measure=measure,
        value=make.interval(0.8),
        difference=None if change is None else make.interval(change),
        steps=1500,
        seeds=1,
        simulator="premotor-mujoco" if measure in ("success", "strict") else "",
    )


MEASURES = ("success", "strict", "position", "rotation")
RECORDS = [
    *(record("full", m, task) for task in ("open_drawer", "all tasks") for m in MEASURES),
    *(record("lamb", m, "all tasks", -0.1) for m in MEASURES),
    record("lamb", "success", "open_drawer", 0.0),
]


def test_a_row_per_task_and_variant_with_differences_signed():
    rows = {row[:2]: row[2:] for row in ablation.table(RECORDS)}
    assert all(len(row) == len(ablation.COLUMNS) for row in ablation.table(RECORDS))
    assert list(rows) == [
        ("open_drawer", "full"),
        ("open_drawer", "lamb"),
        ("all tasks", "full"),
        ("all tasks", "lamb"),
    ]
    assert rows["all tasks", "lamb"][:2] == ("80 (70 to 90)", "\u221210 (\u221220 to 0)")
    assert rows["all tasks", "full"][1] == "\u2013"
    assert rows["open_drawer", "lamb"][1] == "0 (\u221210 to +10)"
    assert rows["open_drawer", "lamb"][2:] == ("\u2013",) * 5  # not measured


def test_the_caption_says_how_sure_the_numbers_are_and_whose_they_are():
    said = ablation.caption(RECORDS)
    for word in ("1,500 updates", "1 training seed.", "premotor-mujoco", "not RLBench", "`full`"):
        assert word in said
    for method in ("Wilson", "Newcombe", "bootstrap over episodes", "training seeds"):
        assert method in said


def test_markdown_names_every_change_that_is_shown():
    text = ablation.markdown(RECORDS, {"full": "as it is", "lamb": "LAMB", "other": "unseen"})
    assert text.startswith("| task | variant |")
    assert "- `lamb`: LAMB\n" in text
    assert "unseen" not in text


def test_the_figure_is_the_same_every_time_and_names_the_variants():
    drawn = ablation.figure(RECORDS)
    assert drawn == ablation.figure(RECORDS)
    assert all(word in drawn for word in ("full", "lamb", "all tasks", "within 2 cm"))


def test_a_single_task_is_drawn_where_there_is_no_pool():
    drawn = ablation.figure([record("full", m, "open_drawer") for m in MEASURES[:2]])
    assert "open drawer" in drawn
