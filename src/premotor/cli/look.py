"""`premotor look RUN TASK`: what a policy sees, its heatmaps, and where it would go."""

from dataclasses import dataclass, replace
from pathlib import Path

import tyro

from premotor.actor import Actor
from premotor.demonstrate.expert import record
from premotor.episode.keyframe import Keyframe
from premotor.episode.observation import Observation
from premotor.errors import ConfigError, OutputExists
from premotor.records import write_atomically
from premotor.report.decision import decision_png
from premotor.simulate.environment import Environment


@dataclass(frozen=True)
class LookArguments:
    """Draw one decision of a policy, beside the key pose that the expert goes to."""

    run: tyro.conf.Positional[Path]  # folder made by `premotor train`, or of a policy alone
    task: tyro.conf.Positional[str]  # name, see `premotor tasks`
    variation: int = 0
    seed: int = 0  # places the props
    keyframe: int = 0  # which decision: the expert acts up to there
    step: int | None = None  # updates that the policy learned from; its last if left out
    out: Path = Path("look.png")
    overwrite: bool = False  # replace a file that is there


def command(argv: list[str]) -> int:
    """Run `premotor look`."""
    arguments = tyro.cli(LookArguments, prog="premotor look", args=argv)
    if arguments.out.exists() and not arguments.overwrite:
        raise OutputExists(f"{arguments.out} exists; replace it with --overwrite")
    actor = Actor.load(arguments.run, arguments.step)
    environment = Environment()
    observation, true = _seen(environment, arguments)
    decision = actor.look(observation, environment.instructions[0])
    task, variation, seed = arguments.task, arguments.variation, arguments.seed
    title = f"{task}, variation {variation}, seed {seed}, decision {arguments.keyframe}"
    write_atomically(arguments.out, decision_png(decision, true, title))
    x, y, z = decision.keyframe.end_effector.position
    print(f"{decision.instruction}: to ({x:.3f}, {y:.3f}, {z:.3f}) m, {arguments.out}")
    return 0


def _seen(environment: Environment, arguments: LookArguments) -> tuple[Observation, Keyframe]:
    """What there is to see before a decision, and the expert's own."""
    episode = (arguments.task, arguments.variation, arguments.seed)
    recording = record(environment, *episode)
    true = dict(enumerate(recording.keyframes)).get(arguments.keyframe)
    if true is None:
        raise ConfigError(
            f"the expert makes decisions 0 to {len(recording.keyframes) - 1} here, got --keyframe "
            f"{arguments.keyframe}; choose one of them"
        )
    row = recording.keyframes[arguments.keyframe - 1].step if arguments.keyframe else 0
    environment.world.restore(recording.states[row])
    return replace(recording.rows[row], views=environment.observe().views), true
