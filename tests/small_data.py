"""Small data sets on disk, of demos that a test made; today's, and as 0.1.0 had them."""

import json
from collections.abc import Iterable
from pathlib import Path

from premotor.codec import to_json
from premotor.episode.demo import Demo
from premotor.folders import SplitFolder
from premotor.store.ledger import EpisodeLedger
from premotor.store.lerobot import finalize
from premotor.store.writer import write_episode


def write_split(path: Path, demos: Iterable[Demo]) -> SplitFolder:
    """Write demos as a whole split, numbered in their order."""
    folder = SplitFolder(path)
    finalize(folder, [write_episode(folder, i, demo) for i, demo in enumerate(demos)])
    return folder


def as_in_0_1_0(folder: SplitFolder) -> None:
    """Turn a split's records into those of version 0.1.0: a file each, provenance in text alone."""
    for info in EpisodeLedger.of(folder).read():
        raw = json.loads(to_json(info))
        was = raw["provenance"]
        packages = {f"version.{name}": text for name, text in was.pop("versions").items()}
        texts = {"attempt": str(was["attempt"]), "strict": str(was["strict"])}
        rejections = {"rejections": json.dumps(was["rejections"])}
        raw["provenance"] = was | texts | rejections | packages
        path = folder.path / "episodes" / f"episode_{info.index:06d}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(raw, indent=1, sort_keys=True) + "\n")
    folder.records.unlink()
