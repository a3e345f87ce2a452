import dataclasses
from pathlib import Path

import pytest

from premotor import presets, represent
from premotor.claims import Claim
from premotor.errors import ConfigError, DataError, OutputExists
from premotor.folders import RunFolder
from premotor.geometry.cameras import Window
from premotor.records import RunManifest, read_json, write_json
from premotor.store.layout import former_fingerprint
from premotor.train import run
from premotor.train.loop import build_mirror

CONFIG = dataclasses.replace(presets.train_preset("nano"), steps=8, processes=1)


@pytest.fixture
def begun(dots: Path, tmp_path: Path) -> RunFolder:
    """A run before its first step."""
    folder = RunFolder(tmp_path / "run")
    run.claim_run(folder, CONFIG, Claim())
    run.write_manifest(folder, CONFIG, build_mirror(CONFIG), represent.Source(dots), "premotor")
    return folder


def test_another_configuration_is_refused_with_the_differences(begun: RunFolder, dots: Path):
    other, demos = dataclasses.replace(CONFIG, steps=9, processes=2), represent.Source(dots).open()
    with pytest.raises(ConfigError, match="steps: 8 in the run, 9 now") as caught:
        run.check_run(begun, other, demos, Claim(resume=True))
    assert "processes" not in str(caught.value)


def test_other_data_are_refused(begun: RunFolder, dots: Path):
    demos = represent.Source(dots).open()
    first, *rest = demos.episodes
    said = dataclasses.replace(first, instructions=("something else",))
    for episodes in ((first, *rest[:-1]), (said, *rest)):
        others = dataclasses.replace(demos, episodes=episodes)
        with pytest.raises(ConfigError, match="other data"):
            run.check_run(begun, CONFIG, others, Claim(resume=True))


def test_a_run_of_version_0_1_0_goes_on_with_the_same_files_alone(begun: RunFolder, dots: Path):
    demos, manifest = represent.Source(dots).open(), read_json(begun.manifest, RunManifest)
    former = dataclasses.replace(manifest, data_fingerprint=former_fingerprint(demos.episodes))
    write_json(begun.manifest, former)
    run.check_run(begun, CONFIG, demos, Claim(resume=True))
    fewer = dataclasses.replace(demos, episodes=demos.episodes[1:])
    with pytest.raises(ConfigError, match="other data"):
        run.check_run(begun, CONFIG, fewer, Claim(resume=True))


def test_existing_output_is_refused_and_can_be_overwritten(tmp_path: Path):
    folder = RunFolder(tmp_path / "run")
    run.claim_run(folder, CONFIG, Claim())
    folder.metrics.write_text("old\n")
    with pytest.raises(OutputExists, match="--resume"):
        run.claim_run(folder, CONFIG, Claim())
    run.claim_run(folder, CONFIG, Claim(overwrite=True))
    assert folder.config.exists()
    assert not folder.metrics.exists()


def test_what_is_no_run_is_never_overwritten(tmp_path: Path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputExists, match="not a run"):
        run.claim_run(RunFolder(tmp_path), CONFIG, Claim(overwrite=True))
    assert (tmp_path / "thesis.tex").exists()


@pytest.mark.parametrize(
    ("px", "top", "said"),
    [
        (32, 0.0, ""),
        (32, 0.5, ""),
        (48, 0.0, "video.px is 48 and of the clips 32 px are looked at"),
    ],
)
def test_clips_that_are_enlarged_are_said(
    dots: Path, caplog: pytest.LogCaptureFixture, px, top, said
):
    """They are 32 px; a window as wide as they are is not enlarged."""
    understand = CONFIG.mirror.understand
    understand = dataclasses.replace(
        understand,
        video=dataclasses.replace(understand.video, px=px),
        window=Window(top=top),
    )
    dataset = represent.open_dataset(represent.Source(dots), "train", CONFIG.mirror)
    run.tell_enlarged(understand, dataset)
    assert said in caplog.text
    assert bool(said) == bool(caplog.text)


def test_a_missing_data_set_is_named(tmp_path: Path):
    with pytest.raises(DataError, match="nowhere"):
        represent.open_dataset(represent.Source(tmp_path / "nowhere"), "train", CONFIG.mirror)
