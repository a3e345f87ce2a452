from premotor.episode.benchmark import VARIATIONS
from premotor.simulate.tasks import ALL_TASKS


def test_the_table_says_how_many_variations_each_task_has():
    assert {name: len(task.variations) for name, task in ALL_TASKS.items()} == VARIATIONS
