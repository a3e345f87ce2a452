import dataclasses

import pytest
import torch

from premotor import presets
from premotor.backbones.tokenizer import Tokenizer
from premotor.batch import Block, Executed, MirrorBatch, Observed, Partner, Target
from premotor.errors import ConfigError
from premotor.mirror import Mirror, mirror_losses
from premotor.understand.loss import understand_loss

CONFIG = presets.train_preset("nano").mirror


def make_batch(rows: int = 3, seed: int = 0) -> MirrorBatch:
    draw = torch.Generator().manual_seed(seed)
    points = torch.rand(rows, 200, 3, generator=draw) * 0.8 + torch.tensor([-0.2, -0.4, 0.7])
    texts = [f"push the {color} button" for color in ("red", "green", "blue")[:rows]]
    state = torch.rand(rows, CONFIG.execute.state_dim)
    caption = Tokenizer(CONFIG.understand.text.context).encode(texts)
    return MirrorBatch(
        Executed(points, torch.rand(rows, 200, 3, generator=draw), state),
        Tokenizer(CONFIG.execute.text.context).encode(texts),
        Target(
            points[:, 0].clone(),
            torch.tensor([[0.0, 1.0, 0.0, 0.0]]).repeat(rows, 1),
            torch.arange(rows) % 2,
            torch.ones(rows, dtype=torch.int64),
        ),
        Observed(torch.rand(rows, 4, 3, 32, 32, generator=draw), caption, torch.arange(rows)),
    )


@pytest.fixture
def mirror() -> Mirror:
    torch.manual_seed(0)
    return Mirror(CONFIG)


def test_both_towers_meet_in_one_space_of_unit_vectors(mirror: Mirror):
    output = mirror.eval()(make_batch())
    assert output.observed is not None
    assert output.aligned is not None
    assert output.observed.u.shape == (3, CONFIG.understand.u_dim)
    assert output.executed.e.shape == (3, CONFIG.execute.e_dim)
    for z in (output.aligned.z_u, output.aligned.z_e):
        assert z.shape == (3, mirror.align.latent_dim)
        assert torch.allclose(z.norm(dim=1), torch.ones(3))


def test_the_objective_is_the_sum_of_its_terms(mirror: Mirror):
    batch = make_batch()
    config = dataclasses.replace(CONFIG, align=dataclasses.replace(CONFIG.align, weight=0.25))
    losses = mirror_losses(mirror.eval()(batch), batch, config)
    terms = losses.terms
    total = terms["understand"] + terms["execute"] + 0.25 * terms["align"]
    assert torch.allclose(losses.total, total)
    assert losses.align is not None
    assert torch.allclose(losses.own, terms["understand"] + terms["execute"])
    assert torch.equal(losses.total, losses.own + 0.25 * losses.align)
    losses.align.backward(retain_graph=True)
    assert all(p.grad is not None for p in mirror.align.parameters())
    seven = ("coarse", "fine", "rotation_x", "rotation_y", "rotation_z", "gripper", "collision")
    assert torch.allclose(terms["execute"], torch.stack([terms[k] for k in seven]).sum())


def test_without_a_clip_there_is_only_the_loss_of_acting(mirror: Mirror):
    batch = dataclasses.replace(make_batch(), observed=None)
    output = mirror(batch)
    losses = mirror_losses(output, batch, CONFIG)
    assert output.observed is None
    assert output.aligned is None
    assert torch.equal(losses.total.detach(), losses.terms["execute"])
    assert losses.align is None
    assert losses.own is losses.total
    losses.total.backward()
    assert all(p.grad is None for p in mirror.understand.parameters())
    assert all(p.grad is None for p in mirror.align.parameters())


def test_alignment_teaches_both_towers(mirror: Mirror):
    output = mirror.eval()(make_batch())
    assert output.aligned is not None
    output.aligned.z_u.pow(2)[:, 0].sum().backward()
    assert any(p.grad is not None and p.grad.any() for p in mirror.understand.parameters())
    mirror.zero_grad()
    output = mirror(make_batch())
    assert output.aligned is not None
    output.aligned.z_e.pow(2)[:, 0].sum().backward()
    assert any(p.grad is not None and p.grad.any() for p in mirror.execute.parameters())


def test_towers_share_no_parameter(mirror: Mirror):
    owners: dict[int, str] = {}
    for name, tower in mirror.towers.items():
        for parameter in tower.parameters():
            assert owners.setdefault(id(parameter), name) == name
    assert len(owners) == len(list(mirror.parameters()))


def test_a_batch_without_target_is_decoded_and_has_no_loss(mirror: Mirror):
    batch = dataclasses.replace(make_batch(), target=None)
    output = mirror.eval()(batch)
    assert output.executed.position is not None
    with pytest.raises(ConfigError, match="without a target"):
        mirror_losses(output, batch, CONFIG)


def in_block(partner: Partner) -> MirrorBatch:
    """One task, two instructions, two episodes of each."""
    batch, order = make_batch(rows=2), torch.tensor([0, 0, 1, 1])
    assert batch.observed is not None
    assert batch.target is not None
    instruction, place = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1])

    def rows(part):
        values = {f.name: getattr(part, f.name) for f in dataclasses.fields(part)}
        return dataclasses.replace(
            part, **{name: value[order] for name, value in values.items() if value is not None}
        )

    return MirrorBatch(
        rows(batch.executed),
        batch.instruction[order],
        rows(batch.target),
        rows(batch.observed),
        Block(partner, torch.zeros(4, dtype=torch.int64), instruction, place, order.flip(0) * 2),
    )


def test_a_block_says_what_the_task_alone_would_reach(mirror: Mirror):
    batch = in_block("instruction")
    losses = mirror_losses(mirror.eval()(batch), batch, CONFIG)
    terms = losses.terms
    chance = torch.tensor(3.0).log()  # a partner among two strangers, of the same task
    torch.testing.assert_close(terms["align"] + terms["align_bound"], chance)
    torch.testing.assert_close(terms["align_task_alone"], chance)
    torch.testing.assert_close(terms["align_within_task"], terms["align"])
    assert losses.align is not None
    assert torch.equal(losses.total, losses.own + CONFIG.align.weight * losses.align)


def test_codes_stand_in_for_the_other_side_where_partners_are_labels():
    align = dataclasses.replace(CONFIG.align, num_labels=2)
    config = dataclasses.replace(CONFIG, align=align)
    torch.manual_seed(0)
    mirror, batch = Mirror(config), in_block("labels")
    losses = mirror_losses(mirror.eval()(batch), batch, config)
    assert losses.align is not None
    losses.align.backward()
    assert mirror.align.codes.grad is not None
    assert mirror.align.codes.grad.any()


def test_clips_beside_a_block_add_to_what_is_understood_alone(mirror: Mirror):
    batch, beside = make_batch(), make_batch(rows=2, seed=1).observed
    assert batch.observed is not None
    assert beside is not None
    more = dataclasses.replace(batch, more=beside)
    alone, both = (mirror_losses(mirror.eval()(b), b, CONFIG) for b in (batch, more))
    assert torch.equal(alone.terms["execute"], both.terms["execute"])
    assert torch.equal(alone.terms["align"], both.terms["align"])
    joined = Observed(
        torch.cat([batch.observed.frames, beside.frames]),
        torch.cat([batch.observed.caption, beside.caption]),
        torch.cat([batch.observed.text_id, beside.text_id]),
    )
    expected = understand_loss(mirror.understand(joined), joined.text_id, CONFIG.understand)
    torch.testing.assert_close(both.terms["understand"], expected.detach())
    assert more.to("cpu").more is not None
