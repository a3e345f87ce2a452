import pytest
import torch

from golden.stored import Stored, stems
from premotor.train.optim import OptimizerConfig, build_optimizer

pytestmark = pytest.mark.golden
# All `param.stepN` of the files hold the parameters after the last update (they were stored by
# reference), so the way there is compared by loss and gradient, and the end by the parameters.


class Named(torch.nn.Module):
    def __init__(self, tensors: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self.tensors = torch.nn.ParameterDict(
            {k: torch.nn.Parameter(v.clone()) for k, v in tensors.items()}
        )


def part(stored: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {k.removeprefix(prefix): v for k, v in stored.items() if k.startswith(prefix)}


@pytest.mark.parametrize("stem", stems("execution", "optimizer_*"))
def test_our_lamb_moves_parameters_as_the_reference_does(golden, stem: str):
    file = Stored("execution", stem)
    stored, given = file.tensors, file.sizes
    config = OptimizerConfig(
        name="lamb" if given["max_update_norm_ratio"] is None else "lamb_capped",
        learning_rate=given["lr"],
        betas=tuple(given["betas"]),
        eps=given["eps"],
        weight_decay=given["weight_decay"],
        decay_matrices_only=False,
    )
    model = Named(part(stored, "init."))
    optimizer = build_optimizer({"execute": model}, config)
    target, curvature = part(stored, "target."), part(stored, "curvature.")
    for step in range(1, given["steps"] + 1):
        terms = [(curvature[k] * (p - target[k]) ** 2).sum() for k, p in model.tensors.items()]
        loss = torch.stack(terms).sum() + torch.sin(model.tensors["w"].sum())
        optimizer.zero_grad()
        loss.backward()
        if f"loss.step{step}" in stored:
            file.close(loss.detach(), stored[f"loss.step{step}"])
        for key, expected in part(stored, f"grad.step{step}.").items():
            file.close(model.tensors[key].grad, expected)
        optimizer.step()
    final = part(stored, f"param.step{given['steps']}.")
    assert set(final) == set(model.tensors)
    for key, expected in final.items():
        file.close(model.tensors[key].detach(), expected)
