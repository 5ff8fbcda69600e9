"""The recogniser: tracks in, emotions out, whatever is missing."""

import subprocess
import sys
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from lyric_model import edit_json, tiny_encoder
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold, cross_val_score
from sklearn.svm import SVC
from songs import PLANE, songs

import chordmer
from chordmer.augment import Augmentation
from chordmer.calibration import held_out
from chordmer.errors import ChordmerError, MissingModalityError, ModelError
from chordmer.feature_cache import FeatureCache
from chordmer.features.chord2vec import Chord2Vec
from chordmer.features.descriptors import DESCRIPTORS, AudioDescriptors
from chordmer.features.lyrics import LyricEmbedding
from chordmer.features.symbolic import SymbolicDescriptors
from chordmer.heads import make_head
from chordmer.models.broad import BroadLearningClassifier
from chordmer.models.fused import FusionClassifier, FusionRegressor
from chordmer.models.training import Training
from chordmer.recognizer import FEATURES, EmotionRecognizer
from chordmer.songs import folds_of, groups_of, pool_songs
from chordmer.targets import Target
from chordmer.track import Track

TRACKS, Y = songs()
PLANES = np.array([PLANE[quadrant] for quadrant in Y])
SMALL = BroadLearningClassifier(n_enhancement_nodes=20)
CHORDS = Chord2Vec(vector_size=8, min_count=1, epochs=1)
EARS = [("symbolic", SymbolicDescriptors(families=["register", "pulse", "tonality"]))]


def recognizer(extractors=EARS, **parameters):
    defaults = {"classifier": SMALL, "calibration": 0, "random_state": 0}
    return EmotionRecognizer(extractors, **(defaults | parameters))


@pytest.fixture(scope="module")
def three():
    """Tracks with notes, sound and words."""
    return songs(n=3, clips=1, audio=True, lyrics=True)


@pytest.fixture(scope="module")
def ears(tmp_path_factory):
    """An extractor a modality, all of them quick."""
    encoder = tiny_encoder(tmp_path_factory.mktemp("encoder"))
    return [
        *EARS,
        ("descriptors", AudioDescriptors(columns=["rms", "centroid"], sr=8000)),
        ("lyrics", LyricEmbedding(model=str(encoder))),
    ]


def without(track, *modalities):
    return replace(track, **dict.fromkeys(modalities))


# --- learning and answering ----------------------------------------------------------------------


def test_it_learns_moods():
    half = np.arange(len(TRACKS)) % 12 < 8
    train = [track for track, taken in zip(TRACKS, half) if taken]
    test = [track for track, taken in zip(TRACKS, half) if not taken]
    model = recognizer([*EARS, ("chord2vec", CHORDS)]).fit(train, Y[half])
    assert model.score(test, Y[~half]) > 0.9
    shares = model.predict_proba(test)
    assert shares.shape == (len(test), 4)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    np.testing.assert_array_equal(model.classes_, ["Q1", "Q2", "Q3", "Q4"])
    np.testing.assert_array_equal(model.predict(test), model.classes_[shares.argmax(axis=1)])


def test_extractors_come_by_name_as_objects_and_as_pairs():
    model = recognizer(["symbolic", CHORDS, ("mine", SymbolicDescriptors(families=["pulse"]))])
    model.fit(TRACKS, Y)
    assert [name for name, _ in model.hearing_.extractors] == ["symbolic", "chord2vec", "mine"]
    heard = model.hearing_.hear(TRACKS[:1], None)[0]
    assert heard["chord2vec"].shape == (8,)


@pytest.mark.parametrize(
    ("extractors", "said"),
    [
        (["no such"], "no such"),
        ([], "one or more"),
        (["symbolic", "symbolic"], "different"),
        ([SMALL], "no extractor"),
        ([("a__b", CHORDS)], "__"),
    ],
)
def test_what_is_no_extractor_is_refused(extractors, said):
    with pytest.raises(ValueError, match=said):
        recognizer(extractors).fit(TRACKS, Y)


def test_every_named_feature_is_an_extractor():
    for name, make in FEATURES.items():
        extractor = make()
        assert extractor.modality in {"symbolic", "audio", "lyrics"}, name
        assert extractor is not make()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fusion": "middle"}, "fusion"),
        ({"fusion": "attention"}, "attention"),
        ({"target": "valence_valence"}, "target"),
        ({"target": ["one"]}, "two or more"),
        ({"target": {"a": "Q1", "b": "Q5"}}, "Q5"),
        ({"scale": (1, 1)}, "scale"),
        ({"calibration": -1}, "calibration"),
        ({"target": ["Q1", "Q2"]}, "Q3"),
        ({"target": "valence_arousal"}, "could not convert|should be"),
    ],
)
def test_impossible_parameters_are_refused(change, said):
    with pytest.raises(ValueError, match=said):
        recognizer(**change).fit(TRACKS, Y)


def test_paths_and_pieces_stand_for_tracks():
    pieces = [track.symbolic for track in TRACKS]
    model = recognizer().fit(pieces, Y)
    tracks = model.predict_proba(TRACKS)
    np.testing.assert_allclose(model.predict_proba(pieces), tracks, rtol=1e-12)
    assert model.predict([chordmer.example()]).shape == (1,)
    assert model.predict([]).shape == (0,)


def test_same_seed_same_answers():
    first, second = (recognizer([CHORDS]).fit(TRACKS, Y).predict_proba(TRACKS) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    other = recognizer([CHORDS], random_state=1).fit(TRACKS, Y).predict_proba(TRACKS)
    assert not np.array_equal(first, other)


def test_any_scikit_learn_classifier_serves():
    for classifier in (LogisticRegression(max_iter=500), SVC()):
        model = recognizer(classifier=classifier).fit(TRACKS, Y)
        assert model.score(TRACKS, Y) > 0.9
        np.testing.assert_allclose(model.predict_proba(TRACKS).sum(axis=1), 1)


def test_two_labels_of_a_decision_function():
    two = np.isin(Y, ["Q1", "Q3"])
    tracks = [track for track, taken in zip(TRACKS, two) if taken]
    model = recognizer(classifier=SVC()).fit(tracks, Y[two])
    shares = model.predict_proba(tracks)
    assert shares.shape == (len(tracks), 2)
    assert (model.predict(tracks) == Y[two]).mean() > 0.9


# --- what is missing -----------------------------------------------------------------------------


def test_every_subset_of_modalities_is_answered(three, ears):
    tracks, y = three
    # While training, too, each modality is missing from some tracks.
    lost = [(), ("symbolic",), ("audio",), ("lyrics",)]
    training = [without(track, *lost[i % 4]) for i, track in enumerate(tracks)]
    model = recognizer(ears).fit(training, y)
    names = ("symbolic", "audio", "lyrics")
    for code in range(7):
        gone = [name for bit, name in enumerate(names) if code >> bit & 1]
        shares = model.predict_proba([without(track, *gone) for track in tracks])
        np.testing.assert_allclose(shares.sum(axis=1), 1)
        assert (shares >= 0).all()
    with pytest.raises(MissingModalityError, match="Q1 0 0"):
        model.predict([without(tracks[0], *names)])


def test_what_is_absent_has_no_influence(three, ears):
    tracks, y = three
    model = recognizer(ears).fit(tracks, y)
    alone = without(tracks[0], "audio", "lyrics")
    among = model.predict_proba([tracks[1], alone, tracks[2]])[1]
    np.testing.assert_allclose(model.predict_proba([alone])[0], among, rtol=1e-12)


def test_an_extractor_without_any_source_is_left_out(ears):
    model = recognizer(ears).fit(TRACKS, Y)
    assert [name for name, _ in model.hearing_.extractors] == ["symbolic"]
    # What it never learned about does not count as a source later either.
    with pytest.raises(MissingModalityError, match="words only"):
        model.predict([Track("words only", lyrics="la la")])


def test_without_any_source_there_is_nothing_to_learn(ears):
    with pytest.raises(MissingModalityError, match="none of the tracks"):
        recognizer(ears[1:2]).fit(TRACKS, Y)


def test_words_in_a_karaoke_file_are_lyrics(ears):
    from corpora import DATA

    sung = next(path for path in sorted((DATA / "openhymnal").glob("*.mid")))
    tracks = [Track(str(i), symbolic=sung) for i in range(4)]
    model = recognizer(ears).fit(tracks, ["Q1", "Q3", "Q1", "Q3"])
    assert "lyrics" in [name for name, _ in model.hearing_.extractors]
    assert model.predict_emotion(tracks[:1], window=None)[0].modalities == ("symbolic", "lyrics")


# --- fusion --------------------------------------------------------------------------------------

QUICK = Training(max_epochs=2, patience=None)


@pytest.mark.parametrize("fusion", ["early", "late", "attention"])
def test_networks_hear_frames(fusion, three, ears):
    tracks, y = three
    network = FusionClassifier(hidden_size=8, training=QUICK, device="cpu")
    model = recognizer(ears, fusion=fusion, classifier=network).fit(tracks, y)
    assert model.head_.fusion == fusion
    assert model.head_.widths_ == {
        "symbolic": model.head_.widths_["symbolic"],
        **{"descriptors": 2, "lyrics": 8},
    }
    shares = model.predict_proba([without(tracks[0], "audio"), *tracks[1:]])
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-5)


def test_attention_brings_its_own_network():
    assert isinstance(make_head(None, "attention", Target.of("quadrant")), FusionClassifier)
    assert isinstance(make_head(None, "attention", Target.of("valence")), FusionRegressor)


def test_late_fusion_answers_from_what_is_there(three, ears):
    tracks, y = three
    model = recognizer(ears, fusion="late").fit(tracks, y)
    assert model.score([without(track, "audio") for track in tracks], y) > 0.5
    shares = model.predict_proba([without(track, "symbolic") for track in tracks])
    np.testing.assert_allclose(shares.sum(axis=1), 1)


def test_a_network_is_given_vectors_where_it_wants_them():
    network = FusionClassifier(hidden_size=8, training=QUICK, device="cpu")
    both = [*EARS, ("chord2vec", CHORDS)]
    model = recognizer(both, classifier=network, vectors=["chord2vec"]).fit(TRACKS, Y)
    heard = model.hearing_.hear(TRACKS[:1], None)[0]
    assert heard["chord2vec"].shape == (8,)
    assert heard["symbolic"].ndim == 2


# --- targets -------------------------------------------------------------------------------------


def test_dimensions_are_regressed():
    model = recognizer(classifier=None, target="valence_arousal").fit(TRACKS, PLANES)
    assert is_regressor(model)
    assert not hasattr(model, "predict_proba")
    assert model.predict(TRACKS).shape == PLANES.shape
    assert model.score(TRACKS, PLANES) > 0.8


def test_any_named_dimensions_on_any_scale():
    ratings = np.column_stack([5 + 4 * PLANES, 3 + PLANES[:, 0]])
    model = recognizer(classifier=Ridge(), target="valence_arousal_dominance", scale=(1, 9)).fit(
        TRACKS, ratings
    )
    assert model.predict(TRACKS).shape == (len(TRACKS), 3)
    emotion = model.predict_emotion(TRACKS[:1], window=None)[0]
    valence, arousal, dominance = model.predict(TRACKS[:1])[0]
    assert emotion.dimensions == {"dominance": pytest.approx(dominance)}
    assert emotion.to_dict()["dimensions"]["dominance"] == pytest.approx(dominance, abs=1e-4)
    assert f"dominance {dominance:.2f}" in str(emotion)
    assert emotion.valence == pytest.approx(np.clip((valence - 5) / 4, -1, 1))
    assert emotion.arousal == pytest.approx(np.clip((arousal - 5) / 4, -1, 1))
    assert sum(emotion.probabilities.values()) == pytest.approx(1)


def test_one_dimension_alone():
    model = recognizer(classifier=None, target="arousal").fit(TRACKS, PLANES[:, 1])
    assert model.predict(TRACKS).shape == (len(TRACKS),)
    with pytest.raises(ChordmerError, match="no place"):
        model.predict_emotion(TRACKS[:1])


def test_labels_of_ones_own_and_their_quadrants():
    words = np.array([{"Q1": "glad", "Q2": "mad", "Q3": "sad", "Q4": "calm"}[name] for name in Y])
    plain = recognizer(target=["glad", "mad", "sad", "calm"]).fit(TRACKS, words)
    assert set(plain.predict(TRACKS)) == set(words)
    with pytest.raises(ChordmerError, match="mapping"):
        plain.predict_emotion(TRACKS[:1])
    placed = recognizer(target={"glad": "Q1", "mad": "Q2", "sad": "Q3", "calm": "Q4"})
    emotion = placed.fit(TRACKS, words).predict_emotion(TRACKS[:1], window=None)[0]
    share = dict(zip(placed.classes_, placed.predict_proba(TRACKS[:1])[0]))
    assert emotion.probabilities["Q1"] == pytest.approx(share["glad"])
    assert emotion.valence == pytest.approx(
        share["glad"] + share["calm"] - share["mad"] - share["sad"]
    )


def test_quadrants_of_values_are_normal_probabilities():
    from scipy.stats import norm

    target = Target.of("arousal_valence")
    values, spread = np.array([[0.3, -0.2], [-0.9, 1.4]]), np.array([0.5, 0.25])
    quadrants, plane = target.quadrants_of_values(values, spread)
    up = norm.sf(0, loc=values[:, 0], scale=0.5)
    glad = norm.sf(0, loc=values[:, 1], scale=0.25)
    wanted = np.column_stack([glad * up, (1 - glad) * up, (1 - glad) * (1 - up), glad * (1 - up)])
    np.testing.assert_allclose(quadrants, wanted)
    np.testing.assert_allclose(plane, [[-0.2, 0.3], [1.0, -0.9]])


# --- calibration, songs --------------------------------------------------------------------------


def test_temperature_makes_answers_to_unheard_songs_likelier():
    rng = np.random.default_rng(0)
    # Half of the labels are wrong, which a classifier of few samples does not notice.
    noisy = np.where(rng.random(len(Y)) < 0.5, rng.permutation(Y), Y)
    sure = LogisticRegression(C=1e4, max_iter=2000)
    model = recognizer(classifier=sure, calibration=4).fit(TRACKS, noisy)
    assert model.temperature_ > 1.5
    plain = recognizer(classifier=sure).fit(TRACKS, noisy)
    assert plain.temperature_ == 1
    fresh, quadrants = songs(n=10)
    fresh, quadrants = (
        fresh,
        np.where(rng.random(len(quadrants)) < 0.5, rng.permutation(quadrants), quadrants),
    )
    assert log_loss(quadrants, model.predict_proba(fresh)) < log_loss(
        quadrants, plain.predict_proba(fresh)
    )
    np.testing.assert_array_equal(model.predict(fresh), plain.predict(fresh))


def test_no_song_is_partly_held_out():
    folds = folds_of(TRACKS, 3)
    groups = np.array(groups_of(TRACKS))
    assert sorted(row for _, test in folds for row in test) == list(range(len(TRACKS)))
    for train, test in folds:
        assert not set(groups[train]) & set(groups[test])
        assert len(train) + len(test) == len(TRACKS)
    assert folds_of(TRACKS[:2], 3) == []


def test_held_out_answers_come_from_models_that_never_met_the_song():
    model = recognizer(calibration=3).fit(TRACKS, Y)
    rows, answers = held_out(model, TRACKS, Y)
    train, test = folds_of(TRACKS, 3)[1]
    part = recognizer().fit([TRACKS[i] for i in train], Y[train])
    wanted = part.predict_proba([TRACKS[i] for i in test])
    np.testing.assert_array_equal([answers[rows.index(i)] for i in test], wanted)


def test_the_only_track_with_words_is_not_calibrated_on(ears):
    tracks = [*TRACKS[:-1], Track("words", lyrics="la la")]
    model = recognizer(ears, calibration=3).fit(tracks, Y)
    rows, answers = held_out(model, tracks, Y)
    assert sorted(rows) == list(range(len(tracks) - 1))
    assert len(answers) == len(rows)


def test_spread_is_that_of_held_out_values():
    model = recognizer(classifier=Ridge(), target="valence_arousal", calibration=3)
    model.fit(TRACKS, PLANES)
    rows, answers = held_out(model, TRACKS, PLANES)
    assert sorted(rows) == list(range(len(TRACKS)))
    np.testing.assert_allclose(model.spread_, np.sqrt(((PLANES[rows] - answers) ** 2).mean(axis=0)))
    inside = recognizer(classifier=Ridge(), target="valence_arousal").fit(TRACKS, PLANES)
    assert (inside.spread_ < model.spread_).all()


def test_too_few_groups_to_hold_out():
    alone = [replace(track, group="one") for track in TRACKS]
    assert recognizer(calibration=3).fit(alone, Y).temperature_ == 1


def test_a_song_is_the_mean_of_its_clips():
    model = recognizer().fit(TRACKS, Y)
    shares = model.predict_proba(TRACKS[:4])
    answers = model.predict_songs(TRACKS[:4])
    assert list(answers) == ["Q1 0", "Q1 1"]
    assert answers["Q1 0"] == model.classes_[shares[:2].mean(axis=0).argmax()]
    values = recognizer(classifier=Ridge(), target="valence_arousal").fit(TRACKS, PLANES)
    np.testing.assert_allclose(
        values.predict_songs(TRACKS[:2])["Q1 0"], values.predict(TRACKS[:2]).mean(axis=0)
    )


def test_tracks_without_a_group_are_songs_of_their_own():
    tracks = [Track("a"), Track("a", group="a"), Track("b")]
    assert len(set(groups_of(tracks))) == 3
    assert len(set(groups_of([Track("a"), Track("a")]))) == 2
    assert list(pool_songs(tracks[1:], np.eye(2))) == ["a", "b"]


def test_augmentation_is_for_training_tracks_only():
    class Watched(Augmentation):
        seen: ClassVar[list] = []

        def tracks(self, tracks, y, groups=None):
            self.seen.append({track.group for track in tracks})
            return super().tracks(tracks, y, groups)

    model = recognizer(augmentation=Watched(copies=2), calibration=3).fit(TRACKS, Y)
    assert Watched.seen[0] == {track.group for track in TRACKS}
    folds = [{TRACKS[i].group for i in train} for train, _ in folds_of(TRACKS, 3)]
    assert Watched.seen[1:] == folds
    assert model.score(TRACKS, Y) > 0.9
    # Each copy is heard as itself, and found again.
    copies, _, _ = Augmentation(random_state=0).tracks(TRACKS[:2], Y[:2])
    cache = FeatureCache()
    first = model.hearing_.hear(copies, cache)
    again = model.hearing_.hear(copies, cache)
    fresh = model.hearing_.hear(copies)
    for one, two, three in zip(first, again, fresh):
        np.testing.assert_array_equal(one["symbolic"], two["symbolic"])
        np.testing.assert_array_equal(one["symbolic"], three["symbolic"])
    assert not np.array_equal(first[0]["symbolic"], first[2]["symbolic"])


# --- emotions ------------------------------------------------------------------------------------


def test_an_emotion_has_a_course(three, ears):
    tracks, y = three
    model = recognizer(ears).fit(tracks, y)
    emotion = model.predict_emotion([chordmer.example()], window=30, hop=30)[0]
    assert emotion.source == str(chordmer.example())
    assert emotion.modalities == ("symbolic", "lyrics")
    assert len(emotion.curve) > 3
    assert emotion.curve.probabilities.shape == (len(emotion.curve), 4)
    assert "BroadLearningClassifier" in emotion.model
    assert emotion.quadrant in str(emotion)
    words = model.predict_emotion([Track("words", lyrics="la la")])[0]
    assert len(words.curve) == 0
    assert words.modalities == ("lyrics",)


def test_a_window_that_is_the_whole_piece_is_the_whole_answer():
    model = recognizer().fit(TRACKS, Y)
    emotion = model.predict_emotion(TRACKS[:1], window=1000)[0]
    np.testing.assert_allclose(
        emotion.curve.probabilities[0], list(emotion.probabilities.values()), rtol=1e-9
    )


# --- scikit-learn --------------------------------------------------------------------------------


def test_cross_validation_and_search():
    groups = [track.group for track in TRACKS]
    folds = StratifiedGroupKFold(3)
    model = recognizer([*EARS, ("chord2vec", CHORDS)])
    scores = cross_val_score(model, TRACKS, Y, groups=groups, cv=folds, error_score="raise")
    assert scores.mean() > 0.9
    search = GridSearchCV(
        model,
        {"classifier__alpha": [1.0, 10.0], "chord2vec__pooling": ["mean", "sum"]},
        cv=folds,
        scoring="neg_log_loss",
        error_score="raise",
    )
    search.fit(TRACKS, Y, groups=groups)
    assert set(search.best_params_) == {"classifier__alpha", "chord2vec__pooling"}
    assert search.score(TRACKS, Y) > -1.0


def test_parameters_reach_the_extractors():
    model = recognizer(["symbolic", ("chord2vec", CHORDS)])
    assert model.get_params()["chord2vec__vector_size"] == 8
    model.set_params(
        symbolic__window=9.0, chord2vec__window=2, fusion="late", classifier__alpha=3.0
    )
    assert model.get_params()["symbolic__window"] == 9.0
    assert model.get_params()["chord2vec__window"] == 2
    assert CHORDS.window == 5
    assert model.fusion == "late"
    copy = clone(model)
    assert copy.get_params()["symbolic__window"] == 9.0
    model.set_params(chord2vec=Chord2Vec(vector_size=3))
    assert model.get_params()["chord2vec__vector_size"] == 3
    with pytest.raises(ValueError, match="Invalid parameter"):
        model.set_params(piano__window=1)
    assert is_classifier(model)


def test_making_one_computes_nothing():
    parameters = recognizer().get_params(deep=False)
    assert vars(recognizer()).keys() == parameters.keys()


def test_importing_the_recogniser_loads_no_network():
    code = (
        "import sys, chordmer; chordmer.EmotionRecognizer.recipe('default');"
        "print(*sorted({'torch', 'gensim', 'librosa', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


# --- recipes -------------------------------------------------------------------------------------


def test_the_default_recipe_is_whole():
    model = EmotionRecognizer.recipe("default", random_state=0, calibration=0)
    names = ["symbolic", "chord2vec", "descriptors", "lyrics"]
    assert [name for name, _ in model._named()] == names
    assert model.fit(TRACKS, Y).score(TRACKS, Y) > 0.9
    ratings = EmotionRecognizer.recipe("default", target="valence_arousal", calibration=0)
    assert ratings.fit(TRACKS, PLANES).score(TRACKS, PLANES) > 0.8


def test_an_unknown_recipe_is_refused():
    with pytest.raises(ValueError, match="there are cbsa, default, multispec"):
        EmotionRecognizer.recipe("soup")


@pytest.mark.parametrize("target", ["quadrant", "valence_arousal"])
def test_cbsa_hears_descriptors_frame_by_frame(target, three, tmp_path):
    tracks, y = three
    model = EmotionRecognizer.recipe("cbsa", target=target, random_state=0)
    model.set_params(classifier__training=QUICK, classifier__device="cpu")
    model.fit(tracks, y if target == "quadrant" else [PLANE[quadrant] for quadrant in y])
    assert model.head_.widths_ == {"descriptors": len(DESCRIPTORS)}
    same_after_saving(model, tracks[:2], tmp_path)


@pytest.mark.parametrize("target", ["quadrant", "valence_arousal"])
def test_multispec_hears_two_pictures_and_chords(target, three, tmp_path):
    tracks, y = three
    model = EmotionRecognizer.recipe("multispec", target=target, random_state=0)
    model.set_params(chord2vec__vector_size=8, classifier__training=QUICK, classifier__n_dense=8)
    model.set_params(classifier__hidden_size=4, classifier__device="cpu")
    model.fit(tracks, y if target == "quadrant" else [PLANE[quadrant] for quadrant in y])
    heard = model.hearing_.hear(tracks[:1])[0]
    assert {name: values.shape for name, values in heard.items()} == {
        "gtf": (44, 24),
        "mf_rp": (44, 192),
        "chord2vec": (8,),
    }
    same_after_saving(model, [tracks[0], without(tracks[1], "symbolic")], tmp_path)


def same_after_saving(model, tracks, folder):
    answers = model._answers(tracks)
    assert np.isfinite(answers).all()
    model.save(folder / "model")
    again = EmotionRecognizer.load(folder / "model")
    np.testing.assert_allclose(again._answers(tracks), answers, rtol=1e-5, atol=1e-6)


def test_another_encoder_under_the_same_name_is_refused(three, ears, tmp_path):
    encoder = tiny_encoder(tmp_path / "encoder")
    tracks, y = three
    words = [("lyrics", LyricEmbedding(model=str(encoder)))]
    model = recognizer(words).fit(tracks, y)
    model.save(tmp_path / "model")
    again = EmotionRecognizer.load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict_proba(tracks), model.predict_proba(tracks))
    edit_json(encoder / "config.json", layer_norm_eps=0.1)
    with pytest.raises(ModelError, match="not the encoder"):
        EmotionRecognizer.load(tmp_path / "model").predict(tracks)
