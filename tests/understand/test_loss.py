import pytest
import torch

from premotor.understand.loss import video_text_loss, video_text_loss_shared


@pytest.fixture
def rows() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(5, 7, generator=generator), torch.randn(5, 7, generator=generator)


def test_the_length_of_an_embedding_does_not_matter(rows):
    video, text = rows
    torch.testing.assert_close(
        video_text_loss(3.0 * video, 0.1 * text, 0.05), video_text_loss(video, text, 0.05)
    )


def test_clip_and_words_are_interchangeable(rows):
    video, text = rows
    ids = torch.tensor([0, 1, 0, 2, 3])
    torch.testing.assert_close(
        video_text_loss_shared(video, text, ids, 0.05),
        video_text_loss_shared(text, video, ids, 0.05),
    )


def test_distinct_texts_need_no_ids(rows):
    video, text = rows
    torch.testing.assert_close(
        video_text_loss_shared(video, text, torch.arange(5), 0.05),
        video_text_loss(video, text, 0.05),
    )


def test_shared_targets_by_hand():
    video = torch.eye(2)[[0, 0]]
    text = torch.eye(2)[[0, 1]]
    # Both rows of S are (2, 0), both targets are (1/2, 1/2): CE = log(1 + e^-2) + 1; and back:
    # the rows of S^T are (2, 2) and (0, 0): CE = log 2.
    expected = (torch.log1p(torch.tensor(-2.0).exp()) + 1.0 + torch.log(torch.tensor(2.0))) / 2
    torch.testing.assert_close(
        video_text_loss_shared(video, text, torch.tensor([4, 4]), 0.5), expected
    )
