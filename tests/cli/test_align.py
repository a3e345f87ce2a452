"""`premotor align`: anybody's features in, a record and a verdict out."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from premotor.cli import align, main
from premotor.errors import ConfigError, DataError, OutputExists
from premotor.records import StudyRecord, read_json

QUICK = ["--permutations", "40", "--halves", "20", "--measure.neighbors", "4"]


def write(folder: Path) -> dict[str, Path]:
    """48 episodes of two tasks and four variations, which both sides know, e by words alone."""
    rng = np.random.default_rng(0)
    tasks, variations = np.repeat(["reach", "push"], 24), np.arange(48) % 4
    task, words = (rng.normal(size=(8, 6)) for _ in range(2))
    group = 4 * (np.arange(48) // 24) + variations
    furniture = task[np.arange(48) // 24]

    def noise(width: int = 6) -> np.ndarray:
        return 0.3 * rng.normal(size=(48, width))

    sides = {
        "u": furniture + words[group] + noise(),
        "e": furniture + words[group] + noise(),
        "blanked": furniture + noise(),
        "untrained_u": noise(9),
        "untrained_e": noise(5),
        "pixels": noise(20),
        "path": noise(8),
    }
    paths = {name: folder / f"{name}.npz" for name in sides}
    for name, values in sides.items():
        np.savez(paths[name], features=values)
    np.savez(folder / "groups.npz", task=tasks, variation=variations)
    return {**paths, "groups": folder / "groups.npz"}


def arguments(paths: dict[str, Path], *names: str) -> list[str]:
    found = [str(paths["u"]), str(paths["e"]), *QUICK]
    for name in names:
        found += [f"--{name.replace('_', '-')}", str(paths[name])]
    return [*found, "--out", str(paths["u"].parent / "found.json")]


def test_a_study_is_written_and_shown_with_its_controls(tmp_path, capsys):
    paths = write(tmp_path)
    names = ("groups", "blanked", "untrained_u", "untrained_e", "pixels", "path")
    assert align.command(arguments(paths, *names)) == 0
    said = capsys.readouterr()
    assert "language alignment: " in said.out
    assert all(head in said.out for head in ("words withheld", "another episode", "pixels-path"))
    assert "measure: " in said.err  # how far it is
    record = read_json(tmp_path / "found.json", StudyRecord)
    assert (record.verdict, record.num_rows) == ("language", 48)
    (cka,) = [
        r
        for r in record.measures
        if (r.measure, r.sides, r.instruction, r.episode)
        == ("debiased_cka", "u-e", "given", "same")
    ]
    assert [null.stratum for null in cka.nulls] == ["all", "task", "variation"]
    assert cka.interval is not None
    assert cka.gain is not None
    assert cka.gain.low > 0.0
    with pytest.raises(OutputExists, match="--overwrite"):
        align.command(arguments(paths, *names))


def test_what_was_not_given_is_said_and_nothing_is_made_up(tmp_path, capsys):
    assert align.command(arguments(write(tmp_path))) == 0
    said = capsys.readouterr().out
    assert "not given" in said
    assert "alignment of an unknown kind: the tasks are not given" in said


def test_spaces_are_compared_row_with_row_only_where_they_are_one(tmp_path):
    paths = write(tmp_path)
    assert align.command([*arguments(paths), "--shared"]) == 0
    found = {r.measure for r in read_json(tmp_path / "found.json", StudyRecord).measures}
    assert {"bound", "recall_at_1_u_to_e", "median_rank_e_to_u"} <= found
    wide = {**paths, "e": paths["untrained_e"]}
    with pytest.raises(ConfigError, match="one width, got 6 and 5"):
        align.command([*arguments(wide), "--shared", "--overwrite"])


def test_one_untrained_side_alone_is_refused(tmp_path):
    with pytest.raises(DataError, match="both files or neither"):
        align.command(arguments(write(tmp_path), "untrained_u"))


def test_an_interrupted_study_leaves_no_file(tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(align, "study", stop)
    monkeypatch.setattr(sys, "argv", ["premotor", "align", *arguments(write(tmp_path))])
    with pytest.raises(SystemExit) as caught:
        main.main()
    assert caught.value.code == 130
    assert not (tmp_path / "found.json").exists()


def test_the_command_and_the_measures_need_no_torch():
    code = (
        "import sys, premotor.cli.align, premotor.cli.main, premotor.measure.study\n"
        "heavy = {'torch', 'mujoco', 'sklearn', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
