"""The probe in words, as tables and as a figure: they say what the record says."""

import re
from dataclasses import replace

import pytest

import make
from premotor.findings import ProbePoint, ProbeRecord, SuccessRelation
from premotor.measure.crossed import CURVES
from premotor.measure.intervals import wilson
from premotor.records import read_json, write_json
from premotor.report import findings
from premotor.report.probe import figure, markdown, sentences, tables
from premotor.report.table import percent


@pytest.fixture
def record() -> ProbeRecord:
    return make.probe_record()


def primary(record: ProbeRecord) -> SuccessRelation:
    wanted = ("expert", True, "task")
    (found,) = [r for r in record.relations if (r.watched, r.words, r.within) == wanted]
    return found


def with_auc(record: ProbeRecord, value: float, p: float) -> ProbeRecord:
    found = primary(record)
    relation = replace(found.relation, auc=make.interval(value), p=p)
    return replace(record, relations=(replace(found, relation=relation),))


def test_what_the_terminal_says_of_alignment_stands_between_the_runs_and_success(record):
    apart, *alignment, sight, rate, success = sentences(record)
    assert apart == (
        "runs/u and runs/e were trained apart; the maps learned from 1800 episodes of train, all "
        "is measured on 96 of test."
    )
    assert tuple(alignment) == findings.all_sentences(record.studies, "trained")
    assert (
        sight
        == f"U names {percent(58 / 96)} of the texts rightly, {percent(20 / 96)} by the "
        + ("first frame alone.")
    )
    assert rate == f"{record.successes} of 96 roll-outs succeed (premotor-mujoco)."
    assert success.startswith("Alignment against success within the task: AUC ")


@pytest.mark.parametrize(
    ("auc", "p", "said"),
    [
        (0.65, 0.01, "AUC 0.65 (0.55 to 0.75), p = 0.010: alignment goes with success."),
        (0.3, 0.01, "alignment goes against success."),
        (0.6, 0.2, "no relation seen; an AUC below 0.50 or above 0.70 is unlikely."),
    ],
)
def test_a_relation_is_claimed_only_where_it_stands(record, auc, p, said):
    assert sentences(with_auc(record, auc, p))[-1].endswith(said)


def test_a_score_that_tells_successes_goes_with_success():
    record = make.probe_record(better=0.5)
    assert primary(record).relation.auc.low > 0.5
    assert "goes with success" in sentences(record)[-1]


def test_models_trained_together_make_no_word_on_spontaneous_alignment(record):
    told = sentences(replace(record, together="both are one run"))[0]
    assert told.startswith("Not trained apart (both are one run): no word here")


def test_segments_are_said_to_be_such_and_have_no_success(record):
    parts = replace(record, unit="segment", relations=(), rollouts=0, successes=0)
    said = sentences(parts)
    assert said[0].endswith("96 of test, one segment of each.")
    assert said[-1].startswith("Success was not held against segments")


def test_another_camera_is_named_with_what_u_names_through_it(record):
    sight = replace(record.sight, camera="overhead", named_other_camera=wilson(12, 96))
    said = " ".join(sentences(replace(record, sight=sight)))
    assert f"by the first frame alone, {percent(12 / 96)} through the camera overhead." in said


def test_what_was_written_before_the_camera_had_its_name_is_read(record, tmp_path):
    sight = replace(record.sight, camera="overhead", named_other_camera=wilson(12, 96))
    write_json(tmp_path / "probe.json", replace(record, sight=sight))
    text = (tmp_path / "probe.json").read_text()
    (tmp_path / "before.json").write_text(text.replace("named_other_camera", "named_elsewhere"))
    assert read_json(tmp_path / "before.json", ProbeRecord).sight == sight


@pytest.mark.parametrize("chance", [0.0, 1.0])
def test_without_both_outcomes_nothing_is_said_of_success(chance):
    alike = make.probe_record(chance=chance)
    assert alike.relations == ()
    assert "nothing can be said" in sentences(alike)[-1]
    assert "U saw" not in markdown(alike)
    assert "open drawer" not in figure(alike)


def test_the_relations_stand_before_the_tables_that_the_report_has(record):
    first, *others = tables(record)
    assert tuple(others) == findings.tables(record.studies, "trained")
    assert [row[:3] for row in first.rows] == [
        (watched, within, words)
        for watched, words in (
            ("the expert's episode", "given"),
            ("the expert's episode", "withheld"),
            ("another episode of the variation", "given"),
        )
        for within in ("within the task", "within the variation", "pooled")
    ]
    assert first.note == ""
    own = replace(primary(record), watched="own")
    told = tables(replace(record, relations=(*record.relations, own)))[0]
    assert told.rows[-1][0] == "the roll-out's own video"
    assert "no prediction" in told.note


def test_markdown_has_every_sentence_and_every_table(record):
    page = markdown(record)
    assert page.count("\n- ") + 1 == len(sentences(record))
    for sentence in sentences(record):
        assert f"- {sentence}\n" in page
    for table in tables(record):
        assert f"**{table.title}**" in page


def labels(drawn: str) -> list[str]:
    """Texts of a figure."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", drawn)


@pytest.mark.parametrize("kind", make.KINDS)
def test_the_figure_names_every_measure_and_task_and_is_the_same_every_time(kind):
    record = make.probe_record(kind)
    drawn = figure(record)
    assert drawn == figure(record)
    found = labels(drawn)
    for finding in make.study(kind).findings:
        assert finding.label in found
    assert {"open drawer", "push buttons"} <= set(found)
    assert "the expert&#x27;s episode, pooled" in found or "the expert's episode, pooled" in found
    assert ("not measured" in found) is (kind == "collapsed")
    assert ("within the variation" in found) is (kind != "collapsed")  # a legend of what is drawn


def test_the_figure_draws_each_null_of_the_shared_space_at_its_distance(record):
    drawn = figure(record)
    nulls = [n for f in make.study().findings for n in f.own.nulls]
    assert drawn.count("<use") >= len(nulls)
    alone = replace(record, studies=tuple(s for s in record.studies if s.space == "raw"))
    assert figure(alone).count("<use") <= drawn.count("<use") - len(nulls)


def followed(record: ProbeRecord, centered: bool) -> ProbeRecord:
    """The same with a curve of three steps; at the first one the towers did not vary."""
    rising = [dict.fromkeys(CURVES, value) for value in (None, 0.25, 0.5)]
    off = [dict.fromkeys(CURVES, value) for value in (0.0, 0.1, 0.2)]
    points = zip((0, 850, 1700), rising, off if centered else [{}] * 3, strict=True)
    curve = tuple(ProbePoint(step=s, values=v, centered=c) for s, v, c in points)
    return replace(record, curve=curve)


def test_a_curve_over_training_is_told_in_a_sentence_and_a_table(record):
    told = followed(record, centered=True)
    (said,) = set(sentences(told)) - set(sentences(record))
    assert said == (
        "From update 0 to 1,700 debiased CKA of u and e went from \u2013 to 0.50, with each "
        "task's mean taken off from 0.00 to 0.20."
    )
    (table,) = [t for t in tables(told) if t not in tables(record)]
    assert [column.name for column in table.columns] == ["measure", "0", "850", "1,700"]
    assert len(table.rows) == 2 * len(CURVES)
    first = table.rows[0]
    assert [cell.value for cell in first[1:]] == [None, 0.25, 0.5]
    assert first[1].kind == CURVES["recall_at_1"].unit
    of_one_task = tables(followed(record, centered=False))
    assert len(next(t for t in of_one_task if t.title == table.title).rows) == len(CURVES)


def test_the_figure_gets_a_third_panel_for_the_curve(record):
    for centered in (True, False):
        drawn = figure(followed(record, centered))
        assert any("updates" in label for label in labels(drawn))
        assert CURVES["recall_at_1"].label in labels(drawn)
    assert not any("updates" in label for label in labels(figure(record)))


def test_a_record_with_a_curve_comes_back_from_its_file(record, tmp_path):
    told = followed(record, centered=True)
    write_json(tmp_path / "probe.json", told)
    assert read_json(tmp_path / "probe.json", ProbeRecord) == told
