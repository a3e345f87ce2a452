"""L_u: a clip and the words for it, against other words.

By name: `contrastive` knows the clips and words of the batch, `class_table` every class of the
data, and so neither false negatives nor a batch size (decisions D26); `both` is their mean.

b: batch  c: text classes  o: embedding
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from premotor.backbones import contrast
from premotor.backbones.contrast import Temperature, unit
from premotor.errors import ConfigError
from premotor.understand.config import Loss, UnderstandConfig
from premotor.understand.recognizer import UnderstandOutput

Scalar = Float[Tensor, ""]


def understand_loss(
    output: UnderstandOutput, text_id: Int[Tensor, " b"], config: UnderstandConfig
) -> Scalar:
    """L_u of a batch [nat], by the loss that the configuration names; `text_id`: `Observed`'s.

    Raises:
        ConfigError: The loss needs the captions of all classes, which the batch does not carry.
    """
    return LOSSES[config.loss](output, text_id, config.temperature)


def _contrastive(
    output: UnderstandOutput, text_id: Int[Tensor, " b"], temperature: float
) -> Scalar:
    """Rows with one text class are each other's partners."""
    return video_text_loss_shared(output.video, output.text, text_id, temperature)


def _class_table(
    output: UnderstandOutput, text_id: Int[Tensor, " b"], temperature: float
) -> Scalar:
    if output.classes is None:
        raise ConfigError(
            "understand.loss class_table or both needs a caption of every class in each batch; "
            "this one has none; open the data set with Format(class_captions=True)"
        )
    return class_table_loss(output.video, output.classes, text_id, temperature)


def _both(output: UnderstandOutput, text_id: Int[Tensor, " b"], temperature: float) -> Scalar:
    """The mean, so that L_u keeps its size beside the other terms."""
    table = _class_table(output, text_id, temperature)
    return (_contrastive(output, text_id, temperature) + table) / 2


LOSSES: dict[Loss, Callable[[UnderstandOutput, Int[Tensor, " b"], float], Scalar]] = {
    "contrastive": _contrastive,
    "class_table": _class_table,
    "both": _both,
}


def class_table_loss(
    video: Float[Tensor, "b o"],
    classes: Float[Tensor, "c o"],
    text_id: Int[Tensor, " b"],
    temperature: Temperature,
) -> Scalar:
    """Cross entropy of naming each clip among all classes; rows need not be normalized.

    L = -(1/b) sum_i log softmax_c(cos(video_i, class_c) / tau) at c = text_id_i

    A row's share does not depend on the other rows, so under several ranks the mean over ranks is
    the loss of the whole batch without gathering.

    Returns:
        Mean loss [nat]; log(c) at chance.
    """
    with torch.autocast(video.device.type, enabled=False):  # bf16 resolves no cosine / 0.05
        return F.cross_entropy(unit(video) @ unit(classes).T / temperature, text_id)


def video_text_loss(
    video: Float[Tensor, "b o"], text: Float[Tensor, "b o"], temperature: Temperature
) -> Float[Tensor, ""]:
    """Bidirectional InfoNCE of cosines (ViCLIP); rows need not be normalized.

    Two clips with the same words are pushed apart: use it where no text occurs twice.

    Returns:
        Mean loss [nat]; log(b) at chance.
    """
    return contrast.info_nce(unit(video), unit(text), temperature)


def video_text_loss_shared(
    video: Float[Tensor, "b o"],
    text: Float[Tensor, "b o"],
    text_id: Int[Tensor, " b"],
    temperature: Temperature,
) -> Float[Tensor, ""]:
    """The same, where clips with the same text class share their partners (decisions D26).

    Returns:
        Mean loss [nat]; its floor is the entropy of the shared targets, 0 without duplicates.
    """
    return contrast.info_nce_shared(unit(video), unit(text), text_id, temperature)
