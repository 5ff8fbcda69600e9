"""Names of notes and chords, held against their grammar and against intervals counted by hand."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chordmer.features.harte import (
    DEGREES,
    NOTE_NAMES,
    PITCH_CLASSES,
    QUALITIES,
    chord_name,
    mask_of,
    spell,
    transpose,
)

masks = st.integers(1, 4095)
#: Harte et al. 2005, section 4: the grammar, with the shorthands that chordmer uses.
NATURAL, DEGREE = "[A-G]#?", "[#b]*(?:1[0-3]|[1-9])"
SHORTHAND = "maj|min|dim|aug|maj7|min7|7|dim7|hdim7|minmaj7|maj6|min6|9|maj9|min9|sus4|sus2|1|5"
GRAMMAR = re.compile(
    rf"N|{NATURAL}(?::(?:(?:{SHORTHAND})(?:\(\*?{DEGREE}(?:,\*?{DEGREE})*\))?"
    rf"|\({DEGREE}(?:,{DEGREE})*\)))?(?:/{DEGREE})?"
)
SEMITONES = dict(
    zip(("1", "2", "3", "4", "5", "6", "7", "9", "11", "13"), (0, 2, 4, 5, 7, 9, 11, 2, 5, 9))
)
COMPONENTS = {
    "maj": "1 3 5",
    "min": "1 b3 5",
    "dim": "1 b3 b5",
    "aug": "1 3 #5",
    "maj7": "1 3 5 7",
    "min7": "1 b3 5 b7",
    "7": "1 3 5 b7",
    "dim7": "1 b3 b5 bb7",
    "hdim7": "1 b3 b5 b7",
    "minmaj7": "1 b3 5 7",
    "maj6": "1 3 5 6",
    "min6": "1 b3 5 6",
    "9": "1 3 5 b7 9",
    "maj9": "1 3 5 7 9",
    "min9": "1 b3 5 b7 9",
    "sus4": "1 4 5",
    "sus2": "1 2 5",
    "1": "1",
    "5": "1 5",
}


def semitones(degree):
    number = degree.lstrip("#b")
    return (SEMITONES[number] + degree.count("#") - degree.count("b")) % 12


def meaning(name):
    """Pitch classes and bass of a chord in Harte syntax, read by the rules of the paper."""
    chord, _, bass = name.partition("/")
    root, _, quality = chord.partition(":")
    shorthand, _, listed = quality.partition("(")
    degrees = set(COMPONENTS[shorthand].split()) if shorthand else {"1"}
    for degree in filter(None, listed.rstrip(")").split(",")):
        if degree.startswith("*"):
            degrees.remove(degree[1:])
        else:
            degrees.add(degree)
    root = PITCH_CLASSES.index(root)
    members = {(root + semitones(degree)) % 12 for degree in degrees}
    return members, (root + semitones(bass or "1")) % 12


def test_notes_are_named_as_in_the_paper():
    assert [NOTE_NAMES[p] for p in (74, 77, 78, 60, 0, 127)] == [
        "D5",
        "F5",
        "F#5",
        "C4",
        "C-1",
        "G9",
    ]
    assert len(set(NOTE_NAMES)) == 128


@pytest.mark.parametrize(
    ("pitches", "name"),
    [
        ((60, 64, 67), "C:maj"),
        ((64, 67, 72), "C:maj/3"),
        ((67, 72, 76), "C:maj/5"),
        ((57, 60, 64, 67), "A:min7"),
        ((60, 64, 67, 69), "C:maj6"),
        ((64, 67, 69, 72), "A:min7/5"),
        ((59, 62, 65, 67), "G:7/3"),
        ((62, 65, 69, 59), "B:hdim7"),
        ((62, 69, 71, 77), "D:min6"),
        ((60, 63, 66, 69), "C:dim7"),
        ((63, 66, 69, 72), "D#:dim7"),
        ((60, 64, 68), "C:aug"),
        ((64, 68, 72), "E:aug"),
        ((60, 65, 67), "C:sus4"),
        ((65, 67, 72), "F:sus2"),
        ((67, 72, 77), "C:sus4/5"),
        ((60, 62, 64, 67), "C:maj(9)"),
        ((60, 67), "C:5"),
        ((67, 72), "C:5/5"),
        ((60, 64), "C:maj(*5)"),
        ((64, 72), "C:maj(*5)/3"),
        ((60, 64, 70), "C:7(*5)"),
        ((61,), "C#:1"),
        ((60, 61, 67), "C:(b2,5)"),
        ((60, 61, 62, 63), "C:(b2,2,b3)"),
        ((), "N"),
    ],
)
def test_chords_have_their_textbook_names(pitches, name):
    bass = min(pitches) % 12 if pitches else None
    assert chord_name(mask_of(pitches), bass) == name


def test_without_a_bass_the_commoner_chord_is_meant():
    assert chord_name(mask_of((0, 4, 7, 9))) == "A:min7"
    assert chord_name(mask_of((0, 5, 7))) == "C:sus4"
    assert chord_name(mask_of((2, 5, 9, 11))) == "B:hdim7"
    assert chord_name(mask_of((0, 1, 7))) == "C C# G"


def test_every_set_upon_every_bass_is_harte_syntax_and_means_what_it_says():
    for mask in range(1, 4096):
        members = {k for k in range(12) if mask >> k & 1}
        for bass in members:
            name = chord_name(mask, bass)
            assert GRAMMAR.fullmatch(name), name
            assert meaning(name) == (members, bass), name


@given(masks, st.integers(0, 11))
def test_names_move_with_the_music(mask, by):
    """Transposing a chord renames its roots and basses and nothing else."""
    for bass in [k for k in range(12) if mask >> k & 1]:
        name, moved = chord_name(mask, bass), chord_name(transpose(mask, by), (bass + by) % 12)
        root, tail = re.match(r"([A-G]#?)(.*)", name).groups()
        assert moved == PITCH_CLASSES[(PITCH_CLASSES.index(root) + by) % 12] + tail


@given(masks)
def test_a_spelled_set_is_the_set(mask):
    assert mask_of(PITCH_CLASSES.index(name) for name in spell(mask).split()) == mask
    assert mask_of(DEGREES.index(name) for name in spell(mask, DEGREES).split()) == mask


@given(masks, st.integers(-30, 30))
def test_transposing_there_and_back_changes_nothing(mask, by):
    assert transpose(transpose(mask, by), -by) == mask
    assert transpose(mask, by) == mask_of(k + by for k in range(12) if mask >> k & 1)


def test_qualities_are_sets_upon_a_root_each_named_once():
    assert all(tones[0] == 0 and list(tones) == sorted(set(tones)) for tones in QUALITIES.values())
    assert len(set(QUALITIES.values())) == len(QUALITIES)
