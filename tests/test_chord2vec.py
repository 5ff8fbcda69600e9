"""Chord2Vec: the vectors, the pieces made of them, and the folder they are kept in."""

import os
import subprocess
import sys
import tracemalloc
from itertools import combinations, pairwise, product

import numpy as np
import pytest
from corpora import bundled_midi
from folders import manifest_of, seal
from hypothesis import given, settings
from hypothesis import strategies as st
from pieces import DRUMS, make_piece
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge

from chordmer import Chord2Vec, Track, segment_chords
from chordmer.errors import ChordmerError, ChordmerWarning, MissingModalityError, ModelError
from chordmer.features._chord_vectors import unit
from chordmer.features._corpus import LONGEST_PASSAGE, cut
from chordmer.features._subchords import Subchords, note_groups
from chordmer.folder import save_folder
from chordmer.plot.chord_map import principal_plane

METHODS = ("gap", "beat")
SPELLINGS = ("ordered", "set", "pitch_class", "relative")

WHITE = ["C4 E4 G4", "F4 A4 C5", "G4 B4 D5", "A4 C5 E5"]
BLACK = ["F#4 A#4 C#5", "G#4 B#4 D#5", "D#4 F#4 A#4", "C#4 E#4 G#4"]


def two_worlds(n_pieces=40, length=30, seed=0):
    """Pieces on white keys, then pieces on black keys; a chord never meets the other colour."""
    rng = np.random.default_rng(seed)
    return [
        [str(chord) for chord in rng.choice(world, length)]
        for world in (WHITE, BLACK)
        for _ in range(n_pieces // 2)
    ]


def small(**parameters):
    return Chord2Vec(**({"vector_size": 16, "random_state": 0, "epochs": 20} | parameters))


@pytest.fixture(scope="module")
def fitted():
    return small().fit(two_worlds())


def also(model, **parameters):
    """The same fitted model with other parameters."""
    other = Chord2Vec(**model.get_params()).set_params(**parameters)
    other.embedding_, other.fit_report_ = model.embedding_, model.fit_report_
    return other


# --- learning ----------------------------------------------------------------------------------


def test_chords_heard_together_are_alike(fitted):
    for chord in WHITE:
        nearest = [other for other, _ in fitted.most_similar(chord, topn=3)]
        assert sorted([chord, *nearest]) == sorted(WHITE)
    assert fitted.doesnt_match([*WHITE, BLACK[0]]) == BLACK[0]


def test_the_vectors_are_those_of_gensims_skip_gram():
    from gensim.models import Word2Vec

    # Counts that all differ leave gensim no ties to order in its own way.
    pieces = [["a"] * 2 + ["b"] * 3 + ["c"] * 4 + ["d"] * 6 for _ in range(9)]
    ours = Chord2Vec(vector_size=7, window=2, min_count=1, negative=3, epochs=4, random_state=5)
    theirs = Word2Vec(
        pieces,
        sg=1,
        vector_size=7,
        window=2,
        min_count=1,
        negative=3,
        epochs=4,
        sample=0,
        workers=1,
        seed=np.random.RandomState(5).randint(2**31 - 1),
    )
    ours.fit(pieces)
    assert ours.vocabulary == theirs.wv.index_to_key == ["d", "c", "b", "a"]
    np.testing.assert_array_equal(ours.vectors, theirs.wv.vectors)


PRINT_DIGEST = """
import hashlib
from chordmer import Chord2Vec
notes = ["C4", "D4", "E4", "F4", "G4", "A4", "B4"]
pieces = [[f"{notes[(i * j) % 7]} {notes[(i + j) % 7]}" for j in range(60)] for i in range(30)]
for oov in ("compose", "skip"):
    model = Chord2Vec(vector_size=20, random_state=3, oov=oov).fit(pieces)
    values = model.transform([*pieces, ["C4 unheard"]])
    print(hashlib.sha256(model.vectors.tobytes() + values.tobytes()).hexdigest())
print(hashlib.sha256(repr(model.vocabulary).encode()).hexdigest())
"""


def test_one_seed_gives_the_same_bytes_in_every_process():
    digests = set()
    for hash_seed in ("0", "1", "random"):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", PRINT_DIGEST],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(done.stdout)
    assert len(digests) == 1


def test_seeds_differ_and_a_random_state_is_a_seed():
    pieces = two_worlds()
    first, again = (small(random_state=np.random.RandomState(1)).fit(pieces) for _ in range(2))
    np.testing.assert_array_equal(first.vectors, again.vectors)
    assert not np.array_equal(first.vectors, small(random_state=2).fit(pieces).vectors)


def test_a_list_a_generator_and_a_callable_are_the_same_corpus():
    pieces = two_worlds()
    expected = small().fit(pieces).vectors
    for corpus in ((p for p in pieces), lambda: iter(pieces), tuple(pieces), map(tuple, pieces)):
        np.testing.assert_array_equal(small().fit(corpus).vectors, expected)


def test_fit_transform_is_fit_then_transform():
    pieces = two_worlds()
    expected = small().fit(pieces).transform(pieces)
    np.testing.assert_array_equal(small().fit_transform(iter(pieces)), expected)


def peak_of_fitting(n_pieces):
    rng = np.random.default_rng(0)
    pieces = ([str(c) for c in rng.choice(WHITE, 300)] for _ in range(n_pieces))
    model = small(epochs=1, vector_size=4)
    tracemalloc.start()
    try:
        model.fit(pieces)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_number_of_pieces():
    peak_of_fitting(10)
    # 800 more pieces of 300 chords are 1 MB as numbers; gensim's queue is full at 400, but for some
    # ten kilobytes that depend on how its threads happen to meet.
    assert abs(peak_of_fitting(1200) - peak_of_fitting(400)) < 100_000


@given(n=st.integers(0, 60), longest=st.integers(3, 12), overlap=st.integers(1, 12), data=st.data())
def test_cutting_loses_no_word_and_no_pair(n, longest, overlap, data):
    overlap = min(overlap, longest - 1)
    passages = list(cut(list(range(n)), longest, overlap))
    assert all(1 <= len(p) <= longest for p in passages)
    assert all(p == list(range(p[0], p[-1] + 1)) for p in passages)
    assert all(b[0] == a[-1] + 1 - overlap for a, b in pairwise(passages))
    together = {pair for p in passages for pair in combinations(p, 2)}
    for i in range(n):
        assert any(i in p for p in passages)
        for j in range(i + 1, min(i + overlap + 1, n)):
            assert (i, j) in together


def test_chords_after_the_ten_thousandth_are_learned():
    early = WHITE * (LONGEST_PASSAGE // 4)
    late = BLACK * (LONGEST_PASSAGE // 4)
    model = small(epochs=1).fit([early + late])
    # word2vec draws the entries from [-1/d, 1/d), so longer vectors have been trained.
    assert all(np.linalg.norm(model.vector(chord)) > 1 / np.sqrt(16) for chord in WHITE + BLACK)


def test_frequent_chords_are_not_left_out():
    # With gensim's own sample=1e-3 hardly one in ten of these would be trained on.
    from gensim.models import Word2Vec

    trained = {}
    pieces = two_worlds()
    for sample in (0, 1e-3):
        model = Word2Vec(sg=1, vector_size=4, min_count=1, sample=sample, workers=1, epochs=1)
        model.build_vocab(pieces)
        trained[sample] = model.train(pieces, total_examples=len(pieces), epochs=1)[0]
    assert trained[0] == sum(map(len, pieces)) > 5 * trained[1e-3]
    assert Chord2Vec().sample == 0


# --- the report --------------------------------------------------------------------------------


def test_the_report_counts_what_survives():
    pieces = [["a", "a", "b"], ["a", "c"], ["c"], [], ["d", "e"]]
    with pytest.warns(ChordmerWarning, match=r"min_count=2: 2 of 5 .* 62%.* 1 of 5 pieces"):
        model = small(min_count=2).fit(pieces)
    report = model.fit_report_
    assert model.vocabulary == ["a", "c"]
    assert (report.n_pieces, report.n_silent, report.n_empty) == (5, 1, 1)
    assert (report.n_chords, report.n_distinct) == (8, 5)
    assert (report.n_vocabulary, report.n_kept) == (2, 5)
    assert report.kept_share == 5 / 8
    assert report.empty_share == 1 / 4
    assert model.embedding_.counts.tolist() == [3, 2]
    assert model.embedding_.piece_counts.tolist() == [2, 2]


def test_losing_half_of_the_chords_is_told():
    kept, lost = ["a"] * 10, [f"once {i}" for i in range(10)]
    small().fit([kept + lost])
    with pytest.warns(ChordmerWarning, match="little survives"):
        small().fit([[*kept, *lost, "once more"]])


@pytest.mark.parametrize("pieces", [[], [[]], [["a", "b", "c"]], [["a"] * 4]])
def test_an_empty_vocabulary_is_explained(pieces):
    with pytest.raises(ChordmerError, match=r"no chord is heard 5 times.*lower min_count"):
        small().fit(pieces)


# --- pieces ------------------------------------------------------------------------------------


def test_pooling_follows_its_formula(fitted):
    piece = [WHITE[0], WHITE[0], BLACK[1], "F4 A#4"]
    vectors = np.array([fitted.vector(chord) for chord in piece], dtype=np.float64)
    in_pieces = [20, 20, 20, 0]
    rarity = np.log((1 + 40) / (1 + np.array(in_pieces))) + 1
    expected = {
        "sum": vectors.sum(axis=0),
        "mean": vectors.mean(axis=0),
        "tfidf": rarity @ vectors / rarity.sum(),
    }
    for pooling, vector in expected.items():
        values = also(fitted, pooling=pooling).transform([piece])
        assert values.dtype == np.float32
        np.testing.assert_allclose(values, [vector], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("pooling", ["sum", "mean", "tfidf"])
def test_an_unknown_chord_is_composed_left_out_or_refused(fitted, pooling):
    known, both, unknown = [WHITE[0]], [WHITE[0], "C4 G4"], ["C4 G4"]
    skip = also(fitted, oov="skip", pooling=pooling).transform([known, both, unknown])
    np.testing.assert_array_equal(skip[0], skip[1])
    assert not skip[2].any()
    compose = also(fitted, oov="compose", pooling=pooling).transform([known, both, unknown])
    np.testing.assert_array_equal(compose[0], skip[0])
    np.testing.assert_allclose(compose[2], fitted.vector("C4 G4"), rtol=1e-6)
    assert compose[2].any()
    refuse = also(fitted, oov="error", pooling=pooling)
    np.testing.assert_array_equal(refuse.transform([known]), skip[:1])
    with pytest.raises(ChordmerError, match=r"piece 1: .*vocabulary.*C4 G4"):
        refuse.transform([known, both])


def test_a_piece_without_chords_is_zero(fitted):
    assert fitted.transform([]).shape == (0, 16)
    for pooling in ("sum", "mean", "tfidf"):
        assert not also(fitted, pooling=pooling).transform([[], ()]).any()


def test_the_paper_skips_and_sums():
    model = Chord2Vec.paper(random_state=1)
    assert (model.method, model.spelling, model.beats_per_measure) == ("gap", "ordered", 4)
    assert (model.vector_size, model.pooling, model.oov) == (500, "sum", "skip")
    assert model.random_state == 1
    assert Chord2Vec.paper(vector_size=256).vector_size == 256


# --- chords never heard ------------------------------------------------------------------------


@pytest.mark.parametrize("chord", ["E4 G4", "G4 E4 C4", "A4", "D5 G4 B4 F4"])
def test_a_composed_chord_sounds_like_its_notes(fitted, chord):
    assert fitted.most_similar(chord, topn=1)[0][0] in WHITE
    towards = unit(np.array([fitted.vector(c) for c in [chord, *WHITE, *BLACK]]))
    cosines = towards[0] @ towards[1:].T
    assert cosines[:4].mean() > cosines[4:].mean()


@given(st.lists(st.text(), max_size=6))
def test_no_piece_with_a_chord_is_empty(fitted, piece):
    assert fitted.transform([piece]).any() == bool(piece)


def test_a_chord_of_unknown_notes_is_the_mean_of_the_vocabulary(fitted):
    mean = fitted.vectors.mean(axis=0)
    np.testing.assert_allclose(fitted.vector("nothing like it"), mean, rtol=1e-4, atol=1e-6)


def test_composition_is_ridge_regression():
    rng = np.random.default_rng(0)
    vocabulary = [" ".join(rng.choice(list("ABCDEFG"), n)) for n in (1, 2, 2, 3, 3, 3, 4)]
    vectors = rng.normal(size=(7, 5)).astype(np.float32)
    ours = Subchords.fit(vocabulary, vectors)
    shares = np.array(
        [[note_groups(c).count(g) / len(note_groups(c)) for g in ours.groups] for c in vocabulary]
    )
    mean = vectors.mean(axis=0)
    theirs = Ridge(alpha=0.03, fit_intercept=False).fit(shares, vectors - mean)
    np.testing.assert_allclose(ours.weights[:-1], theirs.coef_.T, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(ours.weights[-1], mean, rtol=1e-6)
    composed = np.array([ours.compose(chord) for chord in vocabulary])
    np.testing.assert_allclose(composed, theirs.predict(shares) + mean, rtol=1e-4, atol=1e-5)


def test_a_composed_vector_does_not_grow_with_the_chord(fitted):
    longest = np.linalg.norm(fitted.vectors, axis=1).max()
    endless = " ".join(WHITE * 500)
    assert np.linalg.norm(fitted.vector(endless)) < 2 * longest


def test_remembering_composed_chords_is_bounded(fitted, monkeypatch):
    monkeypatch.setattr("chordmer.features._chord_vectors._MOST_REMEMBERED", 10)
    model = also(fitted)
    model.transform([[f"C4 {i}" for i in range(25)]])
    assert len(model.embedding_._composed) <= 10


# --- asking about chords -----------------------------------------------------------------------


def test_similarities_are_those_of_gensims_keyed_vectors(fitted):
    keyed = fitted.to_keyed_vectors()
    assert keyed.index_to_key == fitted.vocabulary
    assert (
        keyed.get_vecattr(WHITE[0], "count")
        == fitted.embedding_.counts[fitted.vocabulary.index(WHITE[0])]
    )
    assert fitted.similarity(WHITE[0], BLACK[0]) == pytest.approx(
        float(keyed.similarity(WHITE[0], BLACK[0])), abs=1e-6
    )
    ours = fitted.most_similar([WHITE[0], WHITE[1]], negative=BLACK[0], topn=5)
    theirs = keyed.most_similar([WHITE[0], WHITE[1]], negative=[BLACK[0]], topn=5)
    assert [chord for chord, _ in ours] == [chord for chord, _ in theirs]
    np.testing.assert_allclose([c for _, c in ours], [c for _, c in theirs], atol=1e-6)
    assert fitted.doesnt_match([*BLACK, WHITE[2]]) == keyed.doesnt_match([*BLACK, WHITE[2]])


def test_similarity_is_a_cosine(fitted):
    for one, other in combinations([*WHITE, "never heard"], 2):
        assert fitted.similarity(one, one) == pytest.approx(1)
        assert fitted.similarity(one, other) == fitted.similarity(other, one)
        assert -1 <= fitted.similarity(one, other) <= 1


def test_asking_about_an_unknown_chord_or_none(fitted):
    for oov in ("skip", "error"):
        model = also(fitted, oov=oov)
        for ask in (model.vector, model.most_similar):
            with pytest.raises(ChordmerError, match=r"vocabulary.*C4 unheard"):
                ask("C4 unheard")
    with pytest.raises(ChordmerError, match="at least one"):
        fitted.most_similar()
    with pytest.raises(ChordmerError, match="at least one"):
        fitted.doesnt_match([])
    assert fitted.most_similar(WHITE[0], topn=0) == []
    assert len(fitted.most_similar(WHITE[0], topn=99)) == 7


def test_nothing_is_answered_before_fitting(tmp_path):
    model = Chord2Vec()
    for ask in (
        lambda: model.vocabulary,
        lambda: model.vectors,
        lambda: model.transform([["C4"]]),
        lambda: model.similarity("a", "b"),
        lambda: model.save(tmp_path / "model"),
        lambda: model.get_feature_names_out(),
        lambda: model.plot(),
    ):
        with pytest.raises(NotFittedError):
            ask()


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, 0) for name in ("vector_size", "window", "min_count", "negative", "epochs")),
        ("workers", -1),
        ("vector_size", 2.5),
        ("vector_size", True),
        ("window", LONGEST_PASSAGE),
        ("sample", -0.1),
        ("sample", float("nan")),
        ("pooling", "max"),
        ("oov", None),
    ],
)
def test_a_parameter_out_of_range_is_named(fitted, name, value):
    with pytest.raises(ChordmerError, match=f"{name} must be"):
        Chord2Vec(**{name: value}).fit(two_worlds())
    with pytest.raises(ChordmerError, match=f"{name} must be"):
        also(fitted, **{name: value}).transform([])


@pytest.mark.parametrize("alone", ["C4 E4 G4", "song.mid", b"MThd", Track("song"), 3, None])
def test_one_piece_alone_is_no_corpus(fitted, alone):
    for use in (small().fit, fitted.transform):
        with pytest.raises(ChordmerError, match=r"put it into a list|not a list of pieces"):
            use(alone)


def test_a_track_without_notes_to_read_is_named(fitted):
    for use in (lambda t: small().fit([t]), lambda t: fitted.transform([t]), fitted.frames):
        with pytest.raises(MissingModalityError, match="the song"):
            use(Track("the song", lyrics="la la"))


# --- files -------------------------------------------------------------------------------------


def test_what_is_saved_comes_back(fitted, tmp_path):
    pieces = [*two_worlds(4), ["C4 unheard"]]
    model = also(fitted, pooling="tfidf", window=np.int64(3))
    model.save(tmp_path / "model")
    back = Chord2Vec.load(tmp_path / "model")
    assert back.get_params() == model.get_params()
    assert back.vocabulary == fitted.vocabulary
    assert back.fit_report_ == fitted.fit_report_
    np.testing.assert_array_equal(back.vectors, fitted.vectors)
    np.testing.assert_array_equal(back.transform(pieces), model.transform(pieces))
    assert manifest_of(tmp_path / "model")["versions"].keys() >= {"gensim", "numpy", "chordmer"}


def test_a_random_state_object_is_not_kept(fitted, tmp_path):
    also(fitted, random_state=np.random.RandomState(0)).save(tmp_path / "model")
    assert Chord2Vec.load(tmp_path / "model").random_state is None


def test_using_a_saved_model_needs_no_gensim(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    code = (
        "import sys\nfrom chordmer import Chord2Vec\n"
        f"model = Chord2Vec.load({str(tmp_path / 'model')!r})\n"
        "model.transform([['C4 E4 G4', 'unheard']]); model.most_similar('C4')\n"
        "print(*{'gensim', 'matplotlib', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("", "")


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["parameters"].update(vector_size=17),
        lambda m: m["parameters"].update(oov="run"),
        lambda m: m["parameters"].update(exec="rm"),
        lambda m: m.update(parameters=[]),
        lambda m: m.pop("parameters"),
        lambda m: m["fit_report"].update(n_kept=1),
        lambda m: m["fit_report"].update(n_pieces=1),
        lambda m: m["fit_report"].update(n_pieces="40"),
        lambda m: m["fit_report"].pop("n_empty"),
        lambda m: m.pop("fit_report"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(fitted, tmp_path, change):
    path = tmp_path / "model"
    fitted.save(path)
    manifest = manifest_of(path)
    change(manifest)
    seal(path, manifest)
    with pytest.raises(ModelError, match="model"):
        Chord2Vec.load(path)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("vocabulary", lambda a: a[: len(a) // 2]),
        ("vocabulary", lambda a: np.frombuffer(b'["C4"]', np.uint8)),
        ("vectors", lambda a: a[:-1]),
        ("vectors", lambda a: a[:, :-1]),
        ("vectors", lambda a: a.astype(np.float64)),
        ("counts", lambda a: a - a.max()),
        ("piece_counts", lambda a: a + 1_000_000),
        ("piece_counts", lambda a: a * 0),
        ("groups", lambda a: np.frombuffer(b"[]", np.uint8)),
        ("group_weights", lambda a: a[1:]),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(fitted, tmp_path, name, change):
    arrays = fitted.embedding_.to_arrays()
    fitted.save(tmp_path / "model")
    manifest = manifest_of(tmp_path / "model")
    save_folder(tmp_path / "model", manifest, arrays | {name: change(arrays[name])})
    with pytest.raises(ModelError, match="model"):
        Chord2Vec.load(tmp_path / "model")


# --- real music --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def models():
    """A model for each method and spelling, fitted to some of the real pieces."""
    return {
        (method, spelling): small(method=method, spelling=spelling, epochs=1, min_count=1).fit(
            bundled_midi()[::5]
        )
        for method, spelling in product(METHODS, SPELLINGS)
    }


notes = st.tuples(st.floats(0, 30), st.floats(0.01, 8), st.integers(0, 127))


@settings(deadline=None)
@given(
    pitched=st.lists(notes, min_size=1, max_size=12),
    drums=st.lists(notes, max_size=3),
    how=st.sampled_from(list(product(METHODS, SPELLINGS))),
    pooling=st.sampled_from(["sum", "mean", "tfidf"]),
)
def test_no_piece_with_a_pitched_note_is_empty(models, pitched, drums, how, pooling):
    beats = [(*note, 64, DRUMS) for note in drums]
    model = also(models[how], pooling=pooling)
    whole, beaten = model.transform([make_piece(pitched + beats), make_piece(beats)])
    assert np.isfinite(whole).all()
    assert whole.any()
    assert not beaten.any()


def test_frames_are_the_chords_and_pool_to_the_piece():
    files = bundled_midi()
    model = small(min_count=2).fit(files[:6])
    for file in files:
        chords = segment_chords(file, method=model.method, spelling=model.spelling)
        frames = model.frames(file)
        assert frames.values.dtype == np.float32
        np.testing.assert_array_equal(frames.times, chords.onset_sec)
        np.testing.assert_array_equal(frames.values, [model.vector(t) for t in chords.tokens])
        np.testing.assert_allclose(
            frames.values.sum(axis=0, dtype=float),
            model.transform([chords])[0],
            rtol=1e-4,
            atol=1e-4,
        )
        known = [t in model.vocabulary for t in chords.tokens]
        skipping = also(model, oov="skip").frames(chords)
        np.testing.assert_array_equal(skipping.times, chords.onset_sec[known])
        np.testing.assert_array_equal(skipping.values, frames.values[known])


def test_tracks_chords_and_chord_names_are_the_same_piece():
    files = bundled_midi()[:4]
    chords = [segment_chords(file, method="beat", spelling="pitch_class") for file in files]
    model = small(method="beat", spelling="pitch_class", min_count=2)
    expected = model.fit_transform(files)
    names = [list(c.tokens) for c in chords]
    for form in ([Track(file.stem, symbolic=file) for file in files], chords, names):
        np.testing.assert_array_equal(model.fit_transform(form), expected)


# --- the map -----------------------------------------------------------------------------------


def test_the_map_names_chords_without_covering_any(fitted):
    figure = fitted.plot(n=6)
    ax = figure.axes[0]
    texts = ax.texts
    assert {text.get_text() for text in texts} <= set(fitted.vocabulary[:6])
    assert len(texts) >= 4
    boxes = [text.get_window_extent() for text in texts]
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    assert len(ax.collections[0].get_offsets()) == 6


def test_the_map_draws_where_it_is_told_to_and_any_name(tmp_path):
    from matplotlib.figure import Figure

    names = ["$x^$", "\x1b[31m", "ok", "a" * 500]
    model = small(min_count=1).fit([names * 5])
    ax = Figure().add_subplot()
    figure = model.plot(ax=ax)
    assert figure is ax.figure
    figure.savefig(tmp_path / "map.png")
    assert (tmp_path / "map.png").stat().st_size > 1000
    small(min_count=1).fit([["one"]]).plot().savefig(tmp_path / "one.png")


def test_the_plane_shows_most_of_the_variance():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(30, 8)).astype(np.float32) * [9, 4, 1, 1, 1, 1, 1, 1]
    places, shares = principal_plane(vectors.astype(np.float32))
    centred = unit(vectors) - unit(vectors).mean(axis=0)
    values = np.linalg.eigvalsh(centred.T @ centred)[::-1]
    np.testing.assert_allclose(shares, values[:2] / values.sum())
    np.testing.assert_allclose((places**2).sum(axis=0), values[:2])
    again, _ = principal_plane(vectors.astype(np.float32)[:, ::-1].copy())
    np.testing.assert_allclose(again, places, atol=1e-6)
