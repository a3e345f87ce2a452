"""Pre-norm transformer blocks, shared as code (never as parameters) by every tower.

The parameter names are CLIP's, so that its weights load by name (decisions D32).

b: batch  n: tokens  d: width
"""

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from premotor.backbones.draws import kept
from premotor.errors import ConfigError

Activation = Literal["quick_gelu", "gelu"]
MOST_WIDTH, MOST_LAYERS = 2**15, 512  # a few times those of the largest models


def check_transformer(kind: str, width: int, layers: int, heads: int) -> None:
    """Refuse sizes no transformer can have; `kind` names the configuration in the message."""
    if min(width, layers, heads) < 1:
        raise ConfigError(
            f"{kind}: width, layers and heads must be >= 1, got {width, layers, heads}"
        )
    if width > MOST_WIDTH or layers > MOST_LAYERS:
        raise ConfigError(
            f"{kind}: width and layers must be at most {MOST_WIDTH} and {MOST_LAYERS}, got "
            f"{width} and {layers}"
        )
    if width % heads:
        raise ConfigError(
            f"{kind}: width {width} is not divisible by {heads} heads; "
            f"try heads={_nearest(width, heads)}"
        )


def _nearest(width: int, heads: int) -> int:
    divisors = [h for h in range(1, width + 1) if width % h == 0]
    return min(divisors, key=lambda h: abs(h - heads))


def activate(x: Tensor, activation: Activation) -> Tensor:
    """Elementwise nonlinearity; OpenAI's CLIP was trained with the sigmoid form of GELU."""
    return x * torch.sigmoid(1.702 * x) if activation == "quick_gelu" else F.gelu(x)


def drop_path(
    x: Float[Tensor, "b ..."], rate: float, generator: torch.Generator | None
) -> Float[Tensor, "b ..."]:
    """Drop the update of whole samples; without a generator, nothing is dropped.

    The first axis is the batch: the released ViCLIP drops tokens instead (decisions D23).
    """
    if rate == 0.0 or generator is None:
        return x
    shape = (len(x),) + (1,) * (x.ndim - 1)
    kept = torch.rand(shape, generator=generator, device=generator.device) >= rate
    return x * kept.to(x.device, x.dtype) / (1.0 - rate)


def in_float32(layer: nn.Module, x: Tensor) -> Tensor:
    """Run a layer in float32 whatever the autocast: for logits whose small differences decide."""
    with torch.autocast(x.device.type, enabled=False):
        return layer(x.to(torch.promote_types(x.dtype, torch.float32)))


def dropout(x: Float[Tensor, "*b d"], rate: float) -> Float[Tensor, "*b d"]:
    """Zero a share of the numbers and enlarge the rest; always, so ask it in training only."""
    if rate == 0.0 or x.device.type != "cpu" or torch.compiler.is_compiling():
        return F.dropout(x, rate)
    return x * kept(tuple(x.shape), rate).to(x.dtype)


def attend(
    q: Float[Tensor, "b h n c"],
    k: Float[Tensor, "b h m c"],
    v: Float[Tensor, "b h m c"],
    rate: float = 0.0,
    mask: Bool[Tensor, "n m"] | None = None,
) -> Float[Tensor, "b h n c"]:
    """Scaled dot-product attention, a share `rate` of its weights dropped.

    torch's fused kernel for CPUs has no dropout, and what it falls back to spends more time on
    drawing than on multiplying: here the draws are cheap.
    """
    if rate == 0.0 or q.device.type != "cpu" or torch.compiler.is_compiling():
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=rate)
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    return dropout(scores.softmax(-1), rate).to(v.dtype) @ v


class QueryKeyNorm(nn.Module):
    """Layer norm of queries and of keys over each head's channels, with gains and without shifts.

    What attention compares then has a length that no weight matrix changes: without it, scores
    grow with the matrices of a long training until each token looks at one other alone and learns
    no more where to look (Dehghani et al., "Scaling Vision Transformers to 22 Billion Parameters",
    2023; decisions D84).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query = nn.LayerNorm(channels, bias=False)
        self.key = nn.LayerNorm(channels, bias=False)

    def forward(
        self, q: Float[Tensor, "b h n c"], k: Float[Tensor, "b h m c"]
    ) -> tuple[Float[Tensor, "b h n c"], Float[Tensor, "b h m c"]]:
        return self.query(q), self.key(k)


class AsTheyAre(nn.Module):
    """Queries and keys, unchanged: what stands in place of `QueryKeyNorm` where it is off."""

    def forward(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        return q, k


def query_key_norm(width: int, heads: int, on: bool) -> nn.Module:
    """What is done to queries and keys (b, heads, n, width / heads) before they are compared."""
    return QueryKeyNorm(width // heads) if on else AsTheyAre()


class Attention(nn.Module):
    """Multi-head self-attention with packed query, key and value projections."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (b, heads, n, d / heads)

    def forward(self, x: Float[Tensor, "b n d"], causal: bool = False) -> Float[Tensor, "b n d"]:
        """Every token looks at every token, or at those before it if `causal`."""
        packed = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        q, k, v = (self._split(part) for part in packed.chunk(3, dim=-1))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        return self.out_proj(mixed.transpose(1, 2).flatten(2))

    def of_first(self, x: Float[Tensor, "b n d"]) -> Float[Tensor, "b 1 d"]:
        """What the first token sees: one query, keys and values of all tokens."""
        width = x.shape[-1]
        weight, bias = self.in_proj_weight, self.in_proj_bias
        q = F.linear(x[:, :1], weight[:width], bias[:width])
        k, v = F.linear(x, weight[width:], bias[width:]).chunk(2, dim=-1)
        mixed = F.scaled_dot_product_attention(self._split(q), self._split(k), self._split(v))
        return self.out_proj(mixed.transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    """Two linear maps with a nonlinearity between them, four times as wide inside."""

    def __init__(self, width: int, activation: Activation) -> None:
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width)
        self.c_proj = nn.Linear(4 * width, width)
        self.activation: Activation = activation

    def forward(self, x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        return self.c_proj(activate(self.c_fc(x), self.activation))


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x))."""

    def __init__(self, width: int, heads: int, activation: Activation, drop: float = 0.0) -> None:
        super().__init__()
        self.attn = Attention(width, heads)
        self.ln_1 = nn.LayerNorm(width)
        self.mlp = Mlp(width, activation)
        self.ln_2 = nn.LayerNorm(width)
        self.drop = drop

    def forward(
        self,
        x: Float[Tensor, "b n d"],
        causal: bool = False,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "b n d"]:
        x = x + drop_path(self.attn(self.ln_1(x), causal), self.drop, generator)
        return x + drop_path(self.mlp(self.ln_2(x)), self.drop, generator)

    def first(
        self, x: Float[Tensor, "b n d"], generator: torch.Generator | None = None
    ) -> Float[Tensor, "b 1 d"]:
        """The block's first output token, without computing the others (decisions D24)."""
        seen = self.attn.of_first(self.ln_1(x))
        x = x[:, :1] + drop_path(seen, self.drop, generator)
        return x + drop_path(self.mlp(self.ln_2(x)), self.drop, generator)


class Transformer(nn.Module):
    """A stack of blocks, initialized as CLIP's (decisions D32)."""

    def __init__(
        self, width: int, layers: int, heads: int, activation: Activation, max_drop: float = 0.0
    ) -> None:
        super().__init__()
        drops = [max_drop * i / max(layers - 1, 1) for i in range(layers)]
        self.resblocks = nn.ModuleList(Block(width, heads, activation, drop) for drop in drops)
        self._reset(width, layers)

    def _reset(self, width: int, layers: int) -> None:
        residual = width**-0.5 * (2 * layers) ** -0.5
        for block in self.blocks:
            nn.init.normal_(block.attn.in_proj_weight, std=width**-0.5)
            nn.init.normal_(block.attn.out_proj.weight, std=residual)
            nn.init.normal_(block.mlp.c_fc.weight, std=(2 * width) ** -0.5)
            nn.init.normal_(block.mlp.c_proj.weight, std=residual)
            for linear in (block.attn.out_proj, block.mlp.c_fc, block.mlp.c_proj):
                nn.init.zeros_(linear.bias)

    @property
    def blocks(self) -> list[Block]:
        """The blocks in order, typed."""
        return [block for block in self.resblocks if isinstance(block, Block)]

    def forward(
        self,
        x: Float[Tensor, "b n d"],
        causal: bool = False,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "b n d"]:
        for block in self.blocks:
            x = block(x, causal, generator)
        return x

    def first(
        self, x: Float[Tensor, "b n d"], generator: torch.Generator | None = None
    ) -> Float[Tensor, "b d"]:
        """The first token after all blocks; the last block computes no other token."""
        *body, last = self.blocks
        for block in body:
            x = block(x, generator=generator)
        return last.first(x, generator).squeeze(1)
