"""Failures by hand-made outcomes, and by states of the simulator that are set by hand."""

import pytest

from premotor.episode.identity import EpisodeId
from premotor.evaluate.acting.failures import FAILURES, Handling, Witness, why
from premotor.simulate.environment import Environment
from premotor.simulate.tasks import TASKS

NOTHING = Handling(named=False, other=False, wrong=False)
NAMED = Handling(named=True, other=False, wrong=False)
OTHER = Handling(named=False, other=True, wrong=False)
BRUSHED = Handling(named=True, other=True, wrong=False)
WRONG = Handling(named=True, other=True, wrong=True)


@pytest.mark.parametrize(
    ("reason", "handling", "reachable", "failure"),
    [
        ("success", WRONG, True, ""),
        ("no_path", WRONG, True, "no_path"),
        ("no_path", NOTHING, False, "unreachable"),
        ("out_of_bounds", NAMED, True, "invalid_action"),
        ("time_out", NOTHING, True, "nothing_moved"),
        ("time_out", NAMED, True, "goal_not_reached"),
        ("time_out", BRUSHED, True, "goal_not_reached"),
        ("time_out", OTHER, True, "wrong_object"),
        ("time_out", WRONG, True, "wrong_object"),
    ],
)
def test_a_failure_is_named_by_its_ending_and_by_what_was_handled(
    reason, handling, reachable, failure
):
    assert why(reason, handling, reachable) == failure
    assert failure in ("", *FAILURES)


@pytest.fixture(scope="module")
def environment():
    environment = Environment()
    yield environment
    environment.close()


def handled(environment: Environment, task: str, moves: dict[str, float], grasped: str = ""):
    """What a witness says when joints have moved so far and a body has been grasped."""
    environment.reset(EpisodeId(task, 0, 5))
    witness, world = Witness(environment), environment.world
    for joint, by in moves.items():
        world.data.qpos[world.model.joint(joint).qposadr[0]] += by
    if grasped:
        world.data.eq_active[world.model.equality(f"held_{grasped}").id] = 1
    witness.look()
    return witness.handling()


@pytest.mark.sim
@pytest.mark.parametrize(
    ("moves", "expected"),
    [
        ({"cabinet_bottom": 0.02}, NAMED),  # variation 0 is the bottom drawer
        ({"cabinet_top": 0.02}, OTHER),
        ({"cabinet_top": 0.1, "cabinet_bottom": 0.1}, WRONG),
        ({"cabinet_top": 0.005}, NOTHING),
    ],
)
def test_another_drawer_is_a_wrong_object_once_it_stands_open(environment, moves, expected):
    assert handled(environment, "open_drawer", moves) == expected


@pytest.mark.sim
def test_what_an_item_is_put_into_is_named_by_the_goal(environment):
    assert handled(environment, "put_item_in_drawer", {"cabinet_bottom": 0.1}) == NAMED
    assert handled(environment, "put_item_in_drawer", {"cabinet_top": 0.1}).wrong


@pytest.mark.sim
def test_grasping_what_stays_is_wrong_and_pushing_it_is_not(environment):
    assert handled(environment, "stack_cups", {"cup_base": 0.05}) == NAMED
    assert handled(environment, "stack_cups", {}, grasped="cup_first") == NAMED
    assert handled(environment, "stack_cups", {}, grasped="cup_base").wrong


@pytest.mark.sim
@pytest.mark.parametrize(
    ("task", "tool"), [("sweep_to_dustpan_of_size", "broom"), ("reach_and_drag", "stick")]
)
def test_a_tool_is_no_wrong_object(environment, task, tool):
    assert handled(environment, task, {tool: 0.05}, grasped=tool) == NAMED


@pytest.mark.sim
def test_a_button_out_of_turn_is_a_wrong_object(environment):
    environment.reset(EpisodeId("push_buttons", 1, 5))  # buttons 0, then 1
    witness, data = Witness(environment), environment.world.data
    data.qpos[environment.world.model.joint("button_1_cap").qposadr[0]] = -0.008
    environment.on_step = witness.look
    environment.wait(1)
    environment.on_step = None
    assert environment.mishap_seen
    assert why("time_out", witness.handling()) == "wrong_object"


@pytest.mark.sim
@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_nothing_moves_where_nobody_acts_and_the_goal_names_what_could(environment, task):
    environment.reset(EpisodeId(task, 0, 5))
    witness, goal = Witness(environment), environment.mentions()
    environment.on_step = witness.look
    environment.wait(10)
    environment.on_step = None
    assert why("time_out", witness.handling()) == "nothing_moved"
    model = environment.world.model
    movable = {model.body(int(b)).name for b in model.jnt_bodyid}
    assert goal.bodies <= movable
    assert goal.bodies | goal.joints
    assert goal.joints <= {model.joint(j).name for j in range(model.njnt)}
    assert all(model.geom(name).id >= 0 for name in goal.volumes)
    assert set(environment.task.tools(environment.cast)) <= movable
