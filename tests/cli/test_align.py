"""`premotor align`: anybody's features in, a record, tables and a verdict out."""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import make
from premotor.cli import align, main
from premotor.errors import ConfigError, DataError, OutputExists, PremotorError, UnknownName
from premotor.findings import AlignRecord, Finding
from premotor.measure.features import save_features
from premotor.records import read_json
from premotor.report.findings import all_sentences, layer_table, tables

SIDES = make.sides(words=1.0)
ROWS, WIDTH = SIDES.u.shape
LABELS = {"task": SIDES.tasks, "variation": SIDES.variations}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """What both models share are the words; labels in a file of their own."""
    rng = np.random.default_rng(0)
    arrays = {
        "u": SIDES.u,
        "e": SIDES.e,
        "blanked": SIDES.controls["blanked"].e,
        "untrained_u": rng.normal(size=(ROWS, 9)),
        "untrained_e": rng.normal(size=(ROWS, 5)),
        "pixels": rng.normal(size=(ROWS, 20)),
        "path": rng.normal(size=(ROWS, 8)),
    }
    for name, values in arrays.items():
        save_features(tmp_path / f"{name}.npz", values, {})
    np.savez(tmp_path / "groups.npz", **{name: np.array(labels) for name, labels in LABELS.items()})
    return {name: tmp_path / f"{name}.npz" for name in (*arrays, "groups")}


def arguments(files: dict[str, Path], *names: str, draws: str = "60") -> list[str]:
    found = [str(files["u"]), str(files["e"]), "--permutations", draws, "--halves", "20"]
    for name in names:
        found += [f"--{name.replace('_', '-')}", str(files[name])]
    return [*found, "--out", str(files["u"].parent / "found.json")]


def record_of(files: dict[str, Path]) -> AlignRecord:
    return read_json(files["u"].parent / "found.json", AlignRecord)


def finding(record: AlignRecord, measure: str) -> Finding:
    found = record.studies[0].finding(measure)
    assert found is not None
    return found


def blanks(text: str) -> str:
    return " ".join(text.split())


def test_a_study_is_written_and_shown_with_its_controls(files, capsys):
    names = ("groups", "blanked", "untrained_u", "untrained_e", "pixels", "path")
    few = ["--only", "debiased_cka", "mutual_knn"]
    assert align.command([*arguments(files, *names), *few]) == 0
    said = capsys.readouterr()
    assert "measure given raw: " in said.err  # how far it is
    record = record_of(files)
    assert (record.features_u, record.num_averaged) == (str(files["u"]), ROWS)
    assert [study.sides for study in record.studies] == ["u-e", "pixels-e", "u-path", "pixels-path"]
    assert record.studies[0].verdict.kind == "language"
    cka = finding(record, "debiased_cka")
    assert [null.stratum for null in cka.own.nulls] == ["all", "task", "variation"]
    assert [control.name for control in cka.controls] == ["blanked", "another", "both"]
    assert cka.gain.low > 0.0
    shown = blanks(said.out)
    for sentence in all_sentences(record.studies, "given"):
        assert blanks(sentence) in shown
    for table in tables(record.studies, "given"):
        assert blanks(table.title) in shown
    assert f"{files['u'].parent / 'found.json'}: written" in said.out


def test_the_other_episode_is_seen_through_the_other_camera_where_there_is_one(files):
    blind = np.random.default_rng(5).normal(size=(ROWS, 9))
    files["other_camera"] = files["u"].with_name("other_camera.npz")
    save_features(files["other_camera"], blind, {})
    found: list[dict[str, float | None]] = []
    for names in (("groups", "blanked"), ("groups", "blanked", "other_camera")):
        more = ["--only", "debiased_cka", "--overwrite"]
        assert align.command([*arguments(files, *names, draws="2"), *more]) == 0
        controls = finding(record_of(files), "debiased_cka").controls
        found.append({control.name: control.reading.value for control in controls})
    own, other = found
    assert own.keys() == other.keys() == {"blanked", "another", "both"}
    assert own["blanked"] == other["blanked"]
    assert own["another"] > 0.3  # what a variation's episodes share is seen
    assert abs(other["another"]) < 0.1


def test_what_was_not_given_is_said_and_nothing_is_made_up(files, capsys):
    assert align.command(arguments(files)) == 0
    said = blanks(capsys.readouterr().out)
    assert "alignment of an unknown kind: " in said
    assert "the tasks are not given" in said
    assert "The same under controls" not in said
    study = record_of(files).studies[0]
    for found in study.findings:
        assert found.controls == ()
        assert (found.untrained, found.gain, found.centered) == (None, None, None)
        assert {null.stratum for null in found.own.nulls} <= {"all"}


def test_spaces_are_compared_row_with_row_only_where_they_are_one(files):
    assert align.command([*arguments(files), "--shared", "--halves", "0"]) == 0
    record = record_of(files)
    assert record.studies[0].space == "z"
    assert {"bound", "recall_at_1_u_to_e", "median_rank_e_to_u"} <= {
        found.measure for found in record.studies[0].findings
    }
    wide = {**files, "e": files["untrained_e"]}
    with pytest.raises(ConfigError, match="one width, got 12 and 5"):
        align.command([*arguments(wide), "--shared", "--overwrite"])


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.int32, np.uint8])
def test_numbers_of_any_kind_are_measured(files, kind):
    """A model's numbers come as they are saved: half precision, quantized."""
    rows = SIDES.u - SIDES.u.min()
    save_features(files["u"], (40 * rows / rows.max()).astype(kind), LABELS)
    assert align.command([*arguments(files), "--only", "debiased_cka", "mutual_knn"]) == 0
    cka = finding(record_of(files), "debiased_cka")
    assert cka.own.value > 0.3
    assert cka.own.null("task").p < 0.05


def test_rows_that_repeat_are_told_in_a_sentence(files, capsys):
    rounded = SIDES.u.copy()
    rounded[::2] = rounded[0]
    save_features(files["u"], rounded, LABELS)
    assert align.command([*arguments(files), "--only", "mutual_knn"]) == 0
    assert record_of(files).studies[0].repeated == (ROWS // 2 - 1, 0)
    assert f"{ROWS // 2 - 1} of {ROWS} rows of u equal an earlier one" in blanks(
        capsys.readouterr().out
    )


def test_rows_of_one_episode_are_averaged_before_anything_is_measured(files, capsys):
    labels = {**LABELS, "episode": [str(i // 2) for i in range(ROWS)]}
    save_features(files["u"], SIDES.u, labels)
    save_features(files["e"], SIDES.e, labels)
    assert align.command([*arguments(files), "--only", "debiased_cka"]) == 0
    record = record_of(files)
    assert (record.num_averaged, record.studies[0].num_rows) == (ROWS, ROWS // 2)
    assert f"{ROWS // 2} episodes" in capsys.readouterr().out


class Trap:
    """Leaves a mark where it is loaded."""

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (self.mark,)


def _object_array(path: Path) -> None:
    values = np.empty((ROWS, 1), dtype=object)
    values[:] = Trap(str(path.parent / "executed"))
    np.savez(path, features=values, allow_pickle=True)


def _pickled(path: Path) -> None:
    path.write_bytes(pickle.dumps(Trap(str(path.parent / "executed"))))


def _single(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, SIDES.u)


def _with_nan(path: Path) -> None:
    values = SIDES.u.copy()
    values[[7, 11], 3] = [np.nan, np.inf]
    save_features(path, values, {})


def saved(**arrays: np.ndarray) -> Callable[[Path], None]:
    return lambda path: np.savez(path, **arrays)


BAD: dict[str, tuple[Callable[[Path], None], str]] = {
    "missing": (Path.unlink, "is missing; name an .npz with the array `features`"),
    "empty": (lambda path: path.write_bytes(b""), "cannot be read as an .npz of plain arrays"),
    "cut off": (
        lambda path: path.write_bytes(path.read_bytes()[:-200]),
        "cannot be read as an .npz of plain arrays",
    ),
    "an .npy": (_single, "is a single array, expected an .npz; save it with np.savez"),
    "pickled objects": (
        _object_array,
        "cannot be read as an .npz of plain arrays: .*Python objects",
    ),
    "a pickle": (_pickled, "cannot be read as an .npz of plain arrays"),
    "another key": (saved(feats=SIDES.u), r"has the arrays \['feats'\], expected `features`"),
    "a key too many": (saved(features=SIDES.u, tasks=SIDES.u[:, 0]), r"unknown arrays \['tasks'\]"),
    "three axes": (
        saved(features=SIDES.u[:, :, None]),
        r"features is float64 \(96, 12, 1\), expected numbers \(rows, width\); average or flatten",
    ),
    "one axis": (saved(features=SIDES.u[:, 0]), r"features is float64 \(96,\), expected numbers"),
    "words": (saved(features=np.full((ROWS, 2), "a")), r"features is <U1 \(96, 2\)"),
    "truths": (saved(features=SIDES.u > 0.0), "features is bool"),
    "complex numbers": (saved(features=SIDES.u + 1j), "features is complex128"),
    "no columns": (saved(features=SIDES.u[:, :0]), r"features is float64 \(96, 0\)"),
    "NaN": (_with_nan, "2 of 96 rows of features hold NaN or infinity, the first is row 7"),
    "a constant": (
        saved(features=np.full((ROWS, 4), 0.1)),
        r"all 96 rows of features in .*u\.npz are the same; .* look whether its model has",
    ),
    "rows too few": (saved(features=SIDES.u[:-1]), r"u\.npz has 95 rows and .*e\.npz 96; row i"),
    "labels too few": (
        saved(features=SIDES.u, task=np.array(SIDES.tasks)[:-1]),
        r"task is \(95,\), expected one entry for each of the 96 rows",
    ),
}


@pytest.mark.parametrize(("spoil", "message"), BAD.values(), ids=BAD)
def test_a_bad_file_is_refused_by_name_before_anything_is_written_or_run(files, spoil, message):
    spoil(files["u"])
    with pytest.raises(DataError, match=message) as caught:
        align.command(arguments(files))
    assert str(files["u"]) in str(caught.value)
    assert {path.name for path in files["u"].parent.iterdir()} <= {f"{name}.npz" for name in files}


def test_fewer_episodes_than_can_be_halved_are_refused(files):
    for name in ("u", "e"):
        save_features(files[name], getattr(SIDES, name)[:7], {})
    with pytest.raises(DataError, match="got 7 episodes, need at least 8; a few hundred"):
        align.command(arguments(files))


def test_labels_that_differ_are_told_with_the_row(files):
    save_features(files["u"], SIDES.u, LABELS)
    save_features(files["e"], SIDES.e, {"task": ("elsewhere", *SIDES.tasks[1:])})
    with pytest.raises(DataError, match=r"row 0: task is open_drawer in .*u\.npz and elsewhere in"):
        align.command(arguments(files))


BADLY_ASKED: dict[str, tuple[list[str], type[PremotorError], str]] = {
    "an unknown measure": (["--only", "mutual_knns"], UnknownName, "did you mean 'mutual_knn'"),
    "too few draws": (["--permutations", "1"], ConfigError, "permutations must be >= 2"),
    "too few halves": (["--halves", "5"], ConfigError, "halves 0 or >= 20"),
    "one untrained side": (
        ["--untrained-u", "untrained_u"],
        DataError,
        "both files or neither",
    ),
    "a control of other rows": (["--blanked", "few"], DataError, r"few\.npz has 5 rows and"),
    "measures of one space": (
        ["--only", "bound", "mutual_knn", "recall_at_1_u_to_e"],
        ConfigError,
        "bound, recall_at_1_u_to_e compare rows of u with rows of e; .* add --shared",
    ),
    "groups that are none": (["--groups", "u"], DataError, r"unknown arrays \['features'\]"),
}


@pytest.mark.parametrize(("asked", "error", "message"), BADLY_ASKED.values(), ids=BADLY_ASKED)
def test_what_cannot_be_measured_is_refused_in_words(files, asked, error, message):
    files["few"] = files["u"].with_name("few.npz")
    save_features(files["few"], SIDES.e[:5], {})
    named = [str(files.get(word, word)) for word in asked]
    with pytest.raises(error, match=message):
        align.command([*arguments(files), *named])
    assert not (files["u"].parent / "found.json").exists()


def test_what_no_measure_can_hang_on_is_a_fault_of_usage(files, capsys):
    with pytest.raises(ConfigError, match="neighbors must be >= 1") as caught:
        align.command([*arguments(files), "--measure.neighbors", "0"])
    assert caught.value.exit_code == 2
    assert capsys.readouterr().err == ""


def test_what_is_there_is_replaced_only_when_asked(files):
    out = files["u"].parent / "found.json"
    out.write_text("mine")
    few = ["--only", "debiased_cka", "--halves", "0"]
    with pytest.raises(OutputExists, match=r"found\.json exists; replace it with --overwrite"):
        align.command([*arguments(files), *few])
    assert out.read_text() == "mine"
    assert align.command([*arguments(files), *few, "--overwrite"]) == 0
    assert record_of(files).studies


@pytest.fixture
def layered(files: dict[str, Path]) -> dict[str, Path]:
    """Three layers of U and two of E; one of U is noise, another constant but for its labels."""
    noise = np.random.default_rng(1).normal(size=(ROWS, 3))
    labels = {name: np.array(values) for name, values in LABELS.items()}
    np.savez(files["u"], features_0=noise, features_1=SIDES.u, features=SIDES.u[:, :5], **labels)
    np.savez(files["e"], features_first=SIDES.e[:, :2], features_last=SIDES.e)
    return files


def test_layers_are_all_measured_and_the_best_pair_is_told(layered, capsys):
    assert align.command(arguments(layered)) == 0
    record = record_of(layered)
    assert record.studies == ()
    assert [study.measure for study in record.layers] == ["debiased_cka", "mutual_knn"]
    said = blanks(capsys.readouterr().out)
    for study in record.layers:
        assert study.num_rows == ROWS
        assert {(pair.layer_u, pair.layer_e) for pair in study.pairs} == {
            (one, two) for one in ("0", "1", "") for two in ("first", "last")
        }
        assert study.best.layer_u in ("1", "")
        table = layer_table(study)
        assert blanks(table.title) in said
        assert blanks(table.legend) in said
        assert f"It was chosen among {len(study.pairs)}" in said


def test_layers_can_be_compared_by_another_measure(layered):
    assert align.command([*arguments(layered), "--only", "linear_cka"]) == 0
    assert [study.measure for study in record_of(layered).layers] == ["linear_cka"]
    with pytest.raises(ConfigError, match=r"layers are compared by one of .* got 'bound'"):
        align.command([*arguments(layered), "--only", "bound", "--overwrite"])


@pytest.mark.parametrize(
    ("names", "more", "told"),
    [
        ((), ["--shared"], "--shared compare one layer a side, got 3 and 2"),
        (("blanked",), [], "--blanked compare"),
        (("pixels", "path"), ["--shared"], "--pixels, --path, --shared compare"),
        (("untrained_u", "untrained_e"), [], "--untrained-u, --untrained-e compare"),
    ],
)
def test_what_needs_one_layer_a_side_is_refused_of_several(layered, names, more, told):
    with pytest.raises(ConfigError, match=f"{told}.*; choose by the table of all layers"):
        align.command([*arguments(layered, *names), *more])
    assert not (layered["u"].parent / "found.json").exists()


@pytest.mark.parametrize("several", [True, False])
def test_what_is_printed_is_no_wider_than_a_hundred_characters(
    files, several, monkeypatch, capsys, request
):
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.chdir(files["u"].parent)
    if several:
        request.getfixturevalue("layered")
    names = () if several else ("groups", "blanked", "untrained_u", "untrained_e", "pixels", "path")
    assert align.command([*arguments(files, *names, draws="2")[:-1], "found.json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 10
    assert max(map(len, lines)) <= 100


def test_an_interrupted_study_leaves_no_file(files, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(align, "study", stop)
    monkeypatch.setattr(sys, "argv", ["premotor", "align", *arguments(files)])
    with pytest.raises(SystemExit) as caught:
        main.main()
    assert caught.value.code == 130
    assert not (files["u"].parent / "found.json").exists()


def test_the_command_and_the_measures_need_no_torch():
    code = (
        "import sys, premotor.cli.align, premotor.cli.main, premotor.measure.study\n"
        "heavy = {'torch', 'mujoco', 'sklearn', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_very_many_rows_take_is_said_before_it_starts(capsys):
    align._warn(9_999, shared=True)
    assert capsys.readouterr().err == ""
    align._warn(20_000, shared=True)
    said = " ".join(capsys.readouterr().err.split())
    assert "20,000 rows: this may take tens of minutes" in said
    assert "1.5 GiB" in said
    align._warn(20_000, shared=False)
    assert "GiB" not in capsys.readouterr().err
