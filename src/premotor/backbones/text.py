"""CLIP's text tower: words in, one embedding (or one vector per token) out.

Own weights per instance: the recognizer and the policy each have their own tower.

b: batch  l: tokens of the context  d: width  o: embedding
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from premotor.backbones.attention import MOST_WIDTH, Activation, Transformer, check_transformer
from premotor.errors import ConfigError

MOST_WORDS = 2**21  # rows of a token table
VOCABULARY_SIZE = 49408  # CLIP's byte pairs, and the two special tokens


@dataclass(frozen=True, kw_only=True)
class TextConfig:
    """Sizes of a text tower; the defaults are ViCLIP-B's."""

    context: int = 32  # tokens per text, both special tokens included
    vocab_size: int = VOCABULARY_SIZE  # ids the tokenizer can emit
    vocabulary: tuple[
        int, ...
    ] = ()  # ids that get a row of the table, the rest share one; () = all
    width: int = 512
    layers: int = 12
    heads: int = 8
    embed_dim: int = 512  # after the text projection
    activation: Activation = "quick_gelu"

    def __post_init__(self) -> None:
        check_transformer("text", self.width, self.layers, self.heads)
        if min(self.context, self.embed_dim) < 1:
            raise ConfigError(
                f"text: context and embed_dim must be >= 1, got {self.context, self.embed_dim}"
            )
        if max(self.context, self.embed_dim) > MOST_WIDTH or not 0 < self.vocab_size <= MOST_WORDS:
            raise ConfigError(
                f"text: context and embed_dim must be at most {MOST_WIDTH}, vocab_size from 1 to "
                f"{MOST_WORDS}, got {self.context, self.embed_dim, self.vocab_size}"
            )
        outside = [i for i in self.vocabulary if not 0 <= i < self.vocab_size]
        if outside:
            raise ConfigError(f"text.vocabulary: ids {outside[:5]} are not below {self.vocab_size}")


class TextTower(nn.Module):
    """Causal transformer over tokens; the state dict has CLIP's keys (decisions D32).

    With `config.vocabulary`, the table holds a row per listed id and a last one for every other
    id, so that a small run neither stores nor updates 49,408 rows.
    """

    row_of_id: Tensor

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.config = config
        kept = sorted(set(config.vocabulary)) or list(range(config.vocab_size))
        compact = len(kept) < config.vocab_size
        rows = torch.full((config.vocab_size,), len(kept), dtype=torch.long)
        rows[kept] = torch.arange(len(kept))
        self.register_buffer("row_of_id", rows, persistent=False)
        self.token_embedding = nn.Embedding(len(kept) + compact, config.width)
        self.positional_embedding = nn.Parameter(torch.empty(config.context, config.width))
        self.transformer = Transformer(config.width, config.layers, config.heads, config.activation)
        self.ln_final = nn.LayerNorm(config.width)
        self.text_projection = nn.Parameter(torch.empty(config.width, config.embed_dim))
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.positional_embedding, std=0.01)
        nn.init.normal_(self.text_projection, std=config.width**-0.5)

    def tokens(self, ids: Int[Tensor, "b l"]) -> Float[Tensor, "b l d"]:
        """One vector per token after the final norm; what follows the end token is filler."""
        if ids.shape[1] != self.config.context:
            raise ConfigError(
                f"text of {ids.shape[1]} tokens for a tower of context {self.config.context}; "
                f"encode with Tokenizer(context={self.config.context})"
            )
        x = self.token_embedding(self.row_of_id[ids]) + self.positional_embedding
        return self.ln_final(self.transformer(x, causal=True))

    def forward(self, ids: Int[Tensor, "b l"]) -> Float[Tensor, "b o"]:
        """Embedding read at the end-of-text token, the largest id of each row; not normalized."""
        tokens = self.tokens(ids)
        end = ids.argmax(dim=-1)
        return tokens[torch.arange(len(ids), device=ids.device), end] @ self.text_projection
