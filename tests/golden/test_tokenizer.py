import json
from pathlib import Path

import pytest

from golden.stored import cases_in
from premotor.backbones.tokenizer import (
    END,
    PAD,
    START,
    Tokenizer,
    clean_caption,
    small_vocabulary,
    token_ids,
    vocabulary_of,
)

pytestmark = pytest.mark.golden
CONTEXT = 45  # more tokens of another context, which are padding


@pytest.fixture(scope="module")
def reference(golden: Path) -> dict:
    return json.loads((golden / "recognition" / "tokenizer.json").read_text())


def test_special_tokens_equal_the_reference(reference):
    assert (reference["sot"], reference["eot"], reference["pad"]) == (START, END, PAD)


def test_all_ids_equal_the_reference(reference):
    for item in reference["items"]:
        assert list(token_ids(item["text"])) == item["bpe"], item["text"]


def test_rows_of_both_contexts_equal_the_reference(reference):
    texts = [item["text"] for item in reference["items"]]
    (name,) = cases_in(reference["items"][0], r"(ctx\d+)")
    context = int(name.removeprefix("ctx"))
    rows = [item[name] for item in reference["items"]]
    assert Tokenizer(context).encode_cut(texts).tolist() == rows
    whole = CONTEXT + context
    for item in reference["items"]:
        if len(item["bpe"]) <= context - 2:
            (row,) = Tokenizer(whole).encode([item["text"]]).tolist()
            assert row == item[name] + [PAD] * CONTEXT


def test_cleaned_captions_and_their_ids_equal_the_reference(reference):
    for item in reference["items"]:
        assert clean_caption(item["text"]) == item["pre_text"]
        assert list(token_ids(item["pre_text"])) == item["bpe_pre_text"]


def test_the_small_vocabulary_misses_no_benchmark_instruction(golden):
    tasks = json.loads((golden / "recognition" / "tasks.json").read_text())
    used = vocabulary_of(text for item in tasks["items"] for text in item["descriptions"])
    texts = [text for item in tasks["items"] for text in item["descriptions"]]
    ids = {number for text in texts for number in token_ids(text)}
    assert set(used) == ids | {START, END, PAD}
    assert set(used) <= set(small_vocabulary())
