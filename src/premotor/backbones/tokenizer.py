"""Words to CLIP's token ids."""

import html
import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Literal

import numpy as np
import torch
from instant_clip_tokenizer import Tokenizer as BytePairs  # type: ignore[attr-defined]
from jaxtyping import Int
from torch import Tensor

from premotor.errors import ConfigError, TextTooLong

START, END, PAD = 49406, 49407, 0
Cleaning = Literal["none", "viclip"]

# Words of table-top manipulation, for towers too small to carry all 49,408 ids.
WORDS = """
a above across after again ahead all along among an and another any are area arm around arrange as
aside at away azure back bank banknotes base basin before behind belongs below beneath beside
between bits black block blocks blue board both bottle bottom bowl box bring broom brush build bulb
bundle button buttons by cabinet can cap carefully carry cash casing center change chicken
chocolate circle clean clockwise close coffee color colored colors compartment container cover
crackers create cross crumbs cube cubes cup cupboard cups cutting cyan cylinder deep direction dirt
do done door down drag draw drawer drawers drop dustpan each edge empty end exactly face fall
fashion fetch final finally find fingertip fire firmly first fit fits five follow followed
following for four free from front fully get gets give go grab grasp grasping grate gray green
grill grip gripper groceries groove hand handle handles hang have hide high highest hit hold holder
hole in inside into is it item its jar jello just keep keeping lamp large last later lay leave left
let level lid lies lift light lime long lower lowermost lowest magenta make mark marked maroon mat
meat mess metal middle money moon more move moved mug mugs mustard navy near neck nest next not
notes now object odd of off olive on once one only onto open opened opens or orange order other
others out over pad pale pan part patch peg pegs pick piece pile pink place plane plate please
plinth pole position post pot press pressed pressing prism pull pulled pulling purple push pushed
pushing put quarter rack reach red region remaining remove rest rests right ring robot rod rods
roof rose rotate round row run safe screw seal second section seen sequence set shall shape shelf
shift shine short should shove shut side silver sits sitting six slab slide slides sliding slot
slowly small socket soil sorter sorting soup spam spoke spokes spot square stack stand stands star
start steak steel step stick stop store stow strawberry stroke sugar sweep switch table take tall
tan tap target teal than that the their them then there these they thing third this those thread
three through tidy tier tile till to together top topmost touch toward towards tower trail tray
tree triangular tumbler tuna turn twist two under until up uppermost upright use using valve
vertical video violet walls wants water way wheel where which while white wide wine with without
wooden work yank yellow you your zone
, . ' - 's 0 1 2 3 4 5 6 7 8 9 : ;
"""

_DELETED = re.compile(r"[,.'!?\"()*#:;~]")
_SPACED = re.compile(r"[-/]")
_SPACES = re.compile(r" {2,}")
_BLANKS = re.compile(r"\s+")


@cache
def _byte_pairs() -> BytePairs:
    return BytePairs()


def clean_caption(text: str) -> str:
    """ViCLIP's caption cleaning: lower case, no punctuation, hyphens and slashes as spaces."""
    text = _SPACED.sub(" ", _DELETED.sub("", text.lower())).replace("<person>", "person")
    return _SPACES.sub(" ", text).strip()


@cache
def token_ids(text: str) -> tuple[int, ...]:
    """Ids of a text of any length, without the special tokens."""
    plain = _BLANKS.sub(" ", html.unescape(html.unescape(text))).strip()
    return tuple(_byte_pairs().encode(plain))


def vocabulary_of(texts: Iterable[str]) -> tuple[int, ...]:
    """Ids that occur in the texts, and the special ones, ascending, for `TextConfig.vocabulary`."""
    return tuple(sorted({PAD, START, END}.union(*(token_ids(text) for text in texts))))


@cache
def small_vocabulary() -> tuple[int, ...]:
    """Ids of everyday table-top words, for `TextConfig.vocabulary` of the small presets."""
    return vocabulary_of(WORDS.split())


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text, in lower case and without punctuation."""
    return tuple(clean_caption(text).split())


class Tokenizer:
    """Texts to rows of `context` ids: start, words, end, padding; nothing is cut unasked."""

    def __init__(self, context: int, cleaning: Cleaning = "none") -> None:
        if context < 2:
            raise ConfigError(f"tokenizer: context must be >= 2, got {context}; CLIP has 77")
        self.context = context
        self.cleaning: Cleaning = cleaning

    def _words(self, text: str) -> tuple[int, ...]:
        return token_ids(clean_caption(text) if self.cleaning == "viclip" else text)

    def ids(self, text: str) -> tuple[int, ...]:
        """One text's row, unpadded.

        Raises:
            TextTooLong: The text does not fit into the context.
        """
        ids = (START, *self._words(text), END)
        if len(ids) > self.context:
            raise TextTooLong(
                f"{text!r} has {len(ids)} tokens, the context of the text tower {self.context}; "
                "shorten the sentence, or train a tower with a larger text.context"
            )
        return ids

    def cut_ids(self, text: str) -> tuple[int, ...]:
        """The same, but a text that is too long loses its last words, as CLIP cuts it."""
        return (START, *self._words(text)[: self.context - 2], END)

    def encode(self, texts: Sequence[str]) -> Int[Tensor, "b l"]:
        """Rows of ids, one per text, padded with 0.

        Raises:
            TextTooLong: A text does not fit into the context.
        """
        return self._padded([self.ids(text) for text in texts])

    def encode_cut(self, texts: Sequence[str]) -> Int[Tensor, "b l"]:
        """The same, but texts that are too long lose their last words."""
        return self._padded([self.cut_ids(text) for text in texts])

    def _padded(self, texts: Sequence[tuple[int, ...]]) -> Int[Tensor, "b l"]:
        rows = np.full((len(texts), self.context), PAD, dtype=np.int64)
        for row, ids in zip(rows, texts, strict=True):
            row[: len(ids)] = ids
        return torch.from_numpy(rows)
