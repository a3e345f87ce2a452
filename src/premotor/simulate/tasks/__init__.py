"""The tasks: one file each, and the one table of them."""

from collections.abc import Mapping
from typing import Any

from premotor.simulate.task import Task
from premotor.simulate.tasks.open_drawer import OpenDrawer
from premotor.simulate.tasks.push_buttons import PushButtons, PushButtonsFree
from premotor.simulate.tasks.slide_block_to_color_target import SlideBlockToColorTarget

# The benchmark's tasks, by its names.
TASKS: Mapping[str, Task[Any, Any]] = {
    task.name: task for task in (OpenDrawer(), PushButtons(), SlideBlockToColorTarget())
}

# Variants of our own, for questions that the benchmark's rules leave open.
STUDIES: Mapping[str, Task[Any, Any]] = {PushButtonsFree.name: PushButtonsFree()}
