"""Observed actions of earlier updates, which those that act without watching are aligned with.

A paired update puts z_u of its rows into the bank, which keeps the newest so many. An update that
only acts contrasts each executed row with all that the bank holds, in the one direction in which
the rule of the blocks (align/rules.py) finds it a partner, and masks the same kin. No gradient
goes through the bank: E and T_e are all that it moves (decisions D99).

| rule | partner of an executed row: the newest in the bank |
| --- | --- |
| episode | of its own episode |
| instruction | of another episode of its instruction |
| labels | as instruction, with the instruction's code in z_u's place |
| task | of the instruction before its own in its task, the last one before the first |
| shuffled | (not the newest) drawn anew among those of other instructions |

A bank of n rows, which B rows join at every k-th update, holds none of more than k ceil(n / B)
updates ago.

b: rows of this rank  n: rows of the bank  e, z: widths of e and of the shared space
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from premotor.align.projections import Projections
from premotor.align.rules import NOBODY, entropy, same_action, told_apart
from premotor.backbones.contrast import wide
from premotor.backbones.gather import gather_values, world_size
from premotor.batch import Partner, RowIds
from premotor.errors import DataError

STATE = "bank"  # name of its part of a checkpoint's state


class Bank:
    """The newest z_u of all ranks and what they are of, the same in every process."""

    def __init__(
        self, size: int, latent_dim: int, partner: Partner, device: torch.device | str = "cpu"
    ) -> None:
        """Begin empty.

        Args:
            size: Rows that it keeps; no fewer than join it at a time.
            latent_dim: Width of z_u.
            partner: The rule by which it is asked.
            device: Of its rows.
        """
        self.partner: Partner = partner
        self.z_u = torch.zeros(size, latent_dim, device=device)
        # Of each row: task, instruction, episode, and how many had been put in before it.
        self._ids = torch.full((size, 4), NOBODY, dtype=torch.int64, device=device)

    @property
    def task(self) -> Int[Tensor, " n"]:
        """Of each row; `NOBODY` where there is none yet, as in all that follows."""
        return self._ids[:, 0]

    @property
    def instruction(self) -> Int[Tensor, " n"]:
        """Text class of each row."""
        return self._ids[:, 1]

    @property
    def episode(self) -> Int[Tensor, " n"]:
        """Of each row."""
        return self._ids[:, 2]

    @property
    def number(self) -> Int[Tensor, " n"]:
        """The newer, the greater."""
        return self._ids[:, 3]

    def put(self, z_u: Float[Tensor, "b z"], ids: RowIds) -> None:
        """Take in the rows of all ranks; the oldest make room.

        Args:
            z_u: Unit-norm rows of this rank, as they were aligned.
            ids: What they are of.
        """
        shown = gather_values(z_u.detach().to(self.z_u.dtype))
        told = gather_values(torch.stack([ids.task, ids.instruction, ids.episode], dim=1))
        first = int(self.number.max()) + 1
        numbers = torch.arange(first, first + len(shown), device=shown.device)
        slots = numbers % len(self.z_u)
        self.z_u[slots] = shown
        self._ids[slots] = torch.cat([told, numbers[:, None]], dim=1)

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds of it."""
        return {STATE: {"z_u": self.z_u, "ids": self._ids}}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what a checkpoint of the same run holds.

        Raises:
            DataError: It holds no bank, or one of another size.
        """
        kept = state.get(STATE, {})
        for name, mine in (("z_u", self.z_u), ("ids", self._ids)):
            shape = tuple(getattr(kept.get(name), "shape", ()))
            if shape != mine.shape:
                raise DataError(
                    f"a checkpoint's bank has {name} of shape {shape}, expected "
                    f"{tuple(mine.shape)}; remove that checkpoint, and go on with the one before"
                )
            mine.copy_(kept[name])


def bank_of(maps: Projections, partner: Partner) -> Bank | None:
    """The empty bank of a training, or none where nothing is kept or nothing aligned.

    Args:
        maps: Those of the training, on its device.
        partner: Its rule of alignment.
    """
    config = maps.config
    if not config.bank or config.weight == 0.0:
        return None
    return Bank(config.bank, maps.latent_dim, partner, maps.from_e.weight.device)


def align_bank(
    maps: Projections, e: Float[Tensor, "b e"], ids: RowIds, bank: Bank
) -> Float[Tensor, ""] | None:
    """InfoNCE of executed rows among the rows of the bank, by its rule [nat].

    The mean over those rows of all ranks that have a partner there; the mean over ranks of the
    gradients is that of all rows. It is no bound: what is in the bank is no sample of all data.

    Args:
        maps: T_u and T_e, and codes where partners are labels.
        e: Of the rows of this rank.
        ids: What they are of.
        bank: The same in every rank.

    Returns:
        With its graph in e and T_e alone; None where no row of any rank has a partner.
    """
    partner = _newest(CANDIDATES[bank.partner](ids, bank), bank)
    has = partner >= 0
    count = int(gather_values(has.long()).sum())
    if not count:
        return None
    strangers, _ = told_apart(bank.partner, ids, bank, partner, maps.config)
    z_e, shown = maps.of_e(e), bank.z_u
    if bank.partner == "labels":
        shown = maps.codes_of(bank.instruction.clamp(min=0)).detach()
    with torch.autocast(e.device.type, enabled=False):
        logits = wide(z_e) @ wide(shown).T / maps.config.temperature
    strangers = (strangers & (bank.number >= 0))[has]
    return entropy(logits[has], partner[has], strangers) * (world_size() / count)


def _newest(wanted: Bool[Tensor, "b n"], bank: Bank) -> Int[Tensor, " b"]:
    """Of what is wanted, the row that joined last, or nobody."""
    found = bank.number.expand_as(wanted).masked_fill(~wanted, NOBODY).max(dim=1)
    return torch.where(found.values >= 0, found.indices, NOBODY)


def _own_episode(ids: RowIds, bank: Bank) -> Bool[Tensor, "b n"]:
    return ids.episode[:, None] == bank.episode[None]


def _other_episode(ids: RowIds, bank: Bank) -> Bool[Tensor, "b n"]:
    return same_action(ids, bank) & ~_own_episode(ids, bank)


def _instruction_before(ids: RowIds, bank: Bank) -> Bool[Tensor, "b n"]:
    """What blocks match with an observed row's next instruction, seen from the executed one."""
    others = (ids.task[:, None] == bank.task[None]) & ~same_action(ids, bank)
    earlier = others & (bank.instruction[None] < ids.instruction[:, None])
    wanted = torch.where(earlier.any(1, keepdim=True), earlier, others)
    ranked = bank.instruction.expand_as(wanted).masked_fill(~wanted, NOBODY)
    return wanted & (ranked == ranked.amax(1, keepdim=True))


def _by_lot(ids: RowIds, bank: Bank) -> Bool[Tensor, "b n"]:
    """One row of another instruction, each as likely."""
    assert ids.shuffled is not None  # the rows of such a training bring their lots
    others = (bank.number >= 0) & (ids.instruction[:, None] != bank.instruction[None])
    place = (ids.shuffled * others.sum(1)).long()
    return others & (others.cumsum(1) == place[:, None] + 1)


CANDIDATES: dict[Partner, Callable[[RowIds, Bank], Bool[Tensor, "b n"]]] = {
    "episode": _own_episode,
    "instruction": _other_episode,
    "labels": _other_episode,
    "task": _instruction_before,
    "shuffled": _by_lot,
}
