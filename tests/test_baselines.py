"""The MULTISPEC-DNN paper's baselines: what it states of them, and any length of sequence."""

import numpy as np
import pytest
import torch
from sklearn.base import clone

from chordmer.errors import ModelError
from chordmer.models.baselines import MCCBL, MCCLSTM, RCNNBL, RCNNLSTM
from chordmer.models.broad import BroadLearningClassifier
from chordmer.models.lstm_broad import LSTMBroad, StackedLSTM
from chordmer.models.training import Training

ONCE = Training(batch_size=8, max_epochs=1)
LONGER = Training(batch_size=8, learning_rate=0.01, max_epochs=15, patience=None)
BROAD = BroadLearningClassifier(n_feature_groups=4, n_feature_nodes=5, n_enhancement_nodes=20)

#: Every baseline, as small as it goes.
NETWORKS = {
    "MCCLSTM": MCCLSTM(n_kernels=2, n_cells=8),
    "MCC": MCCLSTM(n_kernels=2, n_cells=None),
    "RCNNLSTM": RCNNLSTM(n_kernels=(2, 4), n_cells=8),
    "RCNN": RCNNLSTM(n_kernels=(2, 4), n_cells=None),
    "StackedLSTM": StackedLSTM(n_cells=(8, 6)),
}
BROAD_ONES = {
    "MCCBL": MCCBL(n_kernels=2, broad=BROAD),
    "RCNNBL": RCNNBL(n_kernels=(2, 4), broad=BROAD),
    "LSTMBroad": LSTMBroad(n_cells=(8, 6), broad=BROAD),
}
ALL = {**NETWORKS, **BROAD_ONES}


@pytest.fixture(autouse=True)
def _seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def songs(n=48, width=6, seed=0):
    """Sequences that grow louder or softer; the mean frame tells nothing of which."""
    random = np.random.default_rng(seed)
    labels = np.array(["falls", "rises"] * (n // 2))
    X = []
    for label in labels:
        time = np.linspace(-1, 1, random.integers(8, 20))[:, None]
        slope = 1.5 if label == "rises" else -1.5
        X.append(slope * time + random.normal(scale=0.3, size=(len(time), width)))
    return X, labels


def prepared(model, **more):
    return clone(model).set_params(training=ONCE, random_state=0, device="cpu", **more)


def built(model, width=7, n_outputs=3):
    """The bare network of an estimator that has seen nothing."""
    if isinstance(model, RCNNLSTM):
        model.n_kernels_ = (3, 4)
    return model._build({"x": width}, n_outputs).eval()


def test_what_the_paper_states_is_the_default():
    for model in (MCCLSTM(), RCNNLSTM(), StackedLSTM()):
        assert model.dropout == 0.2
        assert model._strategy().batch_size == 64
    assert len(MCCLSTM().kernel_sizes) == len(set(MCCLSTM().kernel_sizes)) == 3
    assert LSTMBroad().n_cells == (1024, 512)
    for model in (MCCBL(), RCNNBL(), LSTMBroad()):
        network, broad, train, vectors = model._parts()
        assert network.dropout == 0.2
        assert network._strategy().batch_size == 64
        assert isinstance(broad, BroadLearningClassifier)
        assert train is isinstance(model, LSTMBroad)
        assert vectors == ()


def test_three_channels_of_three_kernel_sizes_feed_the_lstm():
    network = built(MCCLSTM(), width=24, n_outputs=4)
    assert [channel.layers[0].convolve.kernel_size for channel in network.channels] == [
        (3, 3),
        (5, 5),
        (7, 7),
    ]
    assert network.lstm.lstm.input_size == 3 * 8 * 24 // 2
    assert network.head[-1].in_features == network.lstm.lstm.hidden_size == 128
    frames, counts = network.filtered({"x": torch.randn(2, 44, 24)}, {"x": torch.tensor([44, 9])})
    assert frames.shape == (2, 22, 288)
    assert counts.tolist() == [22, 4]
    for number, channel in enumerate(network.channels):
        assert channel.width == 96
        assert frames[0, :, number * 96 : (number + 1) * 96].any()


def test_two_layers_of_random_numbers_of_kernels_feed_the_lstm():
    model = RCNNLSTM()
    model.n_kernels_ = (11, 13)
    network = model._build({"x": 24}, 4)
    (channel,) = network.channels
    shapes = [tuple(layer.convolve.weight.shape) for layer in channel.layers]
    assert shapes == [(11, 1, 3, 3), (13, 11, 3, 3)]
    assert network.lstm.lstm.input_size == 13 * 24 // 4


def test_the_number_of_kernels_is_drawn_by_the_seed():
    X, y = songs(8)
    drawn = set()
    for seed in range(6):
        model = RCNNLSTM(n_kernels=(2, 9), n_cells=None, random_state=seed, device="cpu").draw(X, y)
        assert all(2 <= number <= 9 for number in model.n_kernels_)
        assert clone(model).draw(X, y).n_kernels_ == model.n_kernels_
        drawn |= set(model.n_kernels_)
    assert len(drawn) > 3
    model = RCNNLSTM(n_kernels=(5, 5), n_cells=None, device="cpu").draw(X, y)
    assert model.n_kernels_ == (5, 5)


def test_lstm_layers_stand_on_each_other():
    network = built(StackedLSTM(), width=192)
    sizes = [(layer.lstm.input_size, layer.lstm.hidden_size) for layer in network.layers]
    assert sizes == [(192, 1024), (1024, 512)]
    frames = torch.randn(2, 5, 192)
    lengths = torch.tensor([5, 3])
    first, _ = network.layers[0](frames * (torch.arange(5) < lengths[:, None])[..., None], lengths)
    states, last = network.layers[1](first, lengths)
    torch.testing.assert_close(network.represent({"x": frames}, {"x": lengths}), last)
    torch.testing.assert_close(last[1], states[1, 2])


def test_without_an_lstm_mean_and_largest_value_of_each_filter_remain():
    network = built(MCCLSTM(n_kernels=2, n_cells=None))
    inputs, lengths = {"x": torch.randn(2, 12, 7)}, {"x": torch.tensor([12, 5])}
    frames, counts = (part.detach().numpy() for part in network.filtered(inputs, lengths))
    found = network.represent(inputs, lengths).detach().numpy()
    for row, count in enumerate(counts):
        true = frames[row, :count]
        expected = np.concatenate([true.mean(axis=0), true.max(axis=0)])
        np.testing.assert_allclose(found[row], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_padding_and_neighbours_have_no_influence(name):
    network = built(clone(NETWORKS[name]))
    lengths = torch.tensor([13, 1, 6, 3])
    frames = torch.randn(4, 13, 7)
    found = network({"x": frames}, {"x": lengths})
    odd = frames.clone()
    for row, length in enumerate(lengths):
        odd[row, length:] = 1e9
        alone = network({"x": frames[row : row + 1, :length]}, {"x": lengths[row : row + 1]})
        torch.testing.assert_close(alone[0], found[row])
    assert torch.equal(network({"x": odd}, {"x": lengths}), found)


@pytest.mark.parametrize("name", ["MCCLSTM", "RCNNLSTM", "StackedLSTM", *BROAD_ONES])
def test_what_only_the_order_of_frames_tells_is_learnt(name):
    X, y = songs(64)
    model = prepared(ALL[name]).set_params(training=LONGER)
    if name in ("MCCBL", "RCNNBL"):
        # The mean and the largest value over time know no order but what a filter sees at once.
        model.set_params(fit_network=True)
    model.fit(X[:32], y[:32])
    assert model.score(X[32:], y[32:]) >= 0.9


@pytest.mark.parametrize("name", ["MCCBL", "RCNNBL"])
def test_filters_stay_random_unless_they_are_to_be_trained(name):
    X, y = songs(24)
    X = [frames + 2 * (label == "rises") for frames, label in zip(X, y)]
    model = prepared(BROAD_ONES[name]).fit(X, y)
    assert model.network_.history_ == []
    assert model.score(X, y) >= 0.9
    trained = prepared(BROAD_ONES[name], fit_network=True).fit(X, y)
    assert len(trained.network_.history_) == 1


@pytest.mark.parametrize("name", ALL)
def test_the_seed_decides_and_a_saved_model_answers_as_before(name, tmp_path):
    X, y = songs(12)
    model = prepared(ALL[name]).fit(X, y)
    shares = model.predict_proba(X)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(clone(model).fit(X, y).predict_proba(X), shares)
    model.save(tmp_path / "model")
    loaded = type(model).load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(X), shares)


def test_a_folder_with_more_kernels_than_could_be_drawn_is_refused():
    X, y = songs(12)
    manifest, arrays = prepared(NETWORKS["RCNNLSTM"]).fit(X, y).to_parts()
    manifest["parameters"]["n_kernels"] = [1, 1]
    with pytest.raises(ModelError, match="n_kernels is"):
        RCNNLSTM.from_parts(manifest, arrays, source="a folder")
    del arrays["network.channels.0.layers.1.convolve.weight"]
    with pytest.raises(ModelError):
        RCNNLSTM.from_parts(manifest, arrays, source="a folder")


def test_vectors_go_round_the_filters():
    random = np.random.default_rng(0)
    y = np.array([0, 1] * 12)
    X = [
        {"gtf": random.normal(size=(9, 5)), "chord2vec": random.normal(size=3) + 4 * label}
        for label in y
    ]
    model = prepared(BROAD_ONES["MCCBL"], vectors=("chord2vec",)).fit(X, y)
    assert model.network_.widths_ == {"gtf": 5}
    assert model.score(X, y) == 1


@pytest.mark.parametrize("name", ["MCCLSTM", "MCC", "RCNNLSTM", "RCNN"])
def test_vectors_are_joined_before_the_output_layer(name):
    model = clone(NETWORKS[name]).set_params(vectors=("chord2vec", "nowhere"))
    if isinstance(model, RCNNLSTM):
        model.n_kernels_ = (3, 4)
    network = model._build({"chord2vec": 3, "gtf": 7}, 2).eval()
    inputs = {"chord2vec": torch.randn(3, 1, 3), "gtf": torch.randn(3, 9, 7)}
    lengths = {"chord2vec": torch.tensor([1, 0, 1]), "gtf": torch.tensor([9, 4, 0])}
    found = network.represent(inputs, lengths)
    assert found.shape == (3, network.head[-1].in_features)
    assert torch.equal(found[:, -3:], inputs["chord2vec"][:, 0] * torch.tensor([1, 0, 1])[:, None])
    filtered, counts = network.filtered(inputs, lengths)
    assert counts.tolist() == network.filtered({"gtf": inputs["gtf"]}, lengths)[1].tolist()
    assert filtered.shape[2] == sum(channel.width for channel in network.channels)
    # What the filters say does not depend on the vector, nor the vector on them.
    other = network.represent({**inputs, "chord2vec": torch.randn(3, 1, 3)}, lengths)
    assert torch.equal(other[:, :-3], found[:, :-3])
    assert not found[2, :-3].any()


@pytest.mark.parametrize("name", ["MCCLSTM", "RCNNLSTM"])
def test_what_only_the_vector_tells_is_learnt_and_may_be_absent(name):
    random = np.random.default_rng(0)
    y = np.array([0, 1] * 24)
    X = [
        {"gtf": random.normal(size=(9, 5)), "chord2vec": random.normal(size=3) + 4 * label}
        for label in y
    ]
    model = prepared(NETWORKS[name], vectors=("chord2vec",)).set_params(training=LONGER).fit(X, y)
    assert model.score(X, y) == 1
    shares = model.predict_proba(
        [{"gtf": X[0]["gtf"]}, {"chord2vec": X[0]["chord2vec"]}, {**X[0], "chord2vec": None}]
    )
    np.testing.assert_allclose(shares[0], shares[2], rtol=1e-6)
    assert shares[1, 0] > 0.5


def test_vectors_alone_are_no_sequence():
    X = [{"chord2vec": np.full(3, label)} for label in (0, 1, 0, 1)]
    with pytest.raises(ValueError, match="none is a sequence"):
        prepared(NETWORKS["MCCLSTM"], vectors=("chord2vec",)).fit(X, [0, 1, 0, 1])


@pytest.mark.parametrize(
    ("model", "wrong"),
    [
        (MCCLSTM(), {"n_kernels": 0}),
        (MCCLSTM(), {"kernel_sizes": ()}),
        (MCCLSTM(), {"kernel_sizes": (3, 0)}),
        (MCCLSTM(), {"pool_size": 0}),
        (MCCLSTM(), {"n_cells": 0}),
        (MCCLSTM(), {"dropout": -0.1}),
        (MCCLSTM(), {"vectors": "chord2vec"}),
        (RCNNLSTM(), {"vectors": (3,)}),
        (RCNNLSTM(), {"n_kernels": (4,)}),
        (RCNNLSTM(), {"n_kernels": (4, 2)}),
        (RCNNLSTM(), {"n_kernels": (1, 5000)}),
        (RCNNLSTM(), {"kernel_size": 0}),
        (StackedLSTM(), {"n_cells": ()}),
        (StackedLSTM(), {"n_cells": (8, 0)}),
        (StackedLSTM(), {"dropout": 2}),
    ],
)
def test_impossible_parameters_are_named(model, wrong):
    X, y = songs(8)
    with pytest.raises(ValueError, match=next(iter(wrong))):
        clone(model).set_params(**wrong).fit(X, y)
