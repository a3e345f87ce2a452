"""The words claim what the nulls leave standing, and nothing else."""

from dataclasses import replace

import pytest

from premotor.measure.intervals import wilson
from premotor.records import AlignmentRecord, NullRecord, RecognitionRecord
from premotor.report.words import (
    KINDS,
    alignment_kind,
    alignment_words,
    recognition_words,
    success_words,
)


def record(over_all: float, in_task: float, in_variation: float | None) -> AlignmentRecord:
    """A measure with these p-values; None: no two rows share a variation."""
    nulls = [
        NullRecord(
            stratum=stratum,
            null_mean=0.1,
            null_sd=0.1,
            null_q95=0.2,
            z_score=1.0,
            p_value=1.0 if p is None else p,
            permutations=0 if p is None else 1000,
        )
        for stratum, p in zip(
            ("all", "task", "variation"), (over_all, in_task, in_variation), strict=True
        )
    ]
    return AlignmentRecord(
        checkpoint="trained",
        measure="mutual_knn",
        space="z",
        instruction="given",
        value=0.4,
        reference=0.1,
        num_rows=100,
        nulls=tuple(nulls),
    )


@pytest.mark.parametrize(
    ("p_values", "kind"),
    [
        ((0.4, 0.5, 0.5), "none"),
        ((0.001, 0.5, 0.5), "task"),
        ((0.001, 0.001, 0.5), "variation"),
        ((0.001, 0.001, None), "untested"),
        ((0.001, 0.5, None), "task"),
        ((0.001, 0.001, 0.001), "episode"),
    ],
)
def test_the_kind_is_the_finest_level_that_stands(p_values, kind):
    assert alignment_kind([record(*p_values)]) is KINDS[kind]


def test_one_lucky_measure_among_many_is_no_alignment():
    many = [record(0.5, 0.5, 0.5)] * 5 + [record(0.03, 0.5, 0.5)]
    assert alignment_kind(many) is KINDS["none"]
    assert alignment_kind([record(0.03, 0.5, 0.5)]) is KINDS["task"]


def test_nothing_measured_has_no_kind_and_no_words():
    assert alignment_kind([]) is None
    assert alignment_words([]) == ()


def test_words_that_carried_the_alignment_are_named():
    given = record(0.001, 0.001, 0.5)
    blanked = replace(record(0.001, 0.5, 0.5), instruction="blanked")
    sentences = " ".join(alignment_words([given, blanked]))
    assert "alignment of tasks is what remains" in sentences
    untouched = replace(given, instruction="blanked")
    assert "does not rest on the words alone" in " ".join(alignment_words([given, untouched]))


def test_the_controls_have_the_last_word():
    given = record(0.001, 0.001, 0.001)
    another = replace(record(0.5, 0.5, None), episode="another")
    sentences = " ".join(alignment_words([given, another]))
    assert "With the controls it is scene alignment: with another episode" in sentences
    assert alignment_kind([given]) is KINDS["episode"]  # the control does not count as a measure
    assert "With the controls" not in " ".join(alignment_words([given]))


def test_alignment_before_training_is_admitted():
    given = record(0.001, 0.001, 0.001)
    before = replace(given, checkpoint="untrained")
    assert "Before training there is already" in " ".join(alignment_words([given, before]))


def test_no_alignment_before_and_after_is_said_once():
    none = record(0.5, 0.5, 0.5)
    sentences = " ".join(alignment_words([none, replace(none, checkpoint="untrained")]))
    assert "Nor was there any before training." in sentences


def recognition(whole: int, first: int, shuffled: int) -> RecognitionRecord:
    return RecognitionRecord(
        checkpoint="trained",
        class_set="task",
        num_classes=3,
        chance=1 / 3,
        accuracy=wilson(whole, 100),
        first_frame_only=wilson(first, 100),
        shuffled_frames=wilson(shuffled, 100),
    )


@pytest.mark.parametrize(
    ("hits", "phrase"),
    [
        ((98, 97, 98), "the furniture gives it away"),
        ((90, 50, 60), "shuffling the frames costs 30 points"),
        ((90, 50, 89), "their order hardly matters"),
        ((35, 33, 33), "not measurably better than chance"),
    ],
)
def test_recognition_says_what_it_rests_on(hits, phrase):
    (sentence,) = recognition_words([recognition(*hits)])
    assert phrase in sentence


def test_without_roll_outs_nothing_is_said_about_success():
    assert success_words([]) == ""
