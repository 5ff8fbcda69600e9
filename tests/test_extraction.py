"""`chordmer.extract` from end to end, on this machine."""

import hashlib
import os
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from lyric_model import tiny_encoder
from smf import header, smf, track
from stub_extractors import Heard, Numbers, Obedient

import chordmer
from chordmer import AudioDescriptors, LyricEmbedding, SymbolicDescriptors, extract
from chordmer.errors import ChordmerError, ClusterError, StoreError
from chordmer.extraction import plan
from chordmer.extraction.plan import feature_of, named_features
from chordmer.extraction.sources import tracks_in_folder
from chordmer.extraction.task import Visit, Visitor, own_code
from chordmer.features.lyrics import forget_embeddings
from chordmer.store import Store
from chordmer.track import Track

PIECE = Path(chordmer.example())
STUB = [("numbers", Obedient())]


def catalogue(folder, texts):
    """Write files, by their names without ending."""
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.mid").write_text(text)
    return folder


def rows_of(store, feature="numbers"):
    with Store.open(store) as opened:
        return {row.id: row for row in opened.rows(feature)}


def hash_of(store):
    with Store.open(store) as opened:
        assert opened.verify() == []
        return opened.hash()


def told(summary):
    return summary.rows, summary.up_to_date, summary.failed, summary.failed_before


@pytest.fixture
def music(tmp_path):
    return catalogue(tmp_path / "music", {f"{i:02}": f"piece {i}" for i in range(12)})


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


# --- what is computed ----------------------------------------------------------------------------


def test_by_default_a_track_gives_what_its_files_hold(tmp_path, store):
    music = tmp_path / "music"
    (music / "deep").mkdir(parents=True)
    shutil.copy(PIECE, music / "piece.mid")
    y = np.sin(2 * np.pi * 440 * np.arange(22050) / 22050).astype(np.float32)
    soundfile.write(music / "piece.wav", y, 22050)
    soundfile.write(music / "deep" / "sound.flac", y / 2, 22050)
    (music / "notes.txt").write_text("nobody asked for words")
    summary = extract(music, store)
    assert (summary.tracks, *told(summary), summary.complete) == (2, 3, 0, 0, 0, True)
    symbolic, sound = (rows_of(store, name) for name in ("symbolic", "descriptors"))
    assert list(symbolic) == ["piece"]
    assert sorted(sound) == ["deep/sound", "piece"]
    row = symbolic["piece"]
    assert np.array_equal(row.values, SymbolicDescriptors().transform([PIECE])[0])
    assert row.content == hashlib.sha256(PIECE.read_bytes()).hexdigest()
    assert row.extractor == "chordmer.features.symbolic.SymbolicDescriptors"
    assert '"window":15.0' in row.parameters
    assert "assumed" in row.report
    expected = AudioDescriptors().transform([music / "piece.wav"])[0]
    assert np.array_equal(sound["piece"].values, expected)


def test_frames_stand_beside_vectors_and_pedals_are_heard(store):
    held = ("held_frames", SymbolicDescriptors(pedal=True, window=20.0))
    extract([PIECE], store, features=["symbolic_frames", "symbolic", held])
    for name, extractor in (("symbolic_frames", SymbolicDescriptors()), held):
        frames = extractor.frames(PIECE)
        [row] = rows_of(store, name).values()
        assert np.array_equal(row.values, frames.values)
        assert np.array_equal(row.times, frames.times)
    [row] = rows_of(store, "symbolic").values()
    assert row.values.ndim == 1
    assert row.times.shape == (0,)


def test_words_in_notes_are_lyrics_and_notes_without_words_give_none(tmp_path, store):
    sung = smf(*(b"\0\xff\x05\3%s " % word for word in (b"w1", b"w2")))
    silent = header() + track(b"\0\x90\x3c\x40", b"\x60\x80\x3c\0")
    words = LyricEmbedding(model=tiny_encoder(tmp_path / "model"), device="cpu")
    tracks = [
        Track("sung", symbolic=sung),
        Track("silent", symbolic=silent),
        Track("text", lyrics="w1 w2\nw3"),
        Track("again", lyrics="w1 w2\nw4 w5 w6"),
    ]
    visitor = Visitor({"words": feature_of("words", words)}, own_code())
    visited = [row for track in tracks for row in visitor(Visit(track, ("words",))).rows]
    rows = {row.id: row for row in visited}
    assert [row.error for row in visited] == [None] * 4
    assert rows["silent"].shape == (0,)
    for track_ in (tracks[0], *tracks[2:]):
        # Each is encoded as if there were no others, whatever a worker did before.
        forget_embeddings()
        assert np.array_equal(rows[track_.id].values, words.transform([track_])[0])
    with Store.create_or_open(store, {"words": visitor.features["words"].recipe}) as opened:
        opened.append(visited)
    with Store.open(store) as opened:
        ids, values = opened.matrix("words")
    assert ids == ["again", "sung", "text"]
    assert values.shape == (3, 8)


def test_tracks_in_memory_need_no_files(store):
    y = np.sin(np.arange(44100) / 20).astype(np.float32)
    tracks = [
        Track("bytes", symbolic=PIECE.read_bytes()),
        Track("notes", symbolic=chordmer.read_midi(PIECE)),
        Track("sound", audio=(y, 44100)),
    ]
    assert told(extract(tracks, store)) == (3, 0, 0, 0)
    assert told(extract(tracks, store)) == (0, 3, 0, 0)
    tracks[2] = Track("sound", audio=(y / 2, 44100))
    assert told(extract(tracks, store)) == (1, 2, 0, 0)


@pytest.mark.parametrize(
    ("features", "problem"),
    [
        ("symbolic", "list of names"),
        ([], "no feature"),
        (["nothing"], "no features are called"),
        (["nothing_frames"], "no features are called"),
        (["symbolic", "symbolic"], "twice"),
        ([("A/../b", Numbers())], "is named by"),
        ([("Ü", Numbers())], "is named by"),
        ([("one", 1)], "no extractor"),
    ],
)
def test_features_that_cannot_be_are_refused_at_once(features, problem, music, store):
    with pytest.raises(ValueError, match=problem):
        extract(music, store, features=features)
    assert not store.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_jobs": 0},
        {"timeout": 0},
        {"timeout": float("nan")},
        {"memory": 1},
        {"cluster": "tcp://127.0.0.1:1", "n_jobs": 2},
        {"chord2vec": "somewhere"},
    ],
)
def test_parameters_out_of_range_are_refused_at_once(wrong, music, store):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        extract(music, store, features=STUB, **wrong)
    assert not store.exists()


def test_an_extractor_that_learns_must_be_able_to_say_what():
    class Learner(Numbers):
        def __sklearn_tags__(self):
            tags = super().__sklearn_tags__()
            tags.requires_fit = True
            return tags

    with pytest.raises(ValueError, match="to_parts"):
        feature_of("learner", Learner())
    with pytest.raises(ValueError, match="JSON"):
        feature_of("odd", Numbers(offset=object()))


# --- what is not computed again ------------------------------------------------------------------


def test_the_same_call_again_computes_nothing(music, store):
    assert told(extract(music, store, features=STUB)) == (12, 0, 0, 0)
    whole = hash_of(store)
    for path in music.iterdir():
        os.utime(path, (1, 1))  # a time of day says nothing about content
    renamed = music.rename(music.with_name("renamed"))
    assert told(extract(renamed, store, features=STUB)) == (0, 12, 0, 0)
    assert hash_of(store) == whole


def test_what_changed_is_computed_and_nothing_else(music, store):
    extract(music, store, features=STUB)
    (music / "03.mid").write_text("PIECE 3")  # as many bytes as before
    os.utime(music / "03.mid", (1, 1))
    (music / "new.mid").write_text("new")
    assert told(extract(music, store, features=STUB)) == (2, 11, 0, 0)
    more = [*STUB, ("second", Numbers(offset=1))]
    assert told(extract(music, store, features=more)) == (13, 13, 0, 0)
    other = [("numbers", Obedient(offset=2)), more[1]]
    assert told(extract(music, store, features=other)) == (13, 13, 0, 0)
    assert rows_of(store)["new"].values[0] == rows_of(store, "second")["new"].values[0] + 1
    fresh = store.with_name("fresh")
    extract(music, fresh, features=other)
    assert hash_of(fresh) == hash_of(store)


def test_rows_that_are_out_of_date_do_not_pile_up(music, store):
    for offset in range(5):
        extract(music, store, features=[("numbers", Numbers(offset=offset))])
        with Store.open(store) as opened:
            assert opened.info()["superseded"] <= 12
    assert rows_of(store)["00"].values.max() >= 4


def test_rows_of_other_code_are_out_of_date(music, store, monkeypatch):
    extract(music, store, features=STUB)
    monkeypatch.setattr(plan, "extractor_key", lambda extractor: b"newer code")
    assert told(extract(music, store, features=STUB)) == (12, 0, 0, 0)


def test_a_worker_with_other_code_ends_the_run():
    features = {"numbers": feature_of("numbers", Numbers())}
    visit = Visit(Track("piece", symbolic=str(PIECE)), ("numbers",))
    assert len(Visitor(features, own_code())(visit).rows) == 1
    with pytest.raises(ClusterError, match="another chordmer"):
        Visitor(features, "other")(visit)


@pytest.mark.parametrize("n_jobs", [1, 2, 4])
def test_the_same_input_gives_the_same_store(n_jobs, tmp_path):
    """Whatever the number of workers, and the order."""
    texts = {f"{i:02}": f"piece {i}" for i in range(40)} | {"bad": "raise 1", "odd": "kill 1"}
    music = catalogue(tmp_path / "music", texts)
    features = [*STUB, "symbolic"]
    shutil.copy(PIECE, music / "piece.mid")
    extract(music, tmp_path / "one", features=features)
    tracks = list(tracks_in_folder(music))
    random.Random(n_jobs).shuffle(tracks)
    extract(tracks, tmp_path / "other", features=features[::-1], n_jobs=n_jobs)
    assert hash_of(tmp_path / "one") == hash_of(tmp_path / "other")


# --- what goes wrong -----------------------------------------------------------------------------


def test_killers_and_hangs_cost_their_own_feature_of_their_own_file(tmp_path, store):
    texts = {f"{i:03}": f"piece {i}" for i in range(150)}
    texts |= {f"kill{i}": f"kill {i}" for i in range(4)} | {"hang": "hang", "memory": "memory"}
    texts |= {"raise": "raise \x1b", "refuse": "refuse it"}
    music = catalogue(tmp_path / "music", texts)
    features = [*STUB, ("plain", Numbers())]
    summary = extract(music, store, features=features, n_jobs=2, timeout=1.0)
    assert (summary.tracks, *told(summary)) == (158, 150 + 158, 0, 8, 0)
    assert summary.errors == {
        **{"crash": 4, "timeout": 1, "memory": 1, "RuntimeError": 1, "MidiError": 1}
    }
    rows = rows_of(store)
    assert {row.id: row.error.kind for row in rows.values() if row.error} == {
        **{f"kill{i}": "crash" for i in range(4)},
        **{"hang": "timeout", "memory": "memory", "raise": "RuntimeError", "refuse": "MidiError"},
    }
    assert "/somewhere" not in rows["refuse"].error.message
    assert rows["refuse"].error.stage == "track 3"
    assert rows["raise"].error.message.isprintable()
    assert all(row.error is None for row in rows_of(store, "plain").values())
    # Their content is known all the same, so none of them is tried again ...
    assert rows["hang"].content == hashlib.sha256(b"hang").hexdigest()
    whole = hash_of(store)
    again = extract(music, store, features=features, n_jobs=2, timeout=1.0)
    assert told(again) == (0, 150 + 158, 0, 8)
    assert not again.complete
    assert hash_of(store) == whole
    # ... unless it changes, or one asks.
    (music / "hang.mid").write_text("harmless")
    assert told(extract(music, store, features=features, timeout=1.0)) == (2, 307, 0, 7)
    tried = extract(music, store, features=features, timeout=1.0, retry_failed=True)
    assert told(tried) == (0, 309, 7, 0)


def test_a_file_that_vanishes_is_told_and_tried_again(music, store):
    """A file that was listed, and is gone when a worker opens it."""
    gone = music / "05.mid"
    tracks = list(tracks_in_folder(music))
    kept = gone.rename(music / "05.away")
    summary = extract(tracks, store, features=STUB)
    assert told(summary) == (11, 0, 1, 0)
    row = rows_of(store)["05"]
    assert (row.error.kind, row.content) == ("ChordmerError", "")
    assert "No such file" in row.error.message
    assert told(extract(tracks, store, features=STUB)) == (0, 11, 1, 0)
    kept.rename(gone)
    assert told(extract(tracks, store, features=STUB)) == (1, 11, 0, 0)
    # A file that was there, and cannot be read any more, says so too.
    gone.unlink()
    gone.mkdir()
    assert told(extract(tracks, store, features=STUB)) == (0, 11, 1, 0)
    assert "not a regular file" in rows_of(store)["05"].error.message


def test_pipes_and_links_to_nowhere_are_refused_without_waiting(tmp_path, store):
    os.mkfifo(tmp_path / "pipe.mid")
    (tmp_path / "loop.mid").symlink_to(tmp_path / "loop.mid")
    os.symlink("/dev/zero", tmp_path / "zero.mid")
    summary = extract(tmp_path, store, features=STUB, timeout=5.0)
    assert summary.errors == {"ChordmerError": 3}


def test_a_file_that_changes_while_it_is_read_is_not_dated(tmp_path):
    path = tmp_path / "piece.mid"
    path.write_text("one")

    class Meddler(Numbers):
        def obey(self, data):
            path.write_text("another")

    features = {"numbers": feature_of("numbers", Meddler())}
    visited = Visitor(features, own_code())(Visit(Track("piece", symbolic=path), ("numbers",)))
    assert [(row.content, row.error.message) for row in visited.rows] == [
        ("", "changed while it was read")
    ]


def test_a_missing_package_is_no_fault_of_the_file(tmp_path):
    class Lacking(Numbers):
        def obey(self, data):
            raise chordmer.errors.MissingExtraError.of("music21", "scores")

    features = {"numbers": feature_of("numbers", Lacking())}
    visit = Visit(Track("piece", symbolic=str(PIECE)), ("numbers",))
    [row] = Visitor(features, own_code())(visit).rows
    assert row.content == ""
    assert "pip install" in row.error.message


def test_a_folder_that_cannot_be_listed_is_no_success(music, store, monkeypatch):
    (music / "closed").mkdir()
    real = os.scandir

    def scandir(path):
        if str(path).endswith("closed/"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    summary = extract(music, store, features=STUB)
    assert summary.rows == 12
    assert not summary.complete
    assert "closed/: listing: the folder cannot be listed: Permission denied" in str(summary)


def test_a_store_that_cannot_be_written_to_keeps_what_it_has(music, store, monkeypatch):
    extract(music, store, features=STUB)
    whole = hash_of(store)
    (music / "new.mid").write_text("new")
    real = os.write

    def write(handle, data):
        if b"new" in bytes(data):
            raise OSError(28, "No space left on device")
        return real(handle, data)

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(StoreError, match="No space left"):
        extract(music, store, features=STUB)
    monkeypatch.undo()
    assert hash_of(store) == whole
    assert told(extract(music, store, features=STUB)) == (1, 12, 0, 0)
    with pytest.raises(StoreError):
        extract(music, store.with_name("no") / "where", features=STUB)


def test_a_list_may_hold_what_has_no_source(store):
    summary = extract([Track("empty"), Track("piece", symbolic=PIECE)], store, features=STUB)
    assert (summary.tracks, *told(summary)) == (1, 1, 0, 0, 0)


def test_features_called_by_name_are_the_same_everywhere():
    extractors = named_features(["lyrics", "lyrics_frames", "chord2vec", "gtf"])
    assert extractors["lyrics"].device == extractors["lyrics_frames"].device == "cpu"
    assert extractors["chord2vec"].random_state == 0
    assert extractors["gtf"].device is None


def test_modalities_are_dated_apart(tmp_path, store):
    (tmp_path / "a.mid").write_text("notes")
    (tmp_path / "a.wav").write_text("sound")
    features = [("numbers", Numbers()), ("heard", Heard())]
    assert told(extract(tmp_path, store, features=features)) == (2, 0, 0, 0)
    (tmp_path / "a.wav").write_text("other sound")
    assert told(extract(tmp_path, store, features=features)) == (1, 1, 0, 0)
    with pytest.raises(ChordmerError):
        extract(tmp_path / "nowhere", store, features=features)
