"""Blocks are stacked: what the column counts, how the layout keeps room, which block is next."""

from itertools import combinations

import numpy as np
import pytest

from premotor.episode.identity import EpisodeId
from premotor.geometry.poses import Pose
from premotor.simulate.colors import COLORS, Color
from premotor.simulate.environment import Environment
from premotor.simulate.props.cube import PANEL, carved
from premotor.simulate.props.plinth import HEIGHT
from premotor.simulate.tasks.stack_blocks import EDGE, SPACING, Cast, Stack, StackBlocks

pytestmark = pytest.mark.sim


@pytest.fixture
def env() -> Environment:
    made = Environment()
    made.reset(EpisodeId("stack_blocks", 0, 0))  # two red blocks
    return made


def _put(env: Environment, name: str, level: int, aside: float = 0.0) -> None:
    """Stand a block on the plinth, on so many others."""
    on = Pose.of((aside, 0.0, HEIGHT + (level + 0.5) * EDGE))
    place = env.world.body_pose(env.cast.plinth.name) @ on
    env.world.data.joint(name).qpos[:] = (*place.position, *place.quaternion)
    env.world.forward()


def _done(env: Environment) -> bool:
    goal = env.task.goal(env.cast)
    goal.reset(env.world)
    return goal.step(env.world)


def _others(env: Environment) -> list[str]:
    own = {block.name for block in env.cast.blocks}
    return [name for name in env.world.graspable if name not in own]


def test_the_index_counts_blocks_first_and_colors_second() -> None:
    for index, stack in enumerate(StackBlocks.variations):
        assert stack == Stack(COLORS[index // 3], 2 + index % 3)


def test_as_many_blocks_as_were_asked_for_have_to_stand(env: Environment) -> None:
    first, second, *_ = (block.name for block in env.cast.blocks)
    _put(env, first, level=0)
    assert not _done(env)
    _put(env, second, level=1)
    assert _done(env)


def test_a_block_of_the_other_color_counts_for_nothing(env: Environment) -> None:
    _put(env, env.cast.blocks[0].name, level=0)
    _put(env, _others(env)[0], level=1)
    assert not _done(env)


def test_the_column_is_a_centimeter_wide(env: Environment) -> None:
    first, second, *_ = (block.name for block in env.cast.blocks)
    _put(env, first, level=0)
    _put(env, second, level=1, aside=EDGE / 2 + 0.008)
    assert not _done(env)
    _put(env, second, level=1, aside=EDGE / 2 + 0.002)
    assert _done(env)


def test_a_fourth_block_still_reaches_the_column(env: Environment) -> None:
    env.reset(EpisodeId("stack_blocks", 2, 0))  # four red blocks
    for level, block in enumerate(env.cast.blocks):
        assert not _done(env)
        _put(env, block.name, level)
    assert _done(env)


def test_the_last_block_counts_only_when_it_is_let_go(env: Environment) -> None:
    *before, last = list(_acted(env))
    assert not any(before)
    assert last


def _acted(env: Environment) -> list[bool]:
    """Success after each of the expert's waypoints."""
    return [env.act(keyframe, stop_on_success=False).success for keyframe in env.waypoints()]


def test_a_tower_of_four_stands_straight(env: Environment) -> None:
    env.reset(EpisodeId("stack_blocks", 2, 1))
    assert _acted(env)[-1]
    foot = env.world.body_pose(env.cast.plinth.name).position
    for level, hold in enumerate(env.cast.holds):
        offset = env.world.body_pose(hold.cube.name).position - foot
        assert np.abs(offset[:2]).max() < 0.005
        assert abs(offset[2] - HEIGHT - (level + 0.5) * EDGE) < 0.002


@pytest.mark.parametrize("seed", range(3))
def test_blocks_lie_apart_and_the_nearest_is_fetched_first(seed: int) -> None:
    env = Environment()
    env.reset(EpisodeId("stack_blocks", 3 * seed + 1, seed))
    places = {n: env.world.body_pose(n).position[:2] for n in env.world.graspable}
    assert len(places) == 8
    for first, second in combinations(places.values(), 2):
        assert np.linalg.norm(first - second) > SPACING - 1e-4
    cast: Cast = env.cast
    middle = env.world.body_pose(cast.plinth.name).position[:2]
    away = [float(np.linalg.norm(places[hold.cube.name] - middle)) for hold in cast.holds]
    assert away == sorted(away)
    assert len({name.rsplit("_", 1)[0] for name in _others(env)}) == 1  # one other color


@pytest.mark.parametrize("color", COLORS, ids=lambda color: color.name)
def test_a_carved_face_shows_its_color_and_its_groove(color: Color) -> None:
    image = carved(color.rgb)[:, :PANEL].astype(float)
    face, groove = image[40:56, 40:56].mean((0, 1)), image[13:15, 40:56].mean((0, 1))
    assert np.abs(face - 255 * np.array(color.rgb)).max() < 12
    assert np.abs(face - groove).max() > 25
