"""What is written down comes back as it was, and what is not ours is refused by file and place."""

import dataclasses
import json
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest

import make
from premotor import findings, records
from premotor.codec import to_json
from premotor.demonstrate.collect import DataPlan
from premotor.demonstrate.survey import SurveyRecord
from premotor.errors import DataError
from premotor.findings import Finding, ProbeRecord, Study
from premotor.records import (
    EvalRecord,
    Interval,
    NamedClip,
    RecognitionRecord,
    RunManifest,
    StepRecord,
    read_json,
    read_lines,
    read_list,
    write_json,
    write_lines,
)
from premotor.store.layout import EpisodeInfo

KINDS = [
    kind
    for kind in {**vars(findings), **vars(records)}.values()
    if isinstance(kind, type) and dataclasses.is_dataclass(kind)
]
KINDS += [DataPlan, EpisodeInfo, SurveyRecord]


def sample(kind: Any, number: int = 1) -> Any:
    """A value of a type: every tuple, list and mapping of it holds something."""
    origin, args = get_origin(kind), get_args(kind)
    if dataclasses.is_dataclass(kind):
        types_of = get_type_hints(kind)
        names = [f.name for f in dataclasses.fields(kind)]
        return kind(**{n: sample(types_of[n], number + i) for i, n in enumerate(names)})
    if origin in (Union, types.UnionType):
        return sample(args[0], number)
    if origin is tuple:
        members = args[:1] * 2 if args[1:] == (...,) else args
        return tuple(sample(m, number + i) for i, m in enumerate(members))
    if origin is list:
        return [sample(args[0], number)]
    if origin in (dict, Mapping):
        return {"value": sample(args[1], number), "another": sample(args[1], number + 1)}
    plain = {int: number, float: number + 0.1, str: f"word {number}", bool: number % 2 == 0}
    return args[number % len(args)] if origin is Literal else plain[kind]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_record_comes_back_as_it_was(kind: type, tmp_path: Path):
    one, other = sample(kind), sample(kind, 5)
    assert one != other
    write_json(tmp_path / "one.json", one)
    assert read_json(tmp_path / "one.json", kind) == one
    write_json(tmp_path / "both.json", (one, other))
    assert read_list(tmp_path / "both.json", kind) == [one, other]
    write_lines(tmp_path / "both.jsonl", [one, other])
    assert list(read_lines(tmp_path / "both.jsonl", kind)) == [one, other]


@pytest.mark.parametrize("kind", make.KINDS)
def test_what_was_measured_comes_back_with_all_that_is_absent(kind: str, tmp_path: Path):
    write_json(tmp_path / "studies.json", make.studies(kind))
    assert tuple(read_list(tmp_path / "studies.json", Study)) == make.studies(kind)
    write_json(tmp_path / "probe.json", make.probe_record(kind))
    assert read_json(tmp_path / "probe.json", ProbeRecord) == make.probe_record(kind)


def changed(kind: Any, **values: Any) -> str:
    return json.dumps({**json.loads(to_json(sample(kind))), **values})


def without(kind: Any, *names: str) -> str:
    whole = json.loads(to_json(sample(kind)))
    return json.dumps({name: value for name, value in whole.items() if name not in names})


INTERVAL = {"value": 0.5, "low": 0.4, "high": 0.6, "count": 9}
MALFORMED: dict[str, tuple[Any, str, str]] = {
    "unknown": (EvalRecord, changed(EvalRecord, stepz=3), ": EvalRecord: unknown stepz; expected "),
    "missing": (
        EvalRecord,
        without(EvalRecord, "task", "key_poses", "failure"),  # the last one has a default
        ": EvalRecord: missing key_poses, task; mend it",
    ),
    "misspelt": (
        NamedClip,
        json.dumps({**json.loads(without(NamedClip, "hit")), "hits": 1.0}),
        ": NamedClip: unknown hits; expected answer, checkpoint, class_set, hit, seed, task, "
        "truth, variation; NamedClip: missing hit; mend it",
    ),
    "wrong type": (
        EvalRecord,
        changed(EvalRecord, key_poses="many"),
        ": EvalRecord.key_poses: expected int, got str ('many'); mend it",
    ),
    "a number for a truth": (
        EvalRecord,
        changed(EvalRecord, success=1),
        ": EvalRecord.success: expected bool, got int (1)",
    ),
    "a fraction for a count": (
        EvalRecord,
        changed(EvalRecord, key_poses=2.5),
        ": EvalRecord.key_poses: expected int, got float (2.5)",
    ),
    "null": (
        EvalRecord,
        changed(EvalRecord, task=None),
        ": EvalRecord.task: expected str, got null",
    ),
    "null instead of a record": (
        EvalRecord,
        "null",
        ": EvalRecord: expected names with values, got null",
    ),
    "a list instead of a record": (
        EvalRecord,
        "[1, 2]",
        ": EvalRecord: expected names with values, got list",
    ),
    "wrong type under a name": (
        StepRecord,
        changed(StepRecord, losses={"total": 1.0, "align": "low"}),
        ": StepRecord.losses[align]: expected float, got str ('low')",
    ),
    "unknown, nested": (
        RecognitionRecord,
        changed(RecognitionRecord, by_task={"turn_tap": {**INTERVAL, "median": 0.5}}),
        ": RecognitionRecord.by_task[turn_tap]: unknown median; expected count, high, low, value",
    ),
    "missing, nested": (
        RecognitionRecord,
        changed(RecognitionRecord, top5={"value": 0.5, "low": 0.4}),
        ": RecognitionRecord.top5: missing count, high",
    ),
    "wrong type, nested": (
        RecognitionRecord,
        changed(RecognitionRecord, by_axis={"color": {**INTERVAL, "low": "0.4"}}),
        ": RecognitionRecord.by_axis[color].low: expected float, got str ('0.4')",
    ),
    "wrong type in a list": (
        RecognitionRecord,
        changed(RecognitionRecord, confusion={"labels": ["a"], "counts": [[0, 0, 1], [0, 1]]}),
        ": RecognitionRecord.confusion.counts[1]: expected list of length 3, got 2",
    ),
    "null in a list": (
        RunManifest,
        changed(RunManifest, start=[None]),
        ": RunManifest.start[0]: expected names with values, got null",
    ),
    "wrong type, deep in a study": (
        Study,
        changed(Study, findings=[json.loads(to_json(sample(Finding))) | {"own": {"value": "0"}}]),
        ": Study.findings[0].own: missing num_rows",
    ),
    "an unknown word in a study": (
        Study,
        changed(Study, space="shared"),
        ": Study.space: expected one of raw, z, got 'shared'",
    ),
    "a record of the first version": (
        Study,
        '{"checkpoint": "trained", "measure": "bound", "space": "z", "value": 1.0}',
        ": Study: unknown measure, value; expected checkpoint, findings, num_rows, remarks",
    ),
    "not JSON": (EvalRecord, "{'task': 1}", ": not JSON: Expecting property name"),
    "not text": (EvalRecord, "\0\0\0", ": not JSON: "),
}


@pytest.mark.parametrize(("kind", "text", "words"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_record_is_refused_by_file_place_and_what_was_expected(
    kind: Any, text: str, words: str, tmp_path: Path
):
    path = tmp_path / "records"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read_json(path, kind)
    assert f"{path}{words}" in str(caught.value)
    path.write_text(f"{to_json(sample(kind))}{text}\n")
    with pytest.raises(DataError) as caught:
        list(read_lines(path, kind))
    assert f"{path}:2{words}" in str(caught.value)
    if "not" not in words:
        path.write_text(f"[{to_json(sample(kind))}, {text}]")
        with pytest.raises(DataError) as caught:
            read_list(path, kind)
        assert f"{path}[1]{words}" in str(caught.value)


def test_a_line_that_a_crash_cut_off_is_ignored_at_the_end_alone(tmp_path: Path):
    path, record = tmp_path / "rollouts.jsonl", sample(EvalRecord)
    whole = to_json(record)
    path.write_text(f"{whole}{whole[:40]}")
    assert list(read_lines(path, EvalRecord)) == [record]
    path.write_text(f"{whole}{whole[:40]}\n")
    with pytest.raises(DataError, match=r"rollouts\.jsonl:2: not JSON"):
        list(read_lines(path, EvalRecord))
    path.write_text(f"{whole[:40]}\n{whole}")
    with pytest.raises(DataError, match=r"rollouts\.jsonl:1: not JSON"):
        list(read_lines(path, EvalRecord))


def test_files_that_are_not_there_or_hold_no_list_say_so(tmp_path: Path):
    with pytest.raises(DataError, match="run the command that makes it first"):
        read_json(tmp_path / "nowhere.json", Interval)
    with pytest.raises(DataError, match="cannot be read"):
        read_json(tmp_path, Interval)
    assert list(read_lines(tmp_path / "nowhere.jsonl", Interval)) == []
    (tmp_path / "one.json").write_text(json.dumps(INTERVAL))
    with pytest.raises(DataError, match=r"one\.json: expected a list of Interval, got dict"):
        read_list(tmp_path / "one.json", Interval)


def test_older_records_lack_fields_that_have_defaults_and_have_integers_for_numbers(
    tmp_path: Path,
):
    path = tmp_path / "old.jsonl"
    line = json.loads(without(EvalRecord, "step", "max_key_poses", "failure")) | {"seconds": 3}
    path.write_text(json.dumps(line) + "\n")
    (record,) = read_lines(path, EvalRecord)
    assert (record.step, record.max_key_poses, record.failure) == (-1, 25, "")
    assert isinstance(record.seconds, float)
