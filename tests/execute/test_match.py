"""Words against a table of colors: each pixel by itself, in loops."""

import math

import pytest
import torch
from torch import nn

from premotor.execute.config import WordsConfig
from premotor.execute.match import COLOR, EMPTY, OCCUPIED, TableMatch, color_cells

torch.set_num_threads(1)
WORDS = WordsConfig(slots=2, match_dim=4, match_scale=3.0, match_by="table")
TEXT = 5


def pictures(batch: int = 2, half: int = 2) -> torch.Tensor:
    """Pixels of any numbers, colors a little beyond [0, 1] among them; a third of them empty."""
    generator = torch.Generator().manual_seed(0)
    blocks = torch.randn(3 * batch, half, half, 4, 10, generator=generator)
    blocks[..., COLOR] = 1.2 * torch.rand(*blocks.shape[:-1], 3, generator=generator) - 0.1
    blocks[..., OCCUPIED] = (torch.rand(blocks.shape[:-1], generator=generator) < 0.67).float()
    return blocks


def matcher() -> TableMatch:
    torch.manual_seed(1)
    return TableMatch(WORDS, TEXT)


def plain_score(match: TableMatch, pixel: list[float], word: list[float]) -> float:
    """Of one pixel and one word slot, number by number."""
    if not pixel[OCCUPIED]:
        return 0.0
    cell = [min(max(math.floor(16 * value), 0), 15) for value in pixel[COLOR]]
    x = [(2 * c + 1) / 16 - 1 for c in cell]
    into, _, out = match.color
    hidden = [value / (1 + math.exp(-value)) for value in affine(into, x)]
    color = affine(out, hidden)
    mean = sum(color) / len(color)
    spread = math.sqrt(sum((value - mean) ** 2 for value in color) / len(color) + 1e-5)
    said = affine(match.word, word)
    length = math.sqrt(sum(value**2 for value in said))
    product = sum((a - mean) / spread * b / length for a, b in zip(color, said, strict=True))
    return 3.0 * product / math.sqrt(len(color))


def affine(layer: nn.Linear, x: list[float]) -> list[float]:
    rows = zip(layer.weight.tolist(), layer.bias.tolist(), strict=True)
    return [bias + sum(w * v for w, v in zip(row, x, strict=True)) for row, bias in rows]


def test_a_pixel_scores_what_its_color_does_and_an_empty_one_nothing():
    match, blocks, pooled = matcher(), pictures(), torch.randn(2, 2, TEXT)
    scores = match(blocks, pooled)
    assert scores.shape == (6, 2, 2, 4, 2)
    flat, words = blocks.flatten(0, 3).tolist(), pooled.tolist()
    per_sample = len(flat) // 2
    expected = [
        [plain_score(match, pixel, word) for word in words[i // per_sample]]
        for i, pixel in enumerate(flat)
    ]
    torch.testing.assert_close(scores.view(-1, 2), torch.tensor(expected), atol=1e-5, rtol=1e-5)
    assert (scores[blocks[..., OCCUPIED] == 0] == 0).all()


def test_gradients_are_the_slopes_of_the_scores():
    match, blocks = matcher().double(), pictures(1, 1).double()
    names = [name for name, _ in match.named_parameters()]
    pooled = torch.randn(1, 2, TEXT, dtype=torch.float64, requires_grad=True)

    def scores(pooled: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
        weights = dict(zip(names, values, strict=True))
        return torch.func.functional_call(match, weights, (blocks, pooled))

    assert torch.autograd.gradcheck(scores, (pooled, *match.parameters()))


def test_pixels_that_change_places_change_scores_and_nothing_but_color_counts():
    match, blocks, pooled = matcher(), pictures(), torch.randn(2, 2, TEXT)
    order = torch.randperm(4)
    scores = match(blocks, pooled)
    assert torch.equal(match(blocks[..., order, :], pooled), scores[..., order, :])
    elsewhere = blocks.clone()
    elsewhere[..., [0, 1, 2, 6, 8, 9]] = 7.0
    assert torch.equal(match(elsewhere, pooled), scores)


@pytest.mark.parametrize(
    ("color", "cell"),
    [((0.0, 0.0, 0.0), 0), ((1.0, 1.0, 1.0), EMPTY - 1), ((-3.0, 0.51, 9.0), 8 * 16 + 15)],
)
def test_colors_beyond_the_grid_fall_into_its_outermost_cells(color, cell):
    pixel = torch.zeros(10)
    pixel[COLOR], pixel[OCCUPIED] = torch.tensor(color), 1.0
    assert color_cells(pixel).item() == cell
    pixel[OCCUPIED] = 0.0
    assert color_cells(pixel).item() == EMPTY


def test_what_many_pixels_of_one_color_say_adds_up_under_autocast():
    match, pooled = matcher(), torch.randn(1, 2, TEXT)
    blocks = torch.full((3, 64, 64, 4, 10), 0.5)

    def slope(half: bool) -> torch.Tensor:
        match.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            match(blocks, pooled)[..., 0].float().sum().backward()
        return match.word.bias.grad

    exact = slope(False)
    assert (slope(True) - exact).norm() < 0.02 * exact.norm()
