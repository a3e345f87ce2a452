"""Sizes and types that cannot be meant, given to the public constructors of the simulator."""

import subprocess
import sys

import pytest

# In another process, where no type checker of the tests stands before the constructors.
SCRIPT = """
import numpy as np
from premotor.episode.identity import EpisodeId
from premotor.errors import ConfigError
from premotor.simulate.environment import Environment
from premotor.simulate.gym_env import TaskEnv
from premotor.simulate.gym_film import Picture
from premotor.simulate.rig import Rig

def env(**values):
    return TaskEnv(**({"task": "push_buttons"} | values))

attempts = {
    "a million pixels": lambda: env(image_size=(10**6, 10**6)),
    "one number": lambda: env(image_size=5),
    "a text": lambda: env(image_size="ab"),
    "nothing": lambda: env(image_size=None),
    "fractions": lambda: env(image_size=(32.0, 32.0)),
    "an array": lambda: env(image_size=np.zeros((1000, 1000))),
    "a task of another type": lambda: env(task=[]),
    "a camera for a list": lambda: env(cameras="front"),
    "no cameras": lambda: env(cameras=5),
    "a camera of another type": lambda: env(cameras=[[]]),
    "a text for a truth": lambda: env(masks="yes"),
    "a number for a picture": lambda: env(picture=3),
    "a mode of another type": lambda: env(render_mode=[]),
    "a picture of a million pixels": lambda: Picture(width=10**6),
    "a picture of texts": lambda: Picture(height="480"),
    "a seed of another type": lambda: env().reset(seed="x"),
    "a seed with a fraction": lambda: env().reset(seed=1.5),
    "a seed below zero": lambda: env().reset(seed=-1),
    "options of another type": lambda: env().reset(options=5),
    "an environment of a million pixels": lambda: Environment(10**6, 10**6),
    "an environment of texts": lambda: Environment("a", None),
    "an episode of texts": lambda: Environment().reset(EpisodeId("push_buttons", "0", 0)),
    "an episode of no seed": lambda: Environment().reset(EpisodeId("push_buttons", 0, None)),
    "a rig of a million pixels": lambda: Rig(None, 10**6, 10**6),
}
for name, attempt in attempts.items():
    try:
        attempt()
    except ConfigError as error:
        assert str(error), name
    else:
        raise AssertionError(name)
print(len(attempts), "refused")
"""


@pytest.mark.sim
def test_they_are_refused_by_name_before_memory_is_asked_for():
    found = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=300, check=False
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout == "24 refused\n"
