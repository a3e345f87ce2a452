"""Naming clips of an in-memory data set by a recognizer whose embeddings are known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import make
from premotor.backbones.text import TextConfig
from premotor.backbones.tokenizer import Tokenizer
from premotor.backbones.vit import VideoTransformerConfig
from premotor.data.dataset import Dataset, Format
from premotor.errors import ConfigError, UnknownName
from premotor.evaluate.naming.recognition import WITHIN_TASK, NamingConfig, recognize
from premotor.records import RecognitionRecord, read_list, write_json
from premotor.store.cache import EpisodeCache, Transitions
from premotor.store.layout import EpisodeInfo
from premotor.understand.classes import VariationTexts
from premotor.understand.config import UnderstandConfig
from premotor.understand.recognizer import Recognizer

CATALOG = [
    VariationTexts("close_jar", 0, ("close the red jar", "seal red")),
    VariationTexts("close_jar", 1, ("close the blue jar", "seal blue")),
    VariationTexts("stack_blocks", 0, ("stack two red blocks",)),
    VariationTexts("stack_blocks", 1, ("stack two red blocks",)),  # the same words: one text class
]
TEXTS = list(dict.fromkeys(text for row in CATALOG for text in row.instructions))
CONTEXT = 24
CONFIG = UnderstandConfig(
    video=VideoTransformerConfig(
        px=8, patch=8, num_frames=2, width=8, layers=1, heads=1, embed_dim=8
    ),
    text=TextConfig(context=CONTEXT, width=8, layers=1, heads=1, embed_dim=8),
)


class Told(Recognizer):
    """Sees which text a clip shows (the level of its last frame) and reads texts by heart."""

    def encode_video(self, frames: Tensor) -> Tensor:
        level = (frames[:, -1].mean((1, 2, 3)) * 255).round().long()
        return torch.eye(8)[level]

    def encode_text(self, ids: Tensor) -> Tensor:
        known = {tuple(row): i for i, row in enumerate(rows(TEXTS))}
        return torch.eye(8)[[known.get(tuple(row), 7) for row in ids.tolist()]]


def rows(texts: list[str]) -> list[list[int]]:
    return Tokenizer(CONTEXT).encode(texts).tolist()


def info(index: int, task: str, variation: int) -> EpisodeInfo:
    found = make.episode(index, task=task, variation=variation)
    return replace(found, num_rows=4, keyframe_steps=(3,))


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Four clips whose last frames show texts 0, 0 (it was blue), 4 and 4."""
    true = [("close_jar", 0), ("close_jar", 1), ("stack_blocks", 0), ("stack_blocks", 1)]
    frames = np.full((4, 2, 6, 6, 3), 7, dtype=np.uint8)  # first frames show nothing known
    frames[:, 1] = np.array([0, 0, 4, 4], dtype=np.uint8)[:, None, None, None]
    none = np.arange(4)
    cache = EpisodeCache(
        folder=tmp_path,
        episodes=tuple(info(i, *row) for i, row in enumerate(true)),
        transitions=Transitions(
            episode=none,
            observation_index=none,
            keyframe_index=np.zeros(4, dtype=np.int64),
            position=np.zeros((4, 3), np.float32),
            quaternion=np.tile(np.array([1.0, 0.0, 0.0, 0.0], np.float32), (4, 1)),
            gripper_open=none > 0,
            ignore_collisions=none > 0,
            proprioception=np.zeros((4, 3), np.float32),
        ),
        frames=frames,
        low=np.zeros(3),
        high=np.ones(3),
        offsets=np.arange(5),
        steps=np.zeros((4, 3), np.uint16),
        colors=np.zeros((4, 3), np.uint8),
    )
    return Dataset(cache, Format(num_frames=2, caption_context=CONTEXT, instruction_context=16))


@pytest.fixture
def recognizer() -> Recognizer:
    return Told(CONFIG).eval()


def by_set(found) -> dict[str, RecognitionRecord]:
    return {record.class_set: record for record in found.records}


def test_what_the_last_frame_shows_is_named_and_the_rest_is_counted(recognizer, dataset):
    found = by_set(recognize(recognizer, dataset, CATALOG, "trained"))
    text, variation = found["text"], found["variation"]
    assert (text.num_classes, text.accuracy.value, text.tied) == (3, 0.75, 0)
    assert (variation.num_classes, variation.accuracy.value) == (4, 0.5)  # of 2, half by chance
    assert variation.tied == 2
    assert found["task"].accuracy.value == text.task_right.value == 1.0
    assert text.macro.value == 0.75
    assert {axis: r.value for axis, r in text.by_axis.items()} == {"color": 0.75, "count": 1.0}
    of_axes = {axis: r.count for axis, r in text.by_axis.items()}
    for control in (text.first_frame_by_axis, text.shuffled_by_axis):
        assert {axis: r.count for axis, r in control.items()} == of_axes
    shown = text.first_frame_by_axis["count"].value  # nothing known: three classes tie
    assert shown == pytest.approx(1 / 3)
    assert text.top5.value == 1.0
    assert text.confusion.counts == ((0, 0, 1.0), (1, 0, 1.0), (2, 2, 2.0))
    assert text.first_frame_only.value == pytest.approx(1 / 3)  # all classes tie


def test_within_the_task_its_own_texts_compete_alone(recognizer, dataset):
    within = by_set(recognize(recognizer, dataset, CATALOG, "trained"))[WITHIN_TASK]
    assert within.chance == pytest.approx((0.5 + 0.5 + 1 + 1) / 4)
    assert within.accuracy.value == 0.75


def test_the_clips_add_up_to_the_records(recognizer, dataset):
    named = recognize(recognizer, dataset, CATALOG, "trained")
    assert len(named.clips) == 4 * len(named.records)
    for record in named.records:
        own = [clip for clip in named.clips if clip.class_set == record.class_set]
        assert sum(clip.hit for clip in own) / 4 == pytest.approx(record.accuracy.value)
    wrong = [c for c in named.clips if c.class_set == "text" and c.hit == 0.0]
    assert [(c.truth, c.answer, c.seed) for c in wrong] == [
        ("close the blue jar", "close the red jar", 1)
    ]


def test_records_come_back_from_their_file(recognizer, dataset, tmp_path):
    records = list(recognize(recognizer, dataset, CATALOG, "trained").records)
    write_json(tmp_path / "recognition.json", records)
    assert read_list(tmp_path / "recognition.json", RecognitionRecord) == records


def test_an_ensemble_and_first_texts_say_so_in_the_record(recognizer, dataset):
    config = NamingConfig(
        class_sets=("text",), prompts="first", templates=("{}", "a video of a robot arm, {}")
    )
    found = by_set(recognize(recognizer, dataset, CATALOG, "trained", config))
    assert found["text"].prompts == "first texts, 2 template(s), mean"
    assert found["text"].accuracy.value == 0.75  # the other template says the same of all


def test_unknown_class_sets_and_templates_without_a_place_are_refused():
    with pytest.raises(UnknownName, match="did you mean 'text'"):
        NamingConfig(class_sets=("texts",))
    with pytest.raises(ConfigError, match="where the prompt goes"):
        NamingConfig(templates=("a robot",))
