"""Reasons for the answers of trained models: planted cues, and sums that were promised."""

import sys

import numpy as np
import pytest
from pieces import make_piece
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from songs import PLANE, songs

from chordmer.errors import ChordmerError, MissingExtraError
from chordmer.explain import explain
from chordmer.explain.gradients import integrated_gradients
from chordmer.explain.judge import judge_of
from chordmer.explain.linear import linear_contributions
from chordmer.explain.passages import open_track
from chordmer.explain.surrogate import BANDS, audio_surrogate
from chordmer.features.describe import describe_symbolic
from chordmer.features.symbolic import SymbolicDescriptors
from chordmer.io import read_lyrics
from chordmer.models.broad import BroadLearningClassifier
from chordmer.models.cbsa import CBSAClassifier
from chordmer.models.classic_estimators import ClassicClassifier, ClassicRegressor
from chordmer.models.fused import FusionClassifier, FusionRegressor
from chordmer.models.lstm_broad import LSTMBroad
from chordmer.models.training import Training
from chordmer.recognizer import EmotionRecognizer
from chordmer.track import Track

PLAIN = {"calibration": 0, "random_state": 0}
BRIEF = Training(max_epochs=2, batch_size=8)


def recognizer(extractors, **changes):
    return EmotionRecognizer(extractors, **(PLAIN | changes))


@pytest.fixture(scope="module")
def corpus():
    tracks, y = songs(2, 1, audio=True)
    return tracks, y, np.array([PLANE[quadrant] for quadrant in y])


def opened_of(model, track):
    judge = judge_of(model)
    return judge, open_track(track, judge.modalities)


# --- planted cues --------------------------------------------------------------------------------


def chorale(seed, *, dark, beats=32):
    """Triads of C major; in a dark one, two diminished ones from beat 12 on."""
    random = np.random.default_rng(seed)
    triads = [(48, 4), (50, 3), (52, 3), (53, 4), (55, 4), (57, 3)]
    notes = []
    for beat in range(beats):
        root, third = triads[int(random.integers(len(triads)))]
        fifth = 7
        if dark and beat in (12, 13):
            root, third, fifth = 54, 3, 6
        notes += [(beat, 1, root), (beat, 1, root + third), (beat, 1, root + fifth)]
    return make_piece(notes, bpm=60)


def test_a_planted_chord_and_its_window_come_first():
    tracks = [Track(str(i), chorale(i, dark=i % 2 == 1)) for i in range(60)]
    y = ["Q2" if i % 2 else "Q4" for i in range(60)]
    hearing = [("symbolic", SymbolicDescriptors(families=["chords"]))]
    model = recognizer(hearing, classifier=LogisticRegression(C=0.01)).fit(tracks, y)
    found = explain(model, Track("dark", chorale(99, dark=True)), target="Q2", window=4.0)
    assert found.numbers["Q2"] > 0.5
    first = found.of("chord")[0]
    assert first.name == "F#:dim"
    assert first.spans == ((12.0, 14.0),)
    assert first.effect > 0
    assert found.of("window")[0].spans == ((12.0, 16.0),)
    assert found.of("window")[0].effect > 0


class Words(TransformerMixin, BaseEstimator):
    """How many words of each of two kinds the lyrics have."""

    modality = "lyrics"

    def fit(self, tracks, y=None):
        return self

    def transform(self, tracks):
        texts = [read_lyrics(track).text.split() for track in tracks]
        return np.array([[text.count("rage"), text.count("rest")] for text in texts], float)

    def get_feature_names_out(self, input_features=None):
        return np.array(["rage", "rest"], dtype=object)


def test_a_planted_line_and_its_modality_come_first():
    tracks, y = songs(2, 1, lyrics=True)
    tracks = [Track(t.id, make_piece([(0, 1, 60), (4, 1, 64)]), None, t.lyrics) for t in tracks]
    model = recognizer(["symbolic", ("words", Words())], classifier=LogisticRegression())
    model.fit(tracks, y)
    words = "[00:01.00]la la\n[00:02.00]rage and rage\n[00:03.00]la\n[00:04.00]la la la"
    found = explain(model, Track("song", tracks[0].symbolic, None, words), target="Q2")
    line = found.of("line")[0]
    assert line.name == "rage and rage"
    assert line.spans[0][0] == 2.0
    assert line.effect > 0
    assert {reason.effect for reason in found.of("line")[1:]} == {0.0}
    assert found.of("modality")[0].name == "lyrics"


def test_lyrics_of_any_length_are_few_lines():
    tracks, y = songs(2, 1, lyrics=True)
    model = recognizer([("words", Words())], classifier=LogisticRegression()).fit(tracks, y)
    found = explain(model, Track("long", lyrics="\n".join(["la rage"] * 500)), target="Q2")
    assert len(found.of("line")) == 60
    assert found.of("window") == found.of("chord") == found.counterfactuals == ()


def whistled(seed, *, shrill, seconds=4.0, sr=16000):
    """A low hum; in a shrill one, a high tone in the third of its seconds."""
    random = np.random.default_rng(seed)
    t = np.arange(int(seconds * sr)) / sr
    y = random.uniform(0.02, 0.2) * np.sin(2 * np.pi * random.uniform(110, 130) * t)
    y += 0.003 * random.standard_normal(len(t))
    if shrill:
        y += np.where((t >= 2) & (t < 3), 0.1 * np.sin(2 * np.pi * 6000 * t), 0)
    return y.astype(np.float32), sr


class Shares(TransformerMixin, BaseEstimator):
    """The energy above 4 kHz and below, in decibels."""

    modality = "audio"

    def fit(self, tracks, y=None):
        return self

    def transform(self, tracks):
        rows = []
        for track in tracks:
            y, sr = track.audio
            power = np.abs(np.fft.rfft(y)) ** 2 / len(y)
            high = np.fft.rfftfreq(len(y), 1 / sr) > 4000
            rows.append([power[high].sum(), power[~high].sum()])
        return 10 * np.log10(np.array(rows) + 1e-3)

    def get_feature_names_out(self, input_features=None):
        return np.array(["high", "low"], dtype=object)


@pytest.fixture(scope="module")
def whistles():
    tracks = [Track(str(i), audio=whistled(i, shrill=i % 2 == 1)) for i in range(12)]
    model = recognizer([("shares", Shares())], classifier=LogisticRegression(C=0.1))
    return model.fit(tracks, ["Q2" if i % 2 else "Q4" for i in range(12)])


def test_a_planted_sound_is_found_in_its_second_and_its_band(whistles):
    judge, opened = opened_of(whistles, Track("new", audio=whistled(99, shrill=True)))
    found = audio_surrogate(judge, opened, "Q2", n_segments=4, n_samples=60)
    (part,) = found.parts
    assert part.values.shape == (4, len(BANDS))
    place, band = np.unravel_index(np.abs(part.values).argmax(), part.values.shape)
    assert (part.times[place], BANDS[band]) == (2.0, "above 4000 Hz")
    assert part.values[place, band] > 0.1
    assert found.fit > 0.8
    assert not found.promises


def test_a_planted_second_is_the_first_window(whistles):
    found = explain(whistles, Track("new", audio=whistled(99, shrill=True)), target="Q2", window=1)
    assert found.of("window")[0].spans == ((2.0, 3.0),)
    assert [other.name for other in found.counterfactuals] == [
        "a quarter faster",
        "a quarter slower",
        "louder",
        "softer",
    ]


def test_the_surrogate_is_its_seed(whistles):
    judge, opened = opened_of(whistles, Track("new", audio=whistled(99, shrill=True)))

    def values(seed):
        found = audio_surrogate(judge, opened, "Q2", n_segments=2, n_samples=16, random_state=seed)
        return found.parts[0].values.tolist()

    assert values(1) == values(1) != values(2)


def test_sound_is_put_together_again_from_its_pieces(whistles):
    from chordmer.explain.surrogate import _Spectra

    y, sr = whistled(0, shrill=True)
    spectra = _Spectra(y, sr, 3)
    whole = np.ones((3, len(BANDS)), dtype=bool)
    np.testing.assert_allclose(spectra.masked(whole), y, atol=1e-5)
    pieces = np.zeros((len(y),))
    for segment, band in np.argwhere(whole):
        one = np.zeros_like(whole)
        one[segment, band] = True
        pieces += spectra.masked(one)
    np.testing.assert_allclose(pieces, y, atol=1e-5)


def test_a_surrogate_wants_sound_and_numbers(whistles, corpus):
    judge, opened = opened_of(whistles, Track("new", audio=whistled(0, shrill=True)))
    with pytest.raises(ValueError, match="at least"):
        audio_surrogate(judge, opened, "Q2", n_segments=0)
    tracks, y, _ = corpus
    deaf = recognizer(["symbolic"], classifier=LogisticRegression(max_iter=300)).fit(tracks, y)
    with pytest.raises(ChordmerError, match="explains sound"):
        audio_surrogate(*opened_of(deaf, tracks[0]), "Q2")


# --- sums that are promised ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "classifier",
    [
        LogisticRegression(max_iter=300),
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)),
        LinearSVC(),
    ],
    ids=["logistic", "scaled", "svc"],
)
@pytest.mark.parametrize("classes", [2, 4])
def test_contributions_of_a_linear_classifier_sum_to_the_change(classifier, classes, corpus):
    tracks, y, _ = corpus
    labels = y if classes == 4 else np.where((y == "Q1") | (y == "Q2"), "Q1", "Q3")
    hearing = ["symbolic", "descriptors"]
    model = recognizer(hearing, classifier=classifier).fit(tracks, labels)
    judge, opened = opened_of(model, tracks[0])
    for target in model.classes_:
        found = linear_contributions(judge, opened, target)
        assert found.promises
        assert found.error == pytest.approx(0, abs=1e-6)
        scores = model.head_.decision_function([judge.heard(opened)])[0]
        own = list(model.classes_).index(target)
        if classes == 2:
            assert found.answer == pytest.approx(scores if own else -scores)
        else:
            assert found.answer == pytest.approx(scores[own])
        assert abs(found.answer - found.baseline) > 1e-3


@pytest.mark.parametrize(
    "regressor",
    [ClassicRegressor(model="linear_regression"), LinearRegression(), Ridge()],
    ids=["classic", "least squares", "ridge"],
)
def test_contributions_to_a_dimension_sum_to_the_change(regressor, corpus):
    tracks, _, plane = corpus
    model = recognizer(["symbolic"], classifier=regressor, target="valence_arousal")
    model.fit(tracks, plane)
    found = explain(model, tracks[0], target="arousal", counterfactuals=False)
    (exact,) = found.attributions
    assert exact.error == pytest.approx(0, abs=1e-6)
    assert exact.answer == pytest.approx(model.predict([tracks[0]])[0, 1])
    # The descriptors of a linear model, each by itself, say just that, but for what heard numbers
    # lose in float32 where a column hardly varies.
    effects = {reason.name: reason.effect for reason in found.of("descriptor")}
    (part,) = exact.parts
    for column, value in zip(part.columns, part.values):
        assert effects[f"symbolic.{column}"] == pytest.approx(value, abs=1e-3)
    ((name, most),) = exact.strongest(1)
    assert name == f"symbolic.{part.columns[np.abs(part.values).argmax()]}"
    assert abs(most) == np.abs(part.values).max()
    assert "exact" in str(found)


@pytest.mark.parametrize(
    "classifier", [BroadLearningClassifier(), ClassicClassifier(model="decision_tree")]
)
def test_what_is_not_linear_promises_no_sum(classifier, corpus):
    tracks, y, _ = corpus
    model = recognizer(["symbolic"], classifier=classifier).fit(tracks, y)
    assert linear_contributions(*opened_of(model, tracks[0]), "Q1") is None


NETWORKS = {
    "attention": (
        ["symbolic", "descriptors"],
        {"fusion": "attention", "classifier": FusionClassifier(training=BRIEF, device="cpu")},
    ),
    "early": (
        ["symbolic", "descriptors"],
        {"classifier": FusionClassifier(training=BRIEF, encoder="mean", device="cpu")},
    ),
    "cbsa": (["descriptors"], {"classifier": CBSAClassifier(training=BRIEF, device="cpu")}),
    "broad": (
        ["symbolic"],
        {"classifier": LSTMBroad(n_cells=(8, 4), training=BRIEF, device="cpu")},
    ),
    "vectors": (
        ["symbolic", "descriptors"],
        {
            "classifier": LSTMBroad(
                n_cells=(8, 4), training=BRIEF, device="cpu", vectors=("descriptors",)
            )
        },
    ),
}


@pytest.fixture(scope="module", params=sorted(NETWORKS))
def network(request, corpus):
    tracks, y, _ = corpus
    extractors, changes = NETWORKS[request.param]
    return recognizer(extractors, **changes).fit(tracks, y)


def test_integrated_gradients_are_complete(network, corpus):
    tracks, _, _ = corpus
    judge, opened = opened_of(network, tracks[0])
    found = integrated_gradients(judge, opened, "Q2")
    assert found.promises
    assert abs(found.error) <= 0.01 * max(abs(found.answer - found.baseline), 0.01)
    heard = judge.heard(opened)
    head = network.head_
    scores = head.broad_._outputs(head.transform([heard])) if hasattr(head, "broad_") else None
    expected = head.decision_function([heard])[0] if scores is None else scores[0]
    assert found.answer == pytest.approx(expected[1], abs=1e-4)
    for part in found.parts:
        values = heard[part.input]
        assert part.values.shape == (values.shape if len(part.times) else values.shape[-1:])
        assert len(part.columns) == values.shape[-1]
        assert np.abs(part.values).sum() > 0
        assert (np.diff(part.times) > 0).all()


def test_gradients_of_a_dimension_are_in_its_own_units(corpus):
    tracks, _, plane = corpus
    regressor = FusionRegressor(training=BRIEF, encoder="mean", device="cpu")
    model = recognizer(["symbolic"], classifier=regressor, target="valence_arousal")
    model.fit(tracks, 3 + plane)
    found = explain(
        model, tracks[0], target="arousal", methods=["gradients"], counterfactuals=False
    )
    (gradients,) = found.attributions
    assert gradients.answer == pytest.approx(model.predict([tracks[0]])[0, 1], abs=1e-5)
    assert abs(gradients.error) <= 0.01 * max(abs(gradients.answer - gradients.baseline), 0.01)


def test_a_network_of_shuffled_weights_explains_otherwise(corpus):
    import torch

    tracks, y, _ = corpus
    classifier = FusionClassifier(
        training=Training(max_epochs=30, batch_size=8, learning_rate=3e-3),
        encoder="mean",
        device="cpu",
    )
    model = recognizer(["symbolic"], classifier=classifier).fit(tracks, y)
    judge, opened = opened_of(model, tracks[0])

    def contributions():
        (part,) = integrated_gradients(judge, opened, "Q1").parts
        return part.values.sum(axis=0)

    before = contributions()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weights in model.head_.module_.parameters():
            order = torch.randperm(weights.numel(), generator=generator)
            weights.copy_(weights.flatten()[order].reshape(weights.shape))
    after = contributions()
    assert abs(np.corrcoef(before, after)[0, 1]) < 0.5
    assert np.abs(before).argmax() != np.abs(after).argmax()


def test_a_model_that_is_no_network_has_no_gradients(corpus):
    tracks, y, _ = corpus
    model = recognizer(["symbolic"], classifier=BroadLearningClassifier()).fit(tracks, y)
    with pytest.raises(ChordmerError, match="torch network"):
        integrated_gradients(*opened_of(model, tracks[0]), "Q1")


def test_without_captum_the_message_says_what_brings_it(corpus, monkeypatch):
    tracks, y, _ = corpus
    model = recognizer(["symbolic"], classifier=BroadLearningClassifier()).fit(tracks, y)
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(MissingExtraError, match=r"chordmer\[explain\]"):
        explain(model, tracks[0], methods=["gradients"], counterfactuals=False)


def test_gradients_are_of_the_models_own_outputs(network, corpus):
    with pytest.raises(ChordmerError, match="own outputs: Q1, Q2"):
        integrated_gradients(*opened_of(network, corpus[0][0]), "valence")


# --- any recipe ----------------------------------------------------------------------------------


@pytest.mark.parametrize("fusion", ["early", "late"])
def test_a_modality_is_left_out_and_a_descriptor_made_typical(fusion, corpus):
    tracks, y, _ = corpus
    model = recognizer(["symbolic", "descriptors"], fusion=fusion).fit(tracks, y)
    track = tracks[0]
    found = explain(model, track, counterfactuals=True)
    own = list(model.classes_).index(found.target)
    whole = model.predict_proba([track])[0, own]
    assert found.numbers[found.target] == pytest.approx(whole)
    alone = {
        "symbolic": Track("less", audio=track.audio),
        "audio": Track("less", symbolic=track.symbolic),
    }
    assert {reason.name for reason in found.of("modality")} == set(alone)
    for reason in found.of("modality"):
        without = model.predict_proba([alone[reason.name]])[0, own]
        assert reason.effect == pytest.approx(whole - without, abs=1e-6)
    names = {reason.name.partition(".")[0] for reason in found.of("descriptor")}
    assert names == {"symbolic", "descriptors"}
    assert "to another mode or octave" in " ".join(found.notes)
    assert not any(" in " in other.name for other in found.counterfactuals)


def test_labels_without_a_place_on_the_plane_are_explained_too(corpus):
    tracks, y, _ = corpus
    labels = np.where(y == "Q1", "waltz", "march")
    model = recognizer(["symbolic"], target=("march", "waltz")).fit(tracks, labels)
    found = explain(model, tracks[0])
    assert set(found.numbers) == {"march", "waltz"}
    assert found.moods == []
    assert "waltz" in str(found)


def test_values_are_those_of_the_descriptors(corpus):
    tracks, y, _ = corpus
    model = recognizer(["symbolic"]).fit(tracks, y)
    found = explain(model, tracks[0], counterfactuals=False)
    mean = np.mean([describe_symbolic(track.symbolic) for track in tracks], axis=0)
    names = SymbolicDescriptors().get_feature_names_out().tolist()
    for reason in found.of("descriptor"):
        column = names.index(reason.name.partition(".")[2])
        assert reason.typical == pytest.approx(mean[column], rel=1e-4, abs=1e-5)
