"""L_u: a clip and the words for it, against the other clips and words of the batch."""

from jaxtyping import Float, Int
from torch import Tensor

from premotor.backbones import contrast
from premotor.backbones.contrast import Temperature, unit
from premotor.batch import Observed
from premotor.understand.config import UnderstandConfig
from premotor.understand.recognizer import UnderstandOutput


def understand_loss(
    output: UnderstandOutput, observed: Observed, config: UnderstandConfig
) -> Float[Tensor, ""]:
    """L_u of a batch [nat]; rows with one text class are each other's partners."""
    return video_text_loss_shared(output.video, output.text, observed.text_id, config.temperature)


def video_text_loss(
    video: Float[Tensor, "b o"], text: Float[Tensor, "b o"], temperature: Temperature
) -> Float[Tensor, ""]:
    """Bidirectional InfoNCE of cosines (recognition.md b.1); rows need not be normalized.

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
    """The same, where clips with the same text class share their partners (recognition.md b.3).

    Returns:
        Mean loss [nat]; its floor is the entropy of the shared targets, 0 without duplicates.
    """
    return contrast.info_nce_shared(unit(video), unit(text), text_id, temperature)
