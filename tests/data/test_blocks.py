from collections import Counter
from typing import Any

import numpy as np
import pytest

from premotor.data.blocks import Blocks, Labels, Shape, shuffled_partners
from premotor.data.pairing import Pairing, PairingConfig
from premotor.errors import ConfigError


def labels(*sizes: tuple[int, int]) -> Labels:
    """Tasks with so many instructions, each shown by so many episodes, in mixed order."""
    rows = [
        (f"task{t}", 100 * t + i)
        for t, (instructions, episodes) in enumerate(sizes)
        for i in range(instructions)
        for _ in range(episodes)
    ]
    order = np.random.default_rng(5).permutation(len(rows))
    return Labels([rows[i][0] for i in order], np.array([rows[i][1] for i in order]))


LIKE_RLBENCH = labels((3, 20), (2, 20), (20, 3), (30, 2), (5, 12), (20, 3), (9, 7))


def counted(known: Labels, drawn: list[np.ndarray]) -> tuple[Counter[int], Counter[int]]:
    """How often each episode and each instruction was drawn."""
    rows = np.concatenate(drawn)
    return Counter(rows.tolist()), Counter(known.texts[rows].tolist())


def test_a_block_has_two_episodes_of_each_instruction_and_as_many_of_each_task():
    known = labels((6, 4), (6, 3), (6, 5), (6, 4), (6, 4))
    blocks = Blocks(known, 0, Shape(4, 4))
    for number in range(60):
        episodes = blocks.episodes(number)
        assert len(set(episodes)) == 32
        texts = known.texts[episodes].reshape(-1, 2)
        assert (texts[:, 0] == texts[:, 1]).all()
        assert len(set(texts[:, 0])) == 16
        assert sorted(Counter(texts[:, 0] // 100).values()) == [4] * 4


def test_where_a_task_has_fewer_instructions_others_fill_the_block():
    blocks = Blocks(LIKE_RLBENCH, 0, Shape(4, 4))
    for number in range(100):
        texts = LIKE_RLBENCH.texts[blocks.episodes(number)][::2]
        assert len(set(texts)) == 16
        assert max(Counter(texts // 100).values()) == 4
    few = labels((50, 3), (3, 50), (4, 37))
    for number in range(20):
        texts = few.texts[Blocks(few, 0, Shape(4, 4)).episodes(number)][::2]
        assert Counter(texts // 100) == {0: 9, 1: 3, 2: 4}


def test_instructions_and_episodes_come_in_turn():
    blocks = Blocks(LIKE_RLBENCH, 3, Shape(4, 4))
    episodes, texts = counted(LIKE_RLBENCH, [blocks.episodes(i) for i in range(300)])
    assert len(episodes) == len(LIKE_RLBENCH.tasks)
    mean = 300 * 32 / len(LIKE_RLBENCH.tasks)
    for text, count in texts.items():
        own = np.flatnonzero(LIKE_RLBENCH.texts == text)
        times = [episodes[int(e)] for e in own]
        assert max(times) - min(times) <= 1
        assert abs(count / len(own) - mean) <= 2


def test_a_block_hangs_on_seed_and_number_alone():
    first, again = (Blocks(LIKE_RLBENCH, 1, Shape(4, 4)) for _ in range(2))
    late = again.episodes(40)
    whole = [first.episodes(i) for i in range(41)]
    assert np.array_equal(whole[40], late)
    assert np.array_equal(again.episodes(7), whole[7])
    assert not np.array_equal(Blocks(LIKE_RLBENCH, 2, Shape(4, 4)).episodes(7), whole[7])


def test_an_instruction_is_one_of_its_task():
    known = Labels(["a"] * 4 + ["b"] * 4, np.array([0, 0, 1, 1, 0, 0, 2, 2]))
    for number in range(12):
        pairs = Blocks(known, 0, Shape(1, 2)).episodes(number).reshape(-1, 2)
        assert all(known.tasks[a] == known.tasks[b] for a, b in pairs)
        assert all(known.texts[a] == known.texts[b] for a, b in pairs)


def test_too_few_instructions_for_a_block_are_refused():
    known = labels((3, 2), (9, 1))
    with pytest.raises(ConfigError, match=r"4 instructions with 2 episodes each, .* has 3; coll"):
        Blocks(known, 0, Shape(2, 2))


def test_a_shuffled_row_keeps_no_instruction_and_may_get_any_other():
    texts = np.repeat(np.arange(3), 2)
    met = np.zeros((6, 6), int)
    for seed in range(400):
        order = shuffled_partners(texts, np.random.default_rng(seed))
        assert sorted(order) == list(range(6))
        assert (texts[order] != texts).all()
        met[np.arange(6), order] += 1
    others = texts[:, None] != texts[None]
    assert met[others].min() > 60  # of 400, 100 to be expected
    with pytest.raises(ConfigError, match="no instruction has more than half"):
        shuffled_partners(np.array([0, 0, 0, 1]), np.random.default_rng(0))


KNOWN = labels((4, 3), (3, 4), (2, 5))
OWNERS = np.repeat(np.arange(len(KNOWN.tasks)), 3)  # transitions of each episode


def pairing(seed: int = 0, **changes: Any) -> Pairing:
    sizes = {"pair_batch_size": 8, "pair_tasks": 2, "pair_instructions": 2, "batch_size": 4}
    return Pairing(OWNERS, KNOWN, seed, PairingConfig(**sizes | {"partner": "task"} | changes))


def test_rows_of_a_block_tell_who_they_are():
    plan = pairing()
    for step in range(4, 60, 5):
        rows = plan.rows(step, 0, 1)
        assert rows.block is not None
        texts = KNOWN.texts[OWNERS[rows.transitions]]
        assert np.array_equal(rows.block.task, texts // 100)
        assert rows.block.place.tolist() == [0, 1] * 4
        assert rows.block.partner == "task"
        assert plan.rows(step - 1, 0, 1).block is None


def test_no_rule_changes_which_rows_are_drawn():
    plans = {name: pairing(partner=name) for name in ("episode", "task", "labels", "shuffled")}
    for step in range(40):
        drawn = [plan.rows(step, 0, 1).transitions for plan in plans.values()]
        assert all(np.array_equal(drawn[0], rows) for rows in drawn)
    block = plans["shuffled"].rows(4, 0, 1).block
    assert block is not None
    assert block.shuffled is not None
    texts = KNOWN.texts[OWNERS[plans["shuffled"].rows(4, 0, 1).transitions]]
    assert (texts[block.shuffled] != texts).all()
    assert any(
        not np.array_equal(block.shuffled, other.shuffled)
        for other in (plans["shuffled"].rows(step, 0, 1).block for step in (9, 14))
        if other is not None and other.shuffled is not None
    )


def test_rows_that_only_act_bring_lots_where_partners_are_shuffled():
    plan = pairing(partner="shuffled")
    whole, parts = plan.rows(8, 0, 1), [plan.rows(8, rank, 2) for rank in range(2)]
    assert whole.shuffled is not None
    assert ((whole.shuffled >= 0.0) & (whole.shuffled < 1.0)).all()
    assert np.array_equal(np.concatenate([p.shuffled for p in parts]), whole.shuffled)
    assert not np.array_equal(plan.rows(7, 0, 1).shuffled, whole.shuffled)
    assert plan.rows(9, 0, 1).shuffled is None  # those of a block are its own
    assert pairing(partner="task").rows(8, 0, 1).shuffled is None


def test_processes_share_a_block_and_the_clips_beside_it():
    plan = pairing(partner="shuffled", more_clips=6)
    whole, parts = plan.rows(9, 0, 1), [plan.rows(9, rank, 2) for rank in range(2)]
    for name in ("transitions", "more"):
        joined = np.concatenate([getattr(p, name) for p in parts])
        assert np.array_equal(joined, getattr(whole, name))
    for name in ("task", "place", "shuffled"):
        joined = np.concatenate([getattr(p.block, name) for p in parts])
        assert np.array_equal(joined, getattr(whole.block, name))
    with pytest.raises(ConfigError, match="a batch of 6 does not split over 4"):
        plan.rows(9, 0, 4)


def test_clips_beside_a_block_are_of_other_episodes_and_come_in_turn():
    plain, more = pairing(), pairing(more_clips=9)
    seen: Counter[int] = Counter()
    for step in range(300):
        rows = more.rows(step, 0, 1)
        assert np.array_equal(rows.transitions, plain.rows(step, 0, 1).transitions)
        if rows.more is None:
            assert not rows.paired
            continue
        met, beside = OWNERS[rows.transitions], OWNERS[rows.more]
        assert len(set(beside)) == 9
        assert not set(beside) & set(met)
        seen.update([*met.tolist(), *beside.tolist()])
    assert len(seen) == len(KNOWN.tasks)
    assert max(seen.values()) <= 1.5 * min(seen.values())


def test_where_there_are_too_few_others_the_block_is_watched_again():
    rows = pairing(more_clips=60).rows(4, 0, 1)
    assert rows.more is not None
    assert len(rows.more) == 60
    assert set(OWNERS[rows.more]) >= set(range(len(KNOWN.tasks))) - set(OWNERS[rows.transitions])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"pair_batch_size": 16}, "2 x pair_instructions 2 x 2 episodes are 8 rows"),
        ({"pair_tasks": 0}, "go with blocks"),
        ({"pair_instructions": 0}, "partner task and pair_instructions 0 go with blocks"),
        ({"more_clips": 4, "watch_only": True}, "more_clips 4 go beside rows that act"),
    ],
)
def test_blocks_that_cannot_be_are_refused(changes: dict[str, Any], told: str):
    with pytest.raises(ConfigError, match=told):
        pairing(**changes)
