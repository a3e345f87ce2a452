"""The ablation's table and figure from made-up records."""

import io

import pytest
from rich.console import Console

import make
from premotor.records import AblationRecord
from premotor.report import ablation
from premotor.report.table import ABSENT, shown, terminal


def record(
    variant: str,
    measure: str,
    task: str = "all tasks",
    change: float | None = None,
    seeds: int = 1,
) -> AblationRecord:
    return AblationRecord(
        variant=variant,
        task=task,
        measure=measure,
        value=make.interval(0.8),
        difference=None if change is None else make.interval(change),
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


def rows(records: list[AblationRecord]) -> dict[str, dict[str, str]]:
    """What the tables show together, by the text of their first column and the heading."""
    found: dict[str, dict[str, str]] = {}
    for table in ablation.tables(records):
        for row in table.rows:
            for column, cell in zip(table.columns, row, strict=True):
                found.setdefault(str(row[0]), {})[column.name] = shown(cell, column.kind)
    return found


def test_a_row_per_task_and_variant_with_differences_signed():
    found = rows(RECORDS)
    assert list(found) == [
        "full\nopen drawer",
        "lamb\nopen drawer",
        "full\nall tasks",
        "lamb\nall tasks",
    ]
    lamb = found["lamb\nall tasks"]
    assert lamb["intervals over"] == "these episodes"
    assert lamb["success"] == "80\u00a0% (70 to 90\u00a0%)"
    assert lamb["difference"] == "\u221210 (\u221220 to 0)"
    assert found["full\nall tasks"]["difference"] == ABSENT
    assert found["lamb\nopen drawer"]["difference"] == "0 (\u221210 to +10)"
    assert "within 2 cm" not in found["lamb\nopen drawer"]  # not measured


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_tables_fit_a_terminal_and_break_no_name(seeds):
    records = [
        record(variant, measure, task, None if variant == "full" else -0.1, seeds)
        for variant in ("full", "without_augmentation", "one_hot_rotation")
        for task in ("slide_block_to_color_target", "all tasks")
        for measure in MEASURES
    ]
    success, keyframes = ablation.tables(records)
    assert (success.note, keyframes.note) == ("", ablation.caption(records))
    for table in (success, keyframes):
        console = Console(width=100, file=io.StringIO())
        console.print(terminal(table))
        said = console.file.getvalue()
        assert max(map(len, said.splitlines())) <= 100
        for whole in ("without_augmentation", "one_hot_rotation", "[points]", "(70 to 90\u00a0%)"):
            assert whole in said


def test_over_seeds_a_row_says_so_and_has_p_values():
    records = [record("full", "success", seeds=3), record("lamb", "success", change=0.1, seeds=3)]
    full, lamb = rows(records).values()
    assert (full["intervals over"], full["p"]) == ("3 seeds", ABSENT)
    assert (lamb["difference"], lamb["p"]) == ("+10 (0 to +20)", "0.500")


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
    assert text.startswith("**Ablation: success**\n\n| variant | intervals over | success |")
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
