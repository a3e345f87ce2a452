"""Configurations as YAML, and values that only some of our files hold."""

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import pytest

from premotor import presets
from premotor.backbones.frozen_text import FrozenTextConfig
from premotor.codec import Excerpt, from_json, from_yaml, restore, to_json, to_yaml
from premotor.data.pairing import PairingConfig
from premotor.errors import ConfigError, DataError
from premotor.mirror import MirrorConfig
from premotor.train.config import TrainConfig
from premotor.train.optim import OptimizerConfig


@dataclass(frozen=True)
class Leaf:
    size: float
    place: Path | None = None
    color: Literal["red", "green"] = "red"

    def __post_init__(self) -> None:
        if self.size < 0.0:
            raise ConfigError(f"size must be >= 0, got {self.size}; try 1.0")


@dataclass(frozen=True)
class Tree:
    leaf: Leaf | None = None
    leaves: tuple[Leaf, ...] = ()
    names: dict[str, Leaf] = field(default_factory=dict)
    corner: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Part(Excerpt):
    corner: tuple[float, float]


@pytest.mark.parametrize("name", list(presets.TRAIN))
def test_a_configuration_survives_yaml(name: str):
    config = presets.train_preset(name)
    assert from_yaml(TrainConfig, to_yaml(config), "here") == config


def test_names_with_values_survive_yaml():
    pairing = PairingConfig(balance=0.5, ratios={"turn_tap": 2.0})
    assert from_yaml(PairingConfig, to_yaml(pairing), "here") == pairing
    expected = r"here: PairingConfig\.ratios: expected names with values, got int \(3\)"
    with pytest.raises(ConfigError, match=expected):
        from_yaml(PairingConfig, "ratios: 3", "here")


def test_a_path_survives_yaml_and_anything_else_is_no_path(tmp_path: Path):
    frozen = FrozenTextConfig(weights=tmp_path / "clip.pt")
    assert from_yaml(FrozenTextConfig, to_yaml(frozen), "here") == frozen
    with pytest.raises(ConfigError, match=r"weights: expected str, got int \(7\)"):
        from_yaml(FrozenTextConfig, "weights: 7", "here")


def test_unknown_fields_in_yaml_are_named_with_their_place():
    text = to_yaml(presets.train_preset("nano").mirror).replace("latent_dim", "latent_dims")
    expected = r"config\.yaml: MirrorConfig\.align: unknown latent_dims; expected bank, latent_dim"
    with pytest.raises(ConfigError, match=expected):
        from_yaml(MirrorConfig, text, "config.yaml")
    with pytest.raises(ConfigError, match="not YAML"):
        from_yaml(MirrorConfig, "a: [", "config.yaml")


def test_yaml_may_leave_fields_out():
    few = from_yaml(TrainConfig, "steps: 7\nmirror: {align: {latent_dim: 8}}", "here")
    assert (few.steps, few.mirror.align.latent_dim) == (7, 8)
    assert few == replace(TrainConfig(), steps=7, mirror=few.mirror)


def test_a_number_may_be_written_as_people_write_it():
    config = from_yaml(OptimizerConfig, "learning_rate: 3e-3\neps: 1", "here")
    assert (config.learning_rate, config.eps) == (0.003, 1.0)
    assert isinstance(config.eps, float)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"leaf": {}}, "Tree.leaf: missing size"),
        ({"leaf": 3}, "Tree.leaf: expected names with values | null, got int (3)"),
        ({"leaf": {"size": None}}, "Tree.leaf.size: expected float, got null"),
        ({"leaf": {"size": 1, "place": 7}}, "Tree.leaf.place: expected str, got int (7)"),
        ({"leaf": {"size": 1, "color": "blue"}}, "expected one of green, red, got 'blue'"),
        ({"leaf": {"size": -1}}, "Tree.leaf: size must be >= 0, got -1.0; try 1.0"),
        ({"leaves": {}}, "Tree.leaves: expected list, got names with values"),
        ({"leaves": [{"size": 1}, {"sise": 1}]}, "Tree.leaves[1]: unknown sise; expected color"),
        ({"names": {"oak": {"size": True}}}, "Tree.names[oak].size: expected float, got bool"),
        ({"corner": [1]}, "Tree.corner: expected list of length 2, got 1"),
        ({"corner": [1, "2"]}, "Tree.corner[1]: expected float, got str ('2')"),
    ],
)
def test_every_fault_is_told_with_its_place(raw: dict, words: str):
    with pytest.raises(DataError) as caught:
        restore(Tree, raw, "trees.json:3")
    assert str(caught.value).startswith("trees.json:3: Tree")
    assert words in str(caught.value)
    assert str(caught.value).endswith("; mend it or make it anew")


def test_what_is_nested_comes_back_with_its_types():
    leaf = Leaf(1.5, Path("/oak"), "green")
    tree = Tree(leaf, (leaf, Leaf(2.0)), {"oak": leaf}, (1.0, 2.0))
    assert restore(Tree, from_json(to_json(tree).encode(), "here"), "here") == tree
    assert from_yaml(Tree, to_yaml(tree), "here") == tree


def test_numbers_that_are_not_finite_come_back():
    corner = (-math.inf, math.inf)
    tree = Tree(Leaf(math.nan), corner=corner)
    for back in (
        restore(Tree, from_json(to_json(tree).encode(), "here"), "here"),
        from_yaml(Tree, to_yaml(tree), "here"),
    ):
        assert back.leaf is not None
        assert math.isnan(back.leaf.size)
        assert back.corner == corner


def test_an_excerpt_passes_over_all_other_fields_but_not_over_faults_in_its_own():
    raw = from_json(to_json(Tree(corner=(1.0, 2.0))).encode(), "here")
    assert restore(Part, raw, "here") == Part((1.0, 2.0))
    with pytest.raises(DataError, match="Part: missing corner"):
        restore(Part, {"leaf": None}, "here")


def test_a_value_that_no_file_of_ours_holds_is_refused_when_it_is_written():
    with pytest.raises(TypeError, match="complex"):
        to_json(Leaf(1j))  # type: ignore[arg-type]
