"""The texture: onsets gathered as a listener hears them, and what sounds at each."""

import numpy as np
import pytest
from corpora import bundled_midi
from hypothesis import given, settings
from hypothesis import strategies as st
from pieces import DRUMS, make_piece

from chordmer.features import texture
from chordmer.features.texture import HOLD, OVERLAP, ROLL, TOGETHER, weave
from chordmer.io import read_symbolic

NOTES = st.lists(
    st.tuples(
        st.integers(0, 400).map(lambda i: i * 0.03),
        st.integers(1, 90).map(lambda i: i * 0.07),
        st.integers(20, 100),
        st.integers(1, 127),
    ),
    max_size=60,
)
FILES = bundled_midi()


def by_hand(piece):
    """Every event as (time, {pitch: [onset, end, velocity]}), and what sounds there, by loops."""
    notes = sorted(
        (float(n["onset_sec"]), int(n["pitch"]), float(n["duration_sec"]), int(n["velocity"]))
        for n in piece.notes
        if not n["is_drum"]
    )
    events, chain_start, slot, previous = [], 0.0, 0, None
    for onset, pitch, duration, velocity in notes:
        onset -= notes[0][0]
        if previous is None or onset - previous > TOGETHER:
            chain_start, slot = onset, 0
            events.append({})
        elif int((onset - chain_start) / ROLL) > slot:
            slot = int((onset - chain_start) / ROLL)
            events.append({})
        previous = onset
        known = events[-1].get(pitch, (onset, duration, 0))
        events[-1][pitch] = (known[0], max(known[1], duration), max(known[2], velocity))
    times = [sum(onset for onset, _, _ in e.values()) / len(e) for e in events]
    times = [t - times[0] for t in times]
    sounding = []
    for k, now in enumerate(times):
        pitches = set(events[k])
        for earlier in events[:k]:
            for pitch, (onset, duration, _) in earlier.items():
                if onset + min(duration, HOLD) - OVERLAP > now:
                    pitches.add(pitch)
        sounding.append(sorted(pitches))
    return events, times, sounding


def agrees_with_hand(piece):
    woven = weave(piece)
    events, times, sounding = by_hand(piece)
    assert woven.times == pytest.approx(times, abs=1e-4)
    assert woven.first.tolist() == np.cumsum([0, *map(len, events)]).tolist()
    assert woven.pitch.tolist() == [pitch for event in events for pitch in sorted(event)]
    held = [event[pitch] for event in events for pitch in sorted(event)]
    assert woven.onset == pytest.approx([onset for onset, _, _ in held], abs=1e-4)
    assert woven.duration == pytest.approx([duration for _, duration, _ in held], abs=1e-4)
    assert woven.velocity.tolist() == [velocity for _, _, velocity in held]
    assert woven.top.tolist() == [pitches[-1] for pitches in sounding]
    assert woven.bottom.tolist() == [pitches[0] for pitches in sounding]
    assert woven.voices.tolist() == [len(pitches) for pitches in sounding]
    classes = [sorted({p % 12 for p in pitches}) for pitches in sounding]
    assert [np.flatnonzero(row).tolist() for row in woven.pitch_classes] == classes
    rough = [
        sum(0 < high - low <= 2 for low in pitches for high in pitches if high < 60)
        for pitches in sounding
    ]
    assert woven.low_clusters.tolist() == rough


@given(NOTES)
@settings(max_examples=60, deadline=None)
def test_loops_over_the_notes_find_the_same(notes):
    agrees_with_hand(make_piece(notes, bpm=60, ticks_per_beat=1 << 14))


@pytest.mark.parametrize("path", FILES[:6], ids=lambda p: p.stem)
def test_loops_over_real_notes_find_the_same(path):
    agrees_with_hand(read_symbolic(path))


def test_tables_computed_in_chunks_are_the_same(monkeypatch):
    piece = read_symbolic(FILES[0])
    whole = weave(piece)
    monkeypatch.setattr(texture, "_CHUNK", 7)
    parts = weave(piece)
    for name in ("top", "bottom", "voices", "pitch_classes", "low_clusters"):
        assert np.array_equal(getattr(whole, name), getattr(parts, name)), name


@given(NOTES.filter(bool), st.sampled_from([0.5, 2.0, 0.31]), st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_chroma_is_the_time_each_note_spends_in_each_window(notes, hop, width):
    woven = weave(make_piece(notes, bpm=60, ticks_per_beat=1 << 14))
    chroma = woven.chroma(hop, width)
    for w, row in enumerate(chroma):
        start, end = w * hop, (w + width) * hop
        expected = np.zeros(12)
        for onset, duration, pitch in zip(woven.onset, woven.duration, woven.pitch):
            release = onset + min(duration, HOLD)
            expected[pitch % 12] += max(0.0, min(release, end) - max(onset, start))
        assert row == pytest.approx(expected, abs=1e-9)
    assert (chroma >= 0).all()
    last = (woven.onset + np.minimum(woven.duration, HOLD)).max()
    assert (len(chroma) - 1 + width) * hop >= last or len(chroma) == 1


def test_a_chord_is_struck_at_once_and_an_arpeggio_is_not():
    def events(*onsets):
        return len(weave(make_piece([(t, 1, 60 + i) for i, t in enumerate(onsets)], bpm=60)).times)

    assert events(0, 0.02, 0.04) == 1
    assert events(0, 0.1, 0.2) == 3
    assert events(*np.arange(40) * 0.03) == 14  # a glissando: never one chord a second long


def test_a_unison_is_one_note_and_drums_are_none():
    woven = weave(
        make_piece([(0, 1, 60, 50, 0), (0, 2, 60, 70, 1), (0, 1, 36, 99, DRUMS), (1, 1, 62)])
    )
    assert woven.pitch.tolist() == [60, 62]
    assert woven.velocity.tolist() == [70, 64]
    assert woven.duration.tolist() == [1.0, 0.5]


def test_a_rest_of_a_thousand_years_costs_no_memory():
    notes = make_piece([(0, 1, 60), (1, 1, 64)]).notes.copy()
    notes["onset_sec"][1] = 3.2e10
    woven = weave(notes)
    assert len(woven.chroma(0.5, 2)) <= texture.MAX_WINDOWS
    assert len(woven.harmony) == 2


def test_silence_has_a_texture():
    woven = weave(make_piece([]))
    assert woven.span == 0.0
    assert len(woven.pitch) == len(woven.times) == len(woven.steps) == 0
    assert woven.harmony.shape == woven.phrases.shape == (0, 12)
