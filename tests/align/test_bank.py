import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from align.bank_worker import E_DIM, MAPS, acted, maps_of, told, watched
from premotor.align.bank import CANDIDATES, Bank, align_bank, bank_of
from premotor.align.config import AlignConfig
from premotor.align.projections import Projections
from premotor.batch import Partner, RowIds
from premotor.errors import ConfigError, DataError

WORKER = Path(__file__).with_name("bank_worker.py")
# Task, instruction and episode of what is watched, the oldest first, and of what is done.
SHOWN = [(0, 0, 0), (0, 0, 1), (0, 1, 4), (0, 2, 6), (1, 5, 9), (1, 5, 8), (1, 6, 7), (2, 9, 3)]
DONE = [(0, 0, 1), (0, 1, 4), (0, 2, 5), (1, 5, 2), (1, 6, 7), (2, 8, 2)]
LOTS = (0.0, 0.99, 0.5, 0.3, 0.7, 0.6)
Row = tuple[int, int, int]
Finds = Callable[[int], list[int]]


def ids_of(rows: list[Row], lots: tuple[float, ...] | None = None) -> RowIds:
    columns = torch.tensor(rows).unbind(1)
    return RowIds(*columns, None if lots is None else torch.tensor(lots))


def bank_with(partner: Partner, rows: list[Row] = SHOWN, size: int = 12) -> Bank:
    """Rows of a seed, watched four at a time."""
    bank = Bank(size, MAPS.latent_dim or 0, partner)
    z_u = F.normalize(torch.randn(len(rows), bank.z_u.shape[1], generator=seeded(1)), dim=1)
    for part in torch.arange(len(rows)).split(4):
        bank.put(z_u[part], ids_of([rows[i] for i in part.tolist()]))
    return bank


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def executed() -> Tensor:
    return torch.randn(len(DONE), E_DIM, generator=seeded(2))


def of_instruction_before(done: Row) -> list[int]:
    others = sorted({i for t, i, _ in SHOWN if t == done[0] and i != done[1]})
    earlier = [i for i in others if i < done[1]] or others
    return [k for k, (t, i, _) in enumerate(SHOWN) if t == done[0] and [i] == earlier[-1:]]


def by_lot(done: Row) -> list[int]:
    others = [k for k, (_, i, _) in enumerate(SHOWN) if i != done[1]]
    return [others[int(LOTS[DONE.index(done)] * len(others))]]


def other_episode(done: Row) -> list[int]:
    return [k for k, row in enumerate(SHOWN) if row[:2] == done[:2] and row[2] != done[2]]


FINDS: dict[Partner, Callable[[Row], list[int]]] = {
    "episode": lambda done: [k for k, row in enumerate(SHOWN) if row[2] == done[2]],
    "instruction": other_episode,
    "labels": other_episode,
    "task": of_instruction_before,
    "shuffled": by_lot,
}


@torch.no_grad()
def by_loops(partner: Partner, config: AlignConfig) -> float:
    """The mean over executed rows, one entry of the bank after the other."""
    maps, bank = maps_of(config), bank_with(partner)
    z_e = F.normalize(maps.from_e(executed()), dim=1)
    shown = bank.z_u[: len(SHOWN)]
    if partner == "labels":
        shown = F.normalize(maps.codes[[row[1] for row in SHOWN]], dim=1)
    column, found = 0 if partner == "task" else 1, []
    for i, done in enumerate(DONE):
        if not (newest := FINDS[partner](done)[-1:]):
            continue
        own = SHOWN[newest[0]]
        kin = {done[column], own[column]}
        strangers = [k for k, row in enumerate(SHOWN) if row[column] not in kin]
        if config.strangers == "task":
            strangers = [k for k in strangers if SHOWN[k][0] == own[0]]
        scores = [float(z_e[i] @ shown[k]) / config.temperature for k in newest + strangers]
        found.append(math.log(sum(map(math.exp, scores))) - scores[0])
    return sum(found) / len(found)


def loss_of(
    bank: Bank, config: AlignConfig = MAPS, done: list[Row] = DONE, e: Tensor | None = None
) -> Tensor:
    lots = LOTS if bank.partner == "shuffled" else None
    given = executed()[: len(done)] if e is None else e
    found = align_bank(maps_of(config), given, ids_of(done, lots), bank)
    assert found is not None
    return found


@pytest.mark.parametrize("partner", CANDIDATES)
def test_every_rule_is_what_loops_over_single_rows_say(partner: Partner):
    assert loss_of(bank_with(partner)).item() == pytest.approx(by_loops(partner, MAPS), abs=1e-5)


@pytest.mark.parametrize("partner", sorted(CANDIDATES.keys() - {"task"}))
def test_rows_may_be_told_apart_from_those_of_their_partners_task_alone(partner: Partner):
    config = replace(MAPS, strangers="task")
    expected = by_loops(partner, config)
    assert loss_of(bank_with(partner), config).item() == pytest.approx(expected, abs=1e-5)


def test_a_loss_by_hand():
    """Axes as rows: the partner at cosine 1, two strangers at 0."""
    config = AlignConfig(latent_dim=3, temperature=0.5, bank=6)
    maps = Projections(config, 2, 3)
    with torch.no_grad():
        maps.from_e.weight.copy_(torch.eye(3))
        maps.from_e.bias.zero_()
    bank = Bank(6, 3, "instruction")
    bank.put(torch.eye(3), ids_of([(0, 0, 0), (0, 1, 1), (1, 2, 2)]))
    found = align_bank(maps, 7.0 * torch.eye(3)[:1], ids_of([(0, 0, 5)]), bank)
    assert found is not None
    assert found.item() == pytest.approx(math.log(1.0 + 2.0 * math.exp(-2.0)), abs=1e-6)


def test_the_newest_row_is_the_partner_and_others_of_its_instruction_count_for_nothing():
    def with_noise(row: int) -> float:
        bank = bank_with("instruction")
        bank.z_u[row] = -bank.z_u[row]
        return loss_of(bank, done=[(0, 0, 5)]).item()

    kept = loss_of(bank_with("instruction"), done=[(0, 0, 5)]).item()
    assert with_noise(0) == kept  # older
    assert with_noise(1) != kept  # the partner
    assert with_noise(2) != kept  # a stranger
    assert with_noise(11) == kept  # nobody yet


def test_a_row_whose_partner_is_not_there_is_in_no_mean_and_none_at_all_is_no_loss():
    bank = bank_with("instruction")
    pair, one = ([(0, 0, 5), (2, 8, 2)], [(0, 0, 5)])
    assert loss_of(bank, done=pair).item() == loss_of(bank, done=one).item()
    ids = ids_of([(2, 9, 3), (2, 8, 2)])  # the one episode of its instruction; of no row there
    assert align_bank(maps_of(MAPS), executed()[:2], ids, bank) is None
    empty = Bank(12, 4, "instruction")
    assert align_bank(maps_of(MAPS), executed(), ids_of(DONE), empty) is None


def test_only_what_is_executed_and_its_map_are_moved():
    for partner in CANDIDATES:
        bank, maps, e = bank_with(partner), maps_of(MAPS), executed().requires_grad_()
        found = align_bank(maps, e, ids_of(DONE, LOTS), bank)
        assert found is not None
        found.backward()
        assert e.grad is not None
        assert e.grad.any()
        moved = {name for name, p in maps.named_parameters() if p.grad is not None}
        assert moved == {"from_e.weight", "from_e.bias"}
        assert not bank.z_u.requires_grad


def test_the_newest_rows_are_kept_and_the_oldest_make_room():
    bank = bank_with("instruction", size=6)
    assert sorted(bank.number.tolist()) == [2, 3, 4, 5, 6, 7]
    kept = {int(n): row for n, row in zip(bank.number, bank.episode.tolist(), strict=True)}
    assert kept == {n: SHOWN[n][2] for n in range(2, 8)}
    full = bank_with("instruction")
    for number, row in zip(bank.number.tolist(), bank.z_u, strict=True):
        assert torch.equal(row, full.z_u[number])
    bank.put(full.z_u[:4].requires_grad_(), ids_of(SHOWN[:4]))
    assert sorted(bank.number.tolist()) == [6, 7, 8, 9, 10, 11]
    assert not bank.z_u.requires_grad


def test_a_stored_bank_goes_on_as_it_was():
    bank, again = bank_with("instruction"), Bank(12, 4, "instruction")
    again.restore(bank.state())
    for each in (bank, again):
        each.put(torch.ones(4, 4), ids_of(DONE[:4]))
    assert torch.equal(bank.z_u, again.z_u)
    assert torch.equal(bank.number, again.number)
    assert loss_of(again).item() == loss_of(bank).item()
    with pytest.raises(DataError, match=r"z_u of shape \(\), expected \(12, 4\)"):
        again.restore({})
    with pytest.raises(DataError, match=r"of shape \(9, 4\), expected \(12, 4\)"):
        again.restore(Bank(9, 4, "instruction").state())


def test_there_is_a_bank_where_rows_are_kept_and_aligned():
    found = bank_of(maps_of(MAPS), "task")
    assert found is not None
    assert (found.partner, found.z_u.shape) == ("task", (12, 4))
    assert bank_of(maps_of(replace(MAPS, weight=0.0)), "task") is None
    assert bank_of(maps_of(replace(MAPS, bank=0)), "task") is None
    with pytest.raises(ConfigError, match=r"align\.moves recognizer keeps still"):
        replace(MAPS, moves="recognizer")
    with pytest.raises(ConfigError, match="bank must be >= 0"):
        replace(MAPS, bank=-1)


def test_processes_keep_one_bank_and_their_gradients_are_those_of_all_rows(tmp_path: Path):
    ranks = [
        subprocess.Popen([sys.executable, WORKER, str(rank), "2", tmp_path]) for rank in range(2)
    ]
    assert [rank.wait(timeout=120) for rank in ranks] == [0, 0]
    first, second = (torch.load(tmp_path / f"rank{rank}.pt") for rank in range(2))
    whole = told(slice(None))
    for name in ("z_u", "ids"):
        assert torch.equal(first["bank"][name], second["bank"][name])
        assert torch.equal(first["bank"][name], whole["bank"][name])
    for partner in CANDIDATES:
        mean = (first[partner]["loss"] + second[partner]["loss"]) / 2
        torch.testing.assert_close(mean, whole[partner]["loss"])
        e = torch.cat([first[partner]["e"], second[partner]["e"]])
        torch.testing.assert_close(e / 2, whole[partner]["e"])
        maps = (first[partner]["from_e"] + second[partner]["from_e"]) / 2
        torch.testing.assert_close(maps, whole[partner]["from_e"])
    assert len(watched()[0]) == len(acted()[0]) == 8
