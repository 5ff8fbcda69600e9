"""A catalogue heard from its store: the emotion of every piece, what is alike, and ways through it.

No media file is opened here: `chordmer.extract` has heard them all, and the rest is arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chordmer.emotion import QUADRANTS, valence_arousal
from chordmer.errors import ChordmerError
from chordmer.extraction.plan import FRAMES, feature_of
from chordmer.features.describe import DESCRIPTOR_NAMES
from chordmer.features.symbolic import SymbolicDescriptors
from chordmer.neighbours import Neighbours
from chordmer.pretrained import SymbolicEmotionModel, load_pretrained
from chordmer.recognizer import FEATURES, EmotionRecognizer
from chordmer.recognizer.answers import placed
from chordmer.store import Store
from chordmer.track import as_track

__all__ = ["Catalogue", "alike", "label", "near", "path"]

#: Rows of a store that are judged at once.
_BATCH = 4096


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Pieces, and what they express.

    Attributes
    ----------
    ids : list of str, length n
        As in the store.
    probabilities : ndarray of float64, shape (n, 4)
        Of Q1 to Q4.
    plane : ndarray of float64, shape (n, 2)
        Valence and arousal, in [-1, 1].
    """

    ids: list[str]
    probabilities: NDArray[np.float64]
    plane: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def quadrants(self) -> list[str]:
        """The likeliest quadrant of each piece."""
        names = list(QUADRANTS)
        return [names[i] for i in self.probabilities.argmax(axis=1)]


def label(store: Store, model: SymbolicEmotionModel | EmotionRecognizer | None = None) -> Catalogue:
    """Return what every piece of a store expresses.

    Parameters
    ----------
    store : Store
        With the features that the model listens to, extracted by this version of chordmer.
    model : SymbolicEmotionModel or EmotionRecognizer, optional
        Fitted, with a target that has a place on the valence-arousal plane. By default the model
        that chordmer carries, which listens to the feature ``"symbolic"``.

    Returns
    -------
    Catalogue
        Sorted by id; pieces of which the store holds nothing that the model listens to are left
        out.

    Raises
    ------
    ChordmerError
        If the store lacks a feature of the model, or has it from another extractor, other
        parameters or other code: what the model learned from is then not what is there.
    """
    if isinstance(model, EmotionRecognizer):
        return _label_by_recognizer(store, model)
    _check(store, "symbolic", SymbolicDescriptors())
    ids, X = store.matrix("symbolic")
    _check_width(store, X)
    judge = load_pretrained() if model is None else model
    parts = [judge.probabilities(X[i : i + _BATCH]) for i in range(0, len(X), _BATCH)]
    probabilities = np.concatenate(parts) if parts else np.zeros((0, 4))
    return Catalogue(ids, probabilities, valence_arousal(probabilities))


def _check_width(store: Store, X: NDArray[np.float32]) -> None:
    if len(X) and X.shape[1] != len(DESCRIPTOR_NAMES):
        raise ChordmerError(
            f"symbolic descriptors must be {len(DESCRIPTOR_NAMES)} a piece",
            source=store.folder,
            stage="label",
            value=X.shape[1],
        )


def _label_by_recognizer(store: Store, model: EmotionRecognizer) -> Catalogue:
    heard: dict[str, dict[str, NDArray[np.float32]]] = {}
    for name, extractor in model.hearing_.extractors:
        stored = name if name in model.hearing_.vectors else name + FRAMES
        _check(store, stored, extractor)
        for row in store.rows(stored):
            if row.error is None and len(row.values):
                heard.setdefault(row.id, {})[name] = row.values
    ids = sorted(heard)
    quadrants, plane = [np.zeros((0, 4))], [np.zeros((0, 2))]
    for start in range(0, len(ids), _BATCH):
        answers = model._judge([heard.pop(id_) for id_ in ids[start : start + _BATCH]])
        some, places = placed(model, answers)
        quadrants.append(some)
        plane.append(places)
    return Catalogue(ids, np.concatenate(quadrants), np.concatenate(plane))


def _check(store: Store, name: str, extractor: Any) -> None:
    """Raise unless the store holds a feature just as `extractor` hears it."""
    wanted = feature_of(name, extractor).recipe
    found = store.features.get(name)
    if found is None:
        raise ChordmerError(
            f"the store has no feature {name!r}; get it with: chordmer extract MUSIC -o "
            f"{store.folder} --features {name}",
            source=store.folder,
            stage="catalogue",
            value=", ".join(store.features) or "nothing",
        )
    if found != wanted:
        parts = ("extractor", "parameters", "version")
        differs = next(part for part in parts if getattr(found, part) != getattr(wanted, part))
        raise ChordmerError(
            f"the feature {name!r} was extracted with another {differs}; extract it again",
            source=store.folder,
            stage="catalogue",
            value=getattr(found, differs),
        )


def near(
    catalogue: Catalogue, valence: float, arousal: float, n: int = 10
) -> list[tuple[str, float]]:
    """Return the pieces nearest to a point of the plane, with their distances.

    Parameters
    ----------
    catalogue : Catalogue
    valence, arousal : float
        In [-1, 1].
    n : int, default 10

    Returns
    -------
    list of (str, float)
        Nearest first; the earlier id where distances are equal.
    """
    distances = np.hypot(*(catalogue.plane - (valence, arousal)).T)
    order = np.argsort(distances, kind="stable")[:n]
    return [(catalogue.ids[i], float(distances[i])) for i in order]


def path(
    catalogue: Catalogue, start: tuple[float, float], end: tuple[float, float], n: int = 12
) -> list[str]:
    """Return pieces that lead from one point of the plane to another.

    The straight way is cut into `n` equal steps, and the pieces are chosen so that the sum of their
    squared distances to the steps is least, none twice: an assignment problem, solved exactly over
    the pieces that are among the `n` nearest to any step (no other could be better).

    Parameters
    ----------
    catalogue : Catalogue
    start, end : (float, float)
        Valence and arousal, in [-1, 1].
    n : int, default 12
        Pieces; all there are, if there are fewer.

    Returns
    -------
    list of str
        Ids, in the order of the way.
    """
    from scipy.optimize import linear_sum_assignment

    n = min(n, len(catalogue))
    if n == 0:
        return []
    steps = np.linspace(start, end, n)
    squared = ((steps[:, None] - catalogue.plane[None]) ** 2).sum(axis=2)
    candidates = np.unique(np.argsort(squared, axis=1, kind="stable")[:, :n])
    _, chosen = linear_sum_assignment(squared[:, candidates])
    return [catalogue.ids[candidates[i]] for i in chosen]


def alike(
    store: Store, like: Any, feature: str | None = None, n: int = 10
) -> list[tuple[str, float]]:
    """Return the pieces of a store that are most like one, with their distances.

    Parameters
    ----------
    store : Store
    like : str, path or Track
        The id of a piece of the store, which is then not among the answers; or another piece.
    feature : str, optional
        A feature of the store that holds vectors. By default descriptors of what `like` is: its
        notes where it has them, or its sound.
    n : int, default 10

    Returns
    -------
    list of (str, float)
        Nearest first. The distance is Euclidean, each number of the vectors being measured in its
        standard deviations over the store, and divided by the root of their number: about 1.4 for
        two pieces taken at random. All pieces are compared; for many questions to a large store
        see `chordmer.neighbours`.

    Raises
    ------
    ChordmerError
        If the store lacks the feature, or has it from other code, or `like` cannot be heard.
    """
    known = store.known(like) if isinstance(like, str) else {}
    chosen = feature or _feature_for(known, like)
    if chosen not in store.features:
        raise ChordmerError(
            f"the store has no feature {chosen!r}",
            source=store.folder,
            stage="search",
            value=", ".join(store.features) or "nothing",
        )
    ids, X = store.matrix(chosen)
    if known and like in ids:
        rows, distances = Neighbours(X, index=False).nearest(X[ids.index(like)], n + 1)
        found = [(ids[i], float(d)) for i, d in zip(rows, distances) if ids[i] != like]
        return found[:n]
    if chosen not in FEATURES or chosen == "chord2vec":
        raise ChordmerError(
            f"{chosen!r} was learned from the catalogue: give the id of one of its pieces",
            source=store.folder,
            stage="search",
            value=like,
        )
    extractor = FEATURES[chosen]()
    _check(store, chosen, extractor)
    vector = np.asarray(extractor.fit([]).transform([as_track(like)]), dtype=np.float32)[0]
    rows, distances = Neighbours(X, index=False).nearest(vector, n)
    return [(ids[i], float(d)) for i, d in zip(rows, distances)]


def _feature_for(known: Mapping[str, Any], like: Any) -> str:
    """Return what pieces are compared by: notes where there are any, or else sound."""
    for name in ("symbolic", "descriptors"):
        if name in known:
            return name
    return "symbolic" if as_track(like).symbolic is not None else "descriptors"
