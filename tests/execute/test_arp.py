import pytest
import torch

from premotor.execute.arp import TokenTransformer, chunk_ids, sinusoid, stream_mask
from premotor.execute.config import TokensConfig

torch.set_num_threads(1)
DIM = 16


def small(chunk: int = 2, gripper_sees_rotation: bool = False) -> TokenTransformer:
    torch.manual_seed(0)
    config = TokensConfig(
        heads=2,
        cross_depth=1,
        self_depth=2,
        mlp_ratio=2,
        dropout=0.0,
        rotation_bins=12,
        chunk=chunk,
        gripper_sees_rotation=gripper_sees_rotation,
    )
    return TokenTransformer(DIM, config).eval()


@pytest.mark.parametrize("chunk", [1, 2])
@pytest.mark.parametrize("sees", [True, False])
def test_teacher_forced_logits_equal_stepwise_decoding_on_the_decoded_values(chunk, sees):
    tokens, prompts = small(chunk, sees), torch.randn(3, 6, DIM)
    decoded, values = tokens.decode(prompts)
    taught = tokens.actions(prompts, values)
    torch.testing.assert_close(decoded.rotation, taught.rotation)
    torch.testing.assert_close(decoded.gripper, taught.gripper)
    torch.testing.assert_close(decoded.collision, taught.collision)
    assert torch.equal(values[:, :3], taught.rotation.argmax(-1))
    assert torch.equal(values[:, 4], taught.collision.argmax(-1))


def test_a_rotation_depends_on_earlier_rotations_only():
    tokens, prompts = small(), torch.randn(1, 6, DIM)
    base = tokens.actions(prompts, torch.tensor([[1, 2, 3, 0, 0]])).rotation
    other = tokens.actions(prompts, torch.tensor([[1, 7, 3, 0, 0]])).rotation
    torch.testing.assert_close(base[:, :2], other[:, :2])
    assert (base[:, 2] - other[:, 2]).abs().max() > 1e-4


@pytest.mark.parametrize("sees", [True, False])
def test_the_hand_looks_at_rotations_only_if_told_to(sees):
    tokens, prompts = small(gripper_sees_rotation=sees), torch.randn(1, 6, DIM)
    base = tokens.actions(prompts, torch.tensor([[1, 2, 3, 0, 0]])).gripper
    other = tokens.actions(prompts, torch.tensor([[5, 7, 9, 0, 0]])).gripper
    assert bool((base - other).abs().max() > 1e-5) is sees


def test_in_a_chunk_of_two_collision_does_not_see_the_grippers_value():
    prompts = torch.randn(1, 6, DIM)
    changes = {}
    for chunk in (1, 2):
        tokens = small(chunk)
        base = tokens.actions(prompts, torch.tensor([[1, 2, 3, 0, 0]])).collision
        other = tokens.actions(prompts, torch.tensor([[1, 2, 3, 1, 0]])).collision
        changes[chunk] = (base - other).abs().max().item()
    assert changes[1] > 1e-5
    assert changes[2] == 0.0


def test_no_row_is_blind():
    assert stream_mask(2, False).any(1).all()
    assert chunk_ids(2)[-2:] == [9, 9]
    assert chunk_ids(1)[-2:] == [9, 10]


def test_bins_are_embedded_by_sines_then_cosines():
    code = sinusoid(torch.tensor([0, 3]), 4)
    torch.testing.assert_close(code[0], torch.tensor([0.0, 0.0, 1.0, 1.0]))
    torch.testing.assert_close(code[1, 1], torch.tensor(0.03).sin())


def test_a_screen_point_depends_on_what_its_view_shows():
    tokens = small()
    cells = torch.randn(2, 9, DIM)
    query = tokens.screen_points(0, cells)
    assert query.shape == (2, DIM)
    assert (query[0] - query[1]).abs().max() > 1e-4
    assert (query - tokens.screen_points(1, cells)).abs().max() > 1e-4
