"""Stored features as a torch Dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch.utils.data import Dataset

from chordmer.store.mapped import MappedArrays

__all__ = ["StoredFeatures"]


class StoredFeatures(Dataset[torch.Tensor]):
    """The values of a feature, one float32 tensor a file, mapped into memory.

    Made by `Store.torch_dataset`. It pickles as the name of a folder, so that each worker of a
    DataLoader maps the file itself. Sequences of different lengths need a ``collate_fn``.

    Parameters
    ----------
    folder : Path

    Attributes
    ----------
    ids : list of str
        Ids of the files, sorted.

    Raises
    ------
    StoreError
        If the folder is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._arrays = MappedArrays(folder)
        self.ids = self._arrays.ids

    def __len__(self) -> int:
        return len(self._arrays)

    def __getitem__(self, number: int) -> torch.Tensor:
        """Return the values of one file; raises StoreError if they are damaged."""
        return torch.from_numpy(self._arrays[number])

    def __reduce__(self) -> tuple[Any, ...]:
        return StoredFeatures, (self._folder,)
