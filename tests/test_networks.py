"""What every neural estimator keeps to, whatever its network."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone, is_classifier
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from chordmer.errors import ModelError
from chordmer.folder import load_folder, save_folder
from chordmer.models.baselines import MCCLSTM, RCNNLSTM
from chordmer.models.bilstm import BiLSTMClassifier, BiLSTMRegressor
from chordmer.models.cbsa import CBSAClassifier, CBSARegressor
from chordmer.models.cnn import (
    AC2DConvStatClassifier,
    AC2DConvStatRegressor,
    BLSTMRNNClassifier,
    BLSTMRNNRegressor,
    ResNetClassifier,
    ResNetRegressor,
)
from chordmer.models.cnn_lstm import CNNLSTMClassifier, CNNLSTMRegressor
from chordmer.models.fused import FusionClassifier, FusionRegressor
from chordmer.models.hybrid import CNNTransformerClassifier, CNNTransformerRegressor
from chordmer.models.lstm_broad import StackedLSTM
from chordmer.models.multispec import MultiSpecBiLSTM, MultiSpecRegressor
from chordmer.models.multispec_spectrogram import (
    MultiSpecSpectrogramClassifier,
    MultiSpecSpectrogramRegressor,
)
from chordmer.models.network import NetworkClassifier
from chordmer.models.sequences import pad
from chordmer.models.training import Training

SHORT = Training(max_epochs=3, batch_size=8, validation=0.2)
SAME: dict[str, Any] = {"training": SHORT, "random_state": 0, "device": "cpu"}


@dataclass
class Case:
    """An estimator small enough for a test, and its inputs: width, least and most frames."""

    estimator: Any
    inputs: dict[str, tuple[int, int, int]]


ONE = {"x": (7, 1, 9)}
BLOCKS: dict[str, Any] = {"block_frames": 4, "n_dense": 8, "hidden_size": 4}
CHANNELS = {"gtf": (6, 1, 9), "mf_rp": (9, 2, 6), "chord2vec": (4, 1, 1)}
MAPS: dict[str, Any] = {"n_first": 2, "n_kernels": (4, 4), "hidden_size": 4, "n_dense": 8}
FILTERED = {"mf_rp": (7, 1, 9), "chord2vec": (4, 1, 1)}
BESIDE: dict[str, Any] = {"vectors": ("chord2vec",), **SAME}
THREE = {"x": (3, 1, 9), "y": (5, 2, 6), "z": (4, 1, 1)}

CASES = [
    Case(AC2DConvStatClassifier(n_kernels=2, n_hidden=4, n_dense=4, **SAME), ONE),
    Case(AC2DConvStatRegressor(n_kernels=2, n_hidden=4, n_dense=4, **SAME), ONE),
    Case(BiLSTMClassifier(hidden_size=4, **SAME), {"x": (3, 1, 9)}),
    Case(BiLSTMRegressor(hidden_size=4, **SAME), {"x": (3, 1, 9)}),
    Case(BLSTMRNNClassifier(n_cells=4, **SAME), ONE),
    Case(BLSTMRNNRegressor(n_cells=4, **SAME), ONE),
    Case(CBSAClassifier(n_kernels=2, n_cells=4, n_mixed=4, **SAME), ONE),
    Case(CBSARegressor(n_kernels=2, n_cells=4, n_mixed=4, **SAME), ONE),
    Case(CNNLSTMClassifier(n_kernels=4, n_cells=4, n_dense=4, **SAME), ONE),
    Case(CNNLSTMRegressor(n_kernels=4, n_cells=4, n_dense=4, **SAME), ONE),
    Case(CNNTransformerClassifier(n_kernels=2, n_model=8, **SAME), ONE),
    Case(CNNTransformerRegressor(n_kernels=2, n_model=8, **SAME), ONE),
    Case(MCCLSTM(n_kernels=2, n_cells=4, **SAME), ONE),
    Case(MCCLSTM(n_kernels=2, n_cells=4, **BESIDE), FILTERED),
    Case(MultiSpecBiLSTM(**BLOCKS, **SAME), CHANNELS),
    Case(MultiSpecRegressor(**BLOCKS, **SAME), CHANNELS),
    Case(MultiSpecSpectrogramClassifier(**MAPS, **SAME), {"wide": (7, 1, 9)}),
    Case(MultiSpecSpectrogramRegressor(**MAPS, **SAME), {"narrow": (7, 1, 9)}),
    Case(RCNNLSTM(n_kernels=(2, 4), n_cells=4, **SAME), ONE),
    Case(RCNNLSTM(n_kernels=(2, 4), n_cells=4, **BESIDE), FILTERED),
    Case(ResNetClassifier(n_stages=2, n_blocks=1, n_kernels=2, **SAME), ONE),
    Case(ResNetRegressor(n_stages=2, n_blocks=1, n_kernels=2, **SAME), ONE),
    Case(StackedLSTM(n_cells=(6, 4), **SAME), ONE),
    *(
        Case(estimator(fusion=fusion, hidden_size=8, **SAME), THREE)
        for estimator in (FusionClassifier, FusionRegressor)
        for fusion in ("early", "late", "attention")
    ),
]


PLAIN = Case(BiLSTMClassifier(hidden_size=4, **SAME), {"x": (3, 1, 9)})


def pieces(case, n=24, seed=0):
    """Samples whose level tells their class, and the classes."""
    random = np.random.default_rng(seed)
    y = np.arange(n) % 3
    X = [
        {
            name: (random.normal(size=(random.integers(least, most + 1), width)) + 2 * (code - 1))
            for name, (width, least, most) in case.inputs.items()
        }
        for code in y
    ]
    return X, (y if is_classifier(case.estimator) else np.column_stack([y, 1.0 - y]))


def name_of(case):
    own = getattr(case.estimator, "fusion", "") or "-".join(getattr(case.estimator, "vectors", ()))
    return f"{type(case.estimator).__name__}{own and '-'}{own}"


every = pytest.mark.parametrize("case", CASES, ids=name_of)


@pytest.fixture(scope="module")
def fitted():
    """Each case's estimator, fitted once."""
    known = {}

    def fit(case):
        if id(case) not in known:
            known[id(case)] = clone(case.estimator).fit(*pieces(case))
        return known[id(case)]

    return fit


def outputs(model, X):
    return model.predict_proba(X) if is_classifier(model) else model.predict(X)


@every
def test_answers_have_their_shape_and_are_finite(case, fitted):
    model = fitted(case)
    X, y = pieces(case, seed=1)
    answers = outputs(model, X)
    assert np.isfinite(answers).all()
    assert answers.shape == ((len(X), 3) if is_classifier(model) else y.shape)
    if is_classifier(model):
        np.testing.assert_allclose(answers.sum(axis=1), 1)
        assert (model.predict(X) == model.classes_[answers.argmax(axis=1)]).all()
    represented = model.transform(X)
    assert represented.dtype == np.float32
    assert represented.shape == (len(X), len(model.get_feature_names_out()))


@every
def test_a_network_learns_what_can_be_learnt(case):
    longer = Training(max_epochs=20, batch_size=8, learning_rate=1e-2, patience=None)
    model = clone(case.estimator).set_params(training=longer)
    X, y = pieces(case)
    losses = [row["train_loss"] for row in model.fit(X, y).history_]
    assert len(losses) == 20
    assert np.mean(losses[-3:]) < 0.7 * losses[0]


@every
def test_the_same_seed_gives_the_same_bytes_and_leaves_torch_alone(case, fitted):
    X, y = pieces(case)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    again = clone(case.estimator).fit(X, y)
    assert torch.equal(torch.rand(3), expected)
    assert outputs(again, X).tobytes() == outputs(fitted(case), X).tobytes()
    other = clone(case.estimator).set_params(random_state=1).fit(X, y)
    assert not np.array_equal(outputs(other, X), outputs(again, X))


@every
def test_what_lies_behind_the_end_of_a_sequence_has_no_influence(case, fitted):
    model = fitted(case)
    X, _ = pieces(case, n=6, seed=2)
    inputs, lengths = pad(X, model.widths_)
    counts = {name: torch.from_numpy(values) for name, values in lengths.items()}
    odd = {name: torch.from_numpy(values.copy()) for name, values in inputs.items()}
    for name, values in odd.items():
        for row, length in zip(values, counts[name]):
            row[length:] = 1e9
    with torch.inference_mode():
        clean = model.module_.network({k: torch.from_numpy(v) for k, v in inputs.items()}, counts)
        assert torch.equal(model.module_.network(odd, counts), clean)
    alone = np.concatenate([outputs(model, [x]) for x in X])
    np.testing.assert_allclose(alone, outputs(model, X), rtol=1e-3, atol=1e-4)


@every
def test_every_weight_is_in_use(case):
    model = clone(case.estimator)
    X, y = pieces(case)
    module = model.fit(X, y).module_.train()
    inputs, lengths = (
        {name: torch.from_numpy(values) for name, values in side.items()}
        for side in pad(X, model.widths_)
    )
    module(inputs, lengths).square().sum().backward()
    for name, weights in module.named_parameters():
        assert weights.grad is not None, name
        assert torch.isfinite(weights.grad).all(), name


@every
def test_a_model_comes_back_from_its_folder(case, fitted, tmp_path):
    model = fitted(case)
    X, _ = pieces(case, seed=3)
    model.save(tmp_path / "model")
    loaded = type(model).load(tmp_path / "model")
    assert outputs(loaded, X).tobytes() == outputs(model, X).tobytes()
    assert repr(loaded) == repr(model)
    assert loaded.history_ == model.history_
    loaded.save(tmp_path / "again")
    names = ("manifest.json", "arrays.safetensors")
    for name in names:
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "model" / name).read_bytes()


@every
def test_arrays_of_another_network_are_refused(case, fitted, tmp_path):
    manifest, arrays = fitted(case).to_parts()
    name = next(name for name in arrays if name.startswith("network."))
    for wrong in (
        {name: arrays[name][..., :0]},
        {name: arrays[name].astype(np.float64)},
        {"network.more": arrays[name]},
        {"scale": -arrays["scale"]},
    ):
        save_folder(tmp_path / "model", manifest, {**arrays, **wrong})
        with pytest.raises(ModelError, match=r"arrays|scale") as error:
            type(case.estimator).load(tmp_path / "model")
        assert error.value.stage == "arrays"


@every
def test_impossible_parameters_in_a_folder_are_refused(case, fitted, tmp_path):
    model = fitted(case)
    manifest, arrays = model.to_parts()
    (name, width), *_ = model.widths_.items()
    for wrong in (
        {"widths": {name: 1 << 30}},
        {"widths": {name: width + 1}},
        {"widths": [1]},
        {"parameters": {**manifest["parameters"], "no_such": 1}},
        {"parameters": {**manifest["parameters"], "training": {"estimator": "Popen"}}},
        {"parameters": {**manifest["parameters"], "dropout": "x"}},
        {"outputs": []},
        {"history": 3},
    ):
        save_folder(tmp_path / "model", {**manifest, **wrong}, arrays)
        with pytest.raises(ModelError):
            type(model).load(tmp_path / "model")


@every
def test_whole_numbers_in_a_folder_are_bounded(case, fitted, tmp_path):
    model = fitted(case)
    manifest, arrays = model.to_parts()
    own = {k: v for k, v in manifest["parameters"].items() if k not in ("random_state",)}
    for name, value in own.items():
        if type(value) is int:
            huge = {**manifest["parameters"], name: 1 << 60}
            save_folder(tmp_path / "model", {**manifest, "parameters": huge}, arrays)
            with pytest.raises(ModelError):
                type(model).load(tmp_path / "model")


@every
def test_parameters_are_scikit_learns(case):
    model = clone(case.estimator)
    for name, value in model.get_params(deep=False).items():
        assert getattr(model, name) is value
    model.set_params(training__max_epochs=7)
    assert model.training.max_epochs == 7
    defaults = type(model)()
    assert defaults.training is None
    defaults._check_parameters()
    assert defaults._strategy().batch_size >= 1
    json.dumps(defaults.get_params())


@every
def test_lists_of_pieces_go_through_cross_validation(case):
    X, y = pieces(case)
    scores = cross_val_score(
        clone(case.estimator), X, y, cv=2, params={"groups": np.arange(len(X)) // 2}
    )
    assert np.isfinite(scores).all()


QUICK = Training(
    max_epochs=16, batch_size=16, learning_rate=0.03, lr_schedule="constant", patience=None
)


@parametrize_with_checks(
    [
        BiLSTMClassifier(hidden_size=8, dropout=0.0, random_state=0, training=QUICK),
        BiLSTMRegressor(hidden_size=8, dropout=0.0, random_state=0, training=QUICK),
    ],
    # A weight of 2 is no second copy where batches are drawn: the order of the batches differs.
    expected_failed_checks=lambda _: {
        "check_sample_weight_equivalence_on_dense_data": "batches are drawn sample by sample"
    },
)
def test_scikit_learns_own_checks(estimator, check, monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    check(estimator)


def test_inputs_of_other_kinds_mean_the_same():
    random = np.random.default_rng(0)
    y = np.arange(12) % 2
    padded = random.normal(size=(12, 5, 3)) + y[:, None, None]
    lengths = random.integers(1, 6, size=12)
    ragged = [frames[:length] for frames, length in zip(padded, lengths)]
    named = [{"x": frames} for frames in ragged]
    answers = [
        BiLSTMClassifier(hidden_size=4, **SAME).fit(X, y, **how).predict_proba(X, **how)
        for X, how in ((padded, {"lengths": lengths}), (ragged, {}), (named, {}))
    ]
    np.testing.assert_array_equal(answers[0], answers[1])
    np.testing.assert_array_equal(answers[0], answers[2])


def test_bad_input_is_told_apart():
    model = BiLSTMClassifier(hidden_size=4, **SAME)
    X, y = pieces(PLAIN)
    for wrong, match in (
        ([*X[:-1], {"x": np.ones((2, 4))}], "sample 23, input 'x': 4 wide"),
        ([*X[:-1], {"x": np.full((2, 3), np.nan)}], "sample 23, input 'x': input contains NaN"),
        ([*X[:-1], {"x": np.full((2, 3), 1e300)}], "too large for float32"),
        ([*X[:-1], {"x": "la la"}], "sample 23, input 'x': not an array of numbers"),
        ([*X[:-1], {"x": np.ones((0, 3))}], "sample 23"),
        ([*X[:-1], {"x": None}], "sample 23 has no input"),
        (X[0], "one mapping"),
        ([], "n_samples=0"),
    ):
        with pytest.raises(ValueError, match=match):
            model.fit(wrong, y)
    with pytest.raises(ValueError, match="1 class"):
        model.fit(X, np.zeros(len(X)))
    model.fit(X, y)
    with pytest.raises(ValueError, match="was 3 in training"):
        model.predict([{"x": np.ones((2, 4))}])
    with pytest.raises(ValueError, match="none of the inputs"):
        model.predict([{"other": np.ones((2, 4))}])


def test_classes_may_weigh_differently():
    X, y = pieces(PLAIN, n=30)
    shares = []
    for weight in ({0: 1.0, 1: 1.0, 2: 1.0}, {0: 20.0, 1: 1.0, 2: 1.0}):
        model = BiLSTMClassifier(hidden_size=4, random_state=0, device="cpu")
        model.set_params(training=Training(max_epochs=15, learning_rate=0.01, class_weight=weight))
        shares.append(model.fit(X, y).predict_proba(X)[:, 0].mean())
    assert shares[1] > shares[0] + 0.1
    with pytest.raises(ValueError, match="classes that are not there"):
        model.set_params(training__class_weight={"sad": 2.0}).fit(X, y)


def test_a_drawn_network_is_not_trained():
    X, y = pieces(PLAIN)
    drawn = BiLSTMClassifier(hidden_size=4, **SAME).draw(X, y)
    assert drawn.history_ == []
    trained = BiLSTMClassifier(hidden_size=4, **SAME).fit(X, y)
    own = dict(drawn.module_.named_parameters())
    moved = [
        not torch.equal(weights, own[name]) for name, weights in trained.module_.named_parameters()
    ]
    assert all(moved)


def test_a_folder_says_what_it_is(tmp_path):
    X, y = pieces(PLAIN)
    model = BiLSTMClassifier(hidden_size=4, **SAME).fit(X, y)
    model.save(tmp_path / "model")
    manifest, _ = load_folder(tmp_path / "model", kind="BiLSTMClassifier")
    assert manifest["widths"] == {"x": 3}
    with pytest.raises(ModelError, match="another class"):
        BiLSTMRegressor.load(tmp_path / "model")


def test_the_parent_alone_builds_nothing():
    with pytest.raises(NotImplementedError):
        NetworkClassifier()._build({"x": 1}, 2)
