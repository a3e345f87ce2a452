"""`premotor look RUN TASK`: what a policy sees, its heatmaps, and where it would go."""

from dataclasses import dataclass, replace
from pathlib import Path

import tyro

from premotor.actor import Actor
from premotor.claims import claim_file
from premotor.cli.options import parsed
from premotor.demonstrate.expert import record
from premotor.episode.identity import EpisodeId
from premotor.episode.keyframe import Keyframe
from premotor.episode.observation import Observation
from premotor.errors import ConfigError
from premotor.records import write_atomically
from premotor.report.decision import decision_png
from premotor.simulate.environment import Environment
from premotor.store.reader import DemoSet


@dataclass(frozen=True)
class LookArguments:
    """Draw one decision of a policy, beside the key pose that the demonstration goes to."""

    run: tyro.conf.Positional[Path]  # folder made by `premotor train`, or of a policy alone
    task: tyro.conf.Positional[str] = ""  # name, see `premotor tasks`; or give --data
    variation: int = 0
    seed: int = 0  # places the props
    data: Path | None = None  # folder of a data set, instead of a task
    split: str = "test"  # of the data set
    episode: int = 0  # of the split, from 0 on
    keyframe: int = 0  # which decision of the episode; the demonstration acts up to there
    step: int | None = None  # updates that the policy learned from; its last if left out
    out: Path = Path("look.png")
    overwrite: bool = False  # replace a file that is there


@dataclass(frozen=True, eq=False)
class _Scene:
    """What there is to see before a decision, and what the demonstration does then."""

    episode: str
    instruction: str
    observation: Observation
    true: Keyframe


def command(argv: list[str]) -> int:
    """Run `premotor look`."""
    arguments = parsed(LookArguments, "look", argv)
    claim_file(arguments.out, arguments.overwrite)
    if bool(arguments.task) == (arguments.data is not None):
        raise ConfigError(
            f"expected a task or --data, got task {arguments.task!r} and data {arguments.data}; "
            "name the one of the two that is to be looked at"
        )
    actor = Actor.load(arguments.run, arguments.step)
    scene = _simulated(arguments) if arguments.data is None else _stored(arguments, arguments.data)
    decision = actor.look(scene.observation, scene.instruction)
    title = f"{scene.episode}, decision {arguments.keyframe}, policy {arguments.run}"
    write_atomically(arguments.out, decision_png(decision, scene.true, title))
    x, y, z = decision.keyframe.end_effector.position
    print(f"{scene.instruction}: to ({x:.3f}, {y:.3f}, {z:.3f}) m, {arguments.out}")
    return 0


def _simulated(arguments: LookArguments) -> _Scene:
    episode = EpisodeId(arguments.task, arguments.variation, arguments.seed)
    environment = Environment()
    recording = record(environment, episode)
    decision = arguments.keyframe
    true = _decided(decision, recording.keyframes)
    row = recording.keyframes[decision - 1].step if decision else 0
    environment.world.restore(recording.states[row])
    views = environment.observe().views
    observation = replace(recording.rows[row], views=views, key_poses=decision)
    return _Scene(str(episode), environment.instructions[0], observation, true)


def _stored(arguments: LookArguments, data: Path) -> _Scene:
    demos = DemoSet.open(data, arguments.split)
    if not 0 <= arguments.episode < len(demos):
        raise ConfigError(
            f"split {arguments.split} of {data} has episodes 0 to {len(demos) - 1}, got --episode "
            f"{arguments.episode}; choose one of them"
        )
    info, decision = demos.episodes[arguments.episode], arguments.keyframe
    true = _decided(decision, demos.keyframes(arguments.episode))
    observation = demos.observations(arguments.episode, decision + 1)[decision]
    episode = f"{info.task}, {arguments.split} episode {arguments.episode} of {data}"
    return _Scene(episode, info.instructions[0], observation, true)


def _decided(decision: int, keyframes: tuple[Keyframe, ...]) -> Keyframe:
    """The keyframe that a decision of the demonstration led to."""
    if not 0 <= decision < len(keyframes):
        raise ConfigError(
            f"the demonstration has decisions 0 to {len(keyframes) - 1}, got --keyframe "
            f"{decision}; choose one of them"
        )
    return keyframes[decision]
