"""Autoregressive token transformer: where to look, then how to turn, then what the hand does.

Two streams share weights. The value stream embeds values that are known, the query stream only
what is asked; predictions are read from the query stream (ARP). A screen-point token
runs through the cross blocks alone, the action tokens through the self blocks alone.

b: batch  n: tokens in a stream  m: cells of one view  e: embed_dim  r: rotation bins
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from premotor.backbones.attention import attend, dropout, in_float32, query_key_norm
from premotor.execute.config import NUM_VIEWS, TokensConfig

NUM_PROMPTS = 2 * NUM_VIEWS  # features at the point, then spatial maxima
NUM_ACTIONS = 5  # rotation x, y, z, gripper, collision
NUM_TYPES = 8  # prompt, screen points 1 and 2, rotation x, y, z, gripper, collision
MAX_LENGTH = 17
MAX_CHUNK = 2
SCREEN_TYPES = (1, 2)
ACTION_TYPES = (3, 4, 5, 6, 7)


@dataclass(frozen=True, eq=False)
class ActionLogits:
    """What the five action tokens say, and the states they were read from."""

    rotation: Float[Tensor, "b 3 r"]
    gripper: Float[Tensor, "b 2"]
    collision: Float[Tensor, "b 2"]
    queries: Float[Tensor, "b 5 e"]


def chunk_ids(chunk: int) -> list[int]:
    """Chunk of each of the 11 tokens: prompts and rotations one by one, then the hand."""
    alone = NUM_PROMPTS + 3
    return [*range(alone), alone, alone + (chunk == 1)]


def stream_mask(chunk: int, gripper_sees_rotation: bool) -> Bool[Tensor, "n n2"]:
    """Who may attend to whom: 11 value rows, then the 5 query rows of the action tokens.

    Value rows are causal. A query row sees the values of earlier chunks and the queries of its
    own chunk.
    """
    ids = torch.tensor(chunk_ids(chunk))
    length, asked = len(ids), torch.arange(NUM_PROMPTS, len(ids))
    order = torch.arange(length)
    mask = torch.zeros(length + NUM_ACTIONS, length + NUM_ACTIONS, dtype=torch.bool)
    mask[:length, :length] = order[:, None] >= order
    mask[length:, :length] = ids[asked][:, None] > ids
    mask[length:, length:] = ids[asked][:, None] == ids[asked]
    if not gripper_sees_rotation:
        hand = torch.tensor([length - 2, length - 1, length + 3, length + 4])
        turn = torch.arange(NUM_PROMPTS, NUM_PROMPTS + 3)
        mask[hand[:, None], turn] = False
    return mask


def sinusoid(values: Int[Tensor, "*b"], dim: int) -> Float[Tensor, "*b e"]:
    """All sines, then all cosines, of a bin number at frequencies exp(-ln(1e4) 2k / dim)."""
    powers = torch.arange(0, dim, 2, dtype=torch.float32, device=values.device) / dim
    angles = values[..., None].float() * torch.exp(-torch.log(torch.tensor(1e4)) * powers)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


class SelfAttention(nn.Module):
    """Multi-head attention under a mask of who may attend to whom."""

    def __init__(self, dim: int, config: TokensConfig) -> None:
        super().__init__()
        self.heads, self.dropout = config.heads, config.dropout
        self.qkv = nn.Linear(dim, 3 * dim)
        self.norm_heads = query_key_norm(dim, config.heads, config.qk_norm)
        self.out = nn.Linear(dim, dim)

    def forward(
        self, x: Float[Tensor, "b n e"], mask: Bool[Tensor, "n n"] | None
    ) -> Float[Tensor, "b n e"]:
        batch, length, dim = x.shape
        packed = self.qkv(x).view(batch, length, 3, self.heads, -1)
        q, k, v = packed.permute(2, 0, 3, 1, 4).unbind(0)
        q, k = self.norm_heads(q, k)
        rate = self.dropout if self.training else 0.0
        mixed = attend(q, k, v, rate, mask)
        mixed = self.out(mixed.transpose(1, 2).reshape(batch, length, dim))
        return dropout(mixed, rate) if rate else mixed


class TokenMlp(nn.Module):
    """Two linear maps with a tanh-approximated GELU between."""

    def __init__(self, dim: int, config: TokensConfig) -> None:
        super().__init__()
        self.dropout = config.dropout
        self.into = nn.Linear(dim, config.mlp_ratio * dim)
        self.out = nn.Linear(config.mlp_ratio * dim, dim)

    def forward(self, x: Float[Tensor, "b n e"]) -> Float[Tensor, "b n e"]:
        x = self.out(F.gelu(self.into(x), approximate="tanh"))
        return dropout(x, self.dropout) if self.training and self.dropout else x


class SelfBlock(nn.Module):
    """Tokens among themselves, no conditioning."""

    def __init__(self, dim: int, config: TokensConfig) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(dim, eps=1e-6)
        self.attention = SelfAttention(dim, config)
        self.norm_mlp = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = TokenMlp(dim, config)

    def forward(
        self, x: Float[Tensor, "b n e"], mask: Bool[Tensor, "n n"] | None
    ) -> Float[Tensor, "b n e"]:
        x = x + self.attention(self.norm_attention(x), mask)
        return x + self.mlp(self.norm_mlp(x))


class CrossBlock(nn.Module):
    """What a token sees in the cells scales, shifts and gates its own block (AdaLN).

    The released initialization is zero, an identity that a norm-capped optimizer can never leave
    (decisions D10): here it is small.
    """

    def __init__(self, dim: int, config: TokensConfig) -> None:
        super().__init__()
        self.heads, self.dropout = config.heads, config.dropout
        self.norm_query = nn.LayerNorm(dim, eps=1e-6)
        self.query = nn.Linear(dim, dim)
        self.key_value = nn.Linear(dim, 2 * dim)
        self.norm_heads = query_key_norm(dim, config.heads, config.qk_norm)
        self.seen = nn.Linear(dim, dim)
        free = {"elementwise_affine": False, "eps": 1e-6}
        self.norm_seen = nn.LayerNorm(dim, **free) if config.norm_condition else nn.Identity()
        self.modulation = nn.Linear(dim, 6 * dim)
        self.norm = nn.LayerNorm(dim, **free)
        self.attention = SelfAttention(dim, config)
        self.mlp = TokenMlp(dim, config)

    def look(
        self, x: Float[Tensor, "b n e"], cells: Float[Tensor, "b m e"]
    ) -> Float[Tensor, "b n e"]:
        """Cross-attention of the tokens to the cells of one view."""
        batch, length, dim = x.shape
        q = self.query(self.norm_query(x)).view(batch, length, self.heads, -1).transpose(1, 2)
        packed = self.key_value(cells).view(batch, cells.shape[1], 2, self.heads, -1)
        k, v = packed.permute(2, 0, 3, 1, 4).unbind(0)
        q, k = self.norm_heads(q, k)
        rate = self.dropout if self.training else 0.0
        mixed = attend(q, k, v, rate)
        mixed = self.seen(mixed.transpose(1, 2).reshape(batch, length, dim))
        return dropout(mixed, rate) if rate else mixed

    def forward(
        self,
        x: Float[Tensor, "b n e"],
        mask: Bool[Tensor, "n n"] | None,
        cells: Float[Tensor, "b m e"],
    ) -> Float[Tensor, "b n e"]:
        condition = F.silu(self.norm_seen(self.look(x, cells)))
        s1, k1, g1, s2, k2, g2 = self.modulation(condition).chunk(6, dim=-1)
        x = x + g1 * self.attention(self.norm(x) * (1 + k1) + s1, mask)
        return x + g2 * self.mlp(self.norm(x) * (1 + k2) + s2)


def _shortcut(dim: int, config: TokensConfig) -> nn.Sequential:
    """From all prompts straight to all logits: small runs learn to turn much sooner with it."""
    hidden = config.shortcut_dim
    into, out = (
        nn.Linear(NUM_PROMPTS * dim, hidden),
        nn.Linear(hidden, 3 * config.rotation_bins + 4),
    )
    return nn.Sequential(into, nn.SiLU(), out)


class TokenTransformer(nn.Module):
    """Screen points conditioned on a view, and the action sequence conditioned on prompts."""

    mask: Tensor

    def __init__(self, dim: int, config: TokensConfig) -> None:
        super().__init__()
        self.config, self.dim = config, dim
        self.type_code = nn.Embedding(NUM_TYPES, dim)
        self.chunk_code = nn.Embedding(MAX_CHUNK, dim)
        self.position_code = nn.Embedding(MAX_LENGTH, dim)
        self.gripper_value = nn.Embedding(2, dim)
        self.collision_value = nn.Embedding(2, dim)
        self.cross = nn.ModuleList(CrossBlock(dim, config) for _ in range(config.cross_depth))
        self.self_blocks = nn.ModuleList(SelfBlock(dim, config) for _ in range(config.self_depth))
        self.norm = nn.LayerNorm(dim)
        self.rotation_heads = nn.ModuleList(nn.Linear(dim, config.rotation_bins) for _ in range(3))
        self.gripper_head = nn.Linear(dim, 2)
        self.collision_head = nn.Linear(dim, 2)
        mask = stream_mask(config.chunk, config.gripper_sees_rotation)
        self.register_buffer("mask", mask, persistent=False)
        self._reset()
        self.shortcut = _shortcut(dim, config) if config.shortcut_dim else None

    def _reset(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=self.config.code_std)
        for block in self.cross:
            assert isinstance(block, CrossBlock)
            nn.init.normal_(block.modulation.weight, std=self.config.modulation_std)

    def _dropped(self, x: Tensor) -> Tensor:
        rate = self.config.dropout
        return dropout(x, rate) if self.training and rate else x

    def screen_points(self, stage: int, cells: Float[Tensor, "b m e"]) -> Float[Tensor, "b e"]:
        """Query of the stage's screen point in a view: a sequence of length one."""
        index = torch.zeros(1, dtype=torch.long, device=cells.device)
        query = (
            self.chunk_code(index)
            + self.type_code(index + SCREEN_TYPES[stage])
            + self.position_code(index)
        )
        x = self._dropped(query.expand(len(cells), 1, -1))
        for block in self.cross:
            x = block(x, None, cells)
        return self.norm(x).squeeze(1)

    def _values(
        self, prompts: Float[Tensor, "b 6 e"], values: Int[Tensor, "b 5"]
    ) -> Float[Tensor, "b 11 e"]:
        rotations = sinusoid(values[:, :3], self.dim)
        hand = [self.gripper_value(values[:, 3]), self.collision_value(values[:, 4])]
        return torch.cat([prompts, rotations, torch.stack(hand, dim=1)], dim=1)

    def actions(self, prompts: Float[Tensor, "b 6 e"], values: Int[Tensor, "b 5"]) -> ActionLogits:
        """Logits of every action token, given the values of the tokens before it."""
        length = NUM_PROMPTS + NUM_ACTIONS
        position = self.position_code(torch.arange(length, device=prompts.device))
        known = self._values(prompts, values) + position
        index = torch.zeros(NUM_ACTIONS, dtype=torch.long, device=prompts.device)
        index[-1] = self.config.chunk - 1  # place of the last token inside its chunk
        types = self.type_code(torch.tensor(ACTION_TYPES, device=prompts.device))
        asked = self.chunk_code(index) + types + position[NUM_PROMPTS:]
        x = self._dropped(torch.cat([known, asked.expand(len(known), -1, -1)], dim=1))
        for block in self.self_blocks:
            x = block(x, self.mask)
        queries = self.norm(x[:, length:])
        heads = (*self.rotation_heads, self.gripper_head, self.collision_head)
        said = [in_float32(head, queries[:, i]) for i, head in enumerate(heads)]
        logits = torch.cat(said, dim=1)
        if self.shortcut is not None:
            logits = logits + self.shortcut(prompts.flatten(1))
        turns, gripper, collision = logits.split([logits.shape[1] - 4, 2, 2], dim=1)
        return ActionLogits(turns.view(len(logits), 3, -1), gripper, collision, queries)

    def decode(self, prompts: Float[Tensor, "b 6 e"]) -> tuple[ActionLogits, Int[Tensor, "b 5"]]:
        """Greedy: each chunk given what was decoded before it. Returns logits and values."""
        values = torch.zeros(len(prompts), NUM_ACTIONS, dtype=torch.long, device=prompts.device)
        ends = (1, 2, 3, 5) if self.config.chunk == 2 else (1, 2, 3, 4, 5)
        logits = self.actions(prompts, values)
        for i, end in enumerate(ends):
            logits = self.actions(prompts, values) if i else logits
            hand = torch.stack([logits.gripper.argmax(-1), logits.collision.argmax(-1)], dim=1)
            best = torch.cat([logits.rotation.argmax(-1), hand], dim=1)
            begin = ends[i - 1] if i else 0
            values[:, begin:end] = best[:, begin:end]
        return logits, values
