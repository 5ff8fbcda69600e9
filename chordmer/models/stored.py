"""How a fitted model goes to a folder and comes back: by its parts, a manifest and arrays."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Self

from numpy.typing import NDArray

from chordmer.folder import load_folder, save_folder

__all__ = ["Parts", "Stored"]

#: What a model folder needs of an estimator: a manifest for JSON, and arrays by name.
Parts = tuple[dict[str, Any], dict[str, NDArray[Any]]]


class Stored:
    """Gives `save` and `load` to an estimator that has `to_parts` and `from_parts`."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted model to a folder of safetensors and JSON.

        Raises
        ------
        ModelError
            If `path` is taken by something that is not a model, or a part of this one is not of
            chordmer's own classes, which alone can be written.
        """
        save_folder(path, *self.to_parts())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a model that `save` wrote; nothing in the folder is run.

        Raises
        ------
        ModelError
            If the folder is damaged or holds something else.
        """
        return cls.from_parts(*load_folder(path, kind=cls.__name__), source=path)

    def to_parts(self) -> Parts:
        """Return what a folder needs: a manifest for JSON, and arrays."""
        raise NotImplementedError

    @classmethod
    def from_parts(
        cls, manifest: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], *, source: object
    ) -> Self:
        """Return the model that `to_parts` described; `source` is the folder that errors name.

        Raises
        ------
        ModelError
            If the parameters are impossible, or the parts do not fit together.
        """
        raise NotImplementedError
