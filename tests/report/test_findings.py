"""Studies in sentences and tables, which say what was measured and what was not."""

import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from premotor.findings import Finding, Reading, Study, Verdict
from premotor.measure.catalog import MeasureConfig
from premotor.measure.layers import Layers, layer_study
from premotor.measure.plan import StudyConfig
from premotor.measure.sides import Sides, controls_of, stand_ins_of
from premotor.measure.study import study
from premotor.report.findings import (
    controls,
    headline,
    layer_table,
    numbers,
    sentences,
    tables,
    verdict_line,
)
from premotor.report.table import Table, markdown, terminal

BLIND = "U names nothing through the other camera"
CONFIG = StudyConfig(
    permutations=40,
    halves=20,
    only=(
        "recall_at_1_u_to_e",
        "recall_at_1_u_to_e_within_variation",
        "median_rank_u_to_e",
        "mutual_knn",
        "debiased_cka",
        "ridge_r2_u_to_e_new_variation",
        "bound",
    ),
    measure=MeasureConfig(neighbors=2),
)


def sides(void: str = "", share: float = 1.0) -> Sides:
    """80 episodes of 2 tasks of 5 variations; both sides know the variation, without words too."""
    rng = np.random.default_rng(0)
    variations = np.repeat(np.arange(10), 8)
    action = share * rng.normal(size=(10, 6))[variations]
    u, e, blanked, pixels = (action + 0.5 * rng.normal(size=(80, 6)) for _ in range(4))
    labels = tuple(f"task {v // 5}" for v in variations), tuple(map(str, variations))
    given = Sides(u, e, *labels)
    return replace(
        given,
        controls=controls_of(given, blanked=blanked, void=void),
        refitted={"both": given.with_sides(u[::-1], blanked)},
        untrained=Sides(rng.normal(size=(80, 6)), rng.normal(size=(80, 6)), *labels),
        stand_ins=stand_ins_of(given, pixels, rng.normal(size=(80, 4))),
    )


@pytest.fixture(scope="module")
def studies() -> tuple[Study, ...]:
    return study(sides(), CONFIG, checkpoint="trained", space="z")


@pytest.fixture
def shared(studies) -> Study:
    return studies[0]


def lines_of(table: Table) -> list[str]:
    console = Console(width=200, file=io.StringIO())
    console.print(terminal(table))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def row_of(table: Table, name: str) -> dict[str, object]:
    (row,) = [row for row in table.rows if row[0] == name]
    return {column.name: cell for column, cell in zip(table.columns, row, strict=True)}


def test_the_verdict_comes_first_and_is_explained(shared):
    told = sentences(replace(shared, verdict=Verdict(kind="mirror", because="it stands alone")))
    assert told[0] == "z_u and z_e over 80 episodes: mirror alignment: it stands alone."
    assert told[1].startswith("Mirror alignment means: watching and doing agree within a task")
    assert sentences(shared)[0].endswith(verdict_line(shared))
    assert shared.verdict.because in verdict_line(shared)


def test_each_kind_is_told_by_its_name(shared):
    for kind, name in (
        ("none", "no alignment"),
        ("scene or language", "scene or language alignment"),
        ("unresolved", "alignment of an unknown kind"),
    ):
        found = replace(shared, verdict=Verdict(kind=kind, because="so it is"))
        assert verdict_line(found) == f"{name}: so it is."


def test_single_episodes_of_a_variation_are_told_apart_or_not(shared):
    (told,) = [line for line in sentences(shared) if "very same variation" in line]
    assert "the watched episode is not told from the others (p = " in told
    rows = shared.findings
    nulls = [tuple(replace(n, p=0.001) for n in f.own.nulls) for f in rows]
    surer = [replace(f, own=replace(f.own, nulls=n)) for f, n in zip(rows, nulls, strict=True)]
    told = " ".join(sentences(replace(shared, findings=tuple(surer))))
    assert "the watched episode still matches its own execution (p = 0.002)" in told
    none = replace(shared, verdict=Verdict(kind="none", because="nothing"))
    assert "very same variation" not in " ".join(sentences(none))


def test_repeated_rows_reasons_and_remarks_are_told(shared):
    absent = Reading(value=None, num_rows=80, absent="the variations are not given")
    missing = [
        Finding(measure=name, label=name, unit="score", own=absent) for name in ("one", "two")
    ]
    told = sentences(
        replace(
            shared,
            repeated=(0, 1204),
            num_rows=2000,
            findings=(*shared.findings, *missing),
            remarks=("svcca: left out", "intervals from 20 halves"),
        )
    )
    assert any(line.startswith("1,204 of 2,000 rows of e equal an earlier one") for line in told)
    assert not any("rows of u equal" in line for line in told)
    assert told.count("Not measured: one, two: the variations are not given.") == 1
    assert told[-2:] == ("Svcca: left out.", "Intervals from 20 halves.")


def test_a_control_that_decides_nothing_is_told_in_words_and_below_the_table():
    given = sides(BLIND)
    config = replace(CONFIG, halves=0, only=("mutual_knn", "debiased_cka"))
    found = study(replace(given, refitted={}), config, checkpoint="trained", space="raw")[0]
    assert found.verdict.kind == "unresolved"
    assert BLIND in sentences(found)[0]
    assert f"{BLIND}: that control decides nothing." in controls(found).note
    assert "decides nothing" not in controls(replace(found, findings=())).note


def test_stand_ins_have_no_verdict_to_tell(studies):
    assert [sentences(s) for s in studies[1:]] == [()] * 3


def test_the_numbers_stand_beside_what_they_are_compared_with(shared):
    table = numbers(shared)
    assert table.title == "Alignment of z_u and z_e, trained, 80 episodes"
    text = markdown(table)
    for words in ("chance 1.2", "chance 40.5", "chance 0.03", "ceiling 4.38", "chance 12"):
        assert words in text
    row = row_of(table, "debiased CKA")
    finding = shared.finding("debiased_cka")
    assert row["value"].value == finding.interval
    assert row["untrained"].value == finding.untrained
    assert row["gain"].value == finding.gain
    assert row["score"] == finding.calibrated
    assert row["p, task"].value == finding.own.null("task").p
    ridge = row_of(table, "ridge R\u00b2, new variations, watched \u2192 done")
    assert ridge["p, variation"] is None
    assert row_of(table, "R@1, watched \u2192 done")["gain"].kind == "points"


def test_columns_of_what_nobody_measured_are_left_out(shared):
    bare = replace(shared.finding("mutual_knn"), untrained=None, gain=None, interval=None)
    names = [column.name for column in numbers(replace(shared, findings=(bare,))).columns]
    assert "untrained" not in names
    assert "gain" not in names
    assert "p, variation" in names


def test_each_control_has_a_column_and_its_meaning(shared):
    table = controls(shared)
    assert [column.name for column in table.columns] == [
        "measure",
        "as it is",
        "task means off",
        "words withheld",
        "another episode",
        "both",
        "both, maps anew",
    ]
    assert "another episode: U shown another episode of the same variation" in table.note
    assert "Maps anew: fitted without what the control takes away" in table.note
    row = row_of(table, "debiased CKA")
    anew = next(c for c in shared.finding("debiased_cka").controls if c.refitted)
    value = f"{anew.reading.value:.2f}".replace("-", "\u2212")
    assert row["both, maps anew"].startswith(value)
    assert row["both"] != row["both, maps anew"]
    p = anew.reading.null("task").p
    assert row["both, maps anew"].endswith(f"{p:.3f})")


def test_what_has_no_value_is_a_dash(shared):
    absent = Reading(value=None, num_rows=80, absent="it does not vary")
    found = replace(shared.finding("mutual_knn"), own=absent, interval=None, centered=None)
    row = row_of(controls(replace(shared, findings=(found,))), "mutual k-NN")
    assert row["as it is"] == "\u2013"
    assert "task means off" not in row  # of no measure
    assert "\u2013" in markdown(numbers(replace(shared, findings=(found,))))


def test_measures_that_fade_have_a_table_of_fewer_episodes(shared, studies):
    (table,) = [t for t in tables(studies, "trained") if t.title.startswith("On fewer episodes")]
    names = [column.name for column in table.columns]
    assert names == ["measure", "10 episodes", "20 episodes", "80 episodes"]
    row = row_of(table, "mutual k-NN")
    assert row["10 episodes"].endswith("(0.22)")  # chance, 2 / 9
    assert row["80 episodes"] == f"{shared.finding('mutual_knn').own.value:.2f} (0.03)"


def test_every_table_of_a_checkpoint_fits_a_terminal(studies):
    apart = study(replace(sides(), stand_ins={}), CONFIG, checkpoint="trained", space="raw")
    before = [replace(s, checkpoint="untrained") for s in studies]
    found = tables([*before, *apart, *studies], "trained")
    assert [table.title for table in found] == [
        "Alignment of z_u and z_e, trained, 80 episodes",
        "The same under controls, z_u and z_e, trained",
        "On fewer episodes, z_u and z_e, trained",
        "Alignment of u and e, trained, 80 episodes",
        "The same under controls, u and e, trained",
        "On fewer episodes, u and e, trained",
        "The same measures of what needs no network",
    ]
    for table in found:
        assert max(map(len, lines_of(table))) <= 100
        assert markdown(table)
    assert [column.name for column in found[-1].columns] == [
        "measure",
        "pixels for u, e",
        "u, the hand's path for e",
        "pixels and path",
    ]


def test_a_page_speaks_of_the_shared_space_where_there_is_one(studies, shared):
    raw = replace(shared, space="raw")
    assert headline([raw, *studies], "trained") is shared
    assert headline([raw, *studies[1:]], "trained") is raw
    assert headline(studies[1:], "trained") is None
    assert headline(studies, "untrained") is None


def test_layers_stand_in_a_square_with_the_best_below():
    rng = np.random.default_rng(1)
    u = {f"{i}": rng.normal(size=(40, 5)) for i in range(3)}
    e = {"": u["2"] + 0.3 * rng.normal(size=(40, 5)), "last": np.full((40, 5), 0.1)}
    labels = Sides(u["0"], e[""], ("a", "b") * 20)
    found = layer_study(Layers(u, e, labels), "debiased_cka", StudyConfig(permutations=40))
    table = layer_table(found)
    assert table.title == "debiased CKA of every pair of layers, 40 episodes"
    assert [column.name for column in table.columns] == ["layer of U", "E: features", "E: last"]
    assert [row[0] for row in table.rows] == ["0", "1", "2"]
    value, score = (f"{x:.2f}" for x in (found.best.value, found.best.score))
    assert table.rows[2][1:] == (f"{value} ({score})", "\u2013")
    assert "The best pair is U 2, E features" in table.note
    assert "over all episodes \u2264 0.024; within the task \u2264 0.024" in table.note
    assert "chosen among 6" in table.note
    assert max(map(len, lines_of(table))) <= 100
