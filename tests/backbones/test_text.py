import pytest
import torch

from premotor.backbones.text import TextConfig, TextTower
from premotor.errors import ConfigError


@pytest.fixture
def tower() -> TextTower:
    torch.manual_seed(0)
    config = TextConfig(context=6, vocab_size=50, width=16, layers=2, heads=2, embed_dim=8)
    return TextTower(config).eval()


IDS = torch.tensor([[48, 3, 4, 49, 0, 0], [48, 5, 49, 0, 0, 0]])


def test_shapes(tower):
    assert tower.tokens(IDS).shape == (2, 6, 16)
    assert tower(IDS).shape == (2, 8)


def test_a_token_never_looks_ahead(tower):
    later = IDS.clone()
    later[:, 4:] = 7
    torch.testing.assert_close(tower.tokens(IDS)[:, :4], tower.tokens(later)[:, :4])
    assert not torch.allclose(tower.tokens(IDS)[:, 4:], tower.tokens(later)[:, 4:])


def test_the_embedding_is_read_at_the_end_token(tower):
    expected = tower.tokens(IDS)[[0, 1], [3, 2]] @ tower.text_projection
    torch.testing.assert_close(tower(IDS), expected)


def test_blank_texts_are_texts(tower):
    assert tower(torch.zeros(3, 6, dtype=torch.long)).isfinite().all()


def test_a_compact_table_tells_known_words_apart_and_unknown_ones_not():
    torch.manual_seed(0)
    config = TextConfig(
        context=6, vocab_size=50, vocabulary=(0, 3, 4, 48, 49), width=16, layers=1, heads=2
    )
    tower = TextTower(config).eval()
    assert tower.token_embedding.weight.shape == (6, 16)
    texts = torch.tensor([[48, w, 49, 0, 0, 0] for w in (3, 4, 20, 21)])
    known, other, strange, stranger = tower(texts)
    assert not torch.allclose(known, other)
    assert not torch.allclose(known, strange)
    torch.testing.assert_close(strange, stranger)


def test_a_compact_table_equals_the_full_one_on_known_words(tower):
    config = TextConfig(
        context=6,
        vocab_size=50,
        vocabulary=(49, 48, 0, 3, 4, 5),
        width=16,
        layers=2,
        heads=2,
        embed_dim=8,
    )
    compact = TextTower(config).eval()
    state = tower.state_dict()
    table = state["token_embedding.weight"]
    state["token_embedding.weight"] = torch.cat([table[[0, 3, 4, 5, 48, 49]], table[:1]])
    compact.load_state_dict(state)
    torch.testing.assert_close(compact(IDS), tower(IDS))


def test_the_state_dict_has_the_released_keys(tower):
    keys = set(tower.state_dict())
    assert {"positional_embedding", "text_projection", "token_embedding.weight"} < keys
    assert "transformer.resblocks.1.attn.in_proj_weight" in keys
    assert len(keys) == 5 + 12 * 2


def test_another_context_is_refused_with_the_remedy(tower):
    with pytest.raises(ConfigError, match=r"Tokenizer\(context=6\)"):
        tower(IDS[:, :4])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"heads": 7}, "not divisible by 7 heads; try heads=8"),
        ({"layers": 0}, "must be >= 1"),
        ({"context": 0}, "context"),
        ({"vocabulary": (60000,)}, "60000"),
    ],
)
def test_sizes_that_cannot_be_meant_are_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        TextConfig(**wrong)


def test_the_full_size_has_the_published_number_of_parameters():
    with torch.device("meta"):
        tower = TextTower(TextConfig())
    assert sum(p.numel() for p in tower.parameters()) == 63_405_056
    assert len(tower.state_dict()) == 149
