"""What an ablation changes, one thing at a time: fields of a configuration, by their names."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from premotor.codec import restore
from premotor.errors import ConfigError, DataError, UnknownName
from premotor.mirror import MirrorConfig
from premotor.paths import check_name
from premotor.train.config import TrainConfig

# Fields that the policy decodes with and no weight depends on.
DECODING = (
    "mirror.execute.heatmap.mean_window",
    "mirror.execute.heatmap.coarse_weight",
    "mirror.execute.tokens.mean_window",
)
_HALVES = tuple(part.name for part in fields(MirrorConfig))  # typed without "mirror."


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One change of the preset."""

    name: str
    change: str  # in words
    values: Mapping[str, Any] = field(hash=False)
    """Of fields, by their dotted names, as {"mirror.execute.stages": 1}."""

    def apply(self, config: TrainConfig) -> TrainConfig:
        """The same training with these values.

        Raises:
            UnknownName: There is no field of a name.
            ConfigError: A value cannot be that field's.
        """
        plain = asdict(config)
        for name, value in self.values.items():
            _put(plain, name, value)
        try:
            return restore(TrainConfig, plain, f"variant {self.name}")
        except DataError as error:
            raise ConfigError(str(error)) from error

    @property
    def decodes_only(self) -> bool:
        """Whether it learns as the baseline does, weight for weight, and differs as it acts."""
        return bool(self.values) and all(name in DECODING for name in self.values)


_CHANGE = re.compile(r"[^=]+=.+")


def _put(plain: dict[str, Any], name: str, value: Any) -> None:
    """Set a field of a configuration that is given as plain values."""
    *above, last = name.split(".")
    part: Any = plain
    for place, key in enumerate((*above, last)):
        if not isinstance(part, dict) or key not in part:
            whose = f"field of {'.'.join(above[:place]) or 'a training'}"
            raise UnknownName.of(whose, key, part if isinstance(part, dict) else ())
        if place == len(above):
            part[key] = value
        part = part[key]


def parse_variant(text: str) -> Variant:
    """A variant as it is typed: "name: field=value field=value".

    Fields have the names that `premotor train` gives them; a value is JSON, or a text.

    Raises:
        ConfigError: The text has another form.
    """
    name, _, rest = text.partition(":")
    changes = rest.split()
    if not changes or not all(map(_CHANGE.fullmatch, changes)):
        raise ConfigError(
            f'a variant is typed as "name: field=value ...", got {text!r}; as '
            '"careful: optimizer.learning_rate=1e-3 seed=1"'
        )
    check_name(name, "name of a variant")  # its folder is named by it
    return Variant(name=name, change=", ".join(changes), values=_values(changes))


def with_common(baseline: Variant, changes: Sequence[str]) -> Variant:
    """A baseline that begins with fields typed as "field=value", in its words and values.

    Raises:
        ConfigError: One has another form.
    """
    if not changes:
        return baseline
    for change in changes:
        if not _CHANGE.fullmatch(change):
            raise ConfigError(
                f'a field of all trainings is typed as "field=value", got {change!r}; as '
                "pairing.batch_size=32"
            )
    return replace(
        baseline,
        change=f"{baseline.change}, with {', '.join(changes)}, as all have it",
        values={**baseline.values, **_values(changes)},
    )


def _values(changes: Iterable[str]) -> dict[str, Any]:
    pairs = (change.split("=", 1) for change in changes)
    return {full_name(key): _value(value) for key, value in pairs}


def full_name(name: str) -> str:
    """The name of a field, with what the command line leaves out of it; - stands for _ there."""
    name = name.replace("-", "_")
    return f"mirror.{name}" if name.split(".")[0] in _HALVES else name


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


# Learning rates of the other optimizers: 1e-2 is what LAMB learned with before (decisions D42);
# the capped one lies between AdamW's and 5e-3, as the cap only ever shrinks a step. None was swept.
_CAPPED = {"optimizer.name": "lamb_capped", "optimizer.learning_rate": 3e-3}

BASELINE = Variant(name="full", change="the preset as it is", values={})
VARIANTS = {
    variant.name: variant
    for variant in (
        BASELINE,
        Variant(
            name="without_zoom",
            change="one stage: all is read from the whole scene",
            values={"mirror.execute.stages": 1},
        ),
        Variant(
            name="without_muon",
            change="AdamW moves the matrices too",
            values={"optimizer.name": "adamw"},
        ),
        Variant(
            name="without_table",
            change="words matched with pixels by a network of all their channels",
            values={"mirror.execute.words.match_by": "pixels"},
        ),
        Variant(
            name="without_patches",
            change="the action head is told the coarse map's feature at the point alone",
            values={"mirror.execute.tokens.patch": 0},
        ),
        Variant(
            name="last_stage_decides",
            change="the zoomed stage alone says where",
            values={"mirror.execute.heatmap.coarse_weight": 0.0},
        ),
        Variant(
            name="without_decay",
            change="the matrices that Muon moves decay as little as the rest",
            values={"optimizer.matrix_weight_decay": 1e-4},
        ),
        Variant(
            name="without_qk_norm",
            change="queries and keys as the matrices make them",
            values={
                "mirror.execute.trunk.qk_norm": False,
                "mirror.execute.tokens.qk_norm": False,
            },
        ),
        Variant(
            name="without_count",
            change="nobody tells how many key poses were done",
            values={"mirror.execute.count_to": 0},
        ),
        Variant(
            name="without_approaches",
            change="rows that have to find their place are drawn as often as the rest",
            values={"pairing.approaches": 1.0},
        ),
        Variant(
            name="answers_as_shown",
            change="of several right key poses the one that was shown",
            values={"pairing.answers": "recorded"},
        ),
        Variant(
            name="chunk_1",
            change="gripper and collision one after the other",
            values={"mirror.execute.tokens.chunk": 1},
        ),
        Variant(
            name="lamb",
            change="LAMB at 1e-2, eps 1e-6",
            values={
                "optimizer.name": "lamb",
                "optimizer.learning_rate": 1e-2,
                "optimizer.eps": 1e-6,
            },
        ),
        Variant(
            name="lamb_capped",
            change="norm-capped Adam (the released recipe's) at 3e-3",
            values=_CAPPED,
        ),
        Variant(
            name="released_init",
            change="norm-capped Adam at 3e-3 with AdaLN at exactly zero, which it can never leave",
            values={**_CAPPED, "mirror.execute.tokens.modulation_std": 0.0},
        ),
        Variant(
            name="without_augmentation",
            change="scenes neither moved, nor turned, nor colored; zoom and token noise stay",
            values={"augment.shift": 0.0, "augment.yaw": 0.0, "augment.color": 0.0},
        ),
        Variant(
            name="coarse_context",
            change="the zoom stage also sees the first stage's features",
            values={"mirror.execute.coarse_context": True},
        ),
        Variant(
            name="one_hot_rotation",
            change="rotation labels in one bin, decoded to its middle",
            values={
                "mirror.execute.tokens.label_sigma": 0.0,
                "mirror.execute.tokens.mean_window": 1,
            },
        ),
        Variant(
            name="wide_zoom",
            change="zoom by 2 instead of 4",
            values={"mirror.execute.views.zoom": 2.0},
        ),
    )
}
