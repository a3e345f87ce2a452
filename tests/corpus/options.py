"""Options that cannot be meant."""

from corpus.case import Case


def typed(name: str, line: str, words: str) -> Case:
    """Nothing is broken but what is typed."""
    return Case(name, lambda _: line, words)


CASES = [
    typed("no such command", "colect open_drawer", "did you mean 'collect'"),
    typed("no such task", "collect open_drawers --out {folder}/d", "did you mean 'open_drawer'"),
    typed("no such preset", "train tinny --data {data} --out {folder}/r", "did you mean 'tiny'"),
    typed("a negative seed", "collect open_drawer --seed -1 --out {folder}/d", "seed must be >= 0"),
]
