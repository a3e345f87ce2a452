"""The ablation's table and figure from made-up records."""

import pytest

from premotor.records import AblationRecord, Interval
from premotor.report import ablation


def record(
    variant: str,
    measure: str,
    task: str = "all tasks",
    change: float | None = None,
    seeds: int = 1,
) -> AblationRecord:
    def around(value: float) -> Interval:
        return Interval(value=value, low=value - 0.1, high=value + 0.1, count=40)

    return AblationRecord(
        variant=variant,
        task=task,
        measure=measure,
        value=around(0.8),
        difference=None if change is None else around(change),
        steps=1500,
        seeds=seeds,
        simulator="premotor-mujoco" if measure in ("success", "strict") else "",
        over="seeds" if seeds > 1 else "these episodes",
        p_value=None if seeds == 1 or change is None else 0.5,
        least_p=None if seeds == 1 or change is None else 2 / 2**seeds,
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
    assert rows["all tasks", "lamb"][:3] == (
        "these episodes",
        "80 (70 to 90)",
        "\u221210 (\u221220 to 0)",
    )
    assert rows["all tasks", "full"][2] == "\u2013"
    assert rows["open_drawer", "lamb"][2] == "0 (\u221210 to +10)"
    assert rows["open_drawer", "lamb"][3:] == ("\u2013",) * 5  # not measured


def test_over_seeds_a_row_says_so_and_has_p_values():
    records = [record("full", "success", seeds=3), record("lamb", "success", change=0.1, seeds=3)]
    full, lamb = ablation.table(records)
    assert (full[2], full[4]) == ("3 seeds", "\u2013")
    assert (lamb[2], lamb[4]) == ("3 seeds", "+10 (0 to +20), p 0.5")


def test_the_caption_says_whose_the_numbers_are():
    said = ablation.caption(RECORDS)
    for word in ("1,500 updates", "1 training seed.", "premotor-mujoco", "not RLBench", "`full`"):
        assert word in said


def test_with_one_seed_the_caption_claims_nothing_about_ways_of_training():
    said = ablation.caption(RECORDS)
    for words in (
        "seeds were not repeated",
        "about the episodes",
        "tell no ways of training apart",
    ):
        assert words in said
    for method in ("Wilson", "Newcombe", "bootstrap over episodes"):
        assert method in said
    assert "t interval" not in said


@pytest.mark.parametrize(("seeds", "least"), [(2, "0.5"), (5, "0.062"), (6, "0.031")])
def test_the_caption_says_what_p_so_many_seeds_can_reach(seeds, least):
    records = [record("full", "success", seeds=seeds), record("lamb", "success", "a", 0.1, seeds)]
    said = ablation.caption(records)
    assert f"{seeds} training seeds." in said
    assert "paired over seeds, with a t interval" in said
    assert "not repeated" not in said
    assert f"p is at least {least}" in said
    assert ("cannot reach 0.05" in said) == (seeds < 6)


def test_markdown_names_every_change_that_is_shown():
    text = ablation.markdown(RECORDS, {"full": "as it is", "lamb": "LAMB", "other": "unseen"})
    assert text.startswith("| task | variant |")
    assert "- `lamb`: LAMB\n" in text
    assert "unseen" not in text


def test_the_figure_is_the_same_every_time_and_names_the_variants():
    drawn = ablation.figure(RECORDS)
    assert drawn == ablation.figure(RECORDS)
    assert all(word in drawn for word in ("full", "lamb", "all tasks", "within 2 cm"))
    assert "intervals over these episodes" in drawn


def test_a_single_task_is_drawn_where_there_is_no_pool():
    drawn = ablation.figure([record("full", m, "open_drawer") for m in MEASURES[:2]])
    assert "open drawer" in drawn
