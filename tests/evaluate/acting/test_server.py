"""The policy server, asked by threads of this process in place of simulators."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from multiprocessing.connection import Client, Connection
from typing import Any

import numpy as np
import pytest

import make
from premotor.actor import Actor
from premotor.checkpoint import load_mirror
from premotor.episode.keyframe import Keyframe
from premotor.evaluate.acting.server import PolicyFailed, PolicyServer, Request
from premotor.geometry.poses import Pose

PATIENCE = 60.0  # [s] until a test gives up waiting, on a busy machine too


class Echo:
    """Says where an observation was taken at, once it may; remembers the batches."""

    def __init__(self) -> None:
        self.may = threading.Event()
        self.asked = threading.Event()
        self.batches: list[int] = []

    def act_batch(self, observations: Sequence, instructions: Sequence[str]) -> list[Keyframe]:
        self.batches.append(len(observations))
        self.asked.set()
        assert self.may.wait(PATIENCE)
        if "fail" in instructions:
            raise ValueError("the policy broke")
        return [Keyframe(Pose.of([o.time, 0.0, 1.0]), True, False) for o in observations]


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def address(echo) -> Iterator[str]:
    with PolicyServer(lambda _run, _step: echo) as actors:
        yield actors.address
        echo.may.set()


@pytest.fixture
def ask(address, make_demo) -> Iterator[Callable[..., Connection]]:
    """Sends a request about a row of a demo over a connection of its own."""
    rows = make_demo().observations
    clients: list[Connection] = []

    def send(row: int, instruction: str = "push") -> Connection:
        clients.append(Client(address, family="AF_UNIX"))
        clients[-1].send(Request("run", 0, rows[row], instruction))
        return clients[-1]

    yield send
    for client in clients:
        client.close()


def answer(client: Connection) -> Any:
    assert client.poll(PATIENCE)
    return client.recv()


def test_what_waits_is_answered_in_one_batch_and_each_gets_its_own(echo, ask):
    first = ask(1)
    assert echo.asked.wait(PATIENCE)
    others = [ask(row) for row in (2, 3, 4)]
    echo.may.set()
    found = [answer(client).end_effector.position[0] for client in (first, *others)]
    assert found == pytest.approx([0.05, 0.10, 0.15, 0.20])
    assert echo.batches[0] == 1
    assert sum(echo.batches) == 4


def test_a_simulator_that_dies_costs_no_other_its_answer(echo, ask):
    ask(1).close()
    living = ask(2)
    echo.may.set()
    assert answer(living).end_effector.position[0] == pytest.approx(0.10)
    assert answer(ask(3)).end_effector.position[0] == pytest.approx(0.15)


def test_an_error_of_the_policy_is_brought_to_who_asked(echo, ask):
    echo.may.set()
    failed = answer(ask(1, "fail"))
    assert isinstance(failed, PolicyFailed)
    assert "ValueError: the policy broke" in str(failed)
    assert isinstance(answer(ask(1)), Keyframe)  # and the server goes on


def test_who_asks_a_server_that_has_stopped_is_told(echo, make_demo):
    with PolicyServer(lambda _run, _step: echo) as actors:
        actor = actors("run", 0)
    with pytest.raises(PolicyFailed, match="has stopped"):
        actor.act(make_demo().observations[0], "push")


def test_a_batch_of_requests_is_answered_as_each_alone(make_demo, tmp_path):
    run = make.checkpoints(tmp_path / "run")
    actor = Actor(load_mirror(run, 0).execute, image_side=32)
    seen = [replace(make_demo(seed).observations[0], key_poses=0) for seed in range(3)]
    words = ["push the red button", "open the drawer", "slide"]
    alone = [actor.act(*pair) for pair in zip(seen, words, strict=True)]
    together = actor.act_batch(seen, words)
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_allclose(
            one.end_effector.position, other.end_effector.position, atol=1e-4
        )
        np.testing.assert_allclose(
            one.end_effector.quaternion, other.end_effector.quaternion, atol=1e-4
        )
        assert (one.gripper_open, one.ignore_collisions) == (
            other.gripper_open,
            other.ignore_collisions,
        )
    with PolicyServer(lambda _run, _step: actor) as actors:
        served = actors(str(run), 0).act(seen[0], words[0])
    assert (served.end_effector.position == alone[0].end_effector.position).all()
