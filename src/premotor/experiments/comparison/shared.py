"""What all units of a comparison share and its page shows: judged clips, and what pixels tell."""

import math
from collections.abc import Collection

from premotor.comparison_records import CLIPS, KeptClip
from premotor.data.dataset import Dataset
from premotor.episode.identity import EpisodeId
from premotor.evaluate.agreeing.kept_features import chosen_transitions, keep, pixels
from premotor.experiments.comparison.setting import Setting
from premotor.folders import SplitFolder
from premotor.records import write_atomically, write_json
from premotor.represent import open_dataset
from premotor.store.layout import EpisodeInfo


def keep_shared(setting: Setting) -> None:
    """Keep the clips of the judged episodes that are filmed, and the pixels of those kept.

    Raises:
        DataError: The data are damaged.
    """
    records, plan = setting.records, setting.plan
    with records.owned(math.inf):  # another process may be at it
        for split, path in ((plan.judged_split, records.pixels), ("train", records.fit_pixels)):
            if not path.is_file():
                keep(path, pixels(_open(setting, split), plan.feature_episodes))
        if not (records.clips / CLIPS).is_file():
            filmed = frozenset(e for slot in setting.filmed for e in slot.candidates)
            clips = _clips(setting, _open(setting, plan.judged_split), filmed)
            write_json(records.clips / CLIPS, clips)


def _open(setting: Setting, split: str) -> Dataset:
    plan = setting.plan
    config = plan.config(plan.baseline, plan.first_seed).mirror
    return open_dataset(setting.source, split, config, setting.progress)


def _clips(setting: Setting, dataset: Dataset, filmed: Collection[EpisodeId]) -> list[KeptClip]:
    """Every episode whose features are kept; with its video where its roll-out is filmed."""
    rows = chosen_transitions(dataset, setting.plan.feature_episodes)
    kept = [dataset.cache.episodes[int(i)] for i in dataset.episodes_of(rows)]
    others = [info for info in dataset.cache.episodes if info.episode in filmed]
    infos = {info.index: info for info in (*kept, *others)}
    return [
        KeptClip(
            **vars(info.episode),
            episode_index=info.index,
            instruction=info.instructions[0],
            video=_video(setting, info) if info.episode in filmed else "",
        )
        for info in infos.values()
    ]


def _video(setting: Setting, info: EpisodeInfo) -> str:
    folder = SplitFolder(setting.data / setting.plan.judged_split)
    name = f"{info.task}_{info.variation}_{info.seed}.mp4"
    write_atomically(setting.records.clips / name, folder.video(info.index).read_bytes())
    return name
