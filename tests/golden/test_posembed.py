import pytest

from golden.stored import Stored
from premotor.understand.adapt import centered, copied, spatial, spread, stretched

pytestmark = pytest.mark.golden


def test_tables_and_filters_are_fitted_as_the_reference_fits_them(golden):
    stored = Stored("recognition", "posembed")
    tensors, close = stored.tensors, stored.close
    for case in sorted({key.rpartition(".")[0] for key in tensors if key != "inflate.w2d"}):
        kind, sizes = case.split(".")
        if kind == "spatial":
            found = spatial(tensors[f"{case}.old"], int(sizes.split("_")[1]))
            close(found, tensors[f"{case}.bicubic"])
        elif kind == "temporal":
            old = tensors[f"{case}.old"].squeeze(2)
            steps = int(sizes.split("_")[1])
            expected = tensors[f"{case}.load_interp"].squeeze(2)
            close(stretched(old, steps), expected)
            kept = tensors[f"{case}.load_zero"].squeeze(2)
            kept[:, old.shape[1] :] = 0.0  # the reference leaves what a new model begins with
            close(copied(old, steps), kept)
    for rule, name in ((centered, "center"), (spread, "mean")):
        for key in [key for key in tensors if key.startswith(f"inflate.{name}.k")]:
            found = rule(tensors["inflate.w2d"], int(key.rpartition("k")[2]))
            close(found, tensors[key])
