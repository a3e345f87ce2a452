"""The probe of two towers: what it refuses, what it writes, and what it holds against success."""

import shlex
from dataclasses import replace

import pytest

import make
from premotor.align.fit import FitConfig
from premotor.claims import Claim
from premotor.cli import main
from premotor.errors import ConfigError, DataError, OutputExists
from premotor.evaluate.acting import success
from premotor.experiments.probe import ProbeConfig, probe, together
from premotor.findings import ProbeRecord
from premotor.measure.crossed import CURVES
from premotor.measure.features import Features
from premotor.measure.sides import CONTROLS
from premotor.records import read_json
from premotor.report.probe import sentences
from premotor.represent import Source


def premotor(line: str) -> int:
    return main.run(shlex.split(line))


@pytest.fixture(scope="module")
def towers(tmp_path_factory, enough_data):
    """A recognizer and a policy that were trained apart, and a joint run."""
    folder = tmp_path_factory.mktemp("probe")
    line = f"train nano --data {enough_data} --steps 2 --processes 1 --probe-episodes 0"
    alone = {
        "u": "--pairing.watch-only --seed 1",
        "e": "--pairing.recognition-every 0",
        "e1": "--pairing.recognition-every 0 --seed 1",
        "joint": "",
    }
    for name, options in alone.items():
        assert premotor(f"{line} --out {folder / name} {options}") == 0
    return folder


def _fares(actors, clips, traces, unit):
    """Every other roll-out succeeds."""
    (episode,) = unit.slot.candidates
    made = make.rollout(**vars(episode), success=episode.seed % 2 == 0, step=unit.weights.step)
    return replace(made, max_key_poses=unit.max_key_poses)


def test_two_towers_that_were_trained_apart_are_measured_and_held_against_success(
    towers, enough_data, monkeypatch, capsys
):
    monkeypatch.setattr(success, "roll_out_unit", _fares)
    out = towers / "probed"
    line = (
        f"probe {towers / 'u'} {towers / 'e'} --data {enough_data} --out {out} --workers 1 "
        "--no-own-videos --permutations 20 --halves 20 --fit.steps 20 "
        "--only debiased_cka mutual_knn bound recall_at_1_u_to_e"
    )
    assert premotor(line) == 0
    record = read_json(out / "probe.json", ProbeRecord)
    assert (record.together, record.num_fit, record.num_rows) == ("", 18, 9)
    assert (record.successes, record.rollouts, record.step_u, record.step_e) == (5, 9, 2, 2)
    assert (record.sight.named.count, record.sight.named_other_camera) == (9, None)
    own = {(s.checkpoint, s.space): s for s in record.studies if s.sides == "u-e"}
    assert set(own) == {(c, space) for c in ("untrained", "trained") for space in ("raw", "z")}
    for (checkpoint, space), study in own.items():
        wanted = {(name, False) for name in CONTROLS}
        if (checkpoint, space) == ("trained", "z"):
            wanted |= {(name, True) for name in CONTROLS}
        for finding in study.findings:
            assert {(c.name, c.refitted) for c in finding.controls} == wanted
        gained = {f.measure for f in study.findings if f.gain is not None}
        assert ("debiased_cka" in gained) is (checkpoint == "trained")
    first = record.relations[0]
    assert (first.watched, first.within, first.relation.num_pairs) == ("expert", "task", 20)
    said = " ".join(capsys.readouterr().out.split())
    assert all(" ".join(sentence.split()) in said for sentence in sentences(record))
    assert "no word here" not in said
    for name in ("u", "e", "e_blanked", "u_untrained", "e_untrained"):
        features = Features.load(out / "features" / f"{name}.npz")
        assert features.labels["episode"] == tuple(str(seed) for seed in range(100, 109))
    assert "against success within the task" in (out / "probe.md").read_text()
    assert (out / "probe.svg").read_text().startswith("<svg")
    with pytest.raises(OutputExists, match="--resume"):
        premotor(line)
    again = f"align {out}/features/u.npz {out}/features/e.npz --out {out}/a.json --permutations 20"
    assert premotor(f"{again} --halves 0 --only mutual_knn") == 0


def test_training_is_followed_through_checkpoints_that_both_runs_have(
    towers, enough_data, monkeypatch
):
    monkeypatch.setattr(success, "roll_out_unit", _fares)
    config = ProbeConfig(
        run_u=towers / "u",
        run_e=towers / "e",
        source=Source(enough_data),
        out=towers / "followed",
        unit="segment",
        steps=(2, 0, 2),
        fit=FitConfig(steps=3),
        study=make.COARSE,
        device="cpu",
    )
    record = probe(config)
    assert [point.step for point in record.curve] == [0, 2]
    assert all(set(point.values) == set(CURVES) for point in record.curve)
    assert record.curve[0].values["debiased_cka"] != record.curve[1].values["debiased_cka"]
    assert record.curve[0].centered == {}  # one task alone
    for space in ("raw", "z"):
        (study,) = [
            s
            for s in record.studies
            if (s.checkpoint, s.space, s.sides) == ("trained", space, "u-e")
        ]
        name = "debiased_cka" if space == "z" else "debiased_cka_raw"
        expected = study.finding("debiased_cka").own.value
        assert record.curve[1].values[name] == pytest.approx(expected)
    assert "Over training" in (towers / "followed" / "probe.md").read_text()
    with pytest.raises(DataError, match=r"u has not kept 1 7 of --steps 0 1 7; it has 0 2;"):
        probe(replace(config, steps=(0, 1, 7), out=towers / "never"))
    assert not (towers / "never").exists()


def test_models_that_were_not_trained_apart_are_told(towers):
    u, e = towers / "u", towers / "e"
    assert together(u, e) == ""
    assert "one run" in together(u, u)
    assert "align its own two towers" in together(towers / "joint", e)
    assert "seed 1" in together(u, towers / "e1")


def test_maps_are_not_measured_on_what_they_learned_from(tmp_path):
    with pytest.raises(ConfigError, match="name two splits"):
        ProbeConfig(
            run_u=tmp_path, run_e=tmp_path, source=Source(tmp_path), fit_split="a", split="a"
        )


def test_a_folder_that_is_no_probe_is_left_alone(towers, enough_data):
    config = ProbeConfig(
        run_u=towers / "u",
        run_e=towers / "e",
        source=Source(enough_data),
        out=towers / "joint",
        claim=Claim(overwrite=True),
    )
    with pytest.raises(OutputExists, match="is not a probe"):
        probe(config)
    assert (towers / "joint" / "config.yaml").is_file()
