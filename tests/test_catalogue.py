"""A store answers: what its pieces express, which are alike, and a way from mood to mood."""

import csv
import io
import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from songs import songs

import chordmer
from chordmer import EmotionRecognizer, Store
from chordmer.catalogue import Catalogue, alike, label, near, path
from chordmer.cli import main
from chordmer.errors import ChordmerError
from chordmer.neighbours import Neighbours


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    """Twelve small songs as files."""
    folder = tmp_path_factory.mktemp("music")
    for track in songs(n=3, clips=1)[0]:
        file = folder / f"{track.id.replace(' ', '_')}.mid"
        chordmer.io.to_pretty_midi(track.symbolic).write(str(file))
    return folder


@pytest.fixture(scope="module")
def store(music, tmp_path_factory):
    """What `chordmer extract` hears in them."""
    folder = tmp_path_factory.mktemp("stores") / "store"
    summary = chordmer.extract(music, folder, features=["symbolic"])
    assert not summary.failed
    return folder


def opened(folder):
    return Store.open(folder)


def test_labels_are_those_of_predict(store, music):
    with opened(store) as there:
        catalogue = label(there)
    files = sorted(music.iterdir())
    assert [name.removesuffix(".mid") for name in catalogue.ids] == [f.stem for f in files]
    for file, shares, place in zip(files, catalogue.probabilities, catalogue.plane):
        answer = chordmer.predict(file)
        assert shares == pytest.approx(list(answer.probabilities.values()), abs=1e-5)
        assert place == pytest.approx([answer.valence, answer.arousal], abs=1e-5)


def test_labels_of_a_model_are_those_of_the_model(store, music, tmp_path):
    tracks, y = songs(n=3, clips=1)
    model = EmotionRecognizer(["symbolic"], calibration=0, random_state=0).fit(tracks, y)
    with opened(store) as there:
        catalogue = label(there, model)
    offline = model.predict_proba(sorted(music.iterdir()))
    np.testing.assert_allclose(catalogue.probabilities, offline, atol=1e-5)


def test_a_store_that_lacks_what_the_model_hears_is_refused(store):
    tracks, y = songs(n=2, clips=1, audio=True)
    model = EmotionRecognizer(["gtf"], calibration=0, random_state=0).fit(tracks, y)
    with opened(store) as there:
        with pytest.raises(ChordmerError, match=r"no feature .gtf.*--features gtf"):
            label(there, model)
        tracks, y = songs(n=2, clips=1)
        extractor = chordmer.SymbolicDescriptors(families=("register", "rhythm"))
        model = EmotionRecognizer([("symbolic", extractor)], calibration=0, random_state=0)
        with pytest.raises(ChordmerError, match="another parameters"):
            label(there, model.fit(tracks, y))


def test_a_piece_is_most_like_itself_and_then_its_mood(store, music):
    file = music / "Q1_0_0.mid"
    with opened(store) as there:
        found = alike(there, file, n=4)
        own = next(id_ for id_ in there.matrix("symbolic")[0] if "Q1_0_0" in id_)
        others = alike(there, own, n=3)
    assert found[0][0] == own
    assert found[0][1] == pytest.approx(0, abs=1e-5)
    assert [pair[0] for pair in others] == [pair[0] for pair in found[1:]]
    assert "Q1" in others[0][0]
    distances = [distance for _, distance in found]
    assert distances == sorted(distances)


def test_what_cannot_be_compared_is_said(store, music):
    with opened(store) as there:
        with pytest.raises(ChordmerError, match="no feature 'lyrics'"):
            alike(there, music / "Q1_0_0.mid", "lyrics")
        with pytest.raises(ChordmerError):
            alike(there, music / "nowhere.mid")


def plane(points):
    points = np.array(points, dtype=np.float64).reshape(-1, 2)
    return Catalogue(
        [f"{i:02d}" for i in range(len(points))], np.full((len(points), 4), 0.25), points
    )


POINTS = st.lists(
    st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=1, max_size=7, unique=True
)


@given(POINTS, st.tuples(st.floats(-1, 1), st.floats(-1, 1)))
def test_near_is_the_order_of_distance(points, wanted):
    found = near(plane(points), *wanted, n=3)
    distances = sorted(np.hypot(v - wanted[0], a - wanted[1]) for v, a in points)
    assert [far for _, far in found] == pytest.approx(distances[:3])


@given(POINTS, st.integers(1, 4))
@settings(max_examples=50, deadline=None)
def test_no_other_way_is_nearer_to_the_steps(points, n):
    catalogue = plane(points)
    chosen = path(catalogue, (-0.5, -0.5), (0.5, 0.7), n)
    n = min(n, len(points))
    steps = np.linspace((-0.5, -0.5), (0.5, 0.7), n)

    def cost(order):
        return sum(((np.array(points[i]) - step) ** 2).sum() for i, step in zip(order, steps))

    assert len(set(chosen)) == len(chosen) == n
    least = min(cost(order) for order in itertools.permutations(range(len(points)), n))
    assert cost([int(id_) for id_ in chosen]) == pytest.approx(least)


def test_there_is_no_way_through_nothing():
    assert path(plane([]), (0, 0), (1, 1)) == []
    assert near(plane([]), 0, 0) == []


def crowd(n=4000, d=12, seed=0):
    """Rows in clumps, as pieces of music are."""
    random = np.random.default_rng(seed)
    return (random.normal(size=(40, d)) * 4)[random.integers(40, size=n)] + random.normal(
        size=(n, d)
    )


def by_hand(X, point, n):
    scale = X.std(axis=0)
    scale[scale == 0] = np.inf
    far = np.sqrt((((X - point) / scale) ** 2).mean(axis=1))
    return np.argsort(far, kind="stable")[:n], np.sort(far)[:n]


def test_all_rows_compared_are_the_nearest():
    X = crowd()
    X[:, 3] = 7.0
    rows, distances = Neighbours(X).nearest(X[5], 20)
    wanted, far = by_hand(X, X[5], 20)
    assert rows.tolist() == wanted.tolist()
    np.testing.assert_allclose(distances, far, atol=1e-5)


def test_an_index_that_opens_every_list_is_exact():
    X = crowd(1000)
    index = Neighbours(X, index=True, n_probe=10_000)
    for point in X[:5] + 0.1:
        assert index.nearest(point, 10)[0].tolist() == by_hand(X, point, 10)[0].tolist()


def test_an_index_finds_most_neighbours_in_a_part_of_the_rows():
    X = crowd(20_000)
    index = Neighbours(X, index=True, n_probe=16)
    points = crowd(50, seed=1)
    opened = np.mean([len(index._opened((p - index.mean) / index.scale)) for p in points])
    hits = [
        len(set(index.nearest(p, 10)[0].tolist()) & set(by_hand(X, p, 10)[0].tolist()))
        for p in points
    ]
    assert np.mean(hits) >= 9
    assert opened < 0.2 * len(X)


@pytest.mark.parametrize("bad", [[1.0, 2.0], [[np.nan]], np.zeros((2, 2, 2))])
def test_what_is_no_matrix_is_refused(bad):
    with pytest.raises(ValueError, match="finite matrix"):
        Neighbours(bad)


def test_what_is_no_question_is_refused():
    with pytest.raises(ValueError, match="n_probe"):
        Neighbours([[0.0]], n_probe=0)
    for point in ([0.0, 1.0], [np.inf]):
        with pytest.raises(ValueError, match="point"):
            Neighbours([[0.0]]).nearest(point)
    assert Neighbours(np.zeros((0, 2))).nearest([0, 0])[0].tolist() == []


# --- the commands --------------------------------------------------------------------------------


def test_label_prints_a_table(store, capsys):
    assert main(["label", str(store)]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == 12
    columns = ["id", "quadrant", "Q1", "Q2", "Q3", "Q4", "valence", "arousal", "near"]
    assert list(rows[0]) == columns
    assert main(["label", str(store), "--json"]) == 0
    as_json = json.loads(capsys.readouterr().out)
    assert [row["id"] for row in as_json] == [row["id"] for row in rows]
    assert as_json[0]["valence"] == float(rows[0]["valence"])


def test_search_by_piece_and_by_mood(store, music, capsys):
    assert main(["search", str(store), "--like", str(music / "Q3_1_0.mid"), "-n", "2"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.split() == ["+0.00", *first.split()[1:]]
    assert "Q3_1_0" in first
    assert "Q3_1_0" not in second
    assert main(["search", str(store), "--mood", "q4", "-n", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found) == 3
    assert main(["search", str(store), "--mood=-0.5,0.5", "--json"]) == 0
    assert main(["search", str(store), "--mood", "gloomy"]) == 0


def test_a_playlist_goes_from_mood_to_mood(store, capsys):
    command = ["playlist", str(store), "--from", "Q3", "--to", "Q1", "-n", "6", "--json"]
    assert main(command) == 0
    listed = json.loads(capsys.readouterr().out)
    assert len({row["id"] for row in listed}) == 6
    assert listed[0]["arousal"] < listed[-1]["arousal"]


@pytest.mark.parametrize(
    "words",
    [
        ["--mood", "purple"],
        ["--mood", "2,2"],
        ["--mood", "Q1", "--like", "x.mid"],
        [],
        ["--like", "x", "-n", "0"],
        ["--mood", "Q1", "--feature", "gtf"],
        ["--like", "x", "--model", "m"],
    ],
)
def test_misuse_is_told_with_code_2(words, store, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["search", str(store), *words])
    assert stopped.value.code == 2


def test_what_is_no_store_is_told(tmp_path, music, store, capsys):
    assert main(["label", str(tmp_path)]) == 1
    assert main(["search", str(store), "--like", str(music / "gone.mid")]) == 1
    assert "gone.mid" in capsys.readouterr().err


def test_hostile_names_reach_neither_terminal_nor_spreadsheet(tmp_path, capsys):
    folder = tmp_path / "music"
    folder.mkdir()
    for name in ("=1+1", "a\x1b[31mb", "new\nline"):
        (folder / f"{name}.mid").write_bytes(chordmer.example().read_bytes())
    chordmer.extract(folder, tmp_path / "store", features=["symbolic"])
    for command in (["label"], ["search", "--mood", "Q1"], ["playlist", "--from=Q1", "--to=Q3"]):
        assert main([command[0], str(tmp_path / "store"), *command[1:]]) == 0
        out = capsys.readouterr().out
        assert "\x1b" not in out
        assert "new\nline" not in out
        assert not any(line.startswith("=") for line in out.splitlines())
