"""A task as a Gymnasium environment: the expert's key poses as actions, filmed.

pip install "premotor[video]"
python examples/05_gymnasium.py [TASK] [FOLDER]
"""

import sys

import gymnasium

import premotor.simulate  # noqa: F401  (registers the tasks)
from premotor.simulate.gym_film import MotionVideo, Picture

task = sys.argv[1] if len(sys.argv) > 1 else "push_buttons"
folder = sys.argv[2] if len(sys.argv) > 2 else "videos"
env = gymnasium.make(
    f"premotor/{task}-v0",
    render_mode="rgb_array_list",  # pictures of the motion, not only of where it ends
    cameras=("front", "wrist", "overhead"),
    masks=True,
    picture=Picture(width=320, height=240),
)
env = MotionVideo(env, folder, name_prefix=task)

observation, info = env.reset(seed=3, options={"variation": 1})
print(f"{observation['instruction']!r}, variation {info['variation']}")
for name in ("wrist_rgb", "wrist_depth", "wrist_mask", "gripper_pose"):
    print(f"  {name}: {observation[name].shape} {observation[name].dtype}")

# A policy would choose from the observation; here the expert's waypoints are read.
for keyframe in env.unwrapped.environment.waypoints():
    observation, reward, terminated, truncated, info = env.step(keyframe.action())
    x, y, z = observation["gripper_pose"][:3]
    print(f"  tip at ({x:.3f}, {y:.3f}, {z:.3f}) m, reward {reward}")
    if terminated or truncated:
        break
print("success" if info["success"] else info["reason"])
env.close()  # writes the video
