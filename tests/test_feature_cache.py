"""Features by content: the same is found again, anything else is not."""

import copy
import os
import threading
from dataclasses import replace

import numpy as np
import pytest
from pieces import make_piece
from songs import songs

from chordmer.errors import ChordmerError
from chordmer.features.chord2vec import Chord2Vec
from chordmer.features.symbolic import SymbolicDescriptors
from chordmer.io import to_pretty_midi
from chordmer.notes import TextEvent
from chordmer.recognizer import EmotionRecognizer, feature_cache
from chordmer.recognizer.feature_cache import FeatureCache, code_key, extractor_key, source_key
from chordmer.recognizer.hearing import Hearing
from chordmer.recognizer.renditions import Rendition
from chordmer.track import Track

KEY, OTHER = bytes(32), bytes([1]) * 32
VALUES = np.arange(6, dtype=np.float32).reshape(2, 3)
TRACKS, Y = songs(n=2, clips=1)


class Counting(SymbolicDescriptors):
    """Counts the tracks it is asked about."""

    asked = 0

    def transform(self, tracks):
        type(self).asked += len(tracks)
        return super().transform(tracks)


# --- the store -----------------------------------------------------------------------------------


@pytest.mark.parametrize("in_folder", [False, True])
def test_what_is_put_comes_back(in_folder, tmp_path):
    cache = FeatureCache(tmp_path / "new" if in_folder else None)
    assert cache.get(KEY) is None
    cache.put(KEY, VALUES)
    np.testing.assert_array_equal(cache.get(KEY), VALUES)
    assert not cache.get(KEY).flags.writeable
    assert cache.get(OTHER) is None
    again = FeatureCache(cache.folder).get(KEY)
    assert (again is not None) == in_folder


def test_memory_has_a_bound_and_keeps_what_is_used():
    cache = FeatureCache(max_bytes=3 * VALUES.nbytes)
    for number in range(3):
        cache.put(bytes([number]), VALUES)
    cache.get(bytes([0]))
    cache.put(bytes([3]), VALUES)
    assert [cache.get(bytes([n])) is not None for n in range(4)] == [True, False, True, True]
    cache.put(b"large", np.zeros(1000, np.float32))
    assert cache.get(b"large") is None
    assert cache._size == 0


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file, other: file.write_bytes(file.read_bytes()[:-1]),
        lambda file, other: file.write_bytes(b""),
        lambda file, other: file.write_bytes(bytes([*file.read_bytes()[:-1], 9])),
        lambda file, other: file.write_bytes(other.read_bytes()),
        lambda file, other: file.write_bytes(b"\x80\x04K\x01."),
        lambda file, other: (file.unlink(), file.mkdir()),
    ],
    ids=["cut", "empty", "flipped", "swapped", "pickle", "folder"],
)
def test_what_is_damaged_counts_as_missing(spoil, tmp_path):
    cache = FeatureCache(tmp_path)
    cache.put(KEY, VALUES)
    cache.put(OTHER, VALUES + 1)
    spoil(cache._file(KEY), cache._file(OTHER))
    assert FeatureCache(tmp_path).get(KEY) is None


def test_a_file_is_whole_or_not_there(tmp_path, monkeypatch):
    cache = FeatureCache(tmp_path)
    monkeypatch.setattr(
        feature_cache.Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "full"))
    )
    with pytest.raises(ChordmerError, match="full"):
        cache.put(KEY, VALUES)
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ChordmerError, match="file"):
        FeatureCache(tmp_path / "file").put(KEY, VALUES)


def test_threads_share_it(tmp_path):
    cache = FeatureCache(tmp_path, max_bytes=10 * VALUES.nbytes)

    def work(start):
        for number in range(start, start + 40):
            key = bytes([number % 50]) * 32
            cache.put(key, VALUES + number % 50)
            np.testing.assert_array_equal(cache.get(key), VALUES + number % 50)

    threads = [threading.Thread(target=work, args=(10 * i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache._size == sum(values.nbytes for values in cache._recent.values())
    assert cache._size <= cache.max_bytes


# --- keys ----------------------------------------------------------------------------------------


def test_a_file_is_known_by_what_is_in_it(tmp_path):
    first, second, other = tmp_path / "a.mid", tmp_path / "b.mid", tmp_path / "c.mid"
    first.write_bytes(b"one")
    second.write_bytes(b"one")
    other.write_bytes(b"two")
    assert source_key(first) == source_key(str(first)) == source_key(second)
    assert source_key(first) != source_key(other)
    first.write_bytes(b"two")
    assert source_key(first) == source_key(other)
    # The ending may say how a file is read.
    (tmp_path / "a.kar").write_bytes(b"one")
    assert source_key(tmp_path / "a.kar") != source_key(second)


def test_a_file_changed_in_its_place_is_another(tmp_path):
    file = tmp_path / "a.mid"
    file.write_bytes(b"one")
    os.utime(file, (1, 1))
    before = source_key(file)
    assert source_key(file) == before
    file.write_bytes(b"two")
    assert source_key(file) != before


def test_every_kind_of_source_has_a_key():
    piece = make_piece([(0, 1, 60), (1, 1, 64)])
    sounds = [(np.zeros(9, np.float32), 44100), (np.zeros(9), 44100), (np.zeros(9), 22050)]
    texts = [replace(piece, texts=(TextEvent(0, 0.0, "lyric", word),)) for word in (b"la", b"lo")]
    pieces = [piece, make_piece([(0, 1, 60), (1, 1, 65)]), make_piece([(0, 1, 60)], bpm=60)]
    sources = [b"bytes", "words", "other words", *sounds, *pieces, *texts, piece.notes]
    keys = [source_key(source) for source in sources]
    assert len(set(keys)) == len(keys)
    assert keys == [source_key(copy.deepcopy(source)) for source in sources]
    assert source_key(to_pretty_midi(piece)) == source_key(piece)


def test_a_key_holds_class_parameters_and_fit():
    class Mine(SymbolicDescriptors):
        pass

    chords = [
        Chord2Vec(vector_size=4, min_count=1, random_state=0, pooling=p) for p in ("sum", "mean")
    ]
    fitted = [
        extractor.fit([track.symbolic for track in part])
        for extractor in chords
        for part in (TRACKS, TRACKS[:4])
        for extractor in [copy.deepcopy(extractor)]
    ]
    others = [SymbolicDescriptors(), SymbolicDescriptors(pedal=True), Mine()]
    keys = [extractor_key(extractor) for extractor in (*fitted, *others)]
    assert len(set(keys)) == len(keys)
    assert extractor_key(copy.deepcopy(fitted[0])) == keys[0]


def test_code_is_part_of_the_key(monkeypatch, tmp_path):
    before = extractor_key(SymbolicDescriptors())
    code_key.cache_clear()
    assert extractor_key(SymbolicDescriptors()) == before
    (tmp_path / "notes.py").write_text("changed = True")
    monkeypatch.setattr(feature_cache, "_ROOT", tmp_path)
    monkeypatch.setattr(feature_cache, "_CODE", ("notes.py",))
    code_key.cache_clear()
    assert extractor_key(SymbolicDescriptors()) != before
    code_key.cache_clear()


def test_the_code_of_what_lies_elsewhere_is_part_of_its_key():
    assert code_key(SymbolicDescriptors) == code_key(Track)
    assert len({code_key(kind) for kind in (Track, Rendition, FeatureCache)}) == 3


# --- in use --------------------------------------------------------------------------------------


def test_a_track_is_heard_once():
    Counting.asked = 0
    hearing = Hearing.of([("mine", Counting(families=["register"]))], ["mine"])
    cache = FeatureCache()
    first = hearing.hear(TRACKS, cache)
    again = hearing.hear(
        [*TRACKS[::-1], Track("the same under another name", symbolic=TRACKS[0].symbolic)], cache
    )
    assert Counting.asked == len(TRACKS)
    np.testing.assert_array_equal(again[0]["mine"], first[-1]["mine"])
    np.testing.assert_array_equal(again[-1]["mine"], first[0]["mine"])
    hearing.hear(TRACKS, None)
    assert Counting.asked == 2 * len(TRACKS)


def test_recognisers_share_what_was_heard_even_between_processes(tmp_path):
    Counting.asked = 0
    ears = [("mine", Counting(families=["register", "pulse"]))]
    model = EmotionRecognizer(ears, calibration=2, random_state=0, cache=tmp_path).fit(TRACKS, Y)
    assert Counting.asked == len(TRACKS)
    model.predict(TRACKS)
    EmotionRecognizer(ears, calibration=0, fusion="late", cache=tmp_path).fit(TRACKS, Y)
    assert Counting.asked == len(TRACKS)
    kept = FeatureCache(tmp_path)
    np.testing.assert_array_equal(
        model.hearing_.hear(TRACKS, kept)[0]["mine"], model.hearing_.hear(TRACKS)[0]["mine"]
    )
    assert Counting.asked == 2 * len(TRACKS)
