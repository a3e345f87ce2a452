"""The rules of alignment against losses and gradients that explicit loops made."""

import math
from dataclasses import replace

import pytest
import torch

from golden.stored import Stored
from premotor.align.config import AlignConfig
from premotor.align.projections import Aligned
from premotor.align.rules import Contrast, align_block
from premotor.batch import Block, Partner

pytestmark = [pytest.mark.golden, pytest.mark.usefixtures("golden")]

STORED = Stored("compare", "block_contrast")
NAMES: dict[Partner, str] = {  # of the rules here, and there
    "episode": "by_episode",
    "instruction": "aligned",
    "task": "by_task",
    "labels": "labels",
}


def block_of(partner: Partner) -> Block:
    about = STORED.about
    sizes = about["tasks"], about["instructions"], about["episodes"]
    task, instruction, place = (
        i.flatten() for i in torch.meshgrid(*map(torch.arange, sizes), indexing="ij")
    )
    return Block(partner, task, task * sizes[1] + instruction, place)


@pytest.fixture
def leaves() -> dict[str, torch.Tensor]:
    given = STORED.tensors
    return {name: given[name].clone().requires_grad_() for name in ("z_u", "z_e", "codes")}


def contrast(leaves: dict[str, torch.Tensor], partner: Partner) -> Contrast:
    block = block_of(partner)
    codes = leaves["codes"][block.instruction] if partner == "labels" else None
    aligned = Aligned(leaves["z_u"], leaves["z_e"], codes)
    config = AlignConfig(temperature=STORED.about["tau"], num_labels=len(leaves["codes"]))
    return align_block(aligned, block, config)


@pytest.mark.parametrize("partner", NAMES)
def test_every_rule_has_the_reference_loss_and_gradients(leaves, partner: Partner):
    found, name = contrast(leaves, partner), NAMES[partner]
    found.loss.backward()
    given, tolerance = STORED.tensors, STORED.about["tolerance"]
    torch.testing.assert_close(
        found.loss.detach(), given[f"{name}.loss"], rtol=0.0, atol=tolerance["loss"]
    )
    known = [k for k in leaves if f"{name}.grad_{k}" in given]
    assert set(known) == {k for k, leaf in leaves.items() if leaf.grad is not None}
    for k in known:
        expected = given[f"{name}.grad_{k}"]
        torch.testing.assert_close(leaves[k].grad, expected, rtol=0.0, atol=tolerance["gradient"])


@pytest.mark.parametrize("partner", NAMES)
def test_every_rule_tells_a_row_from_as_many_strangers(leaves, partner: Partner):
    found, about = contrast(leaves, partner), STORED.about["arms"][NAMES[partner]]
    assert found.chance.item() == pytest.approx(math.log(about["candidates"]))
    if "bound" in about:
        bound = found.terms["align_bound"].item()
        assert bound == pytest.approx(about["bound"], abs=STORED.about["tolerance"]["loss"])


@pytest.mark.parametrize("partner", NAMES)
def test_the_order_of_rows_changes_nothing(leaves, partner: Partner):
    whole = contrast(leaves, partner)
    order = torch.randperm(len(leaves["z_u"]), generator=torch.Generator().manual_seed(0))
    block = block_of(partner)
    codes = leaves["codes"][block.instruction[order]] if partner == "labels" else None
    moved = replace(
        block,
        **{name: getattr(block, name)[order] for name in ("task", "instruction", "place")},
    )
    aligned = Aligned(leaves["z_u"][order], leaves["z_e"][order], codes)
    config = AlignConfig(temperature=STORED.about["tau"], num_labels=len(leaves["codes"]))
    for name, value in align_block(aligned, moved, config).terms.items():
        torch.testing.assert_close(value, whole.terms[name])
