import re
import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from premotor import presets
from premotor.checkpoint import save_recognizer
from premotor.cli import train
from premotor.codec import to_yaml
from premotor.data.pairing import PairingConfig
from premotor.errors import ConfigError, DataError, UnknownName
from premotor.execute.config import WordsConfig
from premotor.geometry.cameras import Window
from premotor.train.optim import OptimizerConfig
from premotor.understand.recognizer import Recognizer

PLACES = ["--data", "d", "--out", "o"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A recognizer of larger frames than the preset's."""
    nano = presets.TRAIN["nano"].mirror.understand
    save_recognizer(tmp_path / "seen", Recognizer(replace(nano, video=replace(nano.video, px=48))))
    return tmp_path / "seen"


def test_a_preset_is_overridden_field_by_field():
    options = ["--align.weight", "0.25", "--execute.trunk.joint-depth", "2", "--steps", "7"]
    options += ["--pairing.unit", "segment"]
    wanted = train.parse(["tiny", *PLACES, *options, "--resume"])
    config = wanted.job.config
    assert (config.mirror.align.weight, config.mirror.execute.trunk.joint_depth) == (0.25, 2)
    assert (config.steps, config.preset, wanted.claim.resume) == (7, "tiny", True)
    assert (config.pairing.unit, presets.TRAIN["tiny"].pairing.unit) == ("segment", "episode")
    assert config.mirror.understand == presets.TRAIN["tiny"].mirror.understand


def test_a_stored_configuration_is_read_back(tmp_path: Path):
    stored = train.parse(["nano", *PLACES, "--seed", "3"]).job.config
    path = tmp_path / "config.yaml"
    path.write_text(to_yaml(stored))
    assert train.parse(["--config", str(path), *PLACES]).job.config == stored
    changed = train.parse(["--config", str(path), *PLACES, "--steps", "9"]).job.config
    assert (changed.seed, changed.steps) == (3, 9)


def test_frozen_text_is_asked_for_by_options(tmp_path: Path):
    sizes = ["--execute.text.width", "64", "--execute.text.heads", "1", "--execute.text.vocabulary"]
    options = ["--execute.frozen-text.weights", str(tmp_path / "clip.pt"), *sizes]
    execute = train.parse(["nano", *PLACES, *options]).job.config.mirror.execute
    assert execute.frozen_text.weights == tmp_path / "clip.pt"
    assert execute.text.vocabulary == ()
    with pytest.raises(DataError, match=r"clip\.pt is missing"):
        train.command(["nano", *PLACES, *options])


def test_the_loss_of_watching_is_chosen_by_name(capsys: pytest.CaptureFixture[str]):
    options = ["--understand.loss", "class_table", "--understand.freeze-text"]
    understand = train.parse(["nano", *PLACES, *options]).job.config.mirror.understand
    assert (understand.loss, understand.freeze_text) == ("class_table", True)
    with pytest.raises(SystemExit):
        train.parse(["nano", *PLACES, "--understand.loss", "class_tabel"])
    assert "class_table" in capsys.readouterr().err


def test_the_stem_of_the_recognizer_is_chosen_by_name(capsys: pytest.CaptureFixture[str]):
    options = [
        "--understand.video.stem",
        "convolutional",
        "--understand.video.stem-dims",
        "8",
        "12",
    ]
    video = train.parse(["nano", *PLACES, *options]).job.config.mirror.understand.video
    assert (video.stem, video.stem_dims) == ("convolutional", (8, 12))
    with pytest.raises(ConfigError, match="got 2; try 16"):
        train.parse(["nano", *PLACES, *options, "--understand.video.patch", "2"])
    with pytest.raises(SystemExit):
        train.parse(["nano", "--help"])
    assert "what moved" in " ".join(capsys.readouterr().out.replace("│", " ").split())


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
    with pytest.raises(ConfigError, match=r"align\.temperature must be > 0") as caught:
        train.parse(["nano", *PLACES, "--align.temperature", "-1"])
    assert caught.value.exit_code == 2
    assert capsys.readouterr().err == ""


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


def test_a_started_half_brings_its_sizes_and_other_options_still_count(folder: Path):
    options = ["--start.recognizer", str(folder), "--understand.mask-ratio", "0.3", "--steps", "7"]
    config = train.parse(["nano", *PLACES, *options]).job.config
    nano = presets.TRAIN["nano"].mirror
    assert config.start.recognizer == folder
    assert (config.mirror.understand.video.px, config.mirror.understand.mask_ratio) == (48, 0.3)
    assert (config.steps, config.mirror.execute) == (7, nano.execute)


def test_sizes_against_those_of_the_folder_are_refused_before_anything_is_made(
    folder: Path, tmp_path: Path, made_up_data: Path
):
    places = ["--data", str(made_up_data), "--out", str(tmp_path / "run")]
    options = ["--start.recognizer", str(folder), "--understand.video.px", "32"]
    with pytest.raises(ConfigError, match=r"video\.px: 48 in the folder, 32 asked for"):
        train.command(["nano", *places, *options, "--processes", "1"])
    assert not (tmp_path / "run").exists()


def test_what_a_run_begins_with_is_never_overwritten_by_it(folder: Path, made_up_data: Path):
    places = ["--data", str(made_up_data), "--out", str(folder.parent), "--overwrite"]
    with pytest.raises(ConfigError, match=r"throws away .*seen"):
        train.command(["nano", *places, "--start.recognizer", str(folder), "--processes", "1"])
    assert (folder / "recognizer.safetensors").exists()


def test_a_folder_that_does_not_hold_what_it_is_named_for_is_refused(folder: Path, tmp_path: Path):
    with pytest.raises(DataError, match=r"no policy in .*seen"):
        train.parse(["nano", *PLACES, "--start.policy", str(folder)])
    with pytest.raises(DataError, match=r"no recognizer in .*nowhere"):
        train.parse(["nano", *PLACES, "--start.recognizer", str(tmp_path / "nowhere")])


def test_a_started_run_is_resumed_by_the_same_line_when_the_folder_is_gone(
    folder: Path, tmp_path: Path
):
    line = ["nano", "--data", "d", "--out", str(tmp_path), "--start.recognizer", str(folder)]
    stored = train.parse(line).job.config
    (tmp_path / "config.yaml").write_text(to_yaml(stored))
    shutil.rmtree(folder)
    assert train.parse([*line, "--resume"]).job.config == stored
    resumed = ["--config", str(tmp_path / "config.yaml"), *line[1:5], "--resume"]
    assert train.parse(resumed).job.config == stored
    with pytest.raises(DataError, match="no recognizer"):
        train.parse(line)


def test_help_is_shown_with_the_sizes_of_a_folder(folder: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as caught:
        train.parse(["nano", "--start.recognizer", str(folder), "--help"])
    assert caught.value.code == 0
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "--start.policy" in said
    assert "(default: 48)" in said


def test_the_recipe_before_muon_is_a_line_of_options():
    docs = (Path(__file__).parents[2] / "docs" / "reproduce.md").read_text()
    (typed,) = re.findall(r"premotor train (tiny \S+ \S+ --out runs/before.*?)```", docs, re.DOTALL)
    config = train.parse(shlex.split(typed.replace("\\\n", " "))).job.config
    execute = config.mirror.execute
    assert config.optimizer == OptimizerConfig(understand_factor=0.25)
    assert execute.words == WordsConfig(slots=8, match_dim=16)
    assert (execute.tokens.patch, execute.heatmap.coarse_weight) == (0, 0.0)
    assert (execute.trunk.qk_norm, execute.tokens.qk_norm, execute.count_to) == (False, False, 0)
    assert config.pairing == PairingConfig(batch_size=16, pair_batch_size=32)
    understand = config.mirror.understand
    assert (understand.video.stem, understand.window, understand.loss) == (
        "patchify",
        Window(),
        "contrastive",
    )
