"""The words claim what the numbers leave standing, and nothing else."""

from dataclasses import replace

import pytest

import make
from premotor.report.table import percent
from premotor.report.words import recognition_words, success_share, success_words

WON = make.rollout()
LOST = make.rollout(success=False, seed=1)


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
    (sentence,) = recognition_words([make.recognition(hits, class_set="task", num_classes=3)])
    assert phrase in sentence


def test_recognition_is_spoken_of_where_it_was_trained_and_by_class_sets_in_words():
    before = make.recognition(checkpoint="untrained")
    within = make.recognition((90, 80, 89), class_set="text_within_task", num_classes=4)
    sentences = recognition_words([before, make.recognition(), within])
    assert len(sentences) == 2
    assert sentences[0].startswith("For the instruction the first frame alone reaches 20")
    assert sentences[1].startswith("For the instruction among those of its task")


def test_without_roll_outs_nothing_is_said_about_success():
    assert success_words([]) == ""
    assert success_share([]) == ""
    assert success_words([replace(WON, checkpoint="untrained")]) == ""


def test_success_is_counted_after_training_and_before():
    before = replace(LOST, checkpoint="untrained")
    assert success_words([WON, LOST]) == "The trained policy solves 1 of 2 unseen episodes."
    assert success_words([WON, LOST, before]) == (
        "The trained policy solves 1 of 2 unseen episodes; before training it solves 0 of 1."
    )
    drawer = replace(WON, task="open_drawer")
    assert "2 of 3 unseen episodes of 2 tasks" in success_words([WON, LOST, drawer])


def test_in_the_share_every_task_counts_alike_and_studies_do_not():
    drawer = replace(WON, task="open_drawer")
    study = replace(LOST, task=make.STUDY)
    assert success_share([WON, LOST, drawer, study]) == percent(0.75)
    assert "of 2 tasks" in success_words([WON, LOST, drawer, study])
