"""How long work tells how far it is, whoever does it and whoever shows it."""

from collections.abc import Callable

Progress = Callable[[str, int, int, str], None]
"""Called with (stage, done, total, remark), as often as there is news: throttling is up to it.

stage: What is being done, as "roll out". Stages may alternate; each counts by itself.
done: Units of it that are finished, those that were there already among them.
total: Units in all; it may grow.
remark: What else there is to say, as "7 successes"; "" for nothing.
"""


def no_progress(stage: str, done: int, total: int, remark: str) -> None:
    """Tell nobody."""
