"""A small untrained mirror on held-out episodes, in both spaces and under the controls."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import make
from premotor.align.config import AlignConfig
from premotor.align.fit import FitConfig
from premotor.align.models import project
from premotor.checkpoint import load_mirror
from premotor.data.dataset import Dataset
from premotor.evaluate.agreeing import alignment
from premotor.evaluate.agreeing.alignment import (
    REPORTED,
    Against,
    Refit,
    agreement,
    blindness,
    cosines,
    embed,
    learned,
    of_a_report,
    sight_of,
)
from premotor.evaluate.agreeing.held_out import HeldOut
from premotor.evaluate.agreeing.towers import fitted
from premotor.evaluate.naming.recognition import Named, NamingConfig, catalog, recognize
from premotor.findings import Sight, Study
from premotor.measure.intervals import wilson
from premotor.measure.sides import CONTROLS, another_episode
from premotor.mirror import Mirror
from premotor.progress import no_progress
from premotor.represent import Source, open_dataset, pairs_of
from premotor.understand.recognizer import Recognizer

FIT = FitConfig(align=AlignConfig(latent_dim=8), steps=5)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return make.checkpoints(tmp_path_factory.mktemp("alignment") / "run", steps=(0, 4))


@pytest.fixture
def mirror(run: Path) -> Mirror:
    return load_mirror(run, 4)


@pytest.fixture(scope="module")
def held_out(run: Path, enough_data: Path) -> HeldOut:
    return HeldOut.open(Source(enough_data), "test", load_mirror(run, 4).config, "", no_progress)


@pytest.fixture(scope="module")
def two_cameras(held_out: HeldOut) -> HeldOut:
    """The same episodes, seen by another camera as well: it stands on its head."""
    cache = held_out.dataset.cache
    turned = replace(cache, frames=np.asarray(cache.frames)[:, :, ::-1, ::-1])
    other = replace(held_out.dataset, cache=turned)
    return replace(held_out, other_camera=other, camera="ceiling")


@pytest.fixture
def refit(mirror: Mirror, enough_data: Path) -> Refit:
    dataset = open_dataset(Source(enough_data), "train", mirror.config)
    return Refit(sides=learned(mirror, dataset, pairs_of(dataset, "episode"), 0), fit=FIT)


def collapsed(mirror: Mirror) -> Mirror:
    """With a recognizer that sees nothing."""
    with torch.no_grad():
        mirror.understand.vision_encoder.tower.conv1.weight.zero_()
    return mirror


def of_sides(studies: tuple[Study, ...], space: str) -> Study:
    (found,) = [s for s in studies if (s.space, s.sides) == (space, "u-e")]
    return found


def controls_in(study: Study) -> set[tuple[str, bool]]:
    return {(c.name, c.refitted) for finding in study.findings for c in finding.controls}


def test_a_row_is_an_episode_with_its_labels_in_both_spaces(mirror, held_out):
    spaces = embed(mirror, held_out.dataset, held_out.pairs)
    assert {space: (s.u.shape, s.e.shape) for space, s in spaces.items()} == {
        "z": ((9, 32), (9, 32)),
        "raw": ((9, 32), (9, 96)),
    }
    for sides in spaces.values():
        assert sides.tasks == ("push_buttons",) * 9
        assert sides.variations == tuple(str(seed % 3) for seed in range(100, 109))
    assert np.linalg.norm(spaces["z"].u, axis=1) == pytest.approx(1.0)
    assert np.abs(cosines(spaces["z"]) - np.diag(spaces["z"].u @ spaces["z"].e.T)).max() < 1e-12


def test_withheld_words_change_what_is_done_and_not_what_is_watched(mirror, held_out):
    given = embed(mirror, held_out.dataset, held_out.pairs)["raw"]
    blanked = embed(mirror, held_out.dataset, held_out.pairs, blanked=True)["raw"]
    assert np.array_equal(given.u, blanked.u)
    assert np.abs(given.e - blanked.e).max(axis=1).min() > 0.0


def test_maps_learn_from_sides_under_the_same_controls(mirror, refit):
    sides = refit.sides
    assert list(sides.controls) == list(CONTROLS)
    assert len(sides) == 18
    assert np.array_equal(sides.controls["blanked"].u, sides.u)
    rows, partners = another_episode(sides.groups, np.random.default_rng(0))
    assert np.array_equal(sides.controls["another"].u, sides.u[partners])
    assert np.array_equal(sides.controls["both"].e, sides.controls["blanked"].e[rows])


def test_both_spaces_have_controls_and_the_shared_one_through_maps_anew_too(
    mirror, held_out, refit
):
    found = agreement(mirror, held_out, "trained", make.COARSE, Against(refit=refit))
    plain = {(name, False) for name in CONTROLS}
    assert controls_in(of_sides(found.studies, "raw")) == plain
    assert controls_in(of_sides(found.studies, "z")) == plain | {(name, True) for name in CONTROLS}
    for name, control in found.spaces["raw"].controls.items():
        maps = fitted(refit.sides.controls[name], FIT, make.COARSE.seed)
        anew = found.spaces["z"].refitted[name]
        assert np.array_equal(anew.u, project(maps, control).u)
        assert np.array_equal(anew.e, project(maps, control).e)
        assert anew.u.shape[1] == 8


def test_stand_ins_stand_beside_the_raw_space_alone(mirror, held_out):
    found = agreement(mirror, held_out, "trained", make.COARSE, Against())
    assert {(study.space, study.sides) for study in found.studies} == {
        ("z", "u-e"),
        *(("raw", sides) for sides in ("u-e", "pixels-e", "u-path", "pixels-path")),
    }
    raw = found.spaces["raw"].stand_ins
    assert np.array_equal(raw["pixels-path"].u, held_out.stand_ins["pixels"])
    assert np.array_equal(raw["u-path"].e, held_out.stand_ins["path"])
    assert {study.checkpoint for study in found.studies} == {"trained"}
    assert {f.measure for f in of_sides(found.studies, "z").findings} == set(REPORTED)


def test_untrained_networks_stand_beside_on_the_same_episodes(run, mirror, held_out):
    before = agreement(load_mirror(run, 0), held_out, "untrained", make.COARSE, Against())
    after = agreement(mirror, held_out, "trained", make.COARSE, Against(untrained=before.spaces))
    for space in ("z", "raw"):
        one, two = (of_sides(a.studies, space).finding("debiased_cka") for a in (before, after))
        assert one.untrained is None
        assert two.untrained == one.own.value
        assert two.untrained != two.own.value


def test_another_camera_shows_other_episodes_through_it_alone(mirror, two_cameras, refit):
    sight = Sight(named=wilson(9, 9), first_frame=wilson(5, 9), named_other_camera=wilson(1, 9))
    against = Against(refit=refit, sight=replace(sight, camera="ceiling"))
    found = agreement(mirror, two_cameras, "trained", make.COARSE, against)
    seen = embed(mirror, two_cameras.other_camera, two_cameras.pairs)["raw"].u
    own = found.spaces["raw"]
    _, partners = another_episode(own.groups, np.random.default_rng(0))
    assert np.array_equal(own.controls["another"].u, seen[partners])
    assert not np.array_equal(own.u, seen)
    assert list(found.spaces["z"].refitted) == ["blanked"]  # maps know no other camera
    for study in (of_sides(found.studies, space) for space in ("z", "raw")):
        void = {c.name: c.void for f in study.findings for c in f.controls if not c.refitted}
        assert void["blanked"] == ""
        assert void["another"] == void["both"] == blindness(against.sight)
    assert "cannot see through the camera ceiling: it names 11% of the texts" in void["both"]


@pytest.mark.parametrize(
    ("other", "first", "blind"), [(3, 5, True), (5, 5, False), (8, 5, False), (None, 5, False)]
)
def test_u_has_to_name_more_through_a_camera_than_a_first_frame_gives_away(other, first, blind):
    named = None if other is None else wilson(other, 9)
    sight = Sight(named=wilson(9, 9), first_frame=wilson(first, 9), named_other_camera=named)
    assert (blindness(sight) != "") is blind
    assert blindness(None) == ""


def test_sight_counts_texts_named_through_either_camera(mirror, held_out, two_cameras):
    alone, both = sight_of(mirror, held_out), sight_of(mirror, two_cameras)
    assert (alone.camera, alone.named_other_camera) == ("", None)
    assert (both.camera, both.named) == ("ceiling", alone.named)
    assert both.named_other_camera.count == both.first_frame.count == 9


def test_clips_that_were_named_already_are_not_named_again_for_sight(
    mirror, two_cameras, monkeypatch
):
    shown: list[Dataset] = []

    def counted(recognizer: Recognizer, dataset: Dataset, *rest: Any) -> Named:
        shown.append(dataset)
        return recognize(recognizer, dataset, *rest)

    monkeypatch.setattr(alignment, "recognize", counted)
    naming = NamingConfig(class_sets=("task", "text"), prompts="first")
    dataset = two_cameras.dataset
    told = recognize(mirror.understand, dataset, catalog(dataset), "trained", naming).records
    known = sight_of(mirror, two_cameras, naming, told)
    assert shown == [two_cameras.other_camera]
    assert known == sight_of(mirror, two_cameras, naming)  # as if both were named now
    tasks = [record for record in told if record.class_set == "task"]
    assert known == sight_of(mirror, two_cameras, naming, tasks)  # no texts are known


def test_a_collapsed_recognizer_stops_nothing_and_its_findings_say_why(mirror, held_out, refit):
    found = agreement(collapsed(mirror), held_out, "trained", make.COARSE, Against(refit=refit))
    for space in ("z", "raw"):
        study = of_sides(found.studies, space)
        assert {f.own.value for f in study.findings} == {None}
        assert all("the first side" in f.own.absent for f in study.findings)
        assert study.verdict.kind == "unresolved"
        assert "are the same" in study.verdict.because
    beside = {s.sides: s.finding("debiased_cka").own.value for s in found.studies}
    assert beside["u-path"] is None
    assert beside["pixels-e"] is not None


def test_a_report_measures_what_a_page_has_room_for_with_the_temperature_of_the_alignment():
    config = of_a_report(0.07)
    assert config.only == REPORTED
    assert config.measure.temperature == 0.07
    assert config.permutations >= 1000
