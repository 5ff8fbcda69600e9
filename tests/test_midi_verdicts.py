"""What becomes of unusual and malformed MIDI files, by the plain and by the compiled scanner."""

import pytest
from midi_table import CAPPED, LOADS, REFUSED, SMALL, WARNS, WITHIN
from smf import header, meta, note, program, smf, tempo, track

from chordmer.errors import ChordmerError, MidiError
from chordmer.io import _compiled, read_midi, read_symbolic


def test_the_table_is_long_enough():
    assert len(LOADS) + len(WARNS) + len(REFUSED) + len(CAPPED) + len(WITHIN) >= 60


@pytest.fixture(params=["plain", "compiled"], autouse=True)
def scanner(request, monkeypatch):
    """Every verdict is that of the plain scanner and of the compiled one."""
    monkeypatch.setattr(_compiled, "_PLAIN_BYTES", 1 << 40 if request.param == "plain" else -1)


def cases(table):
    return pytest.mark.parametrize(
        ["name", "data", "notes", "counts"][: len(table[0])], table, ids=[row[0] for row in table]
    )


@cases(LOADS)
def test_what_the_standard_allows_loads_in_silence(name, data, notes):
    piece = read_midi(data)
    assert len(piece.notes) == notes
    assert piece.report.warnings == ()
    assert set(piece.report.counts) <= {"alien_chunks"}


@cases(WARNS)
def test_what_is_illegal_but_unambiguous_loads_with_a_warning(name, data, notes, counts):
    piece = read_midi(data)
    assert len(piece.notes) == notes
    assert dict(piece.report.counts) == counts
    assert len(piece.report.warnings) >= max(len(counts), 1)


@pytest.mark.parametrize(("name", "data", "says"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_is_ambiguous_or_dangerous_is_refused(name, data, says):
    with pytest.raises(MidiError, match=says) as caught:
        read_midi(data)
    assert caught.value.source == "bytes"
    assert caught.value.stage
    assert isinstance(caught.value, ChordmerError)


@pytest.mark.parametrize(("name", "data", "says"), CAPPED, ids=[row[0] for row in CAPPED])
def test_what_exceeds_a_cap_is_refused(name, data, says):
    with pytest.raises(MidiError, match=says) as caught:
        read_midi(data, limits=SMALL)
    assert caught.value.value is not None
    assert len(read_midi(data).notes) > 0


@cases(WITHIN)
def test_what_just_reaches_a_cap_loads(name, data, notes):
    assert len(read_midi(data, limits=SMALL).notes) == notes


def test_truncation_anywhere_never_escapes_and_never_invents():
    whole = header(1, 2) + track(tempo(400_000), program(3), note(60), note(62), meta(1, b"end"))
    whole += track(note(64, 50, channel=1), note(65, 50, channel=1))
    full = {row.tobytes() for row in read_midi(whole).notes}
    loaded = 0
    for size in range(len(whole)):
        try:
            piece = read_symbolic(whole[:size])
        except MidiError:
            continue
        loaded += 1
        assert piece.report.warnings
        assert {row.tobytes() for row in piece.notes} <= full
    assert 0 < loaded < len(whole)


def test_the_error_names_the_file_the_stage_and_the_value(tmp_path):
    path = tmp_path / "broken\x1b[31m.mid"
    path.write_bytes(smf(b"\0\x90\x3c\xff"))
    with pytest.raises(MidiError) as caught:
        read_midi(path)
    assert "broken\\x1b[31m.mid" in str(caught.value)
    assert caught.value.stage == "track 1, byte 25"
    assert caught.value.value == 255
