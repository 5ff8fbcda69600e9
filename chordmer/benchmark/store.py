"""What each training came to, kept in a file of its own: an interrupted benchmark goes on there."""

from __future__ import annotations

import hashlib
import json
import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chordmer.benchmark.contenders import Contender
from chordmer.benchmark.machine import Peak
from chordmer.errors import ChordmerError, printable
from chordmer.evaluate import Fold, FoldResult
from chordmer.recognizer import EmotionRecognizer
from chordmer.recognizer.feature_cache import source_key
from chordmer.track import Track

__all__ = ["Record", "Store", "code_version", "data_version", "settings_of"]

_ROOT = Path(__file__).parents[1]
#: What shows results, or makes tracks, and so cannot change a result; the tracks count themselves.
_NO_MATTER = ("benchmark", "datasets", "cli*.py", "plot", "web.py")
#: No result of a fold comes near.
_MOST_BYTES = 1 << 28


@dataclass(frozen=True)
class Record:
    """One training and its test.

    Attributes
    ----------
    contender : Contender
    seed, number : int
        Number of the fold under this seed.
    result : FoldResult or None
        None where something went wrong.
    error : str
        What, in words; else empty.
    peak : Peak
        Memory of training and test.
    machine : str
        The hardware.
    """

    contender: Contender
    seed: int
    number: int
    result: FoldResult | None = None
    error: str = ""
    peak: Peak = field(default_factory=Peak)
    machine: str = ""

    @property
    def seconds(self) -> float:
        """Of training and test."""
        return self.result.fit_seconds + self.result.predict_seconds if self.result else 0.0


class Store:
    """A folder of results by the settings that they were made with.

    Parameters
    ----------
    folder : Path
        Made when there is something to keep.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(
        self, settings: Mapping[str, Any], contender: Contender, fold: Fold, n_classes: int
    ) -> Record | None:
        """Return the result that was made with just these settings, or None.

        A damaged file, and one that does not fit the fold, count as missing.
        """
        file = self._file(settings)
        try:
            if file.stat().st_size > _MOST_BYTES:
                return None
            kept = json.loads(file.read_bytes())
            result = FoldResult.from_dict(kept["result"])
            record = Record(
                contender,
                settings["seed"],
                settings["fold"],
                result,
                peak=Peak(**kept["peak"]),
                machine=printable(kept["machine"]),
            )
            fits = (
                kept["settings"] == settings
                and np.array_equal(result.fold.train, fold.train)
                and np.array_equal(result.fold.test, fold.test)
                and result.predictions.shape == fold.test.shape
                and (
                    result.probabilities is None
                    or result.probabilities.shape == (len(fold.test), n_classes)
                )
                and math.isfinite(record.seconds + sum(v or 0 for v in vars(record.peak).values()))
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        return record if fits else None

    def keep(self, settings: Mapping[str, Any], record: Record) -> None:
        """Write a result down, all of it or nothing.

        Raises
        ------
        ChordmerError
            If the folder cannot be written to.
        """
        assert record.result is not None
        page = {
            "settings": settings,
            "peak": asdict(record.peak),
            "machine": record.machine,
            "result": record.result.to_dict(),
        }
        file = self._file(settings)
        draft = file.with_name(f".{secrets.token_hex(8)}")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                draft.write_text(json.dumps(page, indent=1), encoding="utf-8")
                draft.replace(file)
            finally:
                draft.unlink(missing_ok=True)
        except OSError as error:
            raise ChordmerError(
                f"results cannot be kept there: {error.strerror}", source=self.folder, stage="keep"
            ) from error

    def _file(self, settings: Mapping[str, Any]) -> Path:
        text = json.dumps(settings, sort_keys=True)
        key = hashlib.sha256(text.encode("utf-8")).hexdigest()[:24]
        return self.folder / f"{settings['model']}-{settings['seed']}-{settings['fold']}-{key}.json"


def settings_of(model: EmotionRecognizer) -> dict[str, str]:
    """Return every parameter of a recogniser, and of what it is made of, as text."""
    parameters = model.get_params(deep=True)
    passed = ("extractors", "cache", "verbose")
    return {
        name: type(value).__name__ if hasattr(value, "get_params") else repr(value)
        for name, value in sorted(parameters.items())
        if name not in passed
    }


def data_version(tracks: Sequence[Track], y: NDArray[Any]) -> str:
    """Return the SHA-256 of tracks: their names, groups, labels and what their sources hold."""
    digest = hashlib.sha256()
    for track, label in zip(tracks, y.tolist()):
        digest.update(repr((track.id, track.group, label)).encode("utf-8", "surrogatepass"))
        for modality in ("symbolic", "audio", "lyrics"):
            source = track.source(modality)
            digest.update(b"-" if source is None else source_key(source))
    return digest.hexdigest()


@cache
def code_version() -> str:
    """Return the SHA-256 of all of chordmer's code that a result depends on."""
    digest = hashlib.sha256()
    for file in sorted(_ROOT.rglob("*.py")):
        inside = file.relative_to(_ROOT)
        if not any(Path(inside.parts[0]).match(pattern) for pattern in _NO_MATTER):
            digest.update(f"{inside.as_posix()}\n".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()
