"""An expert acts in the simulator; what happened is kept as keyframes and as a filmstrip.

python examples/01_watch_a_task.py [TASK] [OUT.png]
"""

import sys

from premotor.demonstrate.expert import film, record
from premotor.episode.identity import EpisodeId
from premotor.evaluate.acting.films import film_strip
from premotor.simulate.environment import Environment

task, out = (sys.argv[1:] + ["push_buttons", "expert.png"][len(sys.argv) - 1 :])[:2]
environment = Environment()
recording = record(environment, EpisodeId(task, 1, 0))
print(f"{environment.instructions[0]!r}: {len(recording.rows)} rows of 0.05 s")
for keyframe in recording.keyframes:
    x, y, z = keyframe.end_effector.position
    hand = "open" if keyframe.gripper_open else "closed"
    print(f"  row {keyframe.step:3d}: tip at ({x:.3f}, {y:.3f}, {z:.3f}) m, hand {hand}")

frames = list(film(environment, recording, "hero", (320, 240), shadows=False))
film_strip([frames[0], *(frames[k.step] for k in recording.keyframes)]).save(out)
print(out)
