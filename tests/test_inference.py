"""The bundled model, against its definition written out in loops, and what must not move it."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from corpora import bundled_midi
from hypothesis import given
from hypothesis import strategies as st

import chordmer
from chordmer import augment
from chordmer.errors import ModelError
from chordmer.features.describe import DESCRIPTOR_NAMES, describe_symbolic
from chordmer.folder import load_folder
from chordmer.io import read_symbolic
from chordmer.models import inference

WEIGHTS = Path(chordmer.__file__).parent / "weights" / "symbolic"
MANIFEST, ARRAYS = load_folder(WEIGHTS, kind="SymbolicEmotionModel", expected=inference.ARRAYS)
COLUMNS = [DESCRIPTOR_NAMES.index(name) for name in MANIFEST["parameters"]["descriptors"]]
FILES = bundled_midi()


def heard(piece):
    """Descriptors of a piece as the bundled model takes them, shape (1, d)."""
    return describe_symbolic(piece)[None, COLUMNS]


# --- the definition, one number at a time --------------------------------------------------------


def soft(values):
    powers = [math.exp(value - max(values)) for value in values]
    return [power / sum(powers) for power in powers]


def dot(row, matrix, bias):
    return [math.fsum(x * w for x, w in zip(row, column)) + b for column, b in zip(matrix.T, bias)]


def leaf_of(own, root, z):
    node = int(root)
    while own["tree_feature"][node] >= 0:
        value = np.float32(z[own["tree_feature"][node]])
        node = node + 1 if value <= own["tree_threshold"][node] else int(own["tree_right"][node])
    return own["tree_leaf"][own["tree_right"][node]].astype(float)


def expert(name, x):
    own = {key.split(".", 1)[1]: a for key, a in ARRAYS.items() if key.startswith(f"{name}.")}
    z = [
        (min(max(x[c], low), high) - mean) / scale
        for c, low, high, mean, scale in zip(
            *(own[key] for key in ("columns", "low", "high", "mean", "scale"))
        )
    ]
    linear = soft(dot(z, own["linear_coef"], own["linear_intercept"]))
    features = dot(z, own["broad_features"], np.zeros(own["broad_features"].shape[1]))
    drive = dot(features, own["broad_enhancement"], own["broad_bias"])
    nodes = features + [math.tanh(value) for value in drive]
    broad = soft(dot(nodes, own["broad_coef"], own["broad_intercept"]))
    trees = np.mean([leaf_of(own, root, z) for root in own["tree_root"]], axis=0)
    return np.array([linear, broad, trees]).T @ ARRAYS["members"]


def by_definition(x):
    x = x.copy()
    mean, change, spread = ARRAYS["loudness"]
    for column in ARRAYS["relative"]:
        x[column] /= max(x[mean], 1.0)
    least, share, weight = ARRAYS["gate"]
    played = x[change] > least and x[change] > share * x[spread]
    p = expert("notes", x)
    if played:
        p = (1 - weight) * p + weight * expert("dynamics", x)
    return soft(np.log(p) / ARRAYS["temperature"][int(played)])


@pytest.mark.parametrize("path", FILES[:8], ids=lambda path: path.stem)
def test_probabilities_are_those_of_the_definition(path):
    X = heard(read_symbolic(path))
    found = inference.predict_proba(ARRAYS, X)
    np.testing.assert_allclose(found[0], by_definition(X[0]), atol=1e-9)
    assert found.sum() == pytest.approx(1)


def test_distance_is_that_of_the_definition():
    X = heard(read_symbolic(chordmer.example()))
    z = (X[0, ARRAYS["notes.columns"]] - ARRAYS["novelty_mean"]) / ARRAYS["novelty_scale"]
    whitening = ARRAYS["novelty_whitening"].astype(float)
    expected = math.sqrt(z @ whitening @ whitening.T @ z / len(z))
    assert inference.novelty(ARRAYS, X)[0] == pytest.approx(expected, rel=1e-9)


def test_rows_do_not_depend_on_their_neighbours():
    X = np.concatenate([heard(read_symbolic(path)) for path in FILES[:6]])
    together = inference.predict_proba(ARRAYS, X)
    alone = np.concatenate([inference.predict_proba(ARRAYS, row[None]) for row in X])
    np.testing.assert_allclose(together, alone, atol=1e-12)


# --- what must not move it -----------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES[:6], ids=lambda path: path.stem)
def test_notation_and_instruments_change_nothing(path):
    piece = read_symbolic(path)
    expected = inference.predict_proba(ARRAYS, heard(piece))
    for change in (
        lambda p: augment.rewrite_tempo(p, bpm=83.0),
        lambda p: augment.rewrite_tempo(p, bpm=[60, 170, 95], starts=[0, 4, 11]),
        lambda p: augment.spread_tracks(p, n_tracks=5, rng=0),
    ):
        changed = inference.predict_proba(ARRAYS, heard(change(piece)))
        np.testing.assert_allclose(changed, expected, atol=1e-6)


def test_how_loud_the_keyboard_was_set_changes_nothing():
    piece = read_symbolic(chordmer.example())
    notes = piece.notes.copy()
    notes["velocity"] = 2 * np.random.default_rng(0).integers(20, 60, len(notes))
    soft_one = augment.scale_velocity(
        chordmer.Symbolic(notes, piece.tempo_map, piece.time_signatures), factor=0.5
    )
    loud_one = augment.scale_velocity(soft_one, factor=2.0)
    assert inference.is_played(ARRAYS, inference.relative(ARRAYS, heard(loud_one))).all()
    np.testing.assert_allclose(
        inference.predict_proba(ARRAYS, heard(soft_one)),
        inference.predict_proba(ARRAYS, heard(loud_one)),
        atol=1e-9,
    )


def test_velocities_are_heard_only_where_hands_made_them():
    def played(piece):
        return bool(inference.is_played(ARRAYS, inference.relative(ARRAYS, heard(piece)))[0])

    piece = read_symbolic(chordmer.example())
    flat = augment.flatten_velocity(piece)
    assert not played(flat)
    assert played(augment.noise_velocity(flat, scale=15, rng=0))
    terraced = flat.notes.copy()
    terraced["velocity"] = np.where(terraced["onset_sec"] % 40 < 20, 50, 90)
    assert not played(chordmer.Symbolic(terraced, piece.tempo_map, piece.time_signatures))


def test_noise_is_far_and_music_is_near():
    limit = MANIFEST["parameters"]["novelty_threshold"]
    piece = read_symbolic(chordmer.example())
    notes = piece.notes.copy()
    random = np.random.default_rng(0)
    notes["pitch"] = random.integers(0, 128, len(notes))
    notes["duration_sec"] = random.uniform(5, 60, len(notes))
    noise = chordmer.Symbolic(notes, piece.tempo_map, piece.time_signatures)
    assert inference.novelty(ARRAYS, heard(noise))[0] > limit
    assert inference.novelty(ARRAYS, heard(piece))[0] < limit


@given(
    st.lists(st.floats(-1e12, 1e12), min_size=len(COLUMNS), max_size=len(COLUMNS)),
)
def test_every_row_of_numbers_has_an_answer(row):
    p = inference.predict_proba(ARRAYS, np.array([row]))
    assert np.isfinite(p).all()
    assert p.sum() == pytest.approx(1)
    assert inference.novelty(ARRAYS, np.array([row]))[0] >= 0


# --- the folder ----------------------------------------------------------------------------------


def test_the_model_is_small_and_says_what_it_is():
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) < 5_000_000
    assert set(MANIFEST["parameters"]["descriptors"]) <= set(DESCRIPTOR_NAMES)
    assert MANIFEST["training"]["licence"] == "CC BY-NC-SA 4.0"
    inference.check_arrays(ARRAYS, len(COLUMNS))
    json.dumps(MANIFEST)


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("relative", lambda a: a + len(DESCRIPTOR_NAMES)),
        ("loudness", lambda a: a - len(DESCRIPTOR_NAMES)),
        ("notes.columns", lambda a: a + len(DESCRIPTOR_NAMES)),
        ("temperature", lambda a: a * 0),
        ("novelty_scale", lambda a: -a),
        ("notes.scale", lambda a: a * 0),
        ("members", lambda a: a * 2),
        ("gate", lambda a: a + 2),
        ("notes.tree_root", lambda a: a + 2**30),
        ("dynamics.tree_root", lambda a: a[:0]),
        ("dynamics.tree_feature", lambda a: a + 10_000),
        ("dynamics.tree_right", lambda a: a * 0),  # every way right leads back to the start
        ("notes.tree_right", lambda a: a + 2**30),
        ("notes.tree_feature", lambda a: a * 0),  # no leaf
        ("notes.tree_leaf", lambda a: a[:1]),
        ("notes.broad_coef", lambda a: a[1:]),
    ],
)
def test_arrays_that_lead_astray_are_refused(name, spoil):
    with pytest.raises(ModelError, match=name.split("_")[0]):
        inference.check_arrays({**ARRAYS, name: spoil(ARRAYS[name])}, len(COLUMNS))


def test_softmax_survives_large_values():
    p = inference.softmax(np.array([[1e4, 0.0, -1e4], [0.0, 0.0, 0.0]]))
    np.testing.assert_allclose(p, [[1, 0, 0], [1 / 3, 1 / 3, 1 / 3]])
