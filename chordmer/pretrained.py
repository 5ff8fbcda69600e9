"""The bundled model at work: one piece in, an `Emotion` out, with numpy alone."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chordmer.emotion import QUADRANTS, Curve, Emotion, valence_arousal
from chordmer.errors import ChordmerError, MissingModalityError, ModelError
from chordmer.features.describe import DESCRIPTOR_NAMES, describe_symbolic, describe_windows
from chordmer.folder import load_folder
from chordmer.io import read_symbolic
from chordmer.models import inference
from chordmer.notes import Symbolic
from chordmer.track import as_track

__all__ = ["BUNDLED", "SymbolicEmotionModel", "doubts", "load_pretrained", "predict"]

#: Fewer notes than this are hardly a phrase.
_FEW = 16
#: Two quadrants closer than this are as good as equal.
_TIE = 0.1
#: The folder of the model that chordmer carries.
BUNDLED = Path(__file__).parent / "weights" / "symbolic"


@dataclass(frozen=True, eq=False)
class SymbolicEmotionModel:
    """A model read from its folder.

    Attributes
    ----------
    name : str
        Name and version, as answers quote it.
    arrays : dict of str to ndarray
        Its parameters.
    columns : ndarray of int, shape (d,)
        Which of chordmer's symbolic descriptors it listens to.
    far : float
        Novelty above which a piece is unlike the training pieces.
    """

    name: str
    arrays: dict[str, NDArray[Any]]
    columns: NDArray[np.intp]
    far: float

    def probabilities(self, descriptors: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Return the probabilities of Q1 to Q4, shape (n, 4), for descriptors of shape (n, d)."""
        return inference.predict_proba(self.arrays, descriptors[:, self.columns])

    def novelty(self, descriptors: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Return how far each row of descriptors lies from the training pieces, shape (n,)."""
        return inference.novelty(self.arrays, descriptors[:, self.columns])


@lru_cache(maxsize=4)
def load_pretrained(folder: str | Path = BUNDLED) -> SymbolicEmotionModel:
    """Read a model folder: safetensors and JSON, each checked against its hash first.

    Parameters
    ----------
    folder : path, optional
        By default the model that chordmer carries.

    Raises
    ------
    ModelError
        If the folder is damaged, or speaks of descriptors that this version does not compute.
    """
    manifest, arrays = load_folder(
        Path(folder), kind="SymbolicEmotionModel", expected=inference.ARRAYS
    )
    place = {name: i for i, name in enumerate(DESCRIPTOR_NAMES)}
    try:
        parameters = manifest["parameters"]
        name, far = str(parameters["name"]), float(parameters["novelty_threshold"])
        descriptors = [str(descriptor) for descriptor in parameters["descriptors"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"odd parameters: {error}", source=folder, stage="manifest") from error
    unknown = [descriptor for descriptor in descriptors if descriptor not in place]
    if unknown:
        raise ModelError(
            "the model needs descriptors that this version of chordmer does not compute",
            source=folder,
            stage="manifest",
            value=unknown[0],
        )
    inference.check_arrays(arrays, len(descriptors), source=folder)
    columns = np.array([place[descriptor] for descriptor in descriptors], dtype=np.intp)
    return SymbolicEmotionModel(name, arrays, columns, far)


def predict(
    source: Any,
    *,
    model: SymbolicEmotionModel | None = None,
    window: float = 15.0,
    hop: float = 5.0,
    pedal: bool = False,
) -> Emotion:
    """Recognise the emotion a piece of symbolic music expresses.

    Parameters
    ----------
    source : path, bytes, Track, Symbolic, note array, PrettyMIDI, symusic Score or music21 stream
        The piece.
    model : SymbolicEmotionModel, optional
        By default the one chordmer carries.
    window, hop : float, default 15 and 5
        Length of the windows of the course over time, and the step between them, in seconds. A
        window holds a phrase or two: much shorter ones hold too few notes for harmony to show. The
        step grows where there would be more than 1,000 windows.
    pedal : bool, default False
        Whether the sustain pedal lengthens notes. The bundled model learned without it.

    Returns
    -------
    Emotion
        For the whole piece, with its course over time and what to know about it.

    Raises
    ------
    MissingModalityError
        If the piece has no notes, or only drums.
    ChordmerError
        If the file cannot be read.

    Examples
    --------
    >>> import chordmer
    >>> emotion = chordmer.predict(chordmer.example())
    >>> sorted(emotion.probabilities)
    ['Q1', 'Q2', 'Q3', 'Q4']
    """
    if not (window > 0 and hop > 0):
        raise ChordmerError("window and hop must be positive seconds", value=(window, hop))
    model = load_pretrained() if model is None else model
    track = as_track(source)
    if track.symbolic is None:
        raise MissingModalityError(
            "the bundled model listens to notes: give a MIDI file or a score",
            source=track.id,
            stage="prediction",
        )
    piece = read_symbolic(track.symbolic, pedal=pedal)
    if len(piece.pitched) == 0:
        named = isinstance(track.symbolic, (str, os.PathLike))
        raise MissingModalityError(
            "there are no pitched notes to listen to",
            source=track.symbolic if named else piece.source,
            stage="prediction",
        )
    descriptors = describe_symbolic(piece)[None, :]
    probabilities = model.probabilities(descriptors)[0]
    valence, arousal = valence_arousal(probabilities)
    return Emotion(
        source=piece.source,
        probabilities=dict(zip(QUADRANTS, probabilities.tolist())),
        valence=float(valence),
        arousal=float(arousal),
        curve=_course(model, piece, window, hop),
        modalities=("symbolic",),
        model=model.name,
        warnings=(
            *piece.report.warnings,
            *doubts(model, descriptors, len(piece.pitched)),
            *_tie(probabilities),
        ),
        piece=track,
    )


def _course(model: SymbolicEmotionModel, piece: Symbolic, window: float, hop: float) -> Curve:
    frames = describe_windows(piece, window=window, hop=hop)
    probabilities = model.probabilities(frames.values)
    plane = valence_arousal(probabilities)
    ends = np.minimum(frames.times + window, piece.duration)
    return Curve(frames.times, ends, probabilities, plane[:, 0], plane[:, 1])


def doubts(
    model: SymbolicEmotionModel, descriptors: NDArray[np.floating[Any]], n_notes: int
) -> tuple[str, ...]:
    """Return, in sentences, what speaks against an answer from descriptors of shape (1, d)."""
    found = []
    distance = float(model.novelty(descriptors)[0])
    if distance > model.far:
        found.append(
            f"far from what the model was trained on (novelty {distance:.1f}, "
            f"99 % of its training pieces lie below {model.far:.1f}): take the answer with care"
        )
    if n_notes < _FEW:
        found.append(f"only {n_notes} notes: too few to say much")
    return tuple(found)


def _tie(probabilities: NDArray[np.float64]) -> list[str]:
    names = list(QUADRANTS)
    second, first = np.argsort(probabilities, kind="stable")[-2:]
    if probabilities[first] - probabilities[second] >= _TIE:
        return []
    return [
        f"{names[first]} is hardly likelier than {names[second]} for the piece as a whole: "
        "its course says more"
    ]
