"""What is measured of a unit: at every judged step without acting, of the last one with it."""

from dataclasses import dataclass
from functools import cached_property

from premotor.checkpoint import load_mirror
from premotor.comparison_records import FILMS, KeptFilm, KeyPose
from premotor.data.dataset import Dataset
from premotor.device import chosen_device
from premotor.evaluate.acting.films import FPS, film
from premotor.evaluate.acting.success import RollOuts, RolloutUnit, Weights, shared_environment
from premotor.evaluate.acting.traces import EVERY, Trace, trace_path
from premotor.evaluate.agreeing.kept_features import LAYERS, keep, representations
from premotor.evaluate.held_out_losses import (
    HeldOutConfig,
    key_poses,
    measure_held_out,
)
from premotor.evaluate.naming.recognition import NamingConfig, catalog, recognize
from premotor.experiments.comparison.arms import Judged
from premotor.experiments.comparison.setting import Setting, Unit
from premotor.mirror import Mirror
from premotor.records import EvalRecord, HeldOutRecord, write_json, write_lines
from premotor.represent import open_dataset

_LAST = "trained"  # name of the last checkpoint in the records
_FITTED = ("u", "e")  # on which maps are fitted anew
_CLASSES = "text"  # clips are named among all texts


@dataclass(frozen=True)
class Judge:
    """Looks at the checkpoints of one unit."""

    setting: Setting
    unit: Unit

    def look(self, step: int) -> HeldOutRecord:
        """Measure the checkpoint after so many updates, and keep its u and e where the plan says.

        The key poses of the last one are written down, each, as far as its arm is judged by them.

        Raises:
            PremotorError: The checkpoint or the data are missing or damaged.
        """
        mirror, told = self._mirror(step), self.setting.told(self.unit)
        config = self._held_out
        judged = self._open(config.split, mirror)
        alone = config.fit_split == config.split
        fitted = None if alone else self._open(config.fit_split, mirror)
        if self.keeps(step):
            self._keep(step, mirror, judged)
        placed = key_poses(mirror.eval(), judged, config, step, told)
        if step == self._last and self._judged != "naming":
            write_lines(self.setting.folder(self.unit).keyframes, placed)
        return measure_held_out(mirror, judged, fitted, config, told, placed)

    def _keep(self, step: int, mirror: Mirror, judged: Dataset) -> None:
        """Write u and e down, and what else of the page, where it shows this seed."""
        folder, told = self.setting.folder(self.unit), self.setting.told(self.unit)
        count = self.setting.plan.feature_episodes
        layers = LAYERS if self.setting.shown(self.unit) else _FITTED
        for path, dataset, kept in (
            (folder.features(step), judged, layers),
            (folder.fit_features(step), self._open("train", mirror), _FITTED),
        ):
            keep(path, representations(mirror, dataset, count, kept, told))

    def finish(self) -> None:
        """Let the last checkpoint name and act, as far as its arm is judged by that.

        What has its file is not done again.

        Raises:
            EpisodesMissing: Roll-outs broke; the others are kept.
            Stopped: It was asked to stop.
        """
        if self._judged != "acting":
            self._name()
        if self._judged != "naming":
            self._act()

    @property
    def _judged(self) -> Judged:
        return self.setting.plan.arm(self.unit.arm).judged

    @property
    def _last(self) -> int:
        return self.setting.plan.steps_of(self.unit.arm)[-1]

    def keeps(self, step: int) -> bool:
        """Whether u and e of a checkpoint are kept."""
        plan, arm = self.setting.plan, self.unit.arm
        if arm in (plan.features_of or (plan.baseline,)):
            return True
        return self.setting.shown(self.unit) and (step == self._last or arm == plan.claim)

    @cached_property
    def _held_out(self) -> HeldOutConfig:
        plan = self.setting.plan
        return HeldOutConfig(
            split=plan.judged_split,
            fit_split="val",  # of a pilot, which is judged on that, in halves
            rows=plan.keyframe_rows,
            clips=plan.clips,
            fit_clips=plan.data.val,
            answers=plan.config(self.unit.arm, self.unit.seed).pairing.answers,
        )

    def _mirror(self, step: int) -> Mirror:
        device = chosen_device(self.setting.plan.device)
        return load_mirror(self.setting.run(self.unit).path, step).to(device)

    def _open(self, split: str, mirror: Mirror) -> Dataset:
        told = self.setting.told(self.unit)
        return open_dataset(self.setting.source, split, mirror.config, told)

    def _name(self) -> None:
        path = self.setting.folder(self.unit).named
        if path.is_file():
            return
        mirror = self._mirror(self._last)
        dataset = self._open(self._held_out.split, mirror)
        among = NamingConfig(class_sets=(_CLASSES,))
        named = recognize(mirror.understand, dataset, catalog(dataset), _LAST, among)
        write_lines(path, [clip for clip in named.clips if clip.class_set == _CLASSES])

    def _act(self) -> None:
        plan, folder = self.setting.plan, self.setting.folder(self.unit)
        films = folder.films / FILMS
        if self.unit.arm in plan.without_rollouts or not plan.episodes or films.is_file():
            return
        filmed, traces = self.setting.films_of(self.unit), self.setting.traces(self.unit)
        run = str(self.setting.run(self.unit).path)
        weights = Weights(run, self._last, _LAST, plan.preset)
        found = RollOuts(
            ledger=folder.rollouts,
            traces=traces if filmed else None,
            filmed=filmed,
            device=chosen_device(plan.device),
            workers=self.setting.workers,
            progress=self.setting.told(self.unit),
        ).of([RolloutUnit(weights, slot, plan.max_key_poses) for slot in self.setting.slots])
        records = found.insist("roll-outs")  # the same episodes must stand for all
        there = [r for r in records if trace_path(traces, r).is_file()]  # else work was removed
        shown = [record for record in there if record.episode in filmed]
        write_json(films, [self._film(record) for record in shown])
        for path in traces.glob("*.npz"):
            path.unlink()

    def _film(self, record: EvalRecord) -> KeptFilm:
        trace = Trace.read(trace_path(self.setting.traces(self.unit), record))
        name = f"{record.task}_{record.variation}_{record.seed}"
        folder = self.setting.folder(self.unit).films
        made = film(shared_environment(), record, trace, folder, name)
        return KeptFilm(**vars(made), key_poses=_chosen(trace))


def _chosen(trace: Trace) -> tuple[KeyPose, ...]:
    """What the policy chose, and when the film shows it chosen."""
    return tuple(
        KeyPose(
            second=choice.row / EVERY / FPS,
            position=tuple(choice.keyframe.end_effector.position.tolist()),
            quaternion=tuple(choice.keyframe.end_effector.quaternion.tolist()),
            gripper_open=choice.keyframe.gripper_open,
        )
        for choice in trace.choices
        if choice.keyframe is not None
    )
