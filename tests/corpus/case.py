"""A hostile input: how it is made, what is done with it, and what has to be said."""

import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import make


@dataclass(frozen=True)
class Lab:
    """A place to break things in: copies of sound ones, made when they are asked for.

    Attributes:
        folder: Everything lies in it.
        sound: A data set of made-up demonstrations (6 to train on, 4 for `val`); a copy is broken.
    """

    folder: Path
    sound: Path

    @cached_property
    def data(self) -> Path:
        """A data set that may be damaged."""
        return Path(shutil.copytree(self.sound, self.folder / "data"))

    @cached_property
    def run(self) -> Path:
        """A run of preset nano with weights of step 0 and 4, its config and manifest."""
        return make.checkpoints(self.folder / "run", steps=(0, 4))

    @property
    def payload(self) -> Path:
        """A file that only foreign code would write."""
        return self.folder / "executed"


@dataclass(frozen=True)
class Case:
    """One row of the corpus.

    Attributes:
        name: What is wrong, in a few words.
        line: Makes it so, and gives the command line that meets it; {data}, {run} and {folder} in
            it are those of the lab.
        words: Pattern that the error's message must match: what came, and what to do.
    """

    name: str
    line: Callable[[Lab], str]
    words: str

    def arguments(self, lab: Lab) -> list[str]:
        """The command line."""
        text = self.line(lab)
        places = {"folder": lab.folder}
        places |= {"data": lab.data} if "{data}" in text else {}
        places |= {"run": lab.run} if "{run}" in text else {}
        return shlex.split(text.format(**places))
