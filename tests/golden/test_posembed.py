import json

import pytest
import torch
from safetensors.torch import load_file

from premotor.understand.adapt import centered, copied, spatial, spread, stretched

pytestmark = pytest.mark.golden


def test_tables_and_filters_are_fitted_as_the_reference_fits_them(golden):
    folder = golden / "recognition"
    tensors = load_file(folder / "posembed.safetensors")
    close = {"atol": json.loads((folder / "posembed.json").read_text())["tolerance"]["abs"]}
    for case in sorted({key.rpartition(".")[0] for key in tensors if key != "inflate.w2d"}):
        kind, sizes = case.split(".")
        if kind == "spatial":
            found = spatial(tensors[f"{case}.old"], int(sizes.split("_")[1]))
            torch.testing.assert_close(found, tensors[f"{case}.bicubic"], **close, rtol=0)
        elif kind == "temporal":
            old = tensors[f"{case}.old"].squeeze(2)
            steps = int(sizes.split("_")[1])
            expected = tensors[f"{case}.load_interp"].squeeze(2)
            torch.testing.assert_close(stretched(old, steps), expected, **close, rtol=0)
            kept = tensors[f"{case}.load_zero"].squeeze(2)
            kept[:, old.shape[1] :] = 0.0  # the reference leaves what a new model begins with
            torch.testing.assert_close(copied(old, steps), kept, **close, rtol=0)
    for rule, name in ((centered, "center"), (spread, "mean")):
        for key in [key for key in tensors if key.startswith(f"inflate.{name}.k")]:
            found = rule(tensors["inflate.w2d"], int(key.rpartition("k")[2]))
            torch.testing.assert_close(found, tensors[key], **close, rtol=0)
