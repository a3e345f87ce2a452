"""The keyframes at which the words choose: had others been said, the expert would part there.

For each task a few casts as another word would have made them *in the same scene*. The expert that
has them goes where the true one goes, up to a waypoint that the task has marked.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from premotor.episode.identity import EpisodeId
from premotor.simulate.environment import Environment
from premotor.simulate.props.meat import Chicken, Steak
from premotor.simulate.scene import ROOT
from premotor.simulate.task import marked
from premotor.simulate.tasks import ALL_TASKS
from premotor.simulate.tasks.sweep_to_dustpan_of_size import STROKES

pytestmark = pytest.mark.sim

APART = 0.02  # [m] targets that are farther apart are two places
VARIATIONS = {"push_buttons": 1, "stack_blocks": 2, "sweep_to_dustpan_of_size": 1}  # else 0
Casts = Iterator[Any]


@cache
def _environment() -> Environment:
    return Environment()


@pytest.fixture(params=sorted(ALL_TASKS))
def staged(request) -> Environment:
    env = _environment()
    env.reset(EpisodeId(request.param, VARIATIONS.get(request.param, 0), 3))
    return env


def _marks(env: Environment) -> tuple[bool, ...]:
    return env.task.decisive(env.task.variations[VARIATIONS.get(env.task.name, 0)])


def _targets(env: Environment, cast: Any) -> np.ndarray:
    """Where its waypoints lie as the scene stands now [m]."""
    waypoints = list(env.task.expert(cast))
    return np.array([w.anchor.resolve(env.world).position for w in waypoints])


def _in_root(env: Environment, body: str) -> Any:
    return env.world.body_pose(ROOT).inverse() @ env.world.body_pose(body)


def _other_name(name: str) -> str:
    return name[:-1] + str(1 - int(name[-1]))


def _jars(env: Environment) -> Casts:
    name = _other_name(env.cast.jar.name)
    yield replace(env.cast, jar=replace(env.cast.jar, name=name), place=_in_root(env, name))


def _bulbs(env: Environment) -> Casts:
    name = _other_name(env.cast.bulb.name)
    yield replace(env.cast, bulb=replace(env.cast.bulb, name=name), place=_in_root(env, name))


def _pegs(env: Environment) -> Casts:
    board = env.cast.board
    for meant in {0, 1, 2} - {board.meant}:
        yield replace(env.cast, board=replace(board, meant=meant))


def _meats(env: Environment) -> Casts:
    yield replace(env.cast, meat=Steak() if isinstance(env.cast.meat, Chicken) else Chicken())


def _labels(env: Environment) -> Casts:
    for label in env.task.variations:
        if label != env.cast.label:
            yield replace(env.cast, label=label)


def _toys(env: Environment) -> Casts:
    for label in env.task.variations:
        if label != env.cast.toy.label:
            yield replace(env.cast, toy=type(env.cast.toy)(label))


def _groceries(env: Environment) -> Casts:
    for grocery in env.task.variations:
        if grocery != env.cast.grocery:
            yield replace(env.cast, grocery=grocery)


def _counts(env: Environment) -> Casts:
    for count in (1, 2, 3):
        yield replace(env.cast, count=count)


def _buttons(env: Environment) -> Casts:
    targets, spare = env.cast.targets, env.cast.others[0]
    for place in range(len(targets)):
        yield replace(env.cast, targets=(*targets[:place], spare, *targets[place + 1 :]))


def _blocks(env: Environment) -> Casts:
    holds = env.cast.holds
    color = holds[0].cube.name.rsplit("_", 1)[0]
    spare = next(name for name in env.world.graspable if not name.startswith(color))
    other = replace(holds[0], cube=replace(holds[0].cube, name=spare))
    for place in range(len(holds)):
        yield replace(env.cast, holds=(*holds[:place], other, *holds[place + 1 :]))


def _cups(env: Environment) -> Casts:
    base, (first, second) = env.cast.base, env.cast.others
    yield replace(env.cast, base=first, others=(base, second))
    yield replace(env.cast, base=second, others=(first, base))


def _squares(env: Environment) -> Casts:
    for place in range(4):
        if place != env.cast.place:
            yield replace(env.cast, place=place)


def _no_squares(env: Environment) -> Casts:
    yield from ()  # the one that is meant lies at the same place, whatever its color


def _routes(env: Environment) -> Casts:
    for route in env.task.variations:
        if route != env.cast.route:
            yield replace(env.cast, route=route)


def _strokes(env: Environment) -> Casts:
    for stroke in STROKES.values():
        if stroke is not env.cast.stroke:
            yield replace(env.cast, stroke=stroke)


def _sides(env: Environment) -> Casts:
    for side in env.task.variations:
        if side != env.cast.side:
            yield replace(env.cast, side=side)


SAID_OTHERWISE: dict[str, Callable[[Environment], Casts]] = {
    "close_jar": _jars,
    "insert_onto_square_peg": _pegs,
    "light_bulb_in": _bulbs,
    "meat_off_grill": _meats,
    "open_drawer": _labels,
    "place_cups": _counts,
    "place_shape_in_shape_sorter": _toys,
    "place_wine_at_rack_location": _labels,
    "push_buttons": _buttons,
    "push_buttons_free": _buttons,
    "put_groceries_in_cupboard": _groceries,
    "put_item_in_drawer": _labels,
    "put_money_in_safe": _labels,
    "reach_and_drag": _no_squares,
    "reach_and_drag_free": _squares,
    "slide_block_to_color_target": _routes,
    "stack_blocks": _blocks,
    "stack_cups": _cups,
    "sweep_to_dustpan_of_size": _strokes,
    "turn_tap": _sides,
}


def test_experts_part_where_the_task_says_that_words_choose(staged):
    own = _targets(staged, staged.cast)
    parted = set()
    for cast in SAID_OTHERWISE[staged.task.name](staged):
        other = _targets(staged, cast)
        common = min(len(own), len(other))
        away = np.linalg.norm(own[:common] - other[:common], axis=1) > APART
        parted.update(np.flatnonzero(away)[:1].tolist())
    assert parted == set(np.flatnonzero(_marks(staged)).tolist())


def test_there_is_a_mark_for_each_waypoint(staged):
    assert len(_marks(staged)) == len(list(staged.task.expert(staged.cast)))


@pytest.mark.parametrize("name", sorted(ALL_TASKS))
def test_every_variation_is_marked(name):
    task = ALL_TASKS[name]
    marks = [task.decisive(variation) for variation in task.variations]
    assert all(marks)
    without = {"place_cups", "reach_and_drag"}  # how many; what lies at the same place always
    assert {any(m) for m in marks} == {name not in without}


def test_marks_stand_at_their_places():
    assert marked(4, 0, 2) == (True, False, True, False)
    assert marked(2) == (False, False)
