"""Chord2Vec on the way to a store: given, kept, or learned from the catalogue."""

import random
import shutil
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest
from corpora import bundled_midi

from chordmer import Chord2Vec, extract
from chordmer.errors import ChordmerError, ModelError
from chordmer.extraction.jobs import Finished
from chordmer.extraction.plan import named_features
from chordmer.extraction.progress import Progress
from chordmer.extraction.sources import listing_of, tracks_in_folder
from chordmer.extraction.vectors import sample, with_vectors
from chordmer.recognizer.recipes import FEATURES
from chordmer.store import Failure, Store
from chordmer.track import Track

PIECES = bundled_midi()[:6]


@pytest.fixture
def music(tmp_path):
    folder = tmp_path / "music"
    folder.mkdir()
    for path in PIECES:
        shutil.copy(path, folder)
    (folder / "bad.mid").write_bytes(b"no notes")
    return folder


def in_disorder(task, jobs):
    """An engine without processes, whose jobs end in any order; one is lost."""
    ends = [Finished(job, task(job.payload), None) for job in jobs]
    bad = next(i for i, end in enumerate(ends) if end.job.payload.id == "bad")
    ends[bad] = Finished(ends[bad].job, None, Failure("crash", None, "killed by SIGSEGV"))
    random.Random(1).shuffle(ends)
    yield from ends


def learn(source, store, given=None, features=("chord2vec",), engine=in_disorder):
    listing = listing_of(source)
    progress = Progress(listing, verbose=False)
    return with_vectors(named_features(features), given, store, listing, engine, progress)


def no_engine(task, jobs):
    raise AssertionError("nothing is to be learned")
    yield


def test_vectors_are_those_of_the_pieces_in_the_order_of_their_hashes(music, tmp_path):
    features = ["chord2vec", "chord2vec_frames", "symbolic"]
    found = learn(music, tmp_path / "store", features=features)
    model = found["chord2vec"]
    assert found["chord2vec_frames"] is model
    ordered = sorted(PIECES, key=lambda path: blake2b(path.stem.encode()).digest())
    expected = FEATURES["chord2vec"](random_state=0).fit(map(str, ordered))
    assert model.vocabulary == expected.vocabulary
    assert np.array_equal(model.vectors, expected.vectors)


def test_the_order_of_the_listing_does_not_matter(music, tmp_path):
    tracks = list(tracks_in_folder(music))
    one = learn(tracks, tmp_path / "one")["chord2vec"]
    other = learn(tracks[::-1], tmp_path / "other")["chord2vec"]
    assert np.array_equal(one.vectors, other.vectors)


def test_what_was_learned_once_is_kept(music, tmp_path):
    store = tmp_path / "store"
    first = learn(music, store)["chord2vec"]
    (music / "another.mid").write_bytes(PIECES[0].read_bytes())
    again = learn(music, store, engine=no_engine)["chord2vec"]
    assert np.array_equal(first.vectors, again.vectors)
    with Store.open(store) as opened:
        assert opened.verify() == []
    arrays = store / "_models" / "chord2vec" / "arrays.safetensors"
    data = bytearray(arrays.read_bytes())
    data[len(data) // 2] ^= 1
    arrays.write_bytes(data)
    with pytest.raises(ModelError):
        learn(music, store, engine=no_engine)
    with Store.open(store) as opened:
        assert len(opened.verify()) == 1


def test_vectors_that_are_given_are_used_and_kept(music, tmp_path):
    given = Chord2Vec(vector_size=8, min_count=1, random_state=3).fit(map(str, PIECES))
    given.save(tmp_path / "mine")
    store = tmp_path / "store"
    assert learn(music, store, tmp_path / "mine", engine=no_engine)["chord2vec"].vector_size == 8
    kept = learn(music, store, engine=no_engine)["chord2vec"]
    assert np.array_equal(kept.vectors, given.vectors)
    with pytest.raises(ModelError):
        learn(music, store, tmp_path / "nowhere", engine=no_engine)
    with pytest.raises(ValueError, match="not asked for"):
        learn(music, store, tmp_path / "mine", features=["symbolic"])


def test_where_there_are_no_notes_there_is_nothing_to_learn(tmp_path):
    silent = [Track("sound", audio="x.wav")]
    assert learn(silent, tmp_path / "store", engine=no_engine) == {}
    with pytest.raises(ChordmerError, match="no chord is heard"):
        learn([Track("bad", symbolic=b"no notes")], tmp_path / "other")


def test_a_sample_is_the_same_however_it_is_listed():
    tracks = [Track(f"{i}", symbolic="x.mid") for i in range(500)]
    silent = [Track("sound", audio="x.wav"), ChordmerError("no folder")]
    chosen = [track.id for track in sample(iter(tracks + silent), 50)]
    assert chosen == [track.id for track in sample(iter(silent + tracks[::-1]), 50)]
    assert len(set(chosen)) == 50
    assert len(sample(iter(tracks), 1000)) == 500


def test_rows_hold_the_vectors_of_the_model_in_the_store(music, tmp_path):
    store = tmp_path / "store"
    summary = extract(music, store, features=["chord2vec"])
    assert (summary.rows, summary.failed) == (len(PIECES), 1)
    model = Chord2Vec.load(store / "_models" / "chord2vec")
    with Store.open(store) as opened:
        ids, values = opened.matrix("chord2vec")
        paths = [str(Path(music, f"{name}.mid")) for name in ids]
        assert np.array_equal(values, model.transform(paths))
        whole = opened.hash()
    again = extract(music, store, features=["chord2vec"])
    assert (again.rows, again.up_to_date, again.failed_before) == (0, len(PIECES), 1)
    with Store.open(store) as opened:
        assert opened.hash() == whole
