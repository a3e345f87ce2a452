"""A run folder is read once, and nothing that is missing is made up."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

import make
from premotor.codec import to_yaml
from premotor.errors import ConfigError, DataError
from premotor.presets import train_preset
from premotor.records import write_json, write_lines
from premotor.report.run import read_run


def test_everything_a_run_wrote_is_read(tmp_path):
    run = read_run(make.run_folder(tmp_path / "run", steps=50))
    assert run.manifest is not None
    assert run.manifest.preset == "tiny"
    assert len(run.steps) == 50
    assert len(run.rollouts) == 2 * 4 * 20
    assert [p.step for p in run.probe] == [0, 10, 20, 30, 40, 50]
    assert run.probe[0].u.shape == (len(run.rows), 24)
    assert {r.class_set for r in run.recognition} == {"task", "text"}
    assert run.studies == make.studies()
    assert len(run.films) == 6


def test_the_temperature_is_that_of_the_alignment(tmp_path):
    folder = make.run_folder(tmp_path / "run", steps=5)
    text = "mirror:\n  understand: {temperature: 0.01}\n  align:\n    latent_dim: 64\n"
    (folder / "config.yaml").write_text(text + "    temperature: 0.07\nsteps: 5\n")
    assert read_run(folder).training.mirror.align.temperature == 0.07
    (folder / "config.yaml").write_text("pairing: {pair_batch_size: 8}\n")
    training = read_run(folder).training
    assert (training.mirror.align.temperature, training.pairing.pair_batch_size) == (0.05, 8)
    (folder / "config.yaml").write_text("pairing: {pair_batch_size: many}\n")
    with pytest.raises(ConfigError, match=r"config\.yaml: Training\.pairing\.pair_batch_size: exp"):
        read_run(folder)


def test_the_report_reads_the_configuration_that_training_writes(tmp_path):
    folder = make.run_folder(tmp_path / "run", steps=5)
    config = train_preset("nano")
    (folder / "config.yaml").write_text(to_yaml(config))
    training = read_run(folder).training
    assert training.mirror.align.temperature == config.mirror.align.temperature
    assert training.pairing.pair_batch_size == config.pairing.pair_batch_size


def test_a_roll_out_done_again_replaces_the_earlier_one(tmp_path):
    folder = make.run_folder(tmp_path / "run", steps=5)
    path = folder / "evaluation" / "rollouts.jsonl"
    first = json.loads(path.read_text().splitlines()[0])
    path.write_text(path.read_text() + json.dumps(first | {"seconds": 99.0}) + "\n")
    run = read_run(folder)
    assert len(run.rollouts) == 2 * 4 * 20
    assert run.rollouts[0].seconds == 99.0


def test_a_run_that_only_trained_has_empty_evaluation(tmp_path):
    write_lines(tmp_path / "metrics.jsonl", [make.step()])
    run = read_run(tmp_path)
    assert run.manifest is None
    assert run.rollouts == run.recognition == run.studies == run.films == run.probe == ()
    assert not run.outdated


def test_alignment_of_the_first_version_is_told_from_none_and_not_read(tmp_path):
    folder = make.run_folder(tmp_path / "run", steps=0, rows=0, films=False)
    old = folder / "evaluation" / "alignment.json"
    write_json(old, [{"checkpoint": "trained", "measure": "mutual_knn", "space": "z"}])
    assert not read_run(folder).outdated  # it was measured again
    (folder / "evaluation" / "studies.json").unlink()
    run = read_run(folder)
    assert run.outdated
    assert run.studies == ()


def test_a_probe_step_that_is_not_finite_is_left_out(tmp_path):
    folder = make.run_folder(tmp_path / "run", steps=5, rows=12)
    bad = {k: np.full((12, 3), np.nan, np.float32) for k in ("u", "e", "z_u", "z_e")}
    save_file(bad, folder / "probe" / "step_000099.safetensors")
    assert 99 not in [p.step for p in read_run(folder).probe]


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(DataError, match="no run folder"):
        read_run(tmp_path / "nowhere")
    with pytest.raises(DataError, match="not a run folder"):
        read_run(tmp_path)


def test_a_damaged_probe_file_is_named(tmp_path):
    folder = make.run_folder(tmp_path / "run", steps=5)
    path = folder / "probe" / "step_000005.safetensors"
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(DataError, match="step_000005"):
        read_run(folder)


def test_probe_files_must_have_the_rows_that_are_listed(tmp_path):
    folder = make.run_folder(tmp_path / "run", steps=5, rows=12)
    (folder / "probe" / "rows.json").write_text(
        json.dumps([{"task": "open_drawer", "variation": 0, "episode": 0}] * 11)
    )
    with pytest.raises(DataError, match="11 rows"):
        read_run(folder)
