"""Zero at the start and capped for ever: why AdaLN begins small (decisions D10).

The released initialization of the AdaLN modulation is zero, weight and bias, and the released
optimizer caps a tensor's update by the tensor's norm. So the blocks that should look at the view
stay identities, and the screen point's query never depends on what there is to see.
"""

import pytest
import torch

from premotor.execute.arp import CrossBlock, TokenTransformer
from premotor.execute.config import TokensConfig
from premotor.train.optim import OptimizerConfig, build_optimizer

torch.set_num_threads(1)
UPDATES, DIM, START = 100, 16, {"released": 0.0, "corrected": TokensConfig().modulation_std}


@torch.enable_grad()
def trained(start: str, optimizer: str) -> tuple[TokenTransformer, torch.Tensor]:
    """A transformer after many updates toward queries that tell the views apart, and the views."""
    torch.manual_seed(0)
    config = TokensConfig(heads=2, cross_depth=2, self_depth=0, modulation_std=START[start])
    transformer = TokenTransformer(DIM, config).eval()
    views, wanted = torch.randn(6, 9, DIM), torch.randn(6, DIM)
    settings = OptimizerConfig(name=optimizer, learning_rate=1e-2, decay_matrices_only=False)
    descent = build_optimizer({"execute": transformer}, settings)
    for _ in range(UPDATES):
        descent.zero_grad()
        (transformer.screen_points(0, views) - wanted).square().mean().backward()
        descent.step()
    return transformer, views


def modulation(transformer: TokenTransformer) -> torch.Tensor:
    blocks = [block for block in transformer.cross if isinstance(block, CrossBlock)]
    weights = [p.flatten() for block in blocks for p in block.modulation.parameters()]
    return torch.cat(weights).detach()


@torch.no_grad()
def test_the_released_start_under_the_capped_optimizer_stays_an_identity():
    transformer, views = trained("released", "lamb_capped")
    assert torch.count_nonzero(modulation(transformer)) == 0
    x = torch.randn(6, 1, DIM)
    for block in transformer.cross:
        assert torch.equal(block(x, None, views), x)
    queries = transformer.screen_points(0, views)
    assert torch.equal(queries, queries[:1].expand_as(queries))
    assert torch.equal(queries, transformer.screen_points(0, torch.randn_like(views)))
    assert not torch.equal(transformer.type_code.weight[1], transformer.type_code.weight[2])


@torch.no_grad()
@pytest.mark.parametrize(
    ("start", "optimizer"),
    [
        ("corrected", "lamb"),
        ("corrected", "lamb_capped"),
        ("corrected", "adamw"),
        ("released", "lamb"),
        ("released", "adamw"),
    ],
)
def test_another_start_or_another_optimizer_gets_away_from_it(start, optimizer):
    transformer, views = trained(start, optimizer)
    torch.manual_seed(0)
    untrained = TokenTransformer(
        DIM, TokensConfig(heads=2, cross_depth=2, self_depth=0, modulation_std=START[start])
    )
    assert (modulation(transformer) - modulation(untrained)).abs().max() > 1e-3
    queries = transformer.screen_points(0, views)
    assert (queries - queries[:1]).abs().max() > 0.1
