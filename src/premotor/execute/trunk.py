"""Multi-view transformer: pictures, words and proprioception in, one feature map per view out.

Two stems share the blocks: `patchify` (MVT, of RVT-2) and `convolutional`, which keeps fine
levels for the skip up-sampler and learns position in minutes on a CPU (decisions D16).

b: batch  v: views  s: image side  g: cells a side  c: channels  l: text tokens  w: word slots
n: tokens  d: width  e: embed_dim  k: context tokens
"""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from premotor.backbones.attention import attend, dropout, in_float32, query_key_norm
from premotor.execute.config import NUM_CHANNELS, NUM_VIEWS, ExecuteConfig, TrunkConfig, WordsConfig
from premotor.execute.match import MATCHES

SLOPE = 0.02  # of the leaky ReLU
GROUPS = 4  # of every group norm
CODE_STD = 0.5  # position codes of the convolutional stem; the patchify stem has 1 (RVT)


@dataclass(frozen=True, eq=False)
class Levels:
    """What the up-sampler may look at besides the feature map, fine to coarse."""

    half: Float[Tensor, "bv c1 half half"]  # half resolution
    quarter: Float[Tensor, "bv c2 quarter quarter"]
    match: Float[Tensor, "bv half half 4 w"] | None  # words, later the one due, against pixels


@dataclass(frozen=True, eq=False)
class Features:
    """Output of a trunk."""

    map: Float[Tensor, "b v e g g2"]
    tokens: Float[Tensor, "b n d"]  # image tokens before the last linear map
    levels: Levels | None


class Block(nn.Module):
    """Pre-norm attention and feed-forward, as in MVT: no bias on query, key and value."""

    def __init__(self, config: TrunkConfig) -> None:
        super().__init__()
        width, inner = config.width, config.mlp_ratio * config.width
        self.heads, self.dropout, self.gated = config.heads, config.dropout, config.gated
        self.norm_attention = nn.LayerNorm(width)
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.norm_heads = query_key_norm(width, config.heads, config.qk_norm)
        self.out = nn.Linear(width, width)
        self.norm_mlp = nn.LayerNorm(width)
        self.mlp_in = nn.Linear(width, 2 * inner if config.gated else inner)
        self.mlp_out = nn.Linear(inner, width)

    def attention(self, x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        """Every token looks at every token."""
        batch, length, width = x.shape
        weight = torch.cat([self.query.weight, self.key_value.weight])
        packed = F.linear(x, weight).view(batch, length, 3, self.heads, -1)
        q, k, v = packed.permute(2, 0, 3, 1, 4).unbind(0)
        q, k = self.norm_heads(q, k)
        rate = self.dropout if self.training else 0.0
        mixed = attend(q, k, v, rate)
        mixed = self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return dropout(mixed, rate) if rate else mixed

    def mlp(self, x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        """GEGLU (value * GELU(gate)) or a plain GELU."""
        hidden = self.mlp_in(x)
        if self.gated:
            value, gate = hidden.chunk(2, dim=-1)
            return self.mlp_out(value * F.gelu(gate))
        return self.mlp_out(F.gelu(hidden))

    def forward(self, x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        x = x + self.attention(self.norm_attention(x))
        return x + self.mlp(self.norm_mlp(x))


class Words(nn.Module):
    """The sentence's tokens as they enter a trunk: all of them, or pooled to a few slots."""

    def __init__(self, config: WordsConfig, text_width: int, context: int, embed_dim: int) -> None:
        super().__init__()
        self.slots = config.slots
        if config.slots:
            self.query = nn.Parameter(torch.randn(config.slots, text_width))
            self.position = nn.Parameter(torch.randn(context, text_width))
            self.code = nn.Parameter(CODE_STD * torch.randn(config.slots, embed_dim))
        self.linear = nn.Linear(text_width, embed_dim)
        self.norm = nn.GroupNorm(GROUPS, embed_dim)
        nn.init.kaiming_uniform_(self.linear.weight, a=SLOPE)
        nn.init.zeros_(self.linear.bias)

    def pool(self, tokens: Float[Tensor, "b l t"]) -> Float[Tensor, "b w t"]:
        """Learned queries pick tokens by place and content."""
        if not self.slots:
            return tokens
        keys = tokens + self.position
        weights = (self.query @ keys.transpose(1, 2) * keys.shape[-1] ** -0.5).softmax(-1)
        return weights @ tokens

    def forward(self, pooled: Float[Tensor, "b w t"]) -> Float[Tensor, "b w e"]:
        x = self.linear(pooled)
        x = F.leaky_relu(self.norm(x.flatten(0, 1)).view_as(x), SLOPE)
        return x + self.code if self.slots else x


def in_blocks(x: Float[Tensor, "b s s2 c"]) -> Float[Tensor, "b half half2 4 c"]:
    """The four pixels of a 2 x 2 block side by side."""
    batch, height, width, channels = x.shape
    x = x.view(batch, height // 2, 2, width // 2, 2, channels).transpose(2, 3)
    return x.reshape(batch, height // 2, width // 2, 4, channels)


def as_channels(blocks: Float[Tensor, "b half half2 4 c"]) -> Float[Tensor, "b c4 half half2"]:
    """A block's numbers as one pixel's; channels first, in channels-last memory, nothing moved."""
    return blocks.flatten(3).permute(0, 3, 1, 2)


class PatchifyStem(nn.Module):
    """One convolution per cell, proprioception appended to the channels (RVT-2)."""

    def __init__(self, config: ExecuteConfig) -> None:
        super().__init__()
        half = config.trunk.embed_dim // 2
        self.conv = nn.Conv2d(NUM_CHANNELS, half, config.trunk.patch, config.trunk.patch)
        self.norm = nn.GroupNorm(GROUPS, half)
        self.proprioception = nn.Linear(config.state_dim, half)
        self.norm_proprioception = nn.GroupNorm(GROUPS, half)
        self.code = nn.Parameter(torch.randn(1, NUM_VIEWS * config.grid**2, 2 * half))
        for layer in (self.conv, self.proprioception):
            nn.init.kaiming_uniform_(layer.weight, a=SLOPE)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def forward(
        self,
        images: Float[Tensor, "bv s s c"],
        proprioception: Float[Tensor, "b p"],
        pooled: Float[Tensor, "b w t"],
    ) -> tuple[Float[Tensor, "b n e"], Levels | None]:
        cells = F.leaky_relu(self.norm(self.conv(images.permute(0, 3, 1, 2))), SLOPE)
        state = self.norm_proprioception(self.proprioception(proprioception))
        state = F.leaky_relu(state, SLOPE)[:, None]  # (b, 1, e / 2)
        tokens = cells.flatten(2).transpose(1, 2).reshape(len(state), -1, cells.shape[1])
        return torch.cat([tokens, state.expand_as(tokens)], dim=2) + self.code, None


class ConvolutionalStem(nn.Module):
    """Three convolutions to 1/8 resolution; words meet raw pixels (decisions D16 and D17)."""

    def __init__(self, config: ExecuteConfig) -> None:
        super().__init__()
        first, second = config.trunk.stem_dims
        embed = config.trunk.embed_dim
        self.conv_half = nn.Conv2d(4 * NUM_CHANNELS, first, 3, padding=1)
        self.norm_half = nn.GroupNorm(GROUPS, first)
        self.conv_quarter = nn.Conv2d(first, second, 3, stride=2, padding=1)
        self.norm_quarter = nn.GroupNorm(GROUPS, second)
        self.conv_eighth = nn.Conv2d(second, embed, 2, stride=2)
        self.norm_eighth = nn.GroupNorm(GROUPS, embed)
        self.proprioception = nn.Linear(config.state_dim, embed)
        self.code = nn.Parameter(CODE_STD * torch.randn(1, NUM_VIEWS * config.grid**2, embed))
        self.match = None
        if config.words.match_dim:
            self.match = MATCHES[config.words.match_by](config.words, config.text.width)
            self.mix = nn.Conv2d(4 * config.words.slots, first, 1, bias=False)

    def forward(
        self,
        images: Float[Tensor, "bv s s c"],
        proprioception: Float[Tensor, "b p"],
        pooled: Float[Tensor, "b w t"],
    ) -> tuple[Float[Tensor, "b n e"], Levels | None]:
        blocks = in_blocks(images)
        x = self.conv_half(as_channels(blocks))
        match = None
        if self.match is not None:
            match = self.match(blocks, pooled)
            x = x + self.mix(as_channels(match))
        half = F.silu(self.norm_half(x))
        quarter = F.silu(self.norm_quarter(self.conv_quarter(half)))
        cells = F.silu(self.norm_eighth(self.conv_eighth(quarter)))
        state = self.proprioception(proprioception)[:, None]  # (b, 1, e)
        tokens = cells.flatten(2).transpose(1, 2).reshape(len(state), -1, cells.shape[1])
        return tokens + state + self.code, Levels(half, quarter, match)


STEMS = {"patchify": PatchifyStem, "convolutional": ConvolutionalStem}


class Trunk(nn.Module):
    """The transformer of one stage."""

    def __init__(self, config: ExecuteConfig, num_context: int = 0) -> None:
        super().__init__()
        trunk = config.trunk
        self.grid, self.channel = config.grid, trunk.stem
        self.words = Words(config.words, config.text.width, config.text.context, trunk.embed_dim)
        self.stem = STEMS[trunk.stem](config)
        self.due = nn.Linear(trunk.width, 1) if config.words.match_dim else None
        self.context = nn.Linear(trunk.embed_dim, trunk.embed_dim) if num_context else None
        self.into = nn.Linear(trunk.embed_dim, trunk.width)
        self.per_view = nn.ModuleList(Block(trunk) for _ in range(trunk.per_view_depth))
        self.joint = nn.ModuleList(Block(trunk) for _ in range(trunk.joint_depth))
        self.norm = nn.LayerNorm(trunk.width) if trunk.final_norm else nn.Identity()
        self.out = nn.Linear(trunk.width, trunk.embed_dim)
        for linear in (self.into, self.out):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)

    def forward(
        self,
        images: Float[Tensor, "bv s s c"],
        proprioception: Float[Tensor, "b p"],
        text: Float[Tensor, "b l t"],
        context: Float[Tensor, "b k e"] | None = None,
    ) -> Features:
        pooled = self.words.pool(text)
        cells, levels = self.stem(images, proprioception, pooled)
        batch, num_cells, _ = cells.shape
        prefix = [self.words(pooled)]
        if self.context is not None and context is not None:
            prefix.append(self.context(context))
        # Blocks add to x in float32 under any autocast; their products may be bfloat16.
        x = in_float32(self.into, torch.cat([*prefix, cells], dim=1))
        x = self.norm(self._attend(x, x.shape[1] - num_cells))
        cells = x[:, -num_cells:]
        features = self.out(cells).view(batch, NUM_VIEWS, self.grid, self.grid, -1)
        if levels is not None:
            levels = self._chosen(levels, x[:, : pooled.shape[1]])
        return Features(features.permute(0, 1, 4, 2, 3), cells, levels)

    def _chosen(self, levels: Levels, words: Float[Tensor, "b w d"]) -> Levels:
        """Keep the match of the word that is due: the blocks know what is done already."""
        if levels.match is None or self.due is None:
            return levels
        weights = self.due(words).softmax(1)  # (b, w, 1)
        match = levels.match.view(len(words), -1, words.shape[1]) @ weights
        return replace(levels, match=match.view(*levels.match.shape[:-1], 1))

    def _attend(self, x: Float[Tensor, "b n d"], num_prefix: int) -> Float[Tensor, "b n d"]:
        if len(self.per_view):
            prefix, cells = x[:, :num_prefix], x[:, num_prefix:]
            views = cells.reshape(len(x) * NUM_VIEWS, -1, x.shape[-1])
            for block in self.per_view:
                views = block(views)
            x = torch.cat([prefix, views.view_as(cells)], dim=1)
        for block in self.joint:
            x = block(x)
        return x


def add_planes(
    rendered: Float[Tensor, "bv s s 7"], occupied: Tensor, stem: str
) -> Float[Tensor, "bv s s 10"]:
    """Append three planes: which view (patchify) or which pixels hold a point; row; column."""
    num_images, size = rendered.shape[:2]
    ramp = torch.linspace(-1.0, 1.0, size, device=rendered.device)
    rows = ramp[None, :, None, None].expand(num_images, size, size, 1)
    columns = ramp[None, None, :, None].expand(num_images, size, size, 1)
    if stem == "patchify":
        views = torch.linspace(-1.0, 1.0, NUM_VIEWS, device=rendered.device)
        first = views.repeat(num_images // NUM_VIEWS)[:, None, None, None].expand_as(rows)
    else:
        first = occupied[..., None].to(rendered.dtype)
    return torch.cat([rendered, first, rows, columns], dim=-1)
