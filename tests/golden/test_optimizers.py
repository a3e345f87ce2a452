import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from premotor.train.optim import OptimizerConfig, build_optimizer

pytestmark = pytest.mark.golden
# All `param.stepN` of the files hold the parameters after the last update (they were stored by
# reference), so the way there is compared by loss and gradient, and the end by the parameters.
CASES = [("lamb", "optimizer_lamb"), ("lamb_capped", "optimizer_norm_capped")]


class Named(torch.nn.Module):
    def __init__(self, tensors: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self.tensors = torch.nn.ParameterDict(
            {k: torch.nn.Parameter(v.clone()) for k, v in tensors.items()}
        )


def part(stored: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {k.removeprefix(prefix): v for k, v in stored.items() if k.startswith(prefix)}


@pytest.mark.parametrize(("name", "stem"), CASES)
def test_our_lamb_moves_parameters_as_the_reference_does(golden: Path, name: str, stem: str):
    about = json.loads((golden / "execution" / f"{stem}.json").read_text())
    stored = load_file(golden / "execution" / f"{stem}.safetensors")
    given = about["config"]
    config = OptimizerConfig(
        name=name,  # type: ignore[arg-type]
        learning_rate=given["lr"],
        betas=tuple(given["betas"]),
        eps=given["eps"],
        weight_decay=given["weight_decay"],
        decay_matrices_only=False,
    )
    model = Named(part(stored, "init."))
    optimizer = build_optimizer({"execute": model}, config)
    target, curvature = part(stored, "target."), part(stored, "curvature.")
    close = {"rtol": about["tolerance"]["float32_rtol"], "atol": about["tolerance"]["float32_atol"]}
    for step in range(1, given["steps"] + 1):
        terms = [(curvature[k] * (p - target[k]) ** 2).sum() for k, p in model.tensors.items()]
        loss = torch.stack(terms).sum() + torch.sin(model.tensors["w"].sum())
        optimizer.zero_grad()
        loss.backward()
        if f"loss.step{step}" in stored:
            torch.testing.assert_close(loss.detach(), stored[f"loss.step{step}"], **close)
        for key, expected in part(stored, f"grad.step{step}.").items():
            torch.testing.assert_close(model.tensors[key].grad, expected, **close)
        optimizer.step()
    final = part(stored, f"param.step{given['steps']}.")
    assert set(final) == set(model.tensors)
    for key, expected in final.items():
        torch.testing.assert_close(model.tensors[key].detach(), expected, **close)
