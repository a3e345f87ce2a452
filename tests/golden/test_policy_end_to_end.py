"""The whole policy against the reference: seven losses, gradients, features, a greedy action.

`splat`: our renderer with the released habits. `blend`: the stored images of the reference's soft
renderer, which we do not have, go into the trunks in its place.
"""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from golden.stored import Stored
from premotor.backbones.text import TextConfig
from premotor.batch import Executed, Target
from premotor.episode.observation import CAMERAS
from premotor.execute import drawing, released
from premotor.execute.config import (
    ExecuteConfig,
    HeatmapConfig,
    TokensConfig,
    TrunkConfig,
    ViewsConfig,
)
from premotor.execute.decode import keyframes
from premotor.execute.loss import TERMS, execute_losses
from premotor.execute.policy import Policy
from premotor.execute.virtual_views import from_cube
from premotor.geometry.rotations import to_xyzw
from premotor.importer import import_policy, policy_modules, their_name, with_released_habits

pytestmark = pytest.mark.golden
torch.set_num_threads(1)

POLICY = Stored("execution", "policy_end_to_end")
RENDERERS = ("splat", "blend")
THEIR_TERMS = (
    "stage1-screen-pts.2d_ce_loss",
    "stage2-screen-pts.2d_ce_loss",
    "rot-x.ce_loss",
    "rot-y.ce_loss",
    "rot-z.ce_loss",
    "grip.ce_loss",
    "collision.ce_loss",
)


SEEN = 7  # channels of a picture: point, color, depth; the others say where a pixel lies


class Spoken(nn.Module):
    """Stands for the text tower, whose features the reference data gives."""

    def __init__(self, features: torch.Tensor) -> None:
        super().__init__()
        self.features = features

    def tokens(self, ids: torch.Tensor) -> torch.Tensor:
        return self.features[: len(ids)]


@pytest.fixture(scope="module")
def description(golden):
    return POLICY.about


@pytest.fixture(scope="module")
def tensors(golden):
    return POLICY.tensors


def configured(sizes: dict, tensors: dict) -> ExecuteConfig:
    low, high = sizes["scene_bounds"][:3], sizes["scene_bounds"][3:]
    radius = sizes["radius"] * sizes["image"] / 2  # [px]
    half = sizes["mvt_depth"] // 2
    config = ExecuteConfig(
        views=ViewsConfig(
            low=tuple(low),
            high=tuple(high),
            size=sizes["image"],
            zoom=float(sizes["zoom"]),
            coarse_radius=radius,
            fine_radius=radius,
        ),
        trunk=TrunkConfig(
            patch=sizes["patch"],
            embed_dim=sizes["embed"],
            width=sizes["attn_dim"],
            heads=sizes["heads"],
            per_view_depth=half,
            joint_depth=sizes["mvt_depth"] - half,
        ),
        heatmap=HeatmapConfig(
            hidden_factor=float(sizes["heatmap_hidden_mult"]), sigma=sizes["sigma"]
        ),
        tokens=TokensConfig(
            heads=sizes["policy_heads"],
            cross_depth=sizes["cross_layers"],
            self_depth=sizes["self_layers"],
            mlp_ratio=len(tensors["param.policy.blocks.0.mlp.fc1.weight"]) // sizes["embed"],
            norm_condition=sizes["norm_before_adaLN"],
            rotation_bins=sizes["rotation_bins"],
        ),
        text=TextConfig(
            context=sizes["language_tokens"],
            vocabulary=(1,),
            width=sizes["language_dim"],
            layers=1,
            heads=1,
            embed_dim=8,
        ),
        proprioception_dim=tensors["in.low_dim_state"].shape[1],
    )
    habits = released.habits(config)
    return replace(habits, tokens=replace(habits.tokens, chunk=sizes["gripper_chunk_size"]))


@pytest.fixture
def reference(tensors, description, tmp_path) -> Policy:
    """Our policy with the reference's weights, through the importer."""
    config = configured(description["config"], tensors)
    stored = {k.removeprefix("param."): v for k, v in tensors.items() if k.startswith("param.")}
    save_file(stored, tmp_path / "reference.safetensors")
    imported = import_policy(tmp_path / "reference.safetensors", "arp", config)
    policy = Policy(config)
    policy.text = Spoken(tensors["in.lang_goal_embs"])
    policy.load_state_dict(imported.weights)
    return with_released_habits(policy).eval()


def scene(tensors: dict, rows: int) -> tuple[Executed, torch.Tensor, Target]:
    def joined(kind: str) -> torch.Tensor:
        maps = [
            tensors[f"in.{camera}_{kind}"][:rows]
            for camera in CAMERAS
            if f"in.{camera}_{kind}" in tensors
        ]
        return torch.cat([m.flatten(2).transpose(1, 2) for m in maps], dim=1)

    colors = joined("rgb").float() / 255
    executed = Executed(joined("point_cloud"), colors, tensors["in.low_dim_state"][:rows])
    pose = tensors["in.gripper_pose"][:rows]
    hand = (tensors[f"in.{name}"][:rows].long() for name in ("gripper_action", "ignore_collisions"))
    words = torch.zeros(rows, tensors["in.lang_goal_embs"].shape[1], dtype=torch.long)
    return executed, words, Target(pose[:, :3], pose[:, 3:].roll(1, dims=1), *hand)


class Watch:
    """What passes through the policy: images, features, prompts, query states."""

    def __init__(self, policy: Policy) -> None:
        self.images, self.features, self.prompts, self.queries = [], [], [], []
        for trunk in policy.trunks:
            trunk.register_forward_hook(self._trunk)
        actions = policy.tokens.actions

        def watched(prompts: torch.Tensor, values: torch.Tensor):
            said = actions(prompts, values)
            self.prompts.append(prompts)
            self.queries.append(said.queries)
            return said

        policy.tokens.actions = watched

    def _trunk(self, _module: nn.Module, given: tuple, found) -> None:
        self.images.append(given[0])
        self.features.append(found.map)


def stored_views(tensors: dict, stem: str):
    """A renderer that hands out the stored images, stage by stage."""
    views = iter([tensors[f"{stem}.image1"], tensors[f"{stem}.image2"]])

    def render(*_: object) -> tuple[torch.Tensor, torch.Tensor]:
        image = next(views).flatten(0, 1).permute(0, 2, 3, 1)[..., :SEEN]
        return image, image[..., -1] != -1.0

    return render


def close(actual: torch.Tensor, expected: torch.Tensor, tolerance: dict) -> None:
    rtol, atol = tolerance.get("rtol", 0.0), tolerance.get("atol", 0.0)
    torch.testing.assert_close(actual, expected, rtol=rtol, atol=atol)


def check_stages(watch: Watch, tensors: dict, stem: str, tolerance: dict) -> None:
    for i in range(2):
        images = watch.images[i].permute(0, 3, 1, 2)
        close(images, tensors[f"{stem}.image{i + 1}"].flatten(0, 1), tolerance)
        close(watch.features[i], tensors[f"{stem}.features{i + 1}"], tolerance)
    close(watch.prompts[0], tensors[f"{stem}.prompt_features"], tolerance)


@pytest.mark.parametrize("renderer", RENDERERS)
def test_losses_and_gradients_equal_the_reference(
    renderer, reference, tensors, description, monkeypatch
):
    stem, tolerance = f"{renderer}.train", description["tolerance"]
    if renderer == "blend":
        monkeypatch.setattr(drawing, "render", stored_views(tensors, stem))
    watch = Watch(reference)
    executed, words, target = scene(tensors, description["config"]["batch"])
    losses = execute_losses(reference(executed, words, target), target, reference.config)
    losses.total.backward()
    check_stages(watch, tensors, stem, tolerance["features"])
    prompts = watch.prompts[0].shape[1]
    close(watch.queries[0], tensors[f"{stem}.action_queries"][:, prompts:], tolerance["features"])
    for ours, theirs in zip(TERMS, THEIR_TERMS, strict=True):
        close(losses.terms[ours], tensors[f"{stem}.loss.{theirs}"], tolerance["losses"])
    close(losses.total, tensors[f"{stem}.loss_total"], tolerance["losses"])
    modules = policy_modules(reference.config)
    grads = {their_name(n, modules): p.grad for n, p in reference.named_parameters()}
    assert [n for n, grad in grads.items() if grad is None] == []
    compared = [k.removeprefix(f"{stem}.grad.") for k in tensors if k.startswith(f"{stem}.grad.")]
    assert compared
    for name in compared:
        close(grads[name], tensors[f"{stem}.grad.{name}"], tolerance["gradients"])
    norm = torch.stack([grad.norm() for grad in grads.values()]).norm()
    close(norm, tensors[f"{stem}.grad_norm"], tolerance["gradients"])


@pytest.mark.parametrize("renderer", RENDERERS)
def test_the_greedy_action_equals_the_reference(
    renderer, reference, tensors, description, monkeypatch
):
    stem, tolerance = f"{renderer}.act", description["tolerance"]
    if renderer == "blend":
        monkeypatch.setattr(drawing, "render", stored_views(tensors, stem))
    lifted, center = reference._center, tensors[f"{stem}.waypoint1"]

    def zoom_there(*given: object) -> torch.Tensor:
        """The stored center: one point of the cloud is exactly 875 depth steps from the camera."""
        close(lifted(*given), center, tolerance["action"])
        return center

    monkeypatch.setattr(reference, "_center", zoom_there)
    watch = Watch(reference)
    executed, words, _ = scene(tensors, 1)
    with torch.no_grad():
        said = reference(executed, words)
    check_stages(watch, tensors, stem, tolerance["features"])
    for i, heat in enumerate((said.coarse, said.fine), start=1):
        close(heat[0], tensors[f"{stem}.heatmap_logits{i}"], tolerance["features"])
    views = reference.config.views
    assert said.position is not None
    fine = from_cube(center + tensors[f"{stem}.waypoint2"] / views.zoom, views)
    close(said.position, fine, tolerance["action"])
    (keyframe,) = keyframes(said, reference.config)
    action = tensors[f"{stem}.action"]
    pose = keyframe.end_effector
    close(torch.tensor(pose.position), action[:3], tolerance["action"])
    quaternion = torch.tensor(to_xyzw(pose.quaternion))
    turned = torch.sign(quaternion @ action[3:7]) * quaternion  # q and -q are one rotation
    close(turned, action[3:7], tolerance["action"])
    hand = [float(keyframe.gripper_open), float(keyframe.ignore_collisions)]
    assert hand == action[7:].tolist()
