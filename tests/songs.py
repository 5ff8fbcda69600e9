"""Small made-up songs of four moods, for tests that train on tracks."""

import numpy as np
from pieces import make_piece

from chordmer.track import Track

#: Chord roots and third, tempo, register, of each quadrant.
_MOODS = {
    "Q1": (4, 150, 67),
    "Q2": (3, 150, 50),
    "Q3": (3, 60, 50),
    "Q4": (4, 60, 67),
}
PLANE = {"Q1": (1.0, 1.0), "Q2": (-1.0, 1.0), "Q3": (-1.0, -1.0), "Q4": (1.0, -1.0)}
WORDS = {"Q1": "joy dance sun", "Q2": "rage fight fire", "Q3": "tears alone", "Q4": "rest calm"}


def song(quadrant, seed, beats=32):
    """A piece of broken chords in the quadrant's mode, tempo and register."""
    random = np.random.default_rng(seed)
    third, bpm, root = _MOODS[quadrant]
    notes = []
    for beat in range(0, beats, 4):
        base = root + int(random.choice([0, 5, 7, -5]))
        for step, interval in enumerate((0, third, 7)):
            notes.append((beat + step, 1, base + interval, int(random.integers(50, 90))))
    return make_piece(notes, bpm=bpm)


def sound(quadrant, seed, seconds=1.0, sr=8000):
    """A tone with noise: loud or soft as arousal is, high or low as valence."""
    random = np.random.default_rng(seed)
    valence, arousal = PLANE[quadrant]
    t = np.arange(int(seconds * sr)) / sr
    tone = np.sin(2 * np.pi * (440 + 200 * valence + random.uniform(-20, 20)) * t)
    noise = random.standard_normal(len(t))
    return ((0.1 + 0.05 * arousal) * (tone + 0.2 * noise)).astype(np.float32), sr


def songs(n=6, clips=2, *, audio=False, lyrics=False, beats=32):
    """`n` songs of each quadrant in `clips` clips each, and their quadrants."""
    tracks, y = [], []
    for quadrant in _MOODS:
        for number in range(n):
            for clip in range(clips):
                seed = 100 * number + clip
                name = f"{quadrant} {number} {clip}"
                tracks.append(
                    Track(
                        name,
                        symbolic=song(quadrant, seed, beats),
                        audio=sound(quadrant, seed) if audio else None,
                        lyrics=f"{WORDS[quadrant]}\n{name}" if lyrics else None,
                        group=f"{quadrant} {number}",
                    )
                )
                y.append(quadrant)
    return tracks, np.array(y)
