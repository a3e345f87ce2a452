"""Experiments let policies act as the evaluation does: by `RollOuts`, whose records stand."""

from pathlib import Path

import pytest

import make
from premotor.demonstrate.seeds import unseen_slots
from premotor.errors import EpisodesMissing
from premotor.evaluate.acting import success
from premotor.evaluate.acting.success import RolloutUnit
from premotor.experiments import ablate
from premotor.experiments.ablate import AblateConfig
from premotor.records import EvalRecord, TrainingRecord


def test_a_training_is_judged_by_all_roll_outs_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def fares(actors, clips, traces, acting: RolloutUnit) -> EvalRecord:
        (episode, *_) = acting.slot.candidates
        if episode.seed % 2 and broken:
            raise ValueError("broke")
        asked = {"step": acting.weights.step, "max_key_poses": acting.max_key_poses}
        return make.rollout(**vars(episode), **asked, preset=acting.weights.preset)

    monkeypatch.setattr(success, "roll_out_unit", fares)
    monkeypatch.setattr(ablate, "known_keyframes", lambda *_: [])
    monkeypatch.setattr(ablate, "measure_keyframes", lambda *_, **__: [])
    config = AblateConfig(
        data=Path("d"), out=tmp_path, preset="nano", steps=4, device="cpu", workers=1
    )
    unit, slots = ablate.units_of(config)[0], unseen_slots(["turn_tap"], 2)
    make.checkpoints(config.folder.run(*unit.key).path, steps=(0, 4))
    told: list[tuple[str, int, int, str]] = []

    def judged() -> TrainingRecord:
        told.clear()
        return ablate.train_and_judge(config, slots, "", lambda *news: told.append(news), unit)

    broken = True
    with pytest.raises(EpisodesMissing, match="1 of 2 roll-outs broke"):
        judged()
    broken = False
    found = judged()
    assert told[0] == ("roll out", 1, 2, "full, seed 0: 1 successes, trained")  # one of them stands
    assert [(r.step, r.preset, r.seed % 2) for r in found.rollouts] == [
        (4, "nano", 0),
        (4, "nano", 1),
    ]
