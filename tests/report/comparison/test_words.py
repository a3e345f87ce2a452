"""A comparison in sentences: the claim first, with its interval; nothing claimed of a pilot."""

from dataclasses import replace

import pytest

import comparisons
from premotor.comparison_records import Comparison
from premotor.report.comparison import words


@pytest.fixture(scope="module")
def found() -> Comparison:
    return comparisons.comparison(seeds=10, gain=0.15)


def test_what_helped_is_said_first_with_its_interval(found):
    said = words.claims(found)
    assert said[0].startswith("Success on unseen episodes: helped by ")
    assert words.headline(found) == {"success": "helped", "text_accuracy": "helped"}
    value = found.contrast("aligned", "success").over_seeds.interval
    assert words.difference(found, "success").startswith(f"+{100 * value.value:.0f} points (+")


def test_an_effect_is_not_called_one_of_the_mirror_unless_the_controls_were_beaten(found):
    assert any("was not compared with labels" in sentence for sentence in words.claims(found))


def test_nothing_is_claimed_of_a_pilot(found):
    pilot = replace(found, counted=False)
    assert words.headline(pilot) == {"success": "", "text_accuracy": ""}
    assert not any("helped" in sentence for sentence in words.claims(pilot))
    assert words.standing(pilot)[0].startswith("A pilot, on which nothing is claimed.")


def test_without_a_finished_run_nothing_is_said(found):
    bare = replace(found, verdict=None, mirror=(), contrasts=(), levels=())
    assert words.claims(bare) == ("No run of both arms is finished: nothing can be said yet.",)
    assert words.difference(bare, "success") == ""


def test_what_it_cannot_show_speaks_of_outcomes_in_words_and_of_the_simulator():
    said = words.cannot(comparisons.comparison(seeds=3))
    assert any(s.startswith("Instruction named, ") for s in said)
    assert any("cannot go below p = 0.25" in s for s in said)
    assert "not RLBench numbers" in said[-1]


def test_markdown_has_the_claim_before_what_it_cannot_show_and_both_before_all_else(found):
    text = words.markdown(found)
    order = [
        "# apart and aligned",
        "## The claim",
        "## What it cannot show",
        "## Arms side by side",
        "## By task",
        "## Spread over seeds",
        "## How strongly alignment pulls",
        "## Alignment over training",
        "## What it cost",
        "## Plan, commands, versions",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert "counted: true" in text
    assert "premotor compare plans/all18.yaml" in text
