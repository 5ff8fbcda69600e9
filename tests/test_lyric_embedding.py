"""Vectors of lyrics: pooling, batches, cuts, cache, and what is refused."""

import shutil
import sqlite3
import subprocess
import sys

import numpy as np
import pytest
from corpora import DATA
from hypothesis import given
from hypothesis import strategies as st
from lyric_model import edit_json, minilm, tiny_encoder

from chordmer.errors import ChordmerError, MissingModalityError, ModelError
from chordmer.features.embedding_cache import EmbeddingCache, content_key
from chordmer.features.lyrics import LyricEmbedding
from chordmer.features.model_files import content_hash, model_folder
from chordmer.features.token_batches import (
    masked_mean_pooling,
    pack_lines,
    pool_pieces,
    token_batches,
)
from chordmer.track import Track

LINES = [
    "Ich ging im Walde so für mich hin",
    "oh",
    "And nothing to look for, that was all my intent, as I walked alone " * 4,
    "I saw a little flower stand in the shade",
]


def words(n, first=0):
    return " ".join(f"w{(first + i) % 60}" for i in range(n))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return tiny_encoder(tmp_path_factory.mktemp("bert"))


# --- pure parts


@given(st.lists(st.integers(1, 40), max_size=60), st.integers(1, 200), st.integers(1, 20))
def test_batches_hold_every_text_once_within_the_budget(lengths, batch_tokens, batch_size):
    batches = list(token_batches(lengths, batch_tokens=batch_tokens, batch_size=batch_size))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) <= batch_size
        assert len(batch) == 1 or max(lengths[i] for i in batch) * len(batch) <= batch_tokens
    order = [lengths[i] for batch in batches for i in batch]
    assert order == sorted(lengths, reverse=True)


@given(st.lists(st.lists(st.integers(0, 9), max_size=12)), st.integers(1, 8))
def test_packing_drops_no_token_and_cuts_only_long_lines(lines, room):
    pieces, cut = pack_lines(lines, room)
    assert [t for piece in pieces for t in piece] == [t for line in lines for t in line]
    assert all(1 <= len(piece) <= room for piece in pieces)
    assert cut == sum(len(line) > room for line in lines)
    if not cut:
        ends = set(np.cumsum([len(line) for line in lines]).tolist())
        assert set(np.cumsum([len(piece) for piece in pieces]).tolist()) <= ends


def test_masked_mean_is_the_mean_without_padding():
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(3, 5, 4))
    lengths = [5, 2, 1]
    mask = np.arange(5) < np.array(lengths)[:, None]
    expected = [row[:n].mean(axis=0) for row, n in zip(hidden, lengths)]
    np.testing.assert_allclose(masked_mean_pooling(hidden, mask), expected, rtol=1e-14)
    hidden[~mask] = 1e6
    np.testing.assert_allclose(masked_mean_pooling(hidden, mask), expected, rtol=1e-14)
    assert not masked_mean_pooling(hidden, np.zeros((3, 5))).any()


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(0, 99))
def test_pieces_pool_to_the_pooling_of_all_their_tokens(lengths, seed):
    tokens = [np.random.default_rng(seed + n).normal(size=(n, 3)) for n in lengths]
    every = np.vstack(tokens)
    owner = np.zeros(len(lengths), int)
    mean = pool_pieces(np.array([t.mean(0) for t in tokens]), owner, lengths, "mean")
    np.testing.assert_allclose(mean[0], every.mean(0), rtol=1e-5, atol=1e-6)
    highest = pool_pieces(np.array([t.max(0) for t in tokens]), owner, lengths, "max")
    np.testing.assert_allclose(highest[0], every.max(0), rtol=1e-6)


# --- against independent computation on the real weights


def test_the_real_model_gives_what_sentence_transformers_does():
    from sentence_transformers import SentenceTransformer

    reference = SentenceTransformer(str(minilm()), device="cpu").encode(LINES)
    ours = LyricEmbedding(model=minilm()).frames("\n".join(LINES)).values
    cosines = (reference * ours).sum(axis=1)
    np.testing.assert_allclose(cosines, 1.0, atol=1e-5)


def test_padding_changes_nothing_but_unmasked_pooling_would():
    import torch
    from transformers import AutoModel, AutoTokenizer

    ours = LyricEmbedding(model=minilm()).frames("\n".join(LINES)).values
    tokenizer = AutoTokenizer.from_pretrained(minilm())
    model = AutoModel.from_pretrained(minilm()).eval()
    with torch.inference_mode():
        for line, row in zip(LINES, ours):
            hidden = model(**tokenizer(line, return_tensors="pt")).last_hidden_state[0]
            alone = hidden.mean(0).numpy()
            assert row @ (alone / np.linalg.norm(alone)) == pytest.approx(1.0, abs=1e-5)
        batch = tokenizer(LINES, return_tensors="pt", padding=True)
        unmasked = model(**batch).last_hidden_state.mean(1).numpy()
    cosines = (unmasked * ours).sum(axis=1) / np.linalg.norm(unmasked, axis=1)
    assert cosines.min() < 0.9


def test_like_lyrics_are_alike():
    rows = LyricEmbedding(model=minilm()).transform(
        [
            "I am so happy, the sun is shining",
            "Joy fills my heart on this bright day",
            "The factory produces steel pipes",
        ]
    )
    likeness = rows @ rows.T
    assert likeness[0, 1] > 0.4 > likeness[0, 2]


@pytest.mark.parametrize("batch_tokens", [1, 64, 4096])
def test_batching_does_not_change_the_vectors(batch_tokens, tiny):
    from chordmer.features import lyrics

    lyrics._store.cache_clear()
    song = "\n".join(words(n, n) for n in (3, 12, 1, 7, 30, 5))
    model = LyricEmbedding(model=tiny, batch_tokens=batch_tokens)
    lyrics._store.cache_clear()
    expected = [LyricEmbedding(model=tiny).transform([line])[0] for line in song.split("\n")]
    lyrics._store.cache_clear()
    np.testing.assert_allclose(model.frames(song).values, expected, atol=1e-6)


# --- nothing is cut off


def test_the_tokenizer_file_asks_to_truncate_and_is_not_obeyed():
    assert '"max_length":128' in (minilm() / "tokenizer.json").read_text()[:200]
    start = "la " * 200
    model = LyricEmbedding(model=minilm(), level="song")
    one, other = model.transform([start + "I love you", start + "I hate you"])
    assert not np.array_equal(one, other)
    assert model.report([start]).counts == {"tracks": 1, "units": 1, "tokens": 200, "pieces": 1}


def test_long_songs_are_cut_by_line_and_counted(tiny):
    lines = [words(n) for n in (5, 5, 5, 40, 3)]
    model = LyricEmbedding(model=tiny, level="song")
    counts = model.report(["\n".join(lines)]).counts
    # Room for 14 tokens beside the two special ones: 5+5, 5, 40 as 3 pieces, 3.
    assert counts == {
        "tracks": 1,
        "units": 1,
        "tokens": 58,
        "pieces": 6,
        "units_in_pieces": 1,
        "lines_cut": 1,
    }
    for at in (0, 20, 55):
        changed = " \n".join(lines).split(" ")
        whole = model.transform([" ".join(changed)])
        changed[at] = "w59" + ("\n" if changed[at].endswith("\n") else "")
        assert not np.allclose(model.transform([" ".join(changed)]), whole, atol=1e-6)


def test_a_cut_song_is_the_mean_over_all_its_tokens(tiny):
    lines = [words(10), words(14, 20), words(4, 40)]
    model = LyricEmbedding(model=tiny, level="song", normalize=False)
    whole = model.transform(["\n".join(lines)])[0]
    apart = np.vstack([model.transform([line]) for line in lines])
    np.testing.assert_allclose(whole, np.average(apart, axis=0, weights=[12, 16, 6]), atol=1e-6)


def test_max_length_is_at_most_the_models(tiny):
    for asked, pieces in ((None, 2), (10, 3), (999, 2)):
        model = LyricEmbedding(model=tiny, max_length=asked)
        assert model.report([words(20)]).counts["pieces"] == pieces
    with pytest.raises(ChordmerError, match="no room"):
        LyricEmbedding(model=tiny, max_length=2).transform([words(2)])


def test_unknown_words_are_counted(tiny):
    report = LyricEmbedding(model=tiny).report(["w1 xyzzy w2 plugh"])
    assert report.counts["unknown_tokens"] == 2
    assert "another language" in report.warnings[0]


# --- levels, pooling, times

SONG = f"{words(3)}\n{words(4, 10)}\n\n{words(2, 20)}"


@pytest.mark.parametrize(("level", "units"), [("line", 3), ("verse", 2), ("song", 1)])
def test_levels(level, units, tiny):
    model = LyricEmbedding(model=tiny, level=level)
    frames = model.frames(SONG)
    assert frames.values.shape == (units, 8)
    assert frames.times.tolist() == list(range(units))
    np.testing.assert_allclose(np.linalg.norm(frames.values, axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(model.transform([SONG])[0], frames.values.mean(0), atol=1e-7)


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_poolings(pooling, tiny):
    import torch
    from transformers import AutoModel

    ids = torch.tensor([[2, 5, 6, 7, 3]])  # [CLS] w1 w2 w3 [SEP]
    with torch.inference_mode():
        hidden = AutoModel.from_pretrained(tiny).eval()(input_ids=ids).last_hidden_state[0]
    expected = {"mean": hidden.mean(0), "cls": hidden[0], "max": hidden.amax(0)}[pooling]
    model = LyricEmbedding(model=tiny, pooling=pooling, normalize=False)
    ours = model.transform(["w1 w2 w3", words(9)])[0]
    np.testing.assert_allclose(ours, expected.numpy(), atol=1e-6)


def test_frames_have_the_times_of_the_lines(tiny):
    timed = "[00:10.00]w1 w2\n[00:12.50]w3\n[00:12.50]w4\n"
    frames = LyricEmbedding(model=tiny).frames(timed)
    assert frames.times.tolist() == [10.0, 12.5]
    both = LyricEmbedding(model=tiny).frames("w3\nw4").values.mean(0)
    np.testing.assert_allclose(frames.values[1], both, atol=1e-6)


def test_words_of_a_midi_file_are_embedded():
    path = DATA / "openhymnal" / "Silent_Night-Stille_Nacht.mid"
    model = LyricEmbedding(model=minilm())
    frames = model.frames(path)
    assert frames.values.shape == (3, 384)
    assert frames.times[0] < 1.0 < frames.times[1]
    assert np.array_equal(model.transform([Track("x", symbolic=path)]), model.transform([path]))


@pytest.mark.parametrize("kind", ["bert", "roberta", "xlm-roberta", "distilbert", "electra"])
def test_every_encoder_of_the_family(kind, tmp_path):
    folder = tiny_encoder(tmp_path, kind, max_position_embeddings=24)
    model = LyricEmbedding(model=folder)
    # RoBERTa's positions begin behind that of padding.
    room = 24 - 2 - (1 if "roberta" in kind else 0)
    assert model.report([words(room)]).counts["pieces"] == 1
    assert model.report([words(room + 1)]).counts["pieces"] == 2
    rows = model.transform([words(room), words(room + 1)])
    assert np.isfinite(rows).all()
    assert rows.shape == (2, len(model.get_feature_names_out()))


# --- the cache


def test_vectors_are_computed_once(tiny, tmp_path, monkeypatch):
    from chordmer.features import encoder, lyrics

    lyrics._store.cache_clear()
    encoded = []
    plain = encoder.Encoder.encode
    monkeypatch.setattr(
        encoder.Encoder, "encode", lambda s, p, how: encoded.extend(p) or plain(s, p, how)
    )
    model = LyricEmbedding(model=tiny, cache=tmp_path)
    first = model.transform(["w1 w2\nw3", "w3\nw3"])
    assert len(encoded) == 2
    assert np.array_equal(model.transform(["w1 w2\nw3", "w3\nw3"]), first)
    lyrics._store.cache_clear()  # another process
    assert np.array_equal(model.transform(["w3\nw3", "w1 w2\nw3"])[::-1], first)
    assert len(encoded) == 2
    for changed in ({"pooling": "max"}, {"max_length": 9}):
        LyricEmbedding(model=tiny, cache=tmp_path, **changed).transform(["w3"])
    assert len(encoded) == 4


def test_another_model_has_other_keys(tiny, tmp_path):
    copy = shutil.copytree(tiny, tmp_path / "same")
    assert content_hash(copy) == content_hash(tiny)
    other = tiny_encoder(tmp_path / "other", hidden_size=12)
    assert content_hash(other) != content_hash(tiny)
    rows = [LyricEmbedding(model=folder).transform(["w1"]) for folder in (tiny, copy, other)]
    assert np.array_equal(rows[0], rows[1])
    assert rows[2].shape == (1, 12)


def test_a_cache_keeps_what_it_can_vouch_for(tmp_path):
    vectors = {content_key("a"): np.arange(4, dtype=np.float32)}
    EmbeddingCache(tmp_path).put(vectors)
    fresh = EmbeddingCache(tmp_path)
    assert np.array_equal(fresh.get(list(vectors), 4)[content_key("a")], np.arange(4))
    assert EmbeddingCache(tmp_path).get(list(vectors), 5) == {}
    with sqlite3.connect(fresh.path) as database:
        database.execute("UPDATE vectors SET value = ?", (np.full(4, np.nan, "<f4").tobytes(),))
    database.close()
    assert EmbeddingCache(tmp_path).get(list(vectors), 4) == {}
    fresh.path.write_bytes(b"not a database at all, but long enough to look at" * 20)
    with pytest.raises(ChordmerError, match="cache of embeddings"):
        EmbeddingCache(tmp_path).get(list(vectors), 4)


def test_memory_is_bounded():
    cache = EmbeddingCache(in_memory=3)
    for i in range(5):
        cache.put({content_key(str(i)): np.zeros(2, np.float32)})
    kept = cache.get([content_key(str(i)) for i in range(5)], 2)
    assert set(kept) == {content_key(str(i)) for i in (2, 3, 4)}


@given(st.lists(st.text()), st.lists(st.text()))
def test_keys_differ_where_contents_do(one, other):
    assert (content_key(*one) == content_key(*other)) == (one == other)


# --- what is refused


def test_a_model_that_is_not_here_is_named_with_the_way_to_get_it(monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError) as caught:
        LyricEmbedding(model="some/model", revision="v1.0").transform(["la"])
    said = str(caught.value)
    assert "the model some/model is not in the cache" in said
    assert str(constants.HF_HUB_CACHE) in said
    assert "hf download some/model --revision v1.0 --include '*.json'" in said
    assert "local_files_only=False" in said


def test_no_network_is_touched_unless_allowed(monkeypatch):
    import socket

    def refuse(*_):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(ModelError, match="not in the cache"):
        model_folder("some/model")
    assert LyricEmbedding(model=minilm()).transform(["la"]).shape == (1, 384)


def test_offline_mode_wins_over_permission(monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="not in the cache"):
        model_folder("some/model", local_files_only=False)


@pytest.mark.parametrize("name", ["/no/such/folder", "./nothing", "a/b/c"])
def test_a_missing_folder_is_not_sought_on_the_hub(name):
    with pytest.raises(ModelError, match="no such folder"):
        LyricEmbedding(model=name).transform(["la"])


def test_pickled_weights_are_not_loaded(tiny, tmp_path):
    folder = shutil.copytree(tiny, tmp_path / "pickled")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="can run code"):
        LyricEmbedding(model=folder).transform(["w1"])


def test_code_in_the_folder_is_not_run(tiny, tmp_path):
    folder = shutil.copytree(tiny, tmp_path / "code")
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    edit_json(
        folder / "config.json",
        model_type="evil",
        auto_map={"AutoModel": "evil.Evil", "AutoConfig": "evil.EvilConfig"},
    )
    with pytest.raises(ModelError, match="cannot load"):
        LyricEmbedding(model=folder).transform(["w1"])
    assert not (tmp_path / "ran").exists()


def test_damaged_models_are_refused(tiny, tmp_path):
    from safetensors.numpy import load_file, save_file

    def damaged(name):
        return shutil.copytree(tiny, tmp_path / name)

    truncated = damaged("truncated") / "model.safetensors"
    truncated.write_bytes(truncated.read_bytes()[:-100])
    edit_json(damaged("shape") / "config.json", hidden_size=16)
    (damaged("bare") / "config.json").unlink()
    lacking = damaged("lacking") / "model.safetensors"
    weights = load_file(lacking)
    gone = next(name for name in weights if "attention" in name)
    save_file({k: v for k, v in weights.items() if k != gone}, lacking, {"format": "pt"})
    nan = damaged("nan") / "model.safetensors"
    save_file({k: v * np.float32("nan") for k, v in weights.items()}, nan, {"format": "pt"})
    for name, problem in (
        ("truncated", "cannot load"),
        ("shape", "cannot load"),
        ("bare", "no config.json"),
        ("lacking", "1 weights are missing"),
        ("nan", "no finite numbers"),
    ):
        with pytest.raises(ModelError, match=problem):
            LyricEmbedding(model=tmp_path / name).transform(["w1 w2"])


def test_a_decoder_is_no_encoder(tiny, tmp_path):
    folder = shutil.copytree(tiny, tmp_path / "decoder")
    edit_json(folder / "config.json", is_decoder=True)
    with pytest.raises(ModelError, match="not an encoder"):
        LyricEmbedding(model=folder).transform(["w1"])


@pytest.mark.parametrize(
    "wrong", [{"pooling": "median"}, {"level": "word"}, {"batch_size": 0}, {"batch_tokens": 0}]
)
def test_wrong_parameters_are_refused(wrong, tiny):
    model = LyricEmbedding(model=tiny, **wrong)
    for use in (lambda: model.fit([]), lambda: model.transform(["w1"])):
        with pytest.raises(ChordmerError, match=next(iter(wrong))):
            use()


def test_sound_alone_has_no_lyrics(tiny):
    with pytest.raises(MissingModalityError, match="song"):
        LyricEmbedding(model=tiny).transform(["some/song.wav"])


def test_transformers_is_imported_only_when_needed():
    code = (
        "import sys; from chordmer.features.lyrics import LyricEmbedding as L; L(level='song');"
        "assert not {'transformers', 'torch', 'huggingface_hub'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
