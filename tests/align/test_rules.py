import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor

from premotor.align.config import AlignConfig
from premotor.align.loss import info_nce
from premotor.align.projections import Aligned
from premotor.align.rules import RULES, Contrast, align_block, check_rule
from premotor.batch import Block, Partner
from premotor.errors import ConfigError

WORKER = Path(__file__).with_name("rules_worker.py")
SIZES = {"even": (2, 2, 2), "one task": (3,), "unequal": (1, 2, 3, 2), "alone": (1, 1, 1)}
WIDTH = 6


def block_of(partner: Partner, sizes: tuple[int, ...]) -> Block:
    """Two rows of each instruction; as many instructions of each task."""
    tasks = torch.tensor([t for t, n in enumerate(sizes) for _ in range(n)]).repeat_interleave(2)
    instruction = torch.arange(sum(sizes)).repeat_interleave(2)
    shift = torch.arange(len(tasks)).roll(2)  # the instruction before, its same place
    return Block(partner, tasks, instruction, torch.arange(len(tasks)) % 2, shift)


def rows_of(block: Block) -> Aligned:
    draw = torch.Generator().manual_seed(0)
    z_u, z_e, codes = (
        F.normalize(torch.randn(len(block.task), WIDTH, generator=draw).double(), dim=1)
        for _ in range(3)
    )
    return Aligned(z_u, z_e, codes[block.instruction])


Entries = Callable[[Block, int, int], bool]


def same(block: Block, name: str, i: int, j: int) -> bool:
    ids: Tensor = getattr(block, name)
    return int(ids[i]) == int(ids[j])


def next_of_task(block: Block, i: int, j: int) -> bool:
    own = sorted(
        {int(block.instruction[k]) for k in range(len(block.task)) if same(block, "task", i, k)}
    )
    following = own[(own.index(int(block.instruction[i])) + 1) % len(own)]
    return len(own) > 1 and int(block.instruction[j]) == following and same(block, "place", i, j)


PARTNERS: dict[Partner, Entries] = {
    "episode": lambda _, i, j: i == j,
    "instruction": lambda b, i, j: same(b, "instruction", i, j) and i != j,
    "labels": lambda b, i, j: same(b, "instruction", i, j) and i != j,
    "task": next_of_task,
    "shuffled": lambda b, i, j: b.shuffled is not None and int(b.shuffled[i]) == j,
}


def by_loops(a: Tensor, b: Tensor, block: Block, tau: float, *, back: bool) -> list[float]:
    """Cross entropy of each row that has a partner, one entry after the other."""
    count, partner = len(a), PARTNERS[block.partner]
    group = "task" if block.partner == "task" else "instruction"
    found = []
    for i in range(count):
        mine = [j for j in range(count) if (partner(block, j, i) if back else partner(block, i, j))]
        if not mine:
            continue
        (p,) = mine
        kin = [j for j in range(count) if same(block, group, i, j) or same(block, group, p, j)]
        others = [j for j in range(count) if j not in kin]
        scores = [float(a[i] @ b[j]) / tau for j in (p, *others)]
        found.append(math.log(sum(map(math.exp, scores))) - scores[0])
    return found


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("partner", RULES)
def test_every_rule_is_what_loops_over_single_rows_say(partner: Partner, sizes: tuple[int, ...]):
    block = block_of(partner, sizes)
    rows = rows_of(block)
    assert rows.codes is not None
    sides = [(rows.z_u, rows.z_e)]
    if partner == "labels":
        sides = [(rows.z_u, rows.codes), (rows.codes, rows.z_e)]
    ways = [
        by_loops(*pair, block, 0.2, back=back)
        for a, b in sides
        for pair, back in (((a, b), False), ((b, a), True))
    ]
    expected = sum(sum(way) / len(way) for way in ways if way) / len(ways)
    found = align_block(rows, block, AlignConfig(temperature=0.2))
    assert found.loss.item() == pytest.approx(expected, abs=1e-9)


def test_rows_that_are_told_apart_by_their_task_alone_reach_its_value():
    block = block_of("instruction", (2, 3, 4))
    axis = F.one_hot(block.task).double()
    found = align_block(Aligned(axis, axis), block, AlignConfig(temperature=0.01))
    assert found.loss.item() == pytest.approx(found.task_alone.item(), abs=1e-6)
    assert found.within_task.item() == pytest.approx(found.task_alone.item(), abs=1e-6)
    by_hand = (4 * math.log(3) + 6 * math.log(5) + 8 * math.log(7)) / 18
    assert found.task_alone.item() == pytest.approx(by_hand)
    assert found.chance.item() == pytest.approx(math.log(17))


def test_rows_that_are_all_alike_certify_nothing():
    for partner in RULES:
        block = block_of(partner, (2, 3))
        same_rows = torch.full((10, 4), 0.5)
        terms = align_block(Aligned(same_rows, same_rows, same_rows), block, AlignConfig()).terms
        assert terms["align_bound"].item() == pytest.approx(0.0, abs=1e-5)
        assert terms["align_within_task"].item() == pytest.approx(
            terms["align_task_alone"].item(), abs=1e-5
        )


@pytest.mark.parametrize("partner", ["episode", "instruction", "labels", "shuffled"])
def test_strangers_of_the_task_alone_are_what_the_value_within_it_is_about(partner: Partner):
    block = block_of(partner, (3, 2, 3))
    rows = rows_of(block)
    free, near = (align_block(rows, block, AlignConfig(strangers=s)) for s in ("all", "task"))
    assert near.loss.item() == pytest.approx(free.within_task.item())
    assert near.chance.item() == pytest.approx(free.task_alone.item())


def test_by_task_nobody_of_the_task_is_a_stranger():
    block = block_of("task", (2, 3))
    found = align_block(rows_of(block), block, AlignConfig())
    assert found.task_alone.item() == found.within_task.item() == 0.0


def test_by_task_the_only_instruction_of_its_task_is_a_stranger_and_in_no_mean():
    block = block_of("task", (1, 2))
    rows = rows_of(block)
    z_u = rows.z_u.clone().requires_grad_()
    align_block(replace(rows, z_u=z_u), block, AlignConfig()).loss.backward()
    assert z_u.grad is not None
    assert z_u.grad[:2].any()  # of the other direction, whose rows are told apart from it
    alone = block_of("task", (1, 1))
    z_u = rows.z_u[:4].clone().requires_grad_()
    nothing = align_block(Aligned(z_u, rows.z_e[:4]), alone, AlignConfig()).loss
    nothing.backward()
    assert nothing.item() == 0.0
    assert z_u.grad is not None
    assert not z_u.grad.any()


def test_one_instruction_of_each_task_pair_by_episode_is_plain_info_nce_of_the_others():
    """Two rows of an instruction, of which each is masked for the other, are two plain batches."""
    block = block_of("episode", (1, 1, 1, 1))
    rows = rows_of(block)
    found = align_block(rows, block, AlignConfig(temperature=0.3))
    assert found.chance.item() == pytest.approx(math.log(7))
    same_place = replace(block, instruction=torch.arange(8))
    plain = align_block(rows, same_place, AlignConfig(temperature=0.3))
    assert plain.loss.item() == pytest.approx(info_nce(rows.z_u, rows.z_e, 0.3).item())


@pytest.mark.parametrize("world", [2, 3])
def test_whoever_holds_which_rows_the_block_is_one(tmp_path: Path, world: int):
    block = block_of("instruction", (1, 2, 3))
    rows = rows_of(block)
    codes = F.normalize(torch.randn(6, WIDTH, generator=torch.Generator().manual_seed(3)), dim=1)
    given = {"z_u": rows.z_u, "z_e": rows.z_e, "codes": codes.double()}
    ids = {name: getattr(block, name) for name in ("task", "instruction", "place", "shuffled")}
    save_file(given | ids, tmp_path / "in.safetensors")
    ranks = [
        subprocess.Popen([sys.executable, WORKER, str(r), str(world), tmp_path])
        for r in range(world)
    ]
    assert [rank.wait(timeout=120) for rank in ranks] == [0] * world
    outs = [load_file(tmp_path / f"out_{r}.safetensors") for r in range(world)]
    for partner in RULES:
        whole, grads = contrasted(partner, given, block)
        for name, value in whole.terms.items():
            mean = torch.stack([out[f"{partner}.{name}"] for out in outs]).mean()
            torch.testing.assert_close(mean, value)
        for name, expected in grads.items():
            parts = [out[f"{partner}.grad_{name}"] for out in outs]
            joined = sum(parts) if name == "codes" else torch.cat(parts)
            torch.testing.assert_close(joined / world, expected)


def contrasted(
    partner: Partner, given: dict[str, Tensor], block: Block
) -> tuple[Contrast, dict[str, Tensor]]:
    """In one process: what is found, and gradients by what has one."""
    leaves = {k: value.clone().requires_grad_() for k, value in given.items()}
    codes = leaves["codes"][block.instruction] if partner == "labels" else None
    aligned = Aligned(leaves["z_u"], leaves["z_e"], codes)
    found = align_block(aligned, replace(block, partner=partner), AlignConfig(num_labels=6))
    found.loss.backward()
    return found, {k: leaf.grad for k, leaf in leaves.items() if leaf.grad is not None}


def test_rules_without_strangers_or_codes_are_refused():
    with pytest.raises(ConfigError, match=r"align\.strangers task leaves none"):
        check_rule("task", AlignConfig(strangers="task"), 5)
    with pytest.raises(ConfigError, match=r"num_labels is 3 .* 57 instructions, .* to 57"):
        check_rule("labels", AlignConfig(num_labels=3), 57)
    check_rule("labels", AlignConfig(num_labels=57), 57)
    block = block_of("labels", (2, 2))
    rows = replace(rows_of(block), codes=None)
    with pytest.raises(ConfigError, match="need their codes"):
        align_block(rows, block, AlignConfig())
    with pytest.raises(ConfigError, match="has to bring them"):
        align_block(rows, replace(block, partner="shuffled", shuffled=None), AlignConfig())
