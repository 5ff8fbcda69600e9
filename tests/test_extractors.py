"""What every extractor keeps to, whatever it extracts."""

import pickle
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import soundfile
from corpora import bundled_lyrics, bundled_midi
from lyric_model import minilm
from pieces import make_piece
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler

from chordmer import Chord2Vec, SymbolicDescriptors, Track
from chordmer.errors import ChordmerError, MissingModalityError
from chordmer.features.descriptors import AudioDescriptors
from chordmer.features.egemaps import EGeMAPS
from chordmer.features.gammatone import GammatoneFeatures
from chordmer.features.lyrics import LyricEmbedding
from chordmer.features.mfcc_rp import ResidualPhaseMFCC
from chordmer.features.spectrogram import SpectrogramFeatures
from chordmer.io import render


@dataclass
class Sources:
    """Sources of one modality; the same piece in several forms, and pieces at the edge."""

    pieces: list[Any]
    forms: list[Any]
    silence: Any
    atom: Any
    missing: Track


MIDI = bundled_midi()
LYRICS = bundled_lyrics()
SOUND = [(render(midi)[: 4 * 44100], 44100) for midi in MIDI[:8]]
CLICK = np.zeros(44100, np.float32)
CLICK[4410] = 0.5


def wav(y, sr):
    file = BytesIO()
    soundfile.write(file, y, sr, format="WAV", subtype="FLOAT")
    return file.getvalue()


SOURCES = {
    "symbolic": Sources(
        pieces=MIDI[:8],
        forms=[str(MIDI[0]), MIDI[0], MIDI[0].read_bytes(), Track("one", symbolic=MIDI[0])],
        silence=make_piece([]),
        atom=make_piece([(1, 1, 60)]),
        missing=Track("the song", lyrics="la la"),
    ),
    "lyrics": Sources(
        pieces=LYRICS[:8],
        forms=[
            *(str(LYRICS[0]), LYRICS[0], LYRICS[0].read_bytes(), LYRICS[0].read_text("utf-8")),
            Track("one", lyrics=LYRICS[0]),
        ],
        silence=Track("silence", lyrics=""),
        atom=Track("one word", lyrics="la"),
        missing=Track("the song", symbolic=make_piece([(1, 1, 60)])),
    ),
    "audio": Sources(
        pieces=SOUND,
        forms=[
            SOUND[0],
            (np.stack([SOUND[0][0]] * 2), 44100),
            Track("one", audio=SOUND[0]),
            Track("one", audio=wav(*SOUND[0])),
        ],
        silence=(np.zeros(44100, np.float32), 44100),
        atom=(CLICK, 44100),
        missing=Track("the song", lyrics="la la"),
    ),
}

#: One line an extractor: how to make it, and parameters that change what it extracts.
EXTRACTORS = [
    (Chord2Vec(vector_size=8, min_count=1, epochs=2, random_state=0), {"pooling": "mean"}),
    (Chord2Vec.paper(vector_size=8, min_count=1, random_state=0), {"spelling": "set"}),
    (SymbolicDescriptors(), {"families": ["rhythm"]}),
    (LyricEmbedding(model=minilm()), {"pooling": "cls"}),
    (AudioDescriptors(), {"columns": ["tempo", "rms"]}),
    (SpectrogramFeatures(), {"kinds": ["mel"]}),
    (GammatoneFeatures(), {"n_gfcc": 8}),
    (ResidualPhaseMFCC(), {"weighting": 0.5}),
]
if find_spec("opensmile"):
    EXTRACTORS.append((EGeMAPS(), {"sr": 22050}))


@pytest.fixture(params=EXTRACTORS, ids=lambda case: repr(case[0])[:60])
def case(request):
    return request.param


@pytest.fixture
def extractor(case):
    return clone(case[0])


@pytest.fixture
def sources(extractor):
    return SOURCES[extractor.modality]


@pytest.fixture(scope="module")
def fitted_cache():
    return {}


@pytest.fixture
def fitted(case, sources, fitted_cache):
    """The extractor fitted to the pieces, and its rows; fitted once a module, handed out copied."""
    if id(case[0]) not in fitted_cache:
        model = clone(case[0]).fit(sources.pieces)
        fitted_cache[id(case[0])] = pickle.dumps((model, model.transform(sources.pieces)))
    return pickle.loads(fitted_cache[id(case[0])])


def same(one, other):
    return one.shape == other.shape and one.dtype == other.dtype and np.array_equal(one, other)


def test_making_one_computes_nothing(case):
    model = case[0]
    assert vars(model) == model.get_params(deep=False)
    assert vars(clone(model)) == vars(model)
    with pytest.raises(TypeError, match="positional"):
        type(model)("first")


def test_a_row_is_float32_and_finite_for_each_piece(fitted, sources):
    model, rows = fitted
    assert rows.dtype == np.float32
    assert rows.shape == (len(sources.pieces), len(model.get_feature_names_out()))
    assert np.isfinite(rows).all()
    assert len(np.unique(rows, axis=0)) == len(rows)


def test_one_seed_gives_the_same_bytes(fitted, extractor, sources):
    _, rows = fitted
    assert same(extractor.fit(sources.pieces).transform(sources.pieces), rows)
    assert same(clone(extractor).fit_transform(sources.pieces), rows)


def test_changed_parameters_take_effect(case, fitted, sources):
    _, rows = fitted
    changed = clone(case[0]).set_params(**case[1])
    assert case[1].items() <= changed.get_params().items()
    assert not same(changed.fit(sources.pieces).transform(sources.pieces), rows)


def test_each_piece_is_by_itself(fitted, sources):
    model, rows = fitted
    backwards = model.transform(sources.pieces[::-1])
    assert same(backwards[::-1], rows)
    assert same(np.vstack([model.transform([piece]) for piece in sources.pieces]), rows)
    assert same(model.transform(iter(sources.pieces)), rows)


def test_a_piece_is_the_same_in_every_form(fitted, sources):
    model, _ = fitted
    rows = model.transform(sources.forms)
    assert all(same(row, rows[0]) for row in rows)
    values = [model.frames(form).values for form in sources.forms]
    assert all(same(value, values[0]) for value in values)


def test_no_pieces_no_rows(fitted):
    model, rows = fitted
    assert model.transform([]).shape == (0, rows.shape[1])
    assert model.transform([]).dtype == np.float32


def test_silence_and_one_note_are_pieces(fitted, sources):
    model, _ = fitted
    rows = model.transform([sources.silence, sources.atom])
    assert np.isfinite(rows).all()


def test_a_corpus_with_silence_can_be_fitted(extractor, sources):
    pieces = [*sources.pieces[:2], sources.silence, sources.atom]
    assert np.isfinite(extractor.fit(pieces).transform(pieces)).all()


def test_what_is_missing_is_named(fitted, sources):
    model, _ = fitted
    for use in (lambda: model.transform([sources.missing]), lambda: model.frames(sources.missing)):
        with pytest.raises(MissingModalityError, match="the song"):
            use()


@pytest.mark.parametrize("odd", ["no_such_file.xyz", 3, None, object(), np.array(3), [1]])
def test_what_is_no_piece_is_refused(fitted, odd):
    model, _ = fitted
    for use in (lambda: model.transform([odd]), lambda: model.frames(odd)):
        with pytest.raises(ChordmerError):
            use()


def test_columns_have_names(fitted, sources):
    model, rows = fitted
    names = model.get_feature_names_out()
    assert len(set(names)) == len(names) == rows.shape[1]
    frame = model.set_output(transform="pandas").transform(sources.pieces)
    assert list(frame.columns) == list(names)
    assert same(frame.to_numpy(), rows)


def test_frames_have_times(fitted, sources):
    model, _ = fitted
    for piece in [*sources.pieces, sources.atom, sources.silence]:
        frames = model.frames(piece)
        assert frames.values.dtype == np.float32
        assert frames.times.dtype == np.float64
        assert frames.values.ndim == 2
        assert frames.times.shape == frames.values.shape[:1]
        assert np.isfinite(frames.values).all()
        assert (np.diff(frames.times) > 0).all()
        assert (frames.times >= 0).all()


def test_tracks_travel_through_scikit_learn(extractor, sources):
    tracks = [
        Track(f"piece {i}", **{extractor.modality: piece}, group=f"song {i}")
        for i, piece in enumerate(sources.pieces)
    ]
    y = ["Q1", "Q3"] * (len(tracks) // 2)
    search = GridSearchCV(
        make_pipeline(make_union(extractor), StandardScaler(), LogisticRegression()),
        {"logisticregression__C": [0.1, 1]},
        cv=StratifiedGroupKFold(2),
        error_score="raise",
    )
    search.fit(tracks, y, groups=[track.group for track in tracks])
    assert search.predict(tracks).shape == (len(tracks),)


def test_a_fitted_one_can_be_sent_to_a_worker(fitted, sources):
    model, rows = fitted
    assert same(pickle.loads(pickle.dumps(model)).transform(sources.pieces), rows)
