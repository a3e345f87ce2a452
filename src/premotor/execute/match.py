"""The match of words with raw pixels, the shortest way from "red" to red pixels.

b: batch  v: views  c: channels  l: text tokens  w: word slots  t: width of the text  d: match_dim
half: half a view's side; a pixel there is a block of 2 x 2 of the view's
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from premotor.execute.config import NUM_CHANNELS, WordsConfig

COLOR, OCCUPIED = slice(3, 6), 7  # channels of a picture under the convolutional stem
SIDE = 16  # of the color grid, cells per channel
EMPTY = SIDE**3  # row of the table that an empty pixel reads


class PixelMatch(nn.Module):
    """Correlation of every raw pixel, by all its channels, with every word.

    Pixels pass a layer norm, which is a centered cosine at a third of the cost of one.
    """

    def __init__(self, config: WordsConfig, text_width: int) -> None:
        super().__init__()
        dim = config.match_dim
        self.scale = config.match_scale
        self.pixel = nn.Sequential(nn.Linear(NUM_CHANNELS, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.word = nn.Linear(text_width, dim)

    def forward(
        self, blocks: Float[Tensor, "bv half half 4 c"], pooled: Float[Tensor, "b w t"]
    ) -> Float[Tensor, "bv half half 4 w"]:
        pixels = self.pixel(blocks)  # (b v, half, half, 4, d)
        words = _directions(self.word(pooled), self.scale)
        flat = F.layer_norm(pixels, pixels.shape[-1:]).view(len(words), -1, pixels.shape[-1])
        return (flat @ words.transpose(1, 2)).view(*blocks.shape[:-1], -1)


class TableMatch(nn.Module):
    """Correlation of every color with every word, looked up for every pixel (decisions D70).

    As `PixelMatch`, but a pixel is its color's cell in a grid of 16^3 and nothing else; an empty
    pixel scores 0.
    """

    cells: Tensor  # (16^3, 3), middle of each cell, in [-1, 1]

    def __init__(self, config: WordsConfig, text_width: int) -> None:
        super().__init__()
        dim = config.match_dim
        self.scale = config.match_scale
        self.color = nn.Sequential(nn.Linear(3, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.word = nn.Linear(text_width, dim)
        middles = (2.0 * torch.arange(SIDE) + 1.0) / SIDE - 1.0
        self.register_buffer("cells", torch.cartesian_prod(*[middles] * 3), persistent=False)

    def table(self, pooled: Float[Tensor, "b w t"]) -> Float[Tensor, "b rows w"]:
        """Scores of all colors, then those of an empty pixel; float32 under any autocast.

        What thousands of pixels say about one color is added up there on the way back: in
        bfloat16 the sum would stand still.
        """
        colors = self.color(self.cells)
        words = _directions(self.word(pooled), self.scale)
        scores = F.layer_norm(colors, colors.shape[-1:]) @ words.transpose(1, 2)
        return F.pad(scores.to(torch.promote_types(scores.dtype, torch.float32)), (0, 0, 0, 1))

    def forward(
        self, blocks: Float[Tensor, "bv half half 4 c"], pooled: Float[Tensor, "b w t"]
    ) -> Float[Tensor, "bv half half 4 w"]:
        table = self.table(pooled)
        row = color_cells(blocks).view(len(table), -1)
        first = torch.arange(len(table), device=row.device)[:, None] * table.shape[1]
        # int64 throughout: the look-up takes other integers too, at six times the cost.
        found = table.flatten(0, 1).index_select(0, (row + first).flatten())
        return found.view(*blocks.shape[:-1], -1)


def color_cells(blocks: Float[Tensor, "*b c"]) -> Int[Tensor, "*b"]:
    """Which row of the table a pixel reads: its color's cell, or that of an empty pixel."""
    red, green, blue = (blocks[..., COLOR] * SIDE).long().clamp_(0, SIDE - 1).unbind(-1)
    return torch.where(blocks[..., OCCUPIED] > 0, (red * SIDE + green) * SIDE + blue, EMPTY)


def _directions(words: Float[Tensor, "b w d"], scale: float) -> Float[Tensor, "b w d"]:
    """Words of a length that makes their product with a normed pixel `scale` times a cosine."""
    return F.normalize(words, dim=-1) * (scale * words.shape[-1] ** -0.5)


MATCHES = {"pixels": PixelMatch, "table": TableMatch}
