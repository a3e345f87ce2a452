from dataclasses import replace

import pytest
import torch
from torch import nn

from premotor.execute.arp import CrossBlock, SelfAttention
from premotor.execute.config import ExecuteConfig, TokensConfig, TrunkConfig
from premotor.execute.policy import Policy
from premotor.execute.trunk import Block
from premotor.presets import nano
from premotor.train.matrices import matrices

WIDTH = 16
X = torch.randn(2, 7, WIDTH, generator=torch.Generator().manual_seed(0))


def of_trunk(qk_norm: bool) -> tuple[nn.Module, list[nn.Linear]]:
    block = Block(TrunkConfig(width=WIDTH, heads=2, dropout=0.0, qk_norm=qk_norm))
    return block, [block.query, block.key_value]


def of_tokens(qk_norm: bool) -> tuple[nn.Module, list[nn.Linear]]:
    attention = SelfAttention(WIDTH, TokensConfig(heads=2, dropout=0.0, qk_norm=qk_norm))
    return attention, [attention.qkv]


def of_cells(qk_norm: bool) -> tuple[nn.Module, list[nn.Linear]]:
    block = CrossBlock(WIDTH, TokensConfig(heads=2, dropout=0.0, qk_norm=qk_norm))
    return block, [block.query, block.key_value]


def attended(module: nn.Module) -> torch.Tensor:
    match module:
        case Block():
            return module.attention(X)
        case CrossBlock():
            return module.look(X[:, :1], X)
        case _:
            return module(X, None)


@pytest.mark.parametrize("build", [of_trunk, of_tokens, of_cells])
@pytest.mark.parametrize("qk_norm", [True, False])
def test_what_is_looked_at_does_not_depend_on_the_length_of_queries_and_keys(build, qk_norm):
    torch.manual_seed(0)
    module, asking = build(qk_norm)
    with torch.no_grad():
        for layer in asking:  # of random biases, which grow with the rest
            nn.init.normal_(layer.weight)
            if layer.bias is not None:
                nn.init.normal_(layer.bias)
        before = attended(module)
        for layer in asking:  # values come last and stay
            rows = len(layer.weight) - WIDTH if len(layer.weight) > WIDTH else WIDTH
            for weight in layer.parameters():
                weight[:rows] *= 100.0
        after = attended(module)
    same = torch.allclose(before, after, atol=1e-3)
    assert same is qk_norm


def asked(qk_norm: bool) -> ExecuteConfig:
    execute = nano().mirror.execute
    return replace(
        execute,
        trunk=replace(execute.trunk, qk_norm=qk_norm),
        tokens=replace(execute.tokens, qk_norm=qk_norm),
    )


def test_only_a_policy_that_asks_for_it_has_gains_and_they_are_no_matrices():
    plain, policy = Policy(asked(qk_norm=False)), Policy(asked(qk_norm=True))
    gains = set(policy.state_dict()) - set(plain.state_dict())
    trunks, cross, self_ = 2 * 1, 1 * 2, 1  # one joint block each; a cross block looks twice
    assert len(gains) == 2 * (trunks + cross + self_)
    assert all(".norm_heads." in name for name in gains)
    assert not gains & matrices("execute", policy)
