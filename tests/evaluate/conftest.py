"""A policy that never fails."""

import pytest
import torch

from premotor.simulate.environment import Environment


@pytest.fixture(autouse=True)
def one_thread():
    """Whatever ran before: the threads of small networks wait for each other."""
    torch.set_num_threads(1)


class Replay:
    """Acts out the expert's waypoints, blind to what it is shown."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.waypoints = None

    def act(self, observation, instruction):
        if self.waypoints is None:
            self.waypoints = self.environment.waypoints()
        return next(self.waypoints)


@pytest.fixture(scope="session")
def replay() -> type[Replay]:
    """An actor for an environment that has been made."""
    return Replay
