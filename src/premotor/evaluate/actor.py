"""A trained policy as it acts: an observation and words in, a key pose out."""

import numpy as np
import torch

from premotor.backbones.tokenizer import Tokenizer
from premotor.batch import Executed
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
        views = self.policy.config.views
        cloud = cloud_from_views(observation.views, np.array(views.low), np.array(views.high))
        executed = Executed.of([cloud], observation.proprioception[None])
        with torch.inference_mode():
            output = self.policy(executed, self.tokenizer.encode([instruction]))
        return decode.keyframes(output, self.policy.config)[0]
