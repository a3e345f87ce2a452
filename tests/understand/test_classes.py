import pytest
import torch

from premotor.errors import ConfigError, UnknownName
from premotor.simulate.tasks import TASKS
from premotor.understand.classes import (
    VariationTexts,
    answers,
    class_scores,
    class_set,
    hits,
    in_templates,
)

ROWS = [
    VariationTexts("push", 0, ("push red", "press red")),
    VariationTexts("push", 1, ("push red", "press red")),
    VariationTexts("push", 2, ("push blue", "press blue")),
    VariationTexts("cups", 0, ("stack on red", "stack the others")),
    VariationTexts("cups", 1, ("stack on blue", "stack the others")),
]


def test_variations_with_the_same_texts_are_one_text_class():
    classes = class_set("text", ROWS)
    assert classes.labels == ("push red", "push blue", "stack on red", "stack on blue")
    assert [classes.class_of(row.task, row.variation) for row in ROWS] == [0, 0, 1, 2, 3]
    assert classes.chance == 0.25


def test_a_prompt_of_several_classes_speaks_for_none():
    classes = class_set("text", ROWS)
    assert classes.prompts[0] == ("push red", "press red")
    assert classes.prompts[2] == ("stack on red",)
    assert "stack the others" not in classes.texts
    assert class_set("task", ROWS).prompts[1] == (
        "stack on red",
        "stack the others",
        "stack on blue",
    )


def test_a_class_with_shared_prompts_only_keeps_them():
    rows = [VariationTexts("a", 0, ("same",)), VariationTexts("a", 1, ("same", "other"))]
    assert class_set("text", rows).prompts == (("same",), ("other",))


def test_the_other_class_sets():
    tasks = class_set("task", ROWS)
    assert tasks.labels == ("push", "cups")
    assert tasks.prompts[0] == ("push red", "press red", "push blue", "press blue")
    variations = class_set("variation", ROWS, prompts="first")
    assert variations.labels == ("push/0", "push/1", "push/2", "cups/0", "cups/1")
    assert variations.prompts[0] == variations.prompts[1] == ("push red",)


def test_candidates_can_be_restricted_to_a_task():
    assert class_set("text", ROWS).within("push").tolist() == [True, True, False, False]


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(UnknownName, match="did you mean 'text'"):
        class_set("txt", ROWS)
    classes = class_set("text", ROWS)
    with pytest.raises(UnknownName, match="push/2"):
        classes.class_of("push", 9)
    with pytest.raises(UnknownName, match="cups"):
        classes.within("cup")
    with pytest.raises(ConfigError, match="at least one instruction"):
        class_set("text", [VariationTexts("push", 0, ())])


def test_scores_are_mean_cosines_over_the_prompts():
    classes = class_set(
        "text", [VariationTexts("t", 0, ("a", "b")), VariationTexts("t", 1, ("c",))]
    )
    texts = torch.tensor([[2.0, 0.0], [0.0, 1.0], [-3.0, 0.0]])
    video = torch.tensor([[5.0, 0.0]])
    torch.testing.assert_close(class_scores(video, texts, classes), torch.tensor([[0.5, -1.0]]))
    torch.testing.assert_close(
        class_scores(video, texts, classes, "max"), torch.tensor([[1.0, -1.0]])
    )
    smooth = class_scores(video, texts, classes, "logsumexp")
    assert smooth[0, 0].item() == pytest.approx(1.0, abs=1e-3)


def test_scores_want_one_embedding_per_distinct_prompt():
    classes = class_set("text", ROWS)
    with pytest.raises(ConfigError, match=r"embed classes\.texts"):
        class_scores(torch.ones(1, 2), torch.ones(3, 2), classes)


def test_variations_with_the_same_texts_tie_and_share_the_hit():
    classes = class_set("variation", ROWS)
    texts = torch.randn(len(classes.texts), 8, generator=torch.Generator().manual_seed(0))
    video = texts[[classes.texts.index("push red")]]
    scores = class_scores(video, texts, classes)
    assert hits(scores, torch.tensor([0])).tolist() == [0.5]
    assert hits(scores, torch.tensor([1])).tolist() == [0.5]
    assert hits(scores, torch.tensor([2])).tolist() == [0.0]


def test_top_k_counts_ties_by_their_chance():
    scores = torch.tensor([[3.0, 2.0, 2.0, 2.0, 1.0]]).expand(3, 5)
    truth = torch.tensor([0, 1, 4])
    assert hits(scores, truth, 1).tolist() == [1.0, 0.0, 0.0]
    torch.testing.assert_close(hits(scores, truth, 2), torch.tensor([1.0, 1 / 3, 0.0]))
    assert hits(scores, truth, 5).tolist() == [1.0, 1.0, 1.0]


def test_a_class_that_is_left_out_is_never_hit():
    scores = torch.full((1, 3), -torch.inf)
    scores[0, 0] = 0.3
    assert hits(scores, torch.tensor([1]), 2).tolist() == [0.0]
    assert hits(scores, torch.tensor([0])).tolist() == [1.0]


def test_the_benchmark_has_18_tasks_218_texts_and_249_variations():
    rows = [
        VariationTexts(task.name, index, task.instructions(variation))
        for task in TASKS.values()
        for index, variation in enumerate(task.variations)
    ]
    sizes = {name: len(class_set(name, rows)) for name in ("task", "text", "variation")}
    assert sizes == {"task": 18, "text": 218, "variation": 249}
    classes = class_set("text", rows)
    firsts = class_set("text", rows, prompts="first")
    assert len(firsts.texts) == 218  # the first text alone tells the classes apart
    assert sum(int(classes.within(task).sum()) for task in TASKS) == 218


def test_every_prompt_stands_in_every_template():
    ensemble = in_templates(class_set("text", ROWS), ("{}", "a robot: {}"))
    assert ensemble.prompts[2] == ("stack on red", "a robot: stack on red")
    assert len(ensemble.texts) == 2 * len(class_set("text", ROWS).texts)
    assert in_templates(class_set("text", ROWS), ("{}",)) == class_set("text", ROWS)
    for wrong in ((), ("a robot",), ("{} and {}",)):
        with pytest.raises(ConfigError, match="where the prompt goes"):
            in_templates(class_set("text", ROWS), wrong)


def test_the_answer_is_shared_by_the_best_classes_that_tie():
    scores = torch.tensor([[0.5, 0.5, 0.1], [-torch.inf, 0.2, 0.1]])
    assert answers(scores).tolist() == [[0.5, 0.5, 0.0], [0.0, 1.0, 0.0]]
    for truth in range(3):
        torch.testing.assert_close(
            answers(scores)[:1, truth], hits(scores[:1], torch.tensor([truth]))
        )
