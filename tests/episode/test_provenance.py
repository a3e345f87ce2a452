"""Where an episode comes from, as it is written now and as version 0.1.0 wrote it."""

import json

import pytest

from premotor.codec import from_json, restore, to_json
from premotor.episode.provenance import Provenance
from premotor.errors import DataError

KNOWN = Provenance(
    attempt=2,
    rejections=("no way; x", '"c"'),
    strict=True,
    versions={"numpy": "2.4.6", "fast-simplification": "0.2.0"},
    python="3.11.7",
    machine="x86_64",
    renderer="egl, llvmpipe",
    meshes="27813",
)
FORMER = {
    "attempt": "2",
    "machine": "x86_64",
    "meshes": "27813",
    "python": "3.11.7",
    "rejections": '["no way; x", "\\"c\\""]',
    "renderer": "egl, llvmpipe",
    "strict": "True",
    "version.fast-simplification": "0.2.0",
    "version.numpy": "2.4.6",
}


def test_it_comes_back_as_it_was():
    assert restore(Provenance, from_json(to_json(KNOWN).encode(), "here"), "here") == KNOWN


def test_text_alone_is_read_into_its_types():
    assert restore(Provenance, FORMER, "here") == KNOWN
    assert restore(Provenance, FORMER | {"strict": "False"}, "here").strict is False
    assert restore(Provenance, {"attempt": "0"}, "here") == Provenance()
    assert json.loads(FORMER["rejections"]) == list(KNOWN.rejections)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"attempt": "two"}, r"Provenance.attempt: expected int, got str \('two'\)"),
        ({"strict": "yes"}, r"Provenance.strict: expected bool, got str \('yes'\)"),
        ({"rejections": "[no way"}, r"Provenance.rejections: expected list, got str"),
        ({"rejections": "[1]"}, r"Provenance.rejections\[0\]: expected str, got int"),
        ({"version.numpy": 2}, r"Provenance.versions\[numpy\]: expected str, got int"),
        ({"GL": "egl"}, "unknown GL"),
    ],
)
def test_what_is_no_such_text_is_refused_by_name(changes, words):
    with pytest.raises(DataError, match=words):
        restore(Provenance, FORMER | changes, "here")
