"""A trained policy as it acts: an observation and words in, a key pose out."""

from collections.abc import Sequence

import numpy as np
import torch

from premotor.backbones.tokenizer import Tokenizer
from premotor.batch import Executed, MirrorBatch
from premotor.episode.keyframe import Keyframe
from premotor.episode.observation import Observation, cloud_from_views
from premotor.execute import decode
from premotor.execute.policy import Policy


class Actor:
    """Greedy, deterministic decoding of one policy, observation by observation."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy.eval()
        self.tokenizer = Tokenizer(policy.config.text.context)

    def act(self, observation: Observation, instruction: str) -> Keyframe:
        """The next key pose, in the world frame."""
        return self.act_batch([observation], [instruction])[0]

    def act_batch(
        self, observations: Sequence[Observation], instructions: Sequence[str]
    ) -> list[Keyframe]:
        """The next key pose of each of several episodes, in the world frame.

        No row sees another one. A batch of another size may still round differently in the last
        bits, as kernels are chosen by shape, and two nearly equal maxima may then change places.
        """
        views = self.policy.config.views
        low, high = np.array(views.low), np.array(views.high)
        clouds = [cloud_from_views(o.views, low, high) for o in observations]
        executed = Executed.of(clouds, np.stack([o.proprioception for o in observations]))
        batch = MirrorBatch(executed, self.tokenizer.encode(instructions))
        batch = batch.to(next(self.policy.parameters()).device)
        with torch.inference_mode():
            output = self.policy(batch.executed, batch.instruction)
        return decode.keyframes(output, self.policy.config)
