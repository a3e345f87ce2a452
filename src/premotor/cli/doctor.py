"""`premotor doctor [DATA]`: is this machine, or a data set, as it has to be, and how to mend it."""

import importlib.metadata
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from premotor.cli.options import parsed
from premotor.cli.progress import StageBars
from premotor.errors import DataError, PremotorError, RenderingError
from premotor.geometry.pointclouds import back_project, inside
from premotor.simulate.rig import Rig
from premotor.simulate.scene import Scene
from premotor.store.examine import examine_split, splits_of
from premotor.worklist import available_cores

PACKAGES = ("torch", "numpy", "mujoco", "mink", "ompl", "pyarrow", "av", "gymnasium-robotics")
MIN_DISK = 5.0  # [GB] a data set of 900 demonstrations with its cache takes about 4
MIN_MEMORY = 4.0  # [GB]
TABLE_HEIGHT = 0.75  # [m] (docs/benchmark.md, Scene)
TABLE_PART = (np.array([0.3, -0.4, 0.5]), np.array([0.6, 0.4, 1.0]))  # [m] in sight of the camera


@dataclass(frozen=True)
class DoctorArguments:
    """Look whether this machine can collect, train and evaluate; or through a whole data set."""

    data: Annotated[Path | None, tyro.conf.Positional] = None  # folder of a data set


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    name: str
    good: bool
    detail: str
    remedy: str = ""  # one line that mends it


def _python() -> Finding:
    good = (3, 11) <= sys.version_info[:2] < (3, 13)
    remedy = "" if good else "install Python 3.11 or 3.12 and make a fresh environment"
    return Finding("python", good, platform.python_version(), remedy)


def _package(name: str) -> Finding:
    try:
        return Finding(name, True, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, False, "not installed", f"pip install {name}")


def _rendering() -> Finding:
    try:
        detail = _render()
    except PremotorError as error:
        return Finding("rendering", False, "no frame", str(error))
    except Exception as error:  # whatever a broken GL raises
        remedy = "apt-get install libosmesa6, then MUJOCO_GL=osmesa premotor doctor"
        return Finding("rendering", False, f"no frame: {error}", remedy)
    return Finding("rendering", True, detail)


def _render() -> str:
    """Look at the empty table and measure how high it stands."""
    world = Scene().build()
    rig = Rig(world.model, looks=world.looks)
    start = time.perf_counter()
    view = rig.render(world.data, "front")
    seconds = time.perf_counter() - start
    rig.close()
    points = back_project(view.depth, view.intrinsics, view.world_from_camera).reshape(-1, 3)
    height = float(np.median(points[inside(points, *TABLE_PART), 2]))
    backend = os.environ.get("MUJOCO_GL", "default")
    if not abs(height - TABLE_HEIGHT) < 2e-3:
        raise RenderingError(
            f"the table was seen at {height:.3f} m, it stands at {TABLE_HEIGHT} m; MUJOCO_GL is "
            f"{backend}, try MUJOCO_GL=osmesa"
        )
    return f"{backend}, first frame {1e3 * seconds:.0f} ms, table at {height:.4f} m"


def _cores() -> Finding:
    count = available_cores()
    remedy = "" if count > 1 else "one core works; training takes twice as long"
    return Finding("cores", True, str(count), remedy)


def _memory() -> Finding:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    good = total >= MIN_MEMORY
    remedy = "" if good else f"{MIN_MEMORY:.0f} GB are wanted; train with fewer processes"
    return Finding("memory", good, f"{total:.1f} GB", remedy)


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    good = free >= MIN_DISK
    remedy = "" if good else f"{MIN_DISK:.0f} GB are wanted here; work in another folder"
    return Finding("disk", good, f"{free:.1f} GB free in {Path.cwd()}", remedy)


def examine() -> Iterator[Finding]:
    """Look at one thing after the other."""
    yield _python()
    for name in PACKAGES:
        yield _package(name)
    checks: tuple[Callable[[], Finding], ...] = (_cores, _memory, _disk, _rendering)
    for check in checks:
        yield check()


def command(argv: list[str]) -> int:
    """Run `premotor doctor`; 0 where all is well."""
    arguments = parsed(DoctorArguments, "doctor", argv)
    return _machine() if arguments.data is None else _data(arguments.data)


def _data(path: Path) -> int:
    """Look through a data set, print what was found.

    Raises:
        DataError: Something is wrong; the first fault is quoted.
    """
    with StageBars() as bars:
        found = [examine_split(folder, bars) for folder in splits_of(path)]
    table = Table("split", "episodes", "sound", "what is wrong", box=None, pad_edge=False)
    for one in found:
        table.add_row(one.split, str(one.episodes), str(one.sound), str(len(one.faults)))
    console = Console(markup=False, highlight=False, soft_wrap=True)
    console.print(table)
    for one in found:
        for text in (*one.faults, *one.remarks):
            console.print(f"{one.split}: {text}")
    faults = [f"{one.split}: {text}" for one in found for text in one.faults]
    if faults:
        raise DataError(f"{len(faults)} faults in {path}, first: {faults[0]}")
    console.print("all is well")
    return 0


def _machine() -> int:
    findings = list(examine())
    table = Table(box=None, show_header=False)
    for finding in findings:
        mark = "[green]ok[/]" if finding.good else "[red]no[/]"
        table.add_row(mark, finding.name, finding.detail)
        if finding.remedy:
            table.add_row("", "", f"[yellow]{finding.remedy}[/]")
    console = Console()
    console.print(table)
    healthy = all(finding.good for finding in findings)
    console.print("all is well" if healthy else "mend what is marked, then run it again")
    return 0 if healthy else 1
