import numpy as np

from premotor.store.transitions import Transitions


def transitions(episode: list[int], position: list[tuple[float, float, float]]) -> Transitions:
    count = len(episode)
    first = np.array([episode.index(e) for e in episode])
    return Transitions(
        episode=np.array(episode),
        observation_index=np.arange(count),
        keyframe_index=np.arange(count) - first,
        position=np.array(position, dtype=np.float32),
        quaternion=np.tile(np.array([1.0, 0.0, 0.0, 0.0], np.float32), (count, 1)),
        gripper_open=np.zeros(count, dtype=bool),
        ignore_collisions=np.zeros(count, dtype=bool),
        proprioception=np.zeros((count, 3), dtype=np.float32),
    )


def test_an_approach_goes_aside_and_what_follows_straight_up_or_down_is_none():
    rows = transitions(
        [0, 0, 0, 0, 0, 1, 1],
        [
            (0.1, 0.2, 1.0),  # the first of an episode, wherever it lies
            (0.1, 0.2, 0.8),  # down
            (0.13, 0.23, 1.1),  # 4.2 cm aside
            (0.16, 0.27, 1.1),  # 5 cm aside
            (0.16, 0.27, 1.4),
            (0.16, 0.27, 1.4),  # the first again
            (0.5, 0.27, 1.4),
        ],
    )
    assert rows.approaches.tolist() == [True, False, False, True, False, True, True]
