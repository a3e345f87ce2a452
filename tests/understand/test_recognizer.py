from dataclasses import replace

import pytest
import torch

from premotor.backbones.text import TextConfig
from premotor.backbones.tokenizer import Tokenizer, small_vocabulary
from premotor.backbones.vit import VideoTransformerConfig
from premotor.batch import Observed
from premotor.errors import ConfigError
from premotor.understand.config import UnderstandConfig
from premotor.understand.loss import understand_loss
from premotor.understand.recognizer import Recognizer

CONFIG = UnderstandConfig(
    video=VideoTransformerConfig(
        px=32, patch=8, num_frames=4, tubelet=2, width=32, layers=2, heads=2, embed_dim=32
    ),
    text=TextConfig(
        context=12, vocabulary=small_vocabulary(), width=32, layers=1, heads=2, embed_dim=32
    ),
)
COLORS = {"red": (1.0, 0.0, 0.0), "green": (0.0, 1.0, 0.0), "blue": (0.0, 0.0, 1.0)}


def pressing(color: str, late: bool, noise: torch.Generator) -> torch.Tensor:
    """A patch of the color that turns white in the first or in the last half of the clip."""
    clip = 0.1 * torch.rand(4, 3, 32, 32, generator=noise)
    clip[:, :, 8:24, 8:24] = torch.tensor(COLORS[color])[:, None, None]
    clip[slice(2, 4) if late else slice(0, 2), :, 12:20, 12:20] = 1.0
    return clip


@pytest.fixture
def observed() -> Observed:
    noise = torch.Generator().manual_seed(0)
    rows = [(color, late) for color in COLORS for late in (False, True)]
    texts = [f"push the {color} button {'last' if late else 'first'}" for color, late in rows]
    frames = torch.stack([pressing(color, late, noise) for color, late in rows])
    return Observed(frames, Tokenizer(12).encode(texts), torch.arange(len(rows)))


@pytest.fixture
def recognizer() -> Recognizer:
    torch.manual_seed(0)
    return Recognizer(CONFIG)


def test_what_is_seen_and_what_is_read_meet_in_one_space(recognizer, observed):
    output = recognizer(observed)
    assert output.u.shape == (6, CONFIG.u_dim)
    assert output.video.shape == output.text.shape == (6, 32)
    torch.testing.assert_close(output.video, recognizer.encode_video(observed.frames))
    torch.testing.assert_close(output.text, recognizer.encode_text(observed.caption))


def test_an_untrained_recognizer_is_near_chance(recognizer, observed):
    loss = understand_loss(recognizer(observed), observed.text_id, CONFIG).item()
    assert 1.0 < loss < 9.0  # log(6) = 1.8 if all similarities were equal


def test_evaluation_never_masks(recognizer, observed):
    recognizer.eval()
    plain = recognizer(observed)
    torch.testing.assert_close(
        recognizer(observed, 0.5, torch.Generator().manual_seed(1)).u, plain.u
    )
    recognizer.train()
    masked = recognizer(observed, 0.5, torch.Generator().manual_seed(1))
    assert not torch.allclose(masked.u, plain.u)


def test_training_repeats_with_the_generator(recognizer, observed):
    first, again = (recognizer(observed, 0.5, torch.Generator().manual_seed(7)).u for _ in range(2))
    assert torch.equal(first, again)


def test_masking_without_a_generator_is_refused(recognizer, observed):
    with pytest.raises(ConfigError, match="needs a generator"):
        recognizer(observed, 0.5)


def test_color_and_order_are_learned_from_words(recognizer, observed):
    # At lr 1e-3 and above, this network stays for long where it knows colors but no order.
    optimizer = torch.optim.AdamW(recognizer.parameters(), lr=5e-4, betas=(0.9, 0.98))
    generator = torch.Generator().manual_seed(0)
    for _ in range(500):  # 300 suffice on some processors
        loss = understand_loss(recognizer(observed, 0.25, generator), observed.text_id, CONFIG)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    recognizer.eval()
    with torch.no_grad():
        output = recognizer(observed)
    similarity = torch.nn.functional.cosine_similarity(
        output.video[:, None], output.text[None], dim=-1
    )
    assert similarity.argmax(dim=1).tolist() == list(range(6))
    assert understand_loss(output, observed.text_id, CONFIG).item() < 0.3


@pytest.fixture
def with_classes(observed) -> Observed:
    """Two more classes than clips, and the clips in another order than their classes."""
    texts = [f"push the {color} button" for color in ("white", "black")]
    classes = torch.cat([Tokenizer(12).encode(texts), observed.caption])
    return replace(observed, text_id=observed.text_id + 2, classes=classes)


def test_a_row_is_read_as_the_caption_of_its_class(recognizer, with_classes):
    output = recognizer(with_classes)
    assert output.classes.shape == (8, 32)
    torch.testing.assert_close(output.classes, recognizer.encode_text(with_classes.classes))
    torch.testing.assert_close(output.text, recognizer.encode_text(with_classes.caption))


@pytest.mark.parametrize("frozen", [False, True])
def test_the_class_table_teaches_the_text_tower_unless_it_is_frozen(with_classes, frozen):
    torch.manual_seed(0)
    config = replace(CONFIG, loss="class_table", freeze_text=frozen)
    recognizer = Recognizer(config)
    understand_loss(recognizer(with_classes), with_classes.text_id, config).backward()
    reached = {n.split(".")[0] for n, p in recognizer.named_parameters() if p.grad is not None}
    assert reached == ({"vision_encoder"} if frozen else {"vision_encoder", "text_encoder"})


def test_a_frozen_text_tower_changes_neither_the_first_weights_nor_the_loss(observed):
    losses = []
    for frozen in (False, True):
        torch.manual_seed(0)
        config = replace(CONFIG, freeze_text=frozen)
        losses.append(understand_loss(Recognizer(config)(observed), observed.text_id, config))
    torch.testing.assert_close(losses[0].detach(), losses[1].detach())


def test_colors_are_learned_from_the_class_table(with_classes):
    torch.manual_seed(0)
    config = replace(CONFIG, loss="class_table")
    recognizer = Recognizer(config)
    optimizer = torch.optim.AdamW(recognizer.parameters(), lr=1e-3, betas=(0.9, 0.98))
    generator = torch.Generator().manual_seed(0)
    for _ in range(100):
        loss = understand_loss(
            recognizer(with_classes, 0.25, generator), with_classes.text_id, config
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        output = recognizer.eval()(with_classes)
    similarity = torch.nn.functional.cosine_similarity(
        output.video[:, None], output.classes[None], dim=-1
    )
    colors = torch.tensor([3, 4, 0, 0, 1, 1, 2, 2])  # of the classes
    assert colors[similarity.argmax(dim=1)].tolist() == [0, 0, 1, 1, 2, 2]


def test_every_parameter_but_the_unread_words_takes_part(recognizer, observed):
    understand_loss(recognizer(observed), observed.text_id, CONFIG).backward()
    without = [n for n, p in recognizer.named_parameters() if p.grad is None]
    assert without == []
