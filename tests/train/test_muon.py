import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from premotor import checkpoint, presets
from premotor.mirror import Mirror
from premotor.train.muon import CPU, GPU, Muon, newton_schulz, orthogonal, shares, way_of
from premotor.train.optim import (
    OptimizerConfig,
    build_optimizer,
    parameter_groups,
    set_learning_rate,
)

CONFIG = OptimizerConfig(name="muon", matrix_learning_rate=0.05, matrix_weight_decay=0.1)
SHAPES = ((12, 12), (24, 8), (8, 40), (40, 9), (16, 3, 3, 3), (8, 4, 2, 2), (9, 2, 2, 3, 3))


class Layers(nn.Module):
    """Maps of all kinds of shapes, with biases beside."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.maps = nn.ModuleList(self._map(*shape) for shape in SHAPES)

    @staticmethod
    def _map(rows: int, columns: int, *kernel: int) -> nn.Module:
        if not kernel:
            return nn.Linear(columns, rows)
        return (nn.Conv2d if len(kernel) == 2 else nn.Conv3d)(columns, rows, kernel)


def gradients(model: nn.Module, seed: int, step: int) -> None:
    """Gradients that another process would draw the same, of very different lengths."""
    draw = torch.Generator().manual_seed(1000 * seed + step)
    for index, p in enumerate(model.parameters()):
        p.grad = torch.randn(p.shape, generator=draw) * 10.0 ** (index % 5 - 2)


def moved_by_hand(weights: list[np.ndarray], grads: list[list[np.ndarray]]) -> list[np.ndarray]:
    """Muon as its authors write it (classical momentum, Nesterov), in float64, of matrices."""
    found = []
    for index, start in enumerate(weights):
        p, momentum = start.astype(np.float64), np.zeros(start.shape)
        for grad in grads:
            g = grad[index].astype(np.float64)
            momentum = 0.95 * momentum + g
            x = (g + 0.95 * momentum).reshape(len(g), -1)
            rows, columns = x.shape
            x = x / np.sqrt((x**2).sum())
            for _ in range(5):
                gram = x.T @ x  # the other side than ours
                x = 3.4445 * x + x @ (-4.7750 * gram + 2.0315 * gram @ gram)
            p = p * (1.0 - 0.05 * 0.1) - 0.05 * math.sqrt(max(1.0, rows / columns)) * x.reshape(
                p.shape
            )
        found.append(p)
    return found


@pytest.mark.parametrize("seed", range(3))
def test_matrices_and_kernels_move_as_the_rule_written_out_in_float64(seed: int):
    model = Layers(seed)
    kernels = [m.weight for m in model.maps]
    begin, seen = [w.detach().numpy().copy() for w in kernels], []
    optimizer = build_optimizer({"execute": model}, CONFIG)
    for step in range(5):
        gradients(model, seed, step)
        seen.append([w.grad.numpy().copy() for w in kernels])
        optimizer.step()
    for ours, expected in zip(kernels, moved_by_hand(begin, seen), strict=True):
        np.testing.assert_allclose(ours.detach().numpy(), expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize("exact", [True, False])
def test_matrices_move_as_by_torch_s_muon(monkeypatch: pytest.MonkeyPatch, exact: bool):
    model, theirs = Layers(0), Layers(0)
    flat = [m.weight for m in theirs.maps if m.weight.ndim == 2]
    ours = [m.weight for m in model.maps if m.weight.ndim == 2]
    optimizer = build_optimizer({"execute": model}, CONFIG)
    reference = torch.optim.Muon(flat, lr=0.05, weight_decay=0.1, momentum=0.95, ns_steps=5)
    if exact:  # it computes in bfloat16 otherwise
        monkeypatch.setattr(Tensor, "bfloat16", Tensor.clone)
    for step in range(5):
        gradients(model, 0, step)
        gradients(theirs, 0, step)
        optimizer.step()
        reference.step()
    for a, b in zip(ours, flat, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=2e-6 if exact else 5e-3)


def test_what_is_no_matrix_moves_bit_for_bit_as_by_adamw():
    model, other = Layers(0), Layers(0)
    optimizer = build_optimizer({"execute": model}, CONFIG)
    adamw = build_optimizer({"execute": other}, replace(CONFIG, name="adamw"))
    begin = [m.weight.detach().clone() for m in model.maps]
    for step in range(4):
        for each, by in ((model, optimizer), (other, adamw)):
            gradients(each, 0, step)
            by.step()
    for a, b, c in zip(model.maps, other.maps, begin, strict=True):
        assert torch.equal(a.bias, b.bias)
        assert not torch.equal(a.weight, b.weight)
        assert not torch.equal(a.weight, c)


def test_matrices_have_a_decay_of_their_own():
    model = Layers(0)
    config = replace(CONFIG, weight_decay=0.3, matrix_weight_decay=0.2)
    groups = build_optimizer({"execute": model}, config).param_groups
    assert {g["weight_decay"] for g in groups if g["matrices"]} == {0.2}
    assert {g["weight_decay"] for g in groups if not g["matrices"]} <= {0.3, 0.0}
    still = [m.weight.detach().clone() for m in model.maps]
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer = build_optimizer({"execute": model}, config)
    optimizer.step()
    for layer, before in zip(model.maps, still, strict=True):
        if min(before.flatten(1).shape) >= 8:
            torch.testing.assert_close(layer.weight, before * (1.0 - 0.05 * 0.2))


@pytest.mark.parametrize("shape", [(12, 12), (30, 9), (9, 30), (3, 16, 10), (2, 10, 16)])
def test_five_steps_bring_singular_values_near_one_and_keep_the_vectors(shape: tuple[int, ...]):
    given = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    given /= given.flatten(-2).norm(dim=-1)[..., None, None]
    found = newton_schulz(given, 5)
    values = torch.linalg.svdvals(found)
    assert values.max() < 1.3
    assert values.median() > 0.6
    mixed = given.mT @ found  # symmetric where the vectors are the same
    torch.testing.assert_close(mixed, mixed.mT, rtol=0, atol=1e-5)


def test_a_gradient_of_zero_moves_nothing_at_first_and_decays_a_momentum_later():
    model = nn.Sequential(nn.Linear(8, 8))
    optimizer = build_optimizer({"execute": model}, replace(CONFIG, matrix_weight_decay=0.0))
    weight = model[0].weight
    before = weight.detach().clone()
    model[0].weight.grad = torch.zeros(8, 8)
    optimizer.step()
    assert torch.equal(weight, before)
    weight.grad = torch.eye(8)
    optimizer.step()
    after = weight.detach().clone()
    weight.grad = torch.zeros(8, 8)
    optimizer.step()
    assert torch.isfinite(weight).all()
    assert not torch.equal(weight, after)  # it rolls on
    torch.testing.assert_close(optimizer.state[weight]["momentum"], 0.95 * 0.05 * torch.eye(8))


def test_gpus_compute_in_bfloat16_and_cpus_do_not():
    assert way_of(torch.device("cpu")) is CPU
    assert way_of(torch.device("cuda", 1)) is GPU
    assert (CPU.dtype, GPU.dtype) == (torch.float32, torch.bfloat16)
    draw = torch.Generator().manual_seed(0)
    given = [torch.randn(shape, generator=draw) for shape in [(12, 12), (9, 30), (12, 12), (30, 9)]]
    exact, fast = orthogonal(given, 5, CPU), orthogonal(given, 5, GPU)
    for a, b in zip(exact, fast, strict=True):
        assert (a.dtype, b.dtype) == (torch.float32, torch.bfloat16)
        assert float((a - b.float()).norm() / a.norm()) < 0.03
        assert not torch.equal(a, b.float())


@pytest.mark.gpu
def test_on_a_gpu_matrices_move_as_on_the_cpu():
    models = [Layers(0), Layers(0).cuda()]
    for model in models:
        optimizer = build_optimizer({"execute": model}, CONFIG)
        drawn = Layers(0)
        for step in range(3):
            gradients(drawn, 0, step)
            for p, q in zip(model.parameters(), drawn.parameters(), strict=True):
                p.grad = q.grad.to(p.device)
            optimizer.step()
    for a, b in zip(*(model.parameters() for model in models), strict=True):
        torch.testing.assert_close(a, b.cpu(), rtol=0, atol=0.02)


def test_the_rates_of_matrices_have_the_factors_and_the_schedule_of_the_rest():
    config = replace(
        CONFIG, learning_rate=2e-3, understand_factor=0.5, text_factor=0.1, layer_decay=0.5
    )
    mirror = Mirror(presets.train_preset("nano").mirror)
    optimizer = build_optimizer(mirror.towers, config)
    set_learning_rate(optimizer, 1e-3)  # half-way down
    rates = {
        id(p): (group["lr"], group["matrices"])
        for group in optimizer.param_groups
        for p in group["params"]
    }
    understand, execute = mirror.understand, mirror.execute
    blocks = understand.vision_encoder.tower.transformer.resblocks
    for weight, rate, matrix in (
        (execute.trunks[0].into.weight, 0.025, True),
        (execute.trunks[0].into.bias, 1e-3, False),
        (blocks[1].mlp.c_fc.weight, 0.025 * 0.5 * 0.5, True),
        (blocks[0].mlp.c_fc.weight, 0.025 * 0.5 * 0.25, True),
        (blocks[0].mlp.c_fc.bias, 1e-3 * 0.5 * 0.25, False),
        (understand.text_encoder.transformer.resblocks[0].mlp.c_fc.weight, 0.025 * 0.05, True),
        (understand.text_encoder.token_embedding.weight, 1e-3 * 0.05, False),
        (mirror.align.from_u.weight, 1e-3, False),
    ):
        assert rates[id(weight)] == (pytest.approx(rate), matrix)
    assert len(rates) == sum(p.requires_grad for p in mirror.parameters())


def test_other_optimizers_have_the_groups_they_had():
    mirror = Mirror(presets.train_preset("nano").mirror)
    groups = parameter_groups(mirror.towers, OptimizerConfig())
    assert {frozenset(group) for group in groups} == {
        frozenset({"params", "tower", "factor", "weight_decay"})
    }


@pytest.mark.parametrize("world", [1, 2, 3, 7])
def test_each_matrix_is_one_process_s_and_the_work_is_even(world: int):
    shapes = [torch.Size(s) for s in [(96, 96)] * 5 + [(192, 96)] * 3 + [(8, 16)] * 3]
    found = shares(shapes, world)
    assert sorted(i for part in found for i in part) == list(range(len(shapes)))
    work = [sum(min(shapes[i]) * shapes[i].numel() for i in part) for part in found]
    assert max(work) - min(work) <= 96 * 96 * 192


def test_the_state_goes_through_a_checkpoint_and_on_bit_for_bit(tmp_path):
    config = presets.train_preset("nano").mirror
    models = [Layers(0), Layers(0)]
    straight, stopped = (build_optimizer({"execute": m}, CONFIG) for m in models)
    for step in range(2):
        for model, optimizer in zip(models, (straight, stopped), strict=True):
            gradients(model, 0, step)
            optimizer.step()
    checkpoint.save(tmp_path, 2, Mirror(config), {"optimizer": stopped.state_dict()})
    state = checkpoint.load_state(checkpoint.find(tmp_path))["optimizer"]
    taken_up = build_optimizer({"execute": models[1]}, CONFIG)
    taken_up.load_state_dict(state)
    assert isinstance(taken_up, Muon)
    for model, optimizer in zip(models, (straight, taken_up), strict=True):
        gradients(model, 0, 2)
        optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(*(m.parameters() for m in models), strict=True))
