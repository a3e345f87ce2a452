import pytest
import torch

from premotor.errors import ConfigError
from premotor.understand.adapt import centered, copied, spatial, spread, stretched, text_order

FILTERS = torch.randn(5, 3, 4, 4, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("inflate", [centered, spread])
@pytest.mark.parametrize("tubelet", [1, 2, 3])
def test_inflated_filters_see_a_still_as_before(inflate, tubelet):
    image = torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    still = image[:, :, None].expand(-1, -1, tubelet, -1, -1)
    torch.testing.assert_close(
        torch.nn.functional.conv3d(still, inflate(FILTERS, tubelet)).flatten(),
        torch.nn.functional.conv2d(image, FILTERS).flatten(),
    )


def test_a_table_of_places_keeps_the_class_row_and_its_mean_over_a_plane():
    plane = torch.cat([torch.full((1, 2), 9.0), torch.full((16, 2), 3.0)])
    fitted = spatial(plane, 7)
    assert fitted.shape == (50, 2)
    torch.testing.assert_close(fitted[1:], torch.full((49, 2), 3.0))
    assert torch.equal(fitted[0], plane[0])
    assert spatial(plane, 4) is plane


def test_places_that_are_no_square_are_refused():
    with pytest.raises(ConfigError, match="197 rows"):
        spatial(torch.zeros(8, 2), 4)


def test_times_are_cut_to_the_first_and_continued_as_asked():
    table = torch.arange(4.0).view(1, 4, 1)
    for lengthen in (stretched, copied):
        assert lengthen(table, 2).flatten().tolist() == [0.0, 1.0]
        assert torch.equal(lengthen(table, 4), table)
    assert copied(table, 6).flatten().tolist() == [0.0, 1.0, 2.0, 3.0, 0.0, 0.0]
    assert stretched(table, 8).flatten().tolist() == [0.0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.0]


def test_the_order_of_words_is_cut_or_continued_with_zeros():
    table = torch.ones(3, 2)
    assert torch.equal(text_order(table, 2), table[:2])
    assert text_order(table, 5).sum(1).tolist() == [2.0, 2.0, 2.0, 0.0, 0.0]
