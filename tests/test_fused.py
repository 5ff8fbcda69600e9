"""Fusion networks as estimators: any subset of the modalities is answered, and honestly."""

from itertools import chain, combinations

import numpy as np
import pytest
from folders import manifest_of, seal
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, cross_val_score

from chordmer.errors import ModelError
from chordmer.models.fused import FusionClassifier, FusionRegressor
from chordmer.models.training import Training

MODALITIES = ("audio", "lyrics", "symbolic")
SUBSETS = list(chain.from_iterable(combinations(MODALITIES, n) for n in (1, 2, 3)))
VARIANTS = [
    ("early", "series"),
    ("late", "fixed"),
    ("late", "learned"),
    ("late", "stacked"),
    ("attention", "tokens"),
    ("attention", "cross"),
]
QUICK = Training(max_epochs=2, batch_size=16, learning_rate=5e-3)


def pieces(n, seed, n_classes=3):
    """Pieces whose class each modality tells by itself, under its own noise and at its own rate."""
    random = np.random.default_rng(seed)
    y = random.integers(0, n_classes, n)
    X = []
    for label in y:
        time = random.integers(3, 9)
        shapes = {"audio": (time, 5, 2.0), "symbolic": (time + 2, 4, 2.0), "lyrics": (1, 3, 1.0)}
        piece = {
            name: np.eye(n_classes, width)[label] + noise * random.normal(size=(frames, width))
            for name, (frames, width, noise) in shapes.items()
        }
        X.append({**piece, "lyrics": piece["lyrics"][0]})
    return X, y


def only(X, subset):
    return [{name: x[name] for name in subset if name in x} for x in X]


def small(fusion="early", variant=None, **options):
    settings = {"hidden_size": 8, "training": QUICK, "random_state": 0, "device": "cpu"}
    return FusionClassifier(fusion=fusion, variant=variant, **{**settings, **options})


@pytest.mark.parametrize(("fusion", "variant"), VARIANTS)
def test_every_subset_is_answered_with_as_much_trust_as_it_deserves(fusion, variant):
    training = Training(max_epochs=20, batch_size=64, learning_rate=1e-2, validation=0.2)
    model = FusionClassifier(
        fusion=fusion,
        variant=variant,
        hidden_size=16,
        encoder="mean",
        modality_dropout=0.4,
        training=training,
        random_state=0,
        device="cpu",
    ).fit(*pieces(600, seed=0))
    X, y = pieces(900, seed=1)
    accuracy = {}
    for subset in SUBSETS:
        shares = model.predict_proba(only(X, subset))
        assert shares.shape == (900, 3)
        assert (shares >= 0).all()
        np.testing.assert_allclose(shares.sum(axis=1), 1)
        accuracy[subset] = np.mean(shares.argmax(axis=1) == y)
        # A third by chance; four standard errors of 900 answers are 0.06.
        assert accuracy[subset] > 0.5
        assert abs(shares.max(axis=1).mean() - accuracy[subset]) < 0.12, subset
        assert -np.log(shares[np.arange(900), y]).mean() < 0.9 * np.log(3)
    for fewer in SUBSETS:
        for more in SUBSETS:
            if set(fewer) < set(more):
                assert accuracy[more] > accuracy[fewer] - 0.02, (fewer, more)
    assert accuracy[MODALITIES] > max(accuracy[(name,)] for name in MODALITIES) + 0.08


@pytest.mark.parametrize(("fusion", "variant"), VARIANTS)
def test_a_trained_model_hears_nothing_of_what_is_absent(fusion, variant):
    X, y = pieces(40, seed=2)
    # In training, too, modalities may be missing.
    X = [only([x], subset)[0] for x, subset in zip(X, SUBSETS * 6)]
    model = small(fusion, variant).fit(X, y)
    without = [{**x, "lyrics": None} for x in X if len(x) > 1]
    shares = model.predict_proba(without)
    left_out = [{name: v for name, v in x.items() if v is not None} for x in without]
    np.testing.assert_array_equal(model.predict_proba(left_out), shares)
    assert np.isfinite(shares).all()


@pytest.mark.parametrize("fusion", ["late", "attention"])
def test_modality_dropout_prepares_for_what_will_be_missing(fusion):
    X, y = pieces(400, seed=3)
    X_test, y_test = pieces(600, seed=4)
    training = Training(max_epochs=20, batch_size=64, learning_rate=1e-2)
    losses = {}
    for rate in (0.0, 0.4):
        model = small(fusion, encoder="mean", modality_dropout=rate, training=training).fit(X, y)
        shares = [model.predict_proba(only(X_test, subset)) for subset in SUBSETS[:-1]]
        losses[rate] = np.mean([-np.log(p[np.arange(600), y_test]).mean() for p in shares])
    assert losses[0.4] < losses[0.0] - 0.04


def test_parallel_fusion_joins_two_modalities():
    X, y = pieces(300, seed=5)
    pair = only(X, ["audio", "symbolic"])
    training = Training(max_epochs=20, batch_size=64, learning_rate=1e-2)
    model = small(variant="parallel", encoder="mean", training=training).fit(pair[:200], y[:200])
    assert model.score(pair[200:], y[200:]) > 0.6
    assert model.score(only(pair[200:], ["audio"]), y[200:]) > 0.45
    with pytest.raises(ValueError, match="2 modalities, not 3"):
        small(variant="parallel").fit(X, y)


def test_attention_weights_can_be_read():
    X, y = pieces(40, seed=6)
    model = small("attention", "cross").fit(X, y)
    some = [X[0], only(X, ["audio", "symbolic"])[1], only(X, ["lyrics"])[2]]
    shares = model.attention(some)
    there = np.array([[name in x for name in model.widths_] for x in some])
    np.testing.assert_allclose(shares.sum(axis=2), there, atol=1e-6)
    assert not shares[~there[:, :, None] & there[:, None]].any()
    assert not shares[there[:, :, None] & ~there[:, None]].any()
    assert list(model.widths_) == list(MODALITIES)
    for i, blocks in enumerate(model.frame_attention(some)):
        for q, name in enumerate(MODALITIES):
            if there[i, q]:
                ways = [blocks[name, k].sum(axis=1).mean() for k in MODALITIES]
                np.testing.assert_allclose(ways, shares[i, q], atol=1e-5)
                frames = np.atleast_2d(some[i][name])
                assert {len(blocks[name, k]) for k in MODALITIES} == {len(frames)}
    with pytest.raises(ValueError, match="'early' fusion has no attention"):
        small().fit(X, y).attention(some)


@pytest.mark.parametrize(
    ("fusion", "variant"), [*VARIANTS, ("late", {"audio": 1.0, "lyrics": 2.0, "symbolic": 0.5})]
)
def test_what_is_saved_answers_the_same(tmp_path, fusion, variant):
    X, y = pieces(30, seed=7)
    model = small(fusion, variant).fit(X, y)
    model.save(tmp_path / "model")
    loaded = FusionClassifier.load(tmp_path / "model")
    for subset in SUBSETS:
        some = only(X, subset)
        np.testing.assert_array_equal(loaded.predict_proba(some), model.predict_proba(some))
    assert loaded.variant == variant


def test_a_folder_with_lies_is_refused(tmp_path):
    X, y = pieces(30, seed=7)
    path = tmp_path / "model"
    small("late").fit(X, y).save(path)
    for changes in (
        {"fusion": "attention"},
        {"hidden_size": 16},
        {"hidden_size": 1 << 30},
        {"max_steps": 1 << 30},
        {"variant": {"pairs": [["audio", "much"]]}},
        {"variant": "stacked"},
    ):
        manifest = manifest_of(path)
        parameters = dict(manifest["parameters"])
        manifest["parameters"].update(changes)
        seal(path, manifest)
        with pytest.raises(ModelError):
            FusionClassifier.load(path)
        seal(path, {**manifest, "parameters": parameters})
    FusionClassifier.load(path)


@pytest.mark.parametrize("fusion", ["early", "late", "attention"])
def test_numbers_are_predicted_from_every_subset(tmp_path, fusion):
    X, y = pieces(500, seed=8)
    targets = np.column_stack([y == 0, 10.0 * (y == 1)]) + 0.0
    model = FusionRegressor(
        fusion=fusion,
        hidden_size=8,
        encoder="mean",
        training=Training(max_epochs=18, batch_size=64, learning_rate=1e-2),
        random_state=0,
        device="cpu",
    ).fit(X[:350], targets[:350])
    for subset in SUBSETS:
        predicted = model.predict(only(X[350:], subset))
        assert predicted.shape == (150, 2)
        errors = ((predicted - targets[350:]) ** 2).mean(axis=0)
        assert (errors < targets[350:].var(axis=0)).all(), subset
    model.save(tmp_path / "model")
    again = FusionRegressor.load(tmp_path / "model").predict(X)
    np.testing.assert_array_equal(again, model.predict(X))


def test_the_same_seed_gives_the_same_model():
    X, y = pieces(40, seed=9)
    first, second, other = (small(random_state=seed).fit(X, y) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    assert not np.array_equal(first.predict_proba(X), other.predict_proba(X))


def test_it_lives_in_cross_validation():
    X, y = pieces(40, seed=10)
    groups = np.arange(40) // 2
    scores = cross_val_score(
        clone(small()), X, y, groups=groups, cv=GroupKFold(2), params={"groups": groups}
    )
    assert scores.shape == (2,)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"fusion": "middle"}, "fusion must be one of"),
        ({"fusion": "late", "variant": "cross"}, "variant of 'late' fusion"),
        ({"fusion": "early", "variant": {"audio": 1.0}}, "variant of 'early' fusion"),
        ({"fusion": "late", "variant": {"audio": 1.0}}, "weight of 'lyrics'"),
        ({"encoder": "cnn"}, "encoder must be"),
        ({"hidden_size": 0}, "hidden_size"),
        ({"hidden_size": 5}, "multiple of 2"),
        ({"hidden_size": 6, "fusion": "attention"}, "multiple of 4"),
        ({"max_steps": 1 << 20}, "max_steps"),
        ({"dropout": 1.0}, "dropout"),
        ({"modality_dropout": -0.1}, "modality_dropout"),
    ],
)
def test_impossible_parameters_are_refused(options, match):
    with pytest.raises(ValueError, match=match):
        small(**options).fit(*pieces(10, seed=11))
