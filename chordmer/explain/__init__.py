"""Why this emotion: what in a piece moved a model's answer, and by how much.

`explain` asks any model by leaving things out (`occlusion`) and by changing them
(`counterfactuals`); where more can be had it is added: exact contributions of linear models
(`linear`), integrated gradients of networks (`gradients`), and a local surrogate for sound
(`surrogate`). `judge` is a model as all of these see it, `passages` the places in a piece, and
`explanation` what comes out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from chordmer.emotion import Emotion
from chordmer.errors import ChordmerError, MissingModalityError
from chordmer.explain.counterfactuals import counterfactuals as _counterfactuals
from chordmer.explain.explanation import Attribution, Counterfactual, Explanation, Part, Reason
from chordmer.explain.judge import Bundled, Judge, judge_of
from chordmer.explain.occlusion import occlude
from chordmer.explain.passages import Opened, open_track
from chordmer.moods import moods
from chordmer.track import as_track

if TYPE_CHECKING:
    from chordmer.explain.trained import Trained
    from chordmer.pretrained import SymbolicEmotionModel
    from chordmer.recognizer import EmotionRecognizer

__all__ = [
    "METHODS",
    "Attribution",
    "Counterfactual",
    "Explanation",
    "Part",
    "Reason",
    "explain",
]

#: What can be asked for besides occlusion.
METHODS = ("gradients", "surrogate")
#: A point of the plane further than this from every word is nearer to its middle.
_FAR = 0.9


def explain(
    model: EmotionRecognizer | SymbolicEmotionModel | None,
    track: Any,
    *,
    target: str | None = None,
    window: float = 10.0,
    methods: Sequence[str] = (),
    counterfactuals: bool = True,
    random_state: int = 0,
) -> Explanation:
    """Return which chords, seconds, lines, descriptors and modalities moved an answer.

    Parameters
    ----------
    model : EmotionRecognizer, SymbolicEmotionModel or None
        None is the model that chordmer carries.
    track : Track, path, or anything that stands for one
    target : str, optional
        Which number of the answer to explain: a label, a dimension, or on the valence-arousal plane
        ``"Q1"`` to ``"Q4"``, ``"valence"`` and ``"arousal"``. By default the likeliest label, or
        the first dimension.
    window : float, default 10
        Seconds of the windows that are left out in turn: about a phrase.
    methods : sequence of {"gradients", "surrogate"}, default ()
        What to add: integrated gradients, for torch networks (`chordmer.explain.gradients`); a
        local surrogate over time and frequency, for sound (`chordmer.explain.surrogate`). Exact
        contributions are there by themselves where the model is linear.
    counterfactuals : bool, default True
        Whether to ask what the model says of the same piece played otherwise.
    random_state : int, default 0
        Of the surrogate; nothing else is random.

    Returns
    -------
    Explanation

    Raises
    ------
    ChordmerError
        If a source cannot be read, or has nothing that the model listens to, or the model cannot be
        explained by a method that was asked for.
    ValueError
        If a parameter is impossible; it says what there is.

    Notes
    -----
    The work is bounded, however long the piece: the model listens to 40 windows, 24 chords and 60
    lines of lyrics at most, and to 7 other ways of playing; a surrogate listens 100 times.

    Reasons are about the model, not about music: they say what moved this answer, and not whether
    it is right.

    Examples
    --------
    >>> import chordmer
    >>> found = explain(None, chordmer.example(), target="valence", counterfactuals=False)
    >>> sorted({reason.kind for reason in found.reasons})
    ['chord', 'descriptor', 'window']
    """
    unknown = [method for method in methods if method not in METHODS]
    if unknown:
        raise ValueError(f"methods are {', '.join(METHODS)}, not {unknown[0]!r}")
    if not 0.1 <= window <= 86400:
        raise ValueError(f"window must be 0.1 to 86400 seconds, not {window!r}")
    judge = judge_of(model)
    if methods and isinstance(judge, Bundled):
        raise ChordmerError(
            "the bundled model is no network and hears no sound: methods are for your own",
            stage="explain",
            value=methods[0],
        )
    opened = open_track(as_track(track), judge.modalities)
    emotion = judge.answer(opened.track)
    row = judge.numbers([opened.whole()])[0]
    if not np.isfinite(row).all():
        raise MissingModalityError(
            f"nothing to listen to: the model works on {', '.join(judge.modalities)}",
            source=opened.track.id,
        )
    target = judge.target(row) if target is None else target
    if target not in judge.names:
        raise ValueError(f"target must be one of {', '.join(judge.names)}, not {target!r}")
    reasons = occlude(judge, opened, judge.names.index(target), row, window=window)
    others = _counterfactuals(judge, opened) if counterfactuals else []
    return Explanation(
        emotion=emotion,
        target=target,
        numbers=dict(zip(judge.names, row.tolist())),
        reasons=tuple(reasons),
        counterfactuals=tuple(others),
        attributions=tuple(_attributions(judge, opened, target, methods, random_state)),
        notes=tuple(_notes(emotion, opened, counterfactuals)),
    )


def _attributions(
    judge: Judge, opened: Opened, target: str, methods: Sequence[str], random_state: int
) -> Iterator[Attribution]:
    if isinstance(judge, Bundled):
        return
    from chordmer.explain.linear import linear_contributions

    trained = cast("Trained", judge)
    exact = linear_contributions(trained, opened, target)
    if exact is not None:
        yield exact
    if "gradients" in methods:
        from chordmer.explain.gradients import integrated_gradients

        yield integrated_gradients(trained, opened, target)
    if "surrogate" in methods:
        from chordmer.explain.surrogate import audio_surrogate

        yield audio_surrogate(trained, opened, target, random_state=random_state)


def _notes(emotion: Any, opened: Opened, counterfactuals: bool) -> Iterator[str]:
    if isinstance(emotion, Emotion) and moods(emotion, 1)[0][1] > _FAR:
        yield "the answer lies near the middle of the plane: no word is near it"
    if counterfactuals and opened.piece is not None and opened.sound is not None:
        yield "sound cannot follow notes to another mode or octave: these are not tried"
