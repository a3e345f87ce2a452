"""The picture of what is taken for what."""

import base64

from premotor.records import Confusion
from premotor.report.confusion import confusion_picture

FOUND = Confusion(
    labels=("push_buttons", "close_jar"), counts=((0, 0, 3.0), (0, 1, 1.0), (1, 1, 2.0))
)


def drawn(found: Confusion) -> str:
    uri = confusion_picture(found, "tasks", "percent").uri
    return base64.b64decode(uri.removeprefix("data:image/svg+xml;base64,")).decode()


def test_rows_are_shares_of_their_class_and_its_names_are_words():
    text = drawn(FOUND)
    for phrase in ("push buttons", "named as", ">75<", ">25<", ">100<"):
        assert phrase in text


def test_a_class_that_is_only_an_answer_has_an_empty_row():
    text = drawn(Confusion(labels=("a", "b"), counts=((0, 1, 2.0),)))
    assert text.count(">100<") == 1


def test_the_same_counts_give_the_same_bytes():
    assert drawn(FOUND) == drawn(FOUND)
