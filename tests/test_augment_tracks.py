"""`Augmentation`: copies within bounds, with their label and group, and for training only."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pieces import make_piece
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.model_selection import GroupKFold, cross_val_score

from chordmer.augment import Augmentation, Variation
from chordmer.augment.tracks import Change
from chordmer.errors import AudioError, MidiError
from chordmer.features.symbolic import SymbolicDescriptors
from chordmer.io import read_audio, read_symbolic
from chordmer.track import Track

SR = 8000


def notes():
    return make_piece([(beat, 1, 60 + 4 * (beat % 3)) for beat in range(8)], bpm=100)


def sound():
    time = np.arange(SR) / SR
    return (0.3 * np.sin(2 * np.pi * 500 * time)).astype(np.float32), SR


def tracks():
    return [
        Track("notes", symbolic=notes(), group="a"),
        Track("sound", audio=sound(), group="b"),
        Track("both", symbolic=notes(), audio=sound(), lyrics="la la", group="c"),
        Track("words", lyrics="la la", group="d"),
    ]


LABELS = ["Q1", "Q2", "Q3", "Q4"]


def made(augmentation, given=None, labels=LABELS):
    given = tracks() if given is None else given
    more, _, _ = augmentation.tracks(given, labels[: len(given)])
    return more[len(given) :]


def transposed_by(piece):
    """Semitones between `notes()` and a piece made of it, the same for every note."""
    (semitones,) = {
        int(new - old) for new, old in zip(piece.notes["pitch"], notes().notes["pitch"])
    }
    return semitones


def frequency(y, sr):
    part = y[SR // 10 : -SR // 10]
    size = np.abs(np.fft.rfft(part * np.hanning(len(part)), 8 * len(part)))
    return size.argmax() * sr / (8 * len(part))


def test_copies_come_after_the_tracks_with_label_and_group():
    given = tracks()
    more, y, groups = Augmentation(copies=2, random_state=0).tracks(given, LABELS)
    assert more[:4] == given
    assert [track.id for track in more[4:]] == [
        *("notes~1", "notes~2", "sound~1", "sound~2", "both~1", "both~2"),
    ]
    assert y.tolist() == [*LABELS, "Q1", "Q1", "Q2", "Q2", "Q3", "Q3"]
    assert groups.tolist() == [*"abcd", *"aabbcc"]
    assert [track.group for track in more] == groups.tolist()
    assert more[-1].lyrics == "la la"


def test_dimensions_are_labels_too():
    values = np.random.default_rng(0).uniform(-1, 1, (4, 2))
    _, y, _ = Augmentation(random_state=0).tracks(tracks(), values)
    np.testing.assert_array_equal(y, values[[0, 1, 2, 3, 0, 1, 2]])


@given(seed=st.integers(0, 2**32 - 1))
def test_notes_stay_within_the_bounds(seed):
    (variation,) = made(Augmentation(random_state=seed, transpose=3, tempo=0.2), tracks()[:1])
    piece = variation.symbolic
    assert abs(transposed_by(piece)) <= 3
    tempo = notes().duration / piece.duration
    assert 1 / 1.2 <= tempo <= 1.2
    np.testing.assert_array_equal(piece.notes["onset_beat"], notes().notes["onset_beat"])


@pytest.mark.parametrize("seed", range(6))
def test_sound_stays_within_the_bounds(seed):
    (variation,) = made(Augmentation(random_state=seed), tracks()[1:2])
    y, sr = variation.audio
    assert sr == SR
    assert 1 / (1.1 * 1.05) <= SR / len(y) <= 1.1 * 1.05
    moved = 12 * np.log2(frequency(y, sr) / 500)
    assert abs(moved) <= 1 + 12 * np.log2(1.05) + 0.05


def test_every_change_happens_by_itself():
    off = dict.fromkeys(("transpose", "tempo", "speed", "pitch"), 0) | {"snr_db": None}
    given = tracks()[1:2]
    y, _ = given[0].audio

    def alone(**one):
        (variation,) = made(Augmentation(random_state=1, **off | one), given)
        return variation.change, variation.audio[0]

    change, found = alone(tempo=0.1)
    assert len(found) == round(SR / change.tempo) != SR
    assert frequency(found, SR) == pytest.approx(500, rel=2e-3)
    change, found = alone(speed=0.1)
    assert len(found) == round(SR / change.speed) != SR
    assert frequency(found, SR) == pytest.approx(500 * change.speed, rel=2e-3)
    change, found = alone(pitch=2)
    assert len(found) == SR
    assert frequency(found, SR) == pytest.approx(500 * 2 ** (change.semitones / 12), rel=2e-3)
    for loudest in (0, 20, 110):
        change, found = alone(snr_db=loudest)
        assert loudest <= change.snr_db <= min(loudest + 30, 120)
        assert len(found) == SR
        if loudest < 110:  # beyond, float32 rounds the sum by as much as the noise
            noise = np.mean((found - y) ** 2)
            found_db = 10 * np.log10(np.mean(y**2) / noise)
            assert found_db == pytest.approx(change.snr_db, abs=0.01)
    assert made(Augmentation(**off), given) == []


@pytest.mark.parametrize("seed", range(8))
def test_notes_and_sound_of_one_track_stay_in_key_and_in_step(seed):
    (variation,) = made(Augmentation(random_state=seed, pitch=2.5, transpose=5), tracks()[2:3])
    piece, (y, sr) = variation.symbolic, variation.audio
    assert SR / len(y) == pytest.approx(notes().duration / piece.duration, rel=1e-3)
    semitones = transposed_by(piece)
    assert abs(semitones) <= 2
    assert frequency(y, sr) == pytest.approx(500 * 2 ** (semitones / 12), rel=3e-3)


def test_random_draws_fill_the_bounds():
    given = [Track(f"{i}", symbolic=notes()) for i in range(200)]
    changes = [v.change for v in made(Augmentation(random_state=0), given, LABELS * 50)]
    assert {change.semitones for change in changes} == {-2, -1, 0, 1, 2}
    tempos = np.log([change.tempo for change in changes]) / np.log(1.1)
    assert -1 <= tempos.min() < -0.9
    assert 0.9 < tempos.max() <= 1
    assert abs(tempos.mean()) < 0.1
    given = [Track(f"{i}", audio=sound()) for i in range(200)]
    levels = [v.change.snr_db for v in made(Augmentation(random_state=0), given, LABELS * 50)]
    assert 30 <= min(levels) < 32
    assert 58 < max(levels) <= 60


def test_a_class_may_be_spared_a_change():
    spare = {"Q1": ("tempo",), "Q3": ("transpose", "pitch", "snr_db"), "none": ("tempo",)}
    one, _, three = made(Augmentation(random_state=0, exclude=spare))
    assert one.change.tempo == 1
    assert three.change.semitones == 0
    assert three.change.snr_db is None
    assert three.change.tempo != 1
    plain = made(Augmentation(random_state=0))
    assert one.change.semitones == plain[0].change.semitones
    everything = {"Q2": ("transpose", "tempo", "speed", "pitch", "snr_db")}
    ids = [v.id for v in made(Augmentation(random_state=0, exclude=everything))]
    assert ids == ["notes~1", "both~1"]


def test_a_copy_is_the_same_in_every_fold():
    augmentation = Augmentation(copies=2, random_state=5)
    whole = {v.id: v.change for v in made(augmentation)}
    part = {v.id: v.change for v in made(augmentation, tracks()[1:3])}
    assert part == {name: whole[name] for name in part}
    assert len({whole["both~1"].tempo, whole["both~2"].tempo, whole["notes~1"].tempo}) == 3
    other = {v.id: v.change for v in made(clone(augmentation).set_params(random_state=6))}
    assert other["both~1"] != whole["both~1"]


def test_a_variation_gives_the_same_bytes_each_time():
    for variation in made(Augmentation(random_state=0))[1:]:
        (one, _), (two, _) = variation.audio, copy.deepcopy(variation).audio
        assert one.tobytes() == two.tobytes()


def test_variations_are_read_like_any_track():
    *_, both = made(Augmentation(random_state=0))
    assert isinstance(both, Variation)
    assert both.source("symbolic").notes.tobytes() == read_symbolic(both).notes.tobytes()
    y, sr = read_audio(both, None)
    np.testing.assert_array_equal(y, both.audio[0])
    assert sr == SR
    assert SymbolicDescriptors().fit_transform([tracks()[0], both]).shape[0] == 2
    assert "both~1" in repr(both)
    (sound_only,) = made(Augmentation(random_state=0), tracks()[1:2])
    assert sound_only.symbolic is None


def test_no_change_is_the_original():
    original = tracks()[2]
    same = Variation(original, Change(), id="x", group=None)
    assert same.symbolic is original.symbolic
    np.testing.assert_array_equal(same.audio[0], original.audio[0])


def test_sources_are_opened_when_they_are_asked_for(tmp_path):
    given = [Track("gone", symbolic=tmp_path / "gone.mid", audio=tmp_path / "gone.wav")]
    (variation,) = made(Augmentation(random_state=0), given)
    with pytest.raises(MidiError, match=r"gone\.mid"):
        _ = variation.symbolic
    with pytest.raises(AudioError, match=r"gone\.wav"):
        _ = variation.audio


def test_a_track_without_a_group_shares_one_with_its_copies():
    given = [Track("audio", audio=sound()), Track("audio", audio=sound())]
    more, _, groups = Augmentation(random_state=0).tracks(given, ["Q1", "Q2"])
    assert groups.tolist() == ["track 0", "track 1"] * 2
    assert [track.group for track in more] == groups.tolist()
    _, _, own = Augmentation(random_state=0).tracks(given, ["Q1", "Q2"], groups=[7, 8])
    assert own.tolist() == [7, 8, 7, 8]


def test_folds_by_group_never_part_a_copy_from_its_original():
    given = [Track(f"{i}", symbolic=notes()) for i in range(12)]
    more, y, groups = Augmentation(copies=3, random_state=0).tracks(given, LABELS * 3)
    for train, test in GroupKFold(4).split(more, y, groups):
        names = [{more[i].id.partition("~")[0] for i in rows} for rows in (train, test)]
        assert not names[0] & names[1]


class Listener(ClassifierMixin, BaseEstimator):
    """Has an augmentation as a parameter, and remembers what it met."""

    met: list = []  # noqa: RUF012

    def __init__(self, augmentation=None):
        self.augmentation = augmentation

    def fit(self, X, y, groups=None):
        self.trained_, y, _ = self.augmentation.tracks(X, y)
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        self.met.append((self.trained_, X))
        return np.repeat(self.classes_[0], len(X))


def test_only_training_folds_are_augmented():
    given = [Track(f"{i}", symbolic=notes(), group=f"{i // 2}") for i in range(12)]
    groups = [track.group for track in given]
    Listener.met.clear()
    cross_val_score(
        Listener(Augmentation(copies=2, random_state=0)),
        given,
        LABELS * 3,
        cv=GroupKFold(3),
        groups=groups,
    )
    assert len(Listener.met) == 3
    for trained, tested in Listener.met:
        assert len(trained) == 8 * 3
        assert len(tested) == 4
        assert not any(isinstance(track, Variation) for track in tested)
        assert not {track.group for track in trained} & {track.group for track in tested}


@pytest.mark.parametrize(
    "wrong",
    [
        {"transpose": 13},
        {"transpose": 1.5},
        {"transpose": True},
        {"tempo": -0.1},
        {"tempo": 0.5},
        {"speed": np.nan},
        {"pitch": 7},
        {"snr_db": -1},
        {"snr_db": "loud"},
        {"copies": 101},
        {"copies": 1.0},
        {"exclude": {"Q1": "tempo"}},
        {"exclude": {"Q1": ["volume"]}},
    ],
)
def test_impossible_parameters_are_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Augmentation(**wrong).tracks(tracks(), LABELS)


@pytest.mark.parametrize("transpose", [0, 12])
def test_the_widest_bounds_can_be_played(transpose):
    wide = Augmentation(
        transpose=transpose, tempo=0.4, speed=0.4, pitch=6, snr_db=0, copies=8, random_state=0
    )
    for variation in made(wide, tracks()[1:3]):
        assert np.isfinite(variation.audio[0]).all()
    for turn in (-1, 1):
        change = Change(6 * turn, 1.4**-turn, 1.4**turn)
        extreme = Variation(tracks()[1], change, id="x", group=None)
        assert len(extreme.audio[0]) == SR
        change = Change(6 * turn, 1.4**turn, 1.4**turn)
        assert np.isfinite(Variation(tracks()[1], change, id="x", group=None).audio[0]).all()


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="labels"):
        Augmentation().tracks(tracks(), LABELS[:3])
    with pytest.raises(ValueError, match="groups"):
        Augmentation().tracks(tracks(), LABELS, groups=["a"])
    with pytest.raises(ValueError, match="by label"):
        Augmentation(exclude={"Q1": ["tempo"]}).tracks(tracks(), np.zeros((4, 2)))
