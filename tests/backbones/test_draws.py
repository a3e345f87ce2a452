import pytest
import torch
import torch.nn.functional as F

from premotor.backbones.attention import attend, dropout
from premotor.backbones.draws import kept, random_bits

torch.set_num_threads(1)


def test_every_level_of_the_bits_is_as_likely():
    bits = random_bits((3, 50_001), torch.Generator().manual_seed(0))
    assert bits.shape == (3, 50_001)
    counts = torch.histc(bits.float(), bins=16, min=-32768, max=32768)
    assert (counts / bits.numel() - 1 / 16).abs().max() < 0.004
    low = bits & 15
    assert (torch.bincount(low.flatten().int()) / bits.numel() - 1 / 16).abs().max() < 0.004


def test_one_seed_gives_one_stream():
    one, two, other = (random_bits((7,), torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


@pytest.mark.gpu
def test_a_gpu_draws_bits_of_its_own_that_the_seed_decides():
    def draw(seed: int) -> torch.Tensor:
        return random_bits((3, 50_001), torch.Generator().manual_seed(seed), "cuda")

    one = draw(1)
    assert one.device.type == "cuda"
    assert torch.equal(one, draw(1))
    assert not torch.equal(one, draw(2))
    counts = torch.histc(one.float(), bins=16, min=-32768, max=32768)
    assert (counts / one.numel() - 1 / 16).abs().max() < 0.004


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_dropout_drops_its_share_and_keeps_the_mean(rate):
    torch.manual_seed(0)
    mask = kept((200_000,), rate)
    assert set(mask.unique().tolist()) == {0.0, torch.tensor(1 / (1 - rate)).item()}
    assert abs((mask == 0).float().mean().item() - rate) < 0.005
    ones = dropout(torch.ones(200_000), rate)
    assert abs(ones.mean().item() - 1.0) < 0.01


def test_attention_with_dropout_is_the_fused_one_on_average():
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 1, 2, 6, 4)
    mask = torch.ones(6, 6, dtype=torch.bool).tril()
    expected = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    torch.testing.assert_close(attend(q, k, v, 0.0, mask), expected)
    many = [part.expand(20_000, -1, -1, -1) for part in (q, k, v)]
    mean = attend(*many, 0.1, mask).mean(0, keepdim=True)
    torch.testing.assert_close(mean, expected, atol=0.02, rtol=0)
