"""`EmotionRecognizer`: tracks in, emotions out; scikit-learn's contract in between."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import ClassifierTags, RegressorTags, check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from chordmer.augment import Augmentation
from chordmer.calibration import held_out, temperature
from chordmer.emotion import Emotion
from chordmer.feature_cache import shared_cache
from chordmer.folder import load_folder, save_folder
from chordmer.heads import FUSIONS, log_scores, make_head, vector_names
from chordmer.hearing import Heard, Hearing, named_extractors, seed
from chordmer.models.inference import softmax
from chordmer.recipes import FEATURES, RECIPES
from chordmer.songs import groups_of, pool_songs
from chordmer.targets import Target
from chordmer.track import Track, as_track

__all__ = ["FEATURES", "EmotionRecognizer"]

#: Largest arrays of a saved recogniser: no recipe comes near.
_MOST_BYTES = 1 << 29


class EmotionRecognizer(BaseEstimator):
    """Recognise emotions in tracks: extractors, their fusion, and a classifier or regressor.

    Parameters
    ----------
    extractors : sequence of str, of extractors, or of (name, extractor), optional
        What listens. A str is a key of `FEATURES`. By default those of the recipe ``"default"``:
        notes, chords, sound and lyrics. A track may lack any of their sources, but not all; an
        extractor that has no source in any training track is left out.
    fusion : {"early", "late", "attention"}, default "early"
        How what they hear comes together. For classifiers of arrays: their vectors joined, where
        a missing one is the mean and a sign of its absence (`chordmer.models.join`), or a
        classifier a modality whose answers are combined (`chordmer.models.late_fusion`).
        ``"attention"`` is for estimators of sequences. Of these, one that has itself a parameter
        ``fusion`` is given this one; the others have their own way and want ``"early"``.
    classifier : estimator, optional
        A scikit-learn classifier (regressor, for dimensions), or an estimator of sequences from
        `chordmer.models`. By default a Broad Learning System with ``alpha=10``, and for
        ``"attention"`` a network with that fusion.
    target : str, sequence of str or mapping of str to str, default "quadrant"
        ``"quadrant"``: y is ``"Q1"`` to ``"Q4"``. Any other word is dimensions joined by ``_``,
        such as ``"valence_arousal"`` or ``"valence_arousal_dominance"``: y is a number for each,
        shape (n, dimensions). A sequence is the labels that y may hold; a mapping also says which
        quadrant each of them belongs to, so that `predict_emotion` can place it.
    vectors : sequence of str, optional
        Extractors of which an estimator of sequences gets the pooled vector in place of frames.
        By default those that it names itself in a parameter ``vectors``.
    scale : (float, float), default (-1, 1)
        The ends of the scale of dimensions in y, and so in `predict`.
    calibration : int, default 3
        Folds that are held out in turn, by the tracks' groups, to learn how far the answers can be
        trusted: the temperature of probabilities, the spread of dimensions. Each costs a training.
        0 does without, and then probabilities are the classifier's own.
    augmentation : chordmer.augment.Augmentation, optional
        Makes more tracks to learn from, of those that `fit` is given and no others. It is not
        saved with the model.
    random_state : int, RandomState or None, default None
        Seeds every part whose own ``random_state`` is None.
    cache : path, optional
        Folder in which features are kept from one process to the next. In memory they are kept in
        any case, up to 256 MiB, for all recognisers of a process.
    verbose : bool, default False
        Whether `fit` and the predictions say on standard error how far they are.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
        For labels: those in the training tracks, sorted.
    hearing_ : chordmer.hearing.Hearing
        The fitted extractors.
    head_ : estimator
        What was fitted to what they heard.
    temperature_ : float
        What the logarithms of probabilities are divided by.
    spread_ : ndarray, shape (n_dimensions,)
        For dimensions: root mean square error, on held-out folds if there were any.

    Examples
    --------
    >>> import chordmer
    >>> from chordmer.recognizer import EmotionRecognizer
    >>> tracks = [chordmer.example()] * 4
    >>> model = EmotionRecognizer(["symbolic"], random_state=0)
    >>> model.fit(tracks, ["Q1", "Q3", "Q1", "Q3"]).predict_proba(tracks).shape
    (4, 2)
    """

    def __init__(
        self,
        extractors: Sequence[Any] | None = None,
        *,
        fusion: str = "early",
        classifier: Any = None,
        target: str | Sequence[str] | Mapping[str, str] = "quadrant",
        vectors: Sequence[str] | None = None,
        scale: tuple[float, float] = (-1.0, 1.0),
        calibration: int = 3,
        augmentation: Augmentation | None = None,
        random_state: int | np.random.RandomState | None = None,
        cache: str | os.PathLike[str] | None = None,
        verbose: bool = False,
    ) -> None:
        self.extractors = extractors
        self.fusion = fusion
        self.classifier = classifier
        self.target = target
        self.vectors = vectors
        self.scale = scale
        self.calibration = calibration
        self.augmentation = augmentation
        self.random_state = random_state
        self.cache = cache
        self.verbose = verbose

    @classmethod
    def recipe(cls, name: str, **changes: Any) -> Self:
        """Return the recogniser of a named recipe, with `changes` to its parameters.

        Parameters
        ----------
        name : str
            One of `chordmer.recipes.RECIPES`.

        Raises
        ------
        ValueError
            If there is no such recipe, or it is not made for the target.
        """
        if name not in RECIPES:
            raise ValueError(f"no recipe is called {name!r}; there are {', '.join(RECIPES)}")
        regression = bool(Target.of(changes.get("target", "quadrant")).dimensions)
        return cls(**(RECIPES[name](regression) | changes))

    # --- learning --------------------------------------------------------------------------------

    def fit(self, X: Iterable[Any], y: Any) -> Self:
        """Learn from tracks.

        Parameters
        ----------
        X : iterable of Track, or of anything that stands for one
        y : array_like
            Labels, shape (n,), or numbers, shape (n, n_dimensions), as `target` says.

        Raises
        ------
        ValueError
            If a parameter or `y` is impossible.
        MissingModalityError
            If a track has no source that the extractors work on.
        ChordmerError
            If a source cannot be read.
        """
        tracks = [as_track(track) for track in X]
        target = self._check_parameters()
        y = target.check(y, len(tracks))
        random = check_random_state(self.random_state)
        taught, labels = tracks, y
        if self.augmentation is not None:
            taught, labels, _ = seed(self.augmentation, random).tracks(tracks, y)
        pairs = [(name, seed(e, random)) for name, e in self._named()]
        head = seed(make_head(self.classifier, self.fusion, target), random)
        vectors = vector_names(head, [name for name, _ in pairs], self.vectors)
        self.hearing_ = Hearing.fit(pairs, vectors, taught, labels)
        heard = self.hearing_.hear(taught, shared_cache(self.cache), verbose=self.verbose)
        if self.verbose:
            print(f"training on {len(taught)} tracks", file=sys.stderr)
        grouped = {"groups": groups_of(taught)} if has_fit_parameter(head, "groups") else {}
        self.head_ = head.fit(heard, labels, **grouped)
        self.temperature_ = 1.0
        if target.labels:
            self.classes_ = np.asarray(self.head_.classes_)
        self._calibrate(tracks, y, heard[: len(tracks)], target)
        return self

    def _check_parameters(self) -> Target:
        target = Target.of(self.target)
        if self.fusion not in FUSIONS:
            raise ValueError(f"fusion must be one of {FUSIONS}, not {self.fusion!r}")
        low, high = self.scale
        if not -np.inf < low < high < np.inf:
            raise ValueError(f"scale must be two ascending numbers, not {self.scale!r}")
        if isinstance(self.calibration, bool) or not 0 <= self.calibration <= 100:
            raise ValueError(f"calibration must lie between 0 and 100, not {self.calibration!r}")
        return target

    def _named(self) -> list[tuple[str, Any]]:
        default = RECIPES["default"](False)["extractors"]
        return named_extractors(default if self.extractors is None else self.extractors)

    def _calibrate(
        self, tracks: list[Track], y: NDArray[Any], heard: list[Heard], target: Target
    ) -> None:
        rows, answers = held_out(self, tracks, y)
        if target.dimensions:
            if not rows:
                rows, answers = list(range(len(tracks))), self._values(heard)
            self.spread_ = np.sqrt(np.mean((y[rows] - answers) ** 2, axis=0))
        elif rows:
            self.temperature_ = temperature(answers, y[rows, None] == self.classes_)

    # --- answering -------------------------------------------------------------------------------

    def predict(self, X: Iterable[Any]) -> NDArray[Any]:
        """Return the likeliest label of each track, (n,), or its values, (n, n_dimensions).

        One dimension alone gives shape (n,).

        Raises
        ------
        MissingModalityError
            If a track has nothing that the model listens to.
        ChordmerError
            If a source cannot be read.
        """
        answers = self._answers(X)
        if self._target.labels:
            chosen: NDArray[Any] = self.classes_[answers.argmax(axis=1)]
            return chosen
        return answers if answers.shape[1] > 1 else answers[:, 0]

    @available_if(lambda self: bool(self._target.labels))  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Iterable[Any]) -> NDArray[np.float64]:
        """Return the calibrated probability of each class, (n, n_classes); for labels only."""
        return self._answers(X)

    def predict_emotion(
        self, X: Iterable[Any], *, window: float | None = 15.0, hop: float = 5.0
    ) -> list[Emotion]:
        """Return what each track expresses, with its course over time.

        Parameters
        ----------
        X : iterable of Track, or of anything that stands for one
        window, hop : float, default 15 and 5
            Length of the windows of the course, and the step between them, in seconds. None does
            without a course.

        Raises
        ------
        ChordmerError
            If a source cannot be read, or the target has no place on the valence-arousal plane.
        """
        from chordmer.answers import emotion_of

        check_is_fitted(self, "head_")
        return [emotion_of(self, as_track(x), window=window, hop=hop) for x in X]

    def predict_songs(self, X: Iterable[Any]) -> dict[str, Any]:
        """Return one answer a song, by the mean of the answers to its clips.

        Clips of a song are the tracks of one `Track.group`; one without is a song under its id.

        Returns
        -------
        dict of str to label, or to ndarray of shape (n_dimensions,)
        """
        tracks = [as_track(track) for track in X]
        songs = pool_songs(tracks, self._answers(tracks))
        if self._target.labels:
            return {song: self.classes_[row.argmax()] for song, row in songs.items()}
        return songs

    def score(self, X: Iterable[Any], y: Any) -> float:
        """Return the accuracy for labels, or R2 averaged over dimensions."""
        answers = self.predict(X)
        measure = accuracy_score if self._target.labels else r2_score
        return float(measure(y, answers))

    def _answers(self, X: Iterable[Any]) -> NDArray[np.float64]:
        """Return probabilities, (n, n_classes), or values, (n, n_dimensions)."""
        check_is_fitted(self, "head_")
        tracks = [as_track(track) for track in X]
        return self._judge(
            self.hearing_.hear(tracks, shared_cache(self.cache), verbose=self.verbose)
        )

    def _judge(self, heard: list[Heard]) -> NDArray[np.float64]:
        """Return the answers to what the extractors heard."""
        if not heard:
            return np.zeros((0, len(self._target.dimensions or self.classes_)))
        return self._shares(heard) if self._target.labels else self._values(heard)

    def _shares(self, heard: list[Heard]) -> NDArray[np.float64]:
        return softmax(log_scores(self.head_, heard) / self.temperature_)

    def _values(self, heard: list[Heard]) -> NDArray[np.float64]:
        values = np.asarray(self.head_.predict(heard), dtype=np.float64)
        return values.reshape(len(heard), len(self._target.dimensions))

    @property
    def _target(self) -> Target:
        return Target.of(self.target)

    # --- parameters, as scikit-learn wants them --------------------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters; with `deep`, those of extractors by their names too."""
        parameters: dict[str, Any] = super().get_params(deep=deep)
        if deep and self.extractors is not None:
            for name, extractor in self._named():
                parameters[name] = extractor
                for key, value in extractor.get_params().items():
                    parameters[f"{name}__{key}"] = value
        return parameters

    def set_params(self, **parameters: Any) -> Self:
        """Set parameters; ``chord2vec__vector_size`` is that of the extractor of this name."""
        plain = self._get_param_names()
        own = {name: parameters.pop(name) for name in [*parameters] if name in plain}
        if own:
            super().set_params(**own)
        pairs = dict(self._named())
        ours = {name for name in parameters if name.partition("__")[0] in pairs}
        if ours:
            for name in sorted(ours, key=len):
                whose, _, parameter = name.partition("__")
                if parameter:
                    pairs[whose] = clone(pairs[whose]).set_params(**{parameter: parameters[name]})
                else:
                    pairs[whose] = parameters[name]
            self.extractors = list(pairs.items())
        super().set_params(**{n: v for n, v in parameters.items() if n not in ours})
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if Target.of(self.target).labels:
            tags.estimator_type, tags.classifier_tags = "classifier", ClassifierTags()
        else:
            tags.estimator_type, tags.regressor_tags = "regressor", RegressorTags()
            tags.target_tags.multi_output = True
        tags.target_tags.required = True
        tags.input_tags.two_d_array = False
        return tags

    # --- folders ---------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str], *, data_licence: str | None = None) -> None:
        """Write the fitted model to a folder of safetensors and JSON.

        Parameters
        ----------
        path : path-like
            The folder to make.
        data_licence : str, optional
            The terms of the tracks it learned from, which its numbers come under.

        Raises
        ------
        ModelError
            If a part of the model cannot be saved, or `path` is taken by something else.
        """
        from chordmer.model_folder import describe_recognizer

        check_is_fitted(self, "head_")
        manifest, arrays = describe_recognizer(self)
        save_folder(path, {**manifest, "data_licence": data_licence}, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a model that `save` wrote; nothing in the folder is run.

        Raises
        ------
        ModelError
            If anything about the folder is not as `save` left it.
        """
        from chordmer.model_folder import rebuild_recognizer

        manifest, arrays = load_folder(path, kind=cls.__name__, max_bytes=_MOST_BYTES)
        return cast(Self, rebuild_recognizer(cls, manifest, arrays, source=path))
