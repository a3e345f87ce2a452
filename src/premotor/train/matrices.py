"""Which weights are matrices in Muon's sense; what is not named here is none (decisions D68).

A matrix maps features to features, and both of its sides are wide: the weights of linear maps and
convolutions (kernels flattened to one row per output), queries, keys and values in one. It is not:

- a bare parameter: tables of places, times and tokens, codes, learned queries, and CLIP's `proj`
  and `text_projection`, which are output layers besides;
- an embedding, whose rows are looked up;
- an output layer, whose result a loss reads: logits, the weights that mix them, z_u and z_e;
- narrow: fewer than eight rows or columns.
"""

import re

from torch import Tensor, nn

from premotor.backbones.attention import Attention

NARROWEST = 8  # rows and columns
_MAPS: dict[type[nn.Module], str] = {
    nn.Linear: "weight",
    nn.Conv2d: "weight",
    nn.Conv3d: "weight",
    Attention: "in_proj_weight",
}
# By tower; U's are bare parameters.
_OUTPUTS = {
    "execute": re.compile(
        r"heads\.\d+\.(out|low\.4|mask\.2)"
        r"|tokens\.(rotation_heads\.\d+|gripper_head|collision_head|shortcut\.2)"
    ),
    "align": re.compile(r"from_[ue]"),
}


def matrices(tower: str, module: nn.Module) -> frozenset[str]:
    """Names, in the tower, of the weights that Muon moves.

    Args:
        tower: "understand", "execute" or "align".
        module: The tower, or a part of it whose names are those of the whole.
    """
    outputs = _OUTPUTS.get(tower)
    return frozenset(
        f"{path}.{name}".removeprefix(".")
        for path, layer in module.named_modules()
        if outputs is None or not outputs.fullmatch(path)
        for name, weight in layer.named_parameters(recurse=False)
        if name == _MAPS.get(type(layer)) and _is_wide(weight)
    )


def _is_wide(weight: Tensor) -> bool:
    return min(weight.flatten(1).shape) >= NARROWEST
