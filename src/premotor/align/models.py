"""Anybody's two models, through two protocols: one that watches and one that acts."""

# pyright: reportUnknownMemberType=false

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Real

from premotor.align.projections import Projections
from premotor.errors import ConfigError
from premotor.measure.sides import Sides, controls_of

Clip = TypeVar("Clip")
Scene = TypeVar("Scene")
Clip_in = TypeVar("Clip_in", contravariant=True)
Scene_in = TypeVar("Scene_in", contravariant=True)


@runtime_checkable
class Observes(Protocol[Clip_in]):
    """A model that watches."""

    def observe(self, clips: Sequence[Clip_in]) -> Float[np.ndarray, "b u"]:
        """U of each clip."""
        ...


@runtime_checkable
class Executes(Protocol[Scene_in]):
    """A model that acts."""

    def execute(
        self, scenes: Sequence[Scene_in], instructions: Sequence[str]
    ) -> Float[np.ndarray, "b e"]:
        """E of the first decision in each scene; an empty instruction withholds the words."""
        ...


@dataclass(frozen=True, eq=False, kw_only=True)
class Episodes(Generic[Clip, Scene]):
    """What both models are shown, entry i of each being one episode."""

    clips: Sequence[Clip]
    scenes: Sequence[Scene]
    instructions: Sequence[str]
    tasks: Sequence[str] = ()  # () = not known
    variations: Sequence[str] = ()  # () = not known
    other_camera: Sequence[Clip] = field(default_factory=tuple)
    """The same episodes from a camera that the acting model does not have; () = none."""

    def __post_init__(self) -> None:
        sides = (self.clips, self.scenes, self.instructions)
        labels = (self.tasks, self.variations, self.other_camera)
        sizes = [len(x) for x in sides] + [len(x) for x in labels if len(x)]
        if len(set(sizes)) != 1:
            raise ConfigError(f"every list has one entry per episode, got {sizes} entries")


def sides_of(
    observer: Observes[Clip], executor: Executes[Scene], episodes: Episodes[Clip, Scene]
) -> Sides:
    """U and e of all episodes, and the same under the controls."""
    scenes, other = episodes.scenes, episodes.other_camera

    def done(instructions: Sequence[str]) -> Float[np.ndarray, "b e"]:
        return np.asarray(executor.execute(scenes, instructions), dtype=np.float64)

    def watched(clips: Sequence[Clip]) -> Float[np.ndarray, "b u"]:
        return np.asarray(observer.observe(clips), dtype=np.float64)

    sides = Sides(
        watched(episodes.clips),
        done(episodes.instructions),
        tuple(episodes.tasks),
        tuple(episodes.variations),
    )
    controls = controls_of(
        sides,
        blanked=done([""] * len(scenes)),
        other_camera=watched(other) if len(other) else None,
    )
    return replace(sides, controls=controls)


def project(maps: Projections, sides: Sides) -> Sides:
    """The same rows and controls in the shared space, where z_u and z_e may be compared.

    Untrained networks and stand-ins have maps of their own and are left out.
    """

    def through(layer: torch.nn.Linear, x: Real[np.ndarray, "n d"]) -> Float[np.ndarray, "n z"]:
        rows = torch.from_numpy(np.asarray(x)).to(layer.weight.device, torch.float64)
        with torch.no_grad():  # in float64, so that equal rows stay equal
            z = torch.nn.functional.linear(rows, layer.weight.double(), layer.bias.double())
            return torch.nn.functional.normalize(z, dim=-1).cpu().numpy()

    found = sides.with_sides(through(maps.from_u, sides.u), through(maps.from_e, sides.e))
    controls = {name: project(maps, control) for name, control in sides.controls.items()}
    return replace(found, controls=controls, void=sides.void)
