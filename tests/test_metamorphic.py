"""The same music in another file has the same features.

Each change is made to the file, not to what was read from it: an octave up or down, finer ticks,
tracks in another order, a tempo said twice; for sound, its level, its channels and its start.
"""

import os
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smf import END, chunk, header, metre, off, on, program, tempo, vlq
from test_descriptors import ABSOLUTE

from chordmer.features.chord2vec import Chord2Vec
from chordmer.features.chords import segment_chords
from chordmer.features.describe import DESCRIPTOR_NAMES
from chordmer.features.descriptors import DESCRIPTORS, AudioDescriptors
from chordmer.features.gammatone import GammatoneFeatures
from chordmer.features.key import estimate_key
from chordmer.features.mfcc_rp import ResidualPhaseMFCC
from chordmer.features.spectrogram import SpectrogramFeatures
from chordmer.features.symbolic import SymbolicDescriptors
from chordmer.features.tempo import estimate_tempo
from chordmer.io import read_midi

#: Songs and sounds that each test tries.
SONGS, SOUNDS = (1000, 200) if "CHORDMER_SOAK" in os.environ else (20, 5)

WAYS = [
    (method, spelling)
    for method in ("gap", "beat")
    for spelling in ("ordered", "set", "pitch_class", "relative")
]


# --- notes ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Song:
    """What a file of type 1 is made of; times in ticks.

    Attributes
    ----------
    tempi : list of (tick, microseconds a beat), ascending; the first at 0
    tracks : list of lists of (onset, duration, pitch, velocity, channel)
    """

    division: int
    tempi: list
    tracks: list

    def file(self):
        bodies = [[(tick, 0, tempo(length)[1:]) for tick, length in self.tempi]]
        bodies[0].insert(0, (0, 0, metre(4, 2)[1:]))
        for notes in self.tracks:
            events = [(0, 0, program(9, channel=notes[0][4])[1:])]
            for onset, duration, pitch, velocity, channel in notes:
                events.append((onset, 2, on(pitch, velocity=velocity, channel=channel)[1:]))
                events.append((onset + duration, 1, off(pitch, channel=channel)[1:]))
            bodies.append(events)
        return header(1, len(bodies), self.division) + b"".join(map(_track, bodies))


def _track(events):
    body, before = b"", 0
    for tick, _, event in sorted(events):
        body += vlq(tick - before) + event
        before = tick
    return chunk(body + END)


@st.composite
def songs(draw):
    """Two to four voices, a track and a channel each, that play on a grid of quarter beats."""
    division = draw(st.sampled_from([24, 96, 480]))
    step = division // 4
    size = draw(st.integers(8, 40))
    tracks = []
    for channel in range(draw(st.integers(2, 4))):
        onset, notes = draw(st.integers(0, 8)) * step, []
        for _ in range(size):
            duration = draw(st.integers(1, 8)) * step
            pitch = draw(st.integers(36, 84))
            notes.append((onset, duration, pitch, draw(st.integers(1, 127)), channel))
            onset += duration + draw(st.sampled_from([0, 0, 0, 1, 4])) * step
        tracks.append(notes)
    last = max(onset for notes in tracks for onset, *_ in notes)
    ticks = sorted(draw(st.sets(st.integers(1, last), max_size=3)))
    lengths = st.integers(250_000, 1_500_000)
    return Song(division, [(tick, draw(lengths)) for tick in (0, *ticks)], tracks)


def finer(song, factor):
    return Song(
        song.division * factor,
        [(tick * factor, length) for tick, length in song.tempi],
        [[(a * factor, b * factor, *rest) for a, b, *rest in notes] for notes in song.tracks],
    )


def octaves(song, by):
    moved = [[(a, b, pitch + 12 * by, *rest) for a, b, pitch, *rest in n] for n in song.tracks]
    return replace(song, tracks=moved)


def split(song, place):
    """Say a tempo once more, somewhere before the next one."""
    which = place % len(song.tempi)
    start, length = song.tempi[which]
    stop = song.tempi[which + 1][0] if which + 1 < len(song.tempi) else start + 9999
    again = start + 1 + place % max(stop - start - 1, 1)
    return replace(
        song, tempi=sorted({*song.tempi, (again, length)} if again < stop else song.tempi)
    )


def heard(song):
    """Every feature of the file: those that must be equal, and those that rounding may touch."""
    piece = read_midi(song.file())
    words = {way: segment_chords(piece, method=way[0], spelling=way[1]) for way in WAYS}
    key, pulse = estimate_key(piece), estimate_tempo(piece)
    frames = SymbolicDescriptors(window=8, hop=8).frames(piece)
    exact = {
        **{way: chords.tokens for way, chords in words.items()},
        "rows": [[rows.tolist() for rows in words[way].notes] for way in (WAYS[0], WAYS[4])],
        "key": key.name,
        "frames": frames.values.shape,
    }
    near = {
        **{(*way, "onset"): chords.onset_sec for way, chords in words.items()},
        **{(*way, "end"): chords.end_sec for way, chords in words.items()},
        **{(*way, "beat"): chords.onset_beat for way, chords in words.items()},
        "descriptors": SymbolicDescriptors().transform([piece])[0],
        "frames": frames.values,
        "times": frames.times,
        "key": key.correlations,
        "tempo": [pulse.bpm, pulse.confidence],
        "seconds": piece.notes["onset_sec"],
        "beats": piece.notes["onset_beat"],
    }
    return exact, near


def assert_same(one, other):
    (exact, near), (exact_too, near_too) = heard(one), heard(other)
    assert exact == exact_too
    for name in near:
        np.testing.assert_allclose(near_too[name], near[name], 1e-6, 1e-6, err_msg=str(name))


@settings(max_examples=SONGS)
@given(songs(), st.integers(2, 60))
def test_finer_ticks_change_no_feature(song, factor):
    assert_same(song, finer(song, factor))


@settings(max_examples=SONGS)
@given(songs(), st.randoms(use_true_random=False))
def test_the_order_of_tracks_changes_no_feature(song, random):
    tracks = random.sample(song.tracks, len(song.tracks))
    assert_same(song, replace(song, tracks=tracks))


@settings(max_examples=SONGS)
@given(songs(), st.integers(0, 10_000))
def test_a_tempo_said_twice_changes_no_feature(song, place):
    assert_same(song, split(song, place))


@settings(max_examples=SONGS)
@given(songs(), st.sampled_from([-2, -1, 1, 3]))
def test_an_octave_moves_the_registers_and_the_names_alone(song, by):
    (exact, near), (exact_too, near_too) = heard(song), heard(octaves(song, by))
    for way in WAYS:
        if way not in (("gap", "ordered"), ("gap", "set"), ("beat", "set")):
            assert exact_too[way] == exact[way], way
        else:
            up = [[_octave_up(name, by) for name in word.split()] for word in exact[way]]
            assert [word.split() for word in exact_too[way]] == up
    for name in ("rows", "key"):
        assert exact_too[name] == exact[name]
    for name in near.keys() - {"descriptors", "frames"}:
        np.testing.assert_allclose(near_too[name], near[name], 1e-9, 1e-9, err_msg=str(name))
    moves = np.array([12.0 * by * (ABSOLUTE.get(name) == "+") for name in DESCRIPTOR_NAMES])
    still = np.array([ABSOLUTE.get(name) != "*" for name in DESCRIPTOR_NAMES])
    for kind in ("descriptors", "frames"):
        moved = near[kind] + moves
        np.testing.assert_allclose(near_too[kind][..., still], moved[..., still], 1e-5, 1e-5)


def _octave_up(name, by):
    if name == "N":
        return name
    letters = name.rstrip("-0123456789")
    return f"{letters}{int(name[len(letters) :]) + by}"


@pytest.fixture(scope="module")
def vectors():
    """Chord2Vec by way, learned from songs of four chords."""
    random = np.random.default_rng(0)
    pieces = []
    for _ in range(12):
        roots = random.choice([48, 53, 55, 57], 40).tolist()
        notes = [(96 * i, 90, r + t, 64, 0) for i, r in enumerate(roots) for t in (0, 4, 7)]
        pieces.append(read_midi(Song(96, [(0, 500_000)], [notes]).file()))
    learn = {"vector_size": 8, "min_count": 1, "epochs": 1, "random_state": 0}
    ways = [("beat", "relative"), ("beat", "pitch_class"), ("beat", "ordered")]
    return [Chord2Vec(method=m, spelling=s, **learn).fit(pieces) for m, s in ways]


@settings(max_examples=SONGS)
@given(songs(), st.integers(2, 9), st.randoms(use_true_random=False), st.sampled_from([-1, 1]))
def test_vectors_of_chords_are_those_of_the_music(vectors, song, factor, random, by):
    others = [
        finer(song, factor),
        split(song, factor),
        replace(song, tracks=random.sample(song.tracks, len(song.tracks))),
        octaves(song, by),
    ]
    for model in vectors:
        first, *rest = model.transform([read_midi(other.file()) for other in [song, *others]])
        for vector in rest:
            np.testing.assert_array_equal(vector, first)


# --- sound ---------------------------------------------------------------------------------------

SR = 44100
#: What tells how loud a sound is; all else must not move with it.
LEVELS = {"rms", "mfcc_0"}
EARS = (
    AudioDescriptors(),
    GammatoneFeatures(),
    ResidualPhaseMFCC(),
    SpectrogramFeatures(kinds=("wide", "narrow", "mel")),
)
seeds = st.integers(0, 2**32 - 1)


def sound(seed, seconds=0.5):
    """Some partials, one of them beating, over noise."""
    random = np.random.default_rng(seed)
    t = np.arange(int(seconds * SR)) / SR
    partials = [
        np.sin(2 * np.pi * f * t) * a
        for f, a in zip(random.uniform(80, 4000, 5), (1, 0.7, 0.5, 0.3, 0.2))
    ]
    y = 0.1 * sum(partials) * (1 + 0.5 * np.sin(2 * np.pi * 5 * t))
    return (y + 0.02 * random.standard_normal(len(t))).astype(np.float32)


@settings(max_examples=SOUNDS)
@given(seeds, st.sampled_from([0.25, 0.5, 2.0]))
def test_loudness_moves_only_what_measures_it(seed, gain):
    y = sound(seed)
    ear = AudioDescriptors()
    quiet, loud = (dict(zip(DESCRIPTORS, ear.frames((x, SR)).values.T)) for x in (y, gain * y))
    for name in DESCRIPTORS:
        if name not in LEVELS:
            np.testing.assert_allclose(loud[name], quiet[name], 1e-3, 1e-3, err_msg=name)
    np.testing.assert_allclose(loud["rms"], gain * quiet["rms"], 1e-5)


@pytest.mark.parametrize("ear", EARS, ids=lambda ear: type(ear).__name__)
@settings(max_examples=SOUNDS)
@given(seed=seeds, channels=st.integers(2, 4))
def test_equal_channels_are_one(ear, seed, channels):
    y = sound(seed)
    many = (np.stack([y] * channels), SR)
    np.testing.assert_array_equal(ear.transform([many]), ear.transform([(y, SR)]))
    np.testing.assert_array_equal(ear.frames(many).values, ear.frames((y, SR)).values)
