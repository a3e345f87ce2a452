"""premotor: watch an action, do the action, align the two.

`premotor.mirror` holds the joint network (it needs torch); the tasks, data sets and measures
below it are importable without torch.
"""

__version__ = "0.1.0"
