import pytest
import torch

from premotor.backbones.tokenizer import (
    END,
    START,
    Tokenizer,
    clean_caption,
    small_vocabulary,
    token_ids,
    vocabulary_of,
)
from premotor.errors import ConfigError, TextTooLong


def test_a_row_is_start_words_end_and_padding():
    (row,) = Tokenizer(8).encode(["push the red button"]).tolist()
    assert row[0] == START
    assert row[5] == END
    assert row[6:] == [0, 0]


LONG = "push the red button, then the blue one"


def test_a_text_that_is_too_long_is_refused_with_both_lengths_and_the_remedy():
    needed = len(token_ids(LONG)) + 2
    assert Tokenizer(needed).encode([LONG])[0, -1] == END
    with pytest.raises(TextTooLong) as caught:
        Tokenizer(needed - 1).encode(["push", LONG])
    for part in (repr(LONG), f"{needed} tokens", f"tower {needed - 1};", "shorten", "text.context"):
        assert part in str(caught.value)


def test_the_end_token_survives_cutting():
    (row,) = Tokenizer(4).encode_cut([LONG]).tolist()
    assert row == [START, *token_ids("push the"), END]
    assert torch.equal(Tokenizer(4).encode_cut(["push"]), Tokenizer(4).encode(["push"]))


def test_no_texts_give_no_rows():
    assert Tokenizer(6).encode([]).shape == (0, 6)
    assert Tokenizer(6).encode([]).dtype == torch.int64


def test_entities_and_blanks_do_not_matter():
    assert token_ids("cups &amp;amp; mugs") == token_ids(" cups  &\tmugs\n")


def test_cleaning_removes_what_the_reference_removes():
    assert clean_caption("Push-the (red) Button, then: stop!") == "push the red button then stop"
    assert Tokenizer(9, "viclip").ids("Stop!") == Tokenizer(9).ids("stop")


def test_the_vocabulary_of_texts_holds_their_ids_and_the_special_ones():
    ids = vocabulary_of(["push the button", "push"])
    assert ids == tuple(sorted({0, START, END, *token_ids("push the button")}))


def test_the_small_vocabulary_knows_the_benchmark_phrases():
    known = set(small_vocabulary())
    for text in (
        "push the maroon button, then push the green button",
        "open the bottom drawer",
        "slide the block to green target",
        "stack 4 azure blocks",
    ):
        assert set(token_ids(text)) <= known
    assert len(known) < 500


def test_a_context_without_room_for_a_word_is_refused():
    with pytest.raises(ConfigError, match="context must be >= 2"):
        Tokenizer(1)
