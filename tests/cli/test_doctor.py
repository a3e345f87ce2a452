import importlib.metadata

import pytest

from premotor.cli import doctor
from premotor.errors import RenderingError


@pytest.mark.sim
def test_a_healthy_machine_is_found_healthy(capsys):
    assert doctor.command([]) == 0
    out = capsys.readouterr().out
    assert "all is well" in out
    assert "table at 0.75" in out


def test_missing_gl_is_told_with_the_line_that_mends_it(capsys, monkeypatch):
    def broken() -> str:
        raise RenderingError("no GL; run `apt-get install libosmesa6`")

    monkeypatch.setattr(doctor, "_render", broken)
    assert doctor.command([]) == 1
    out = capsys.readouterr().out
    assert "apt-get install libosmesa6" in out
    assert "Traceback" not in out


def test_a_missing_package_is_named_with_its_remedy(monkeypatch):
    def absent(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    monkeypatch.setattr(doctor, "_render", lambda: "")
    findings = {f.name: f for f in doctor.examine()}
    assert not findings["mink"].good
    assert findings["mink"].remedy == "pip install mink"
