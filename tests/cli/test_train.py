from pathlib import Path

import pytest

from premotor import presets
from premotor.checkpoint import to_yaml
from premotor.cli import train
from premotor.errors import ConfigError, DataError, UnknownName

PLACES = ["--data", "d", "--out", "o"]


def test_a_preset_is_overridden_field_by_field():
    options = ["--align.weight", "0.5", "--execute.trunk.joint-depth", "2", "--steps", "7"]
    options += ["--pairing.unit", "segment"]
    wanted = train.parse(["tiny", *PLACES, *options, "--resume"])
    config = wanted.train
    assert (config.mirror.align.weight, config.mirror.execute.trunk.joint_depth) == (0.5, 2)
    assert (config.steps, config.preset, wanted.resume) == (7, "tiny", True)
    assert (config.pairing.unit, presets.TRAIN["tiny"].pairing.unit) == ("segment", "episode")
    assert config.mirror.understand == presets.TRAIN["tiny"].mirror.understand


def test_a_stored_configuration_is_read_back(tmp_path: Path):
    stored = train.parse(["nano", *PLACES, "--seed", "3"]).train
    path = tmp_path / "config.yaml"
    path.write_text(to_yaml(stored))
    assert train.parse(["--config", str(path), *PLACES]).train == stored
    changed = train.parse(["--config", str(path), *PLACES, "--steps", "9"]).train
    assert (changed.seed, changed.steps) == (3, 9)


def test_frozen_text_is_asked_for_by_options(tmp_path: Path):
    sizes = ["--execute.text.width", "64", "--execute.text.heads", "1", "--execute.text.vocabulary"]
    options = ["--execute.frozen-text.weights", str(tmp_path / "clip.pt"), *sizes]
    execute = train.parse(["nano", *PLACES, *options]).train.mirror.execute
    assert execute.frozen_text.weights == tmp_path / "clip.pt"
    assert execute.text.vocabulary == ()
    with pytest.raises(DataError, match=r"clip\.pt is missing"):
        train.command(["nano", *PLACES, *options])


def test_the_loss_of_watching_is_chosen_by_name(capsys: pytest.CaptureFixture[str]):
    options = ["--understand.loss", "class_table", "--understand.freeze-text"]
    understand = train.parse(["nano", *PLACES, *options]).train.mirror.understand
    assert (understand.loss, understand.freeze_text) == ("class_table", True)
    with pytest.raises(SystemExit):
        train.parse(["nano", *PLACES, "--understand.loss", "class_tabel"])
    assert "class_table" in capsys.readouterr().err


def test_unknown_presets_get_the_nearest():
    with pytest.raises(UnknownName, match="did you mean 'nano'"):
        train.parse(["nanno", *PLACES])


def test_no_preset_names_those_there_are():
    with pytest.raises(ConfigError, match="nano, tiny"):
        train.parse(PLACES)
    with pytest.raises(ConfigError, match="needs a file"):
        train.parse(["--config"])


def test_a_missing_config_file_is_named(tmp_path: Path):
    with pytest.raises(DataError, match=r"none\.yaml is missing"):
        train.parse(["--config", str(tmp_path / "none.yaml"), *PLACES])


def test_nonsense_values_are_a_usage_error(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as caught:
        train.parse(["nano", *PLACES, "--align.temperature", "-1"])
    assert caught.value.code == 2
    assert "align.temperature must be > 0" in capsys.readouterr().err


def test_help_shows_fields_with_their_comments(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as caught:
        train.parse(["tiny", "--help"])
    assert caught.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "--align.weight" in said
    assert "0.0 is the baseline" in said


def test_missing_data_is_said_before_anything_is_made(tmp_path: Path):
    out = tmp_path / "run"
    with pytest.raises(DataError, match="nowhere"):
        train.command(["nano", "--data", str(tmp_path / "nowhere"), "--out", str(out)])
    assert not out.exists()
