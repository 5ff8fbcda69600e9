"""MULTISPEC-DNN: the paper's sizes and tables, blocks of a second, channels that are absent."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from chordmer.errors import ModelError
from chordmer.models.broad import BroadLearningClassifier
from chordmer.models.multispec import MultiSpecBiLSTM, MultiSpecClassifier, MultiSpecRegressor
from chordmer.models.multispec_network import BlockFilter, cut
from chordmer.models.training import Training

SMALL = BroadLearningClassifier(n_feature_groups=4, n_feature_nodes=5, n_enhancement_nodes=20)
LONGER = Training(batch_size=8, learning_rate=0.01, max_epochs=15, patience=None)
TINY = {"block_frames": 4, "n_dense": 8, "hidden_size": 6}
SAME = {
    **TINY,
    "training": Training(batch_size=8, max_epochs=1),
    "random_state": 0,
    "device": "cpu",
}

#: GTF and MF_RP channels of Tables IV, V and VI.
TABLES = [
    ((3, 4, 5, 4), (2, 4, 6, 5)),
    ((2, 5, 7, 4), (3, 6, 8, 4)),
    ((2, 4, 6, 4), (2, 7, 9, 5)),
    ((3, 3, 5, 5), (4, 6, 8, 4)),
    ((2, 4, 5, 4), (3, 5, 7, 4)),
    ((3, 5, 4, 4), (2, 4, 6, 5)),
    ((2, 4, 5, 4), (3, 6, 8, 4)),
    ((2, 5, 8, 4), (2, 7, 9, 5)),
    ((3, 3, 5, 5), (3, 5, 8, 4)),
    ((2, 4, 5, 4), (3, 6, 9, 5)),
    ((3, 4, 5, 4), (2, 3, 5, 4)),
    ((2, 3, 5, 4), (2, 6, 8, 4)),
    ((2, 4, 8, 4), (2, 7, 8, 4)),
    ((3, 4, 5, 4), (3, 6, 8, 4)),
    ((2, 3, 5, 4), (3, 6, 8, 4)),
]


@pytest.fixture(autouse=True)
def _seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def network(widths, n_outputs=4, **parameters):
    return MultiSpecBiLSTM(**parameters)._build(widths, n_outputs).eval()


def tensors(lengths, widths):
    """Random padded inputs of these lengths, by name."""
    inputs = {
        name: torch.randn(len(counts), max(1, *counts), widths[name])
        for name, counts in lengths.items()
    }
    return inputs, {name: torch.tensor(counts) for name, counts in lengths.items()}


def songs(n=48, seed=0):
    """Pieces that grow louder or softer from block to block, and the name of which."""
    random = np.random.default_rng(seed)
    labels = np.array(["falls", "rises"] * (n // 2))
    X = []
    for label in labels:
        time = np.linspace(-1, 1, random.integers(14, 30))[:, None]
        level = (1.5 if label == "rises" else -1.5) * time
        X.append(
            {
                name: (level + random.normal(scale=0.3, size=(len(time), width))).astype(np.float32)
                for name, width in (("gtf", 6), ("mf_rp", 9))
            }
        )
    return X, labels


def test_the_papers_sizes_for_one_second():
    net = network({"gtf": 24, "mf_rp": 192})
    convolutions = {
        name: [tuple(layer.convolve.weight.shape) for layer in part.channel.layers]
        for name, part in net.filters.items()
    }
    assert convolutions == {
        "gtf": [(3, 1, 2, 2), (3, 3, 2, 2)],
        "mf_rp": [(6, 1, 3, 3), (6, 6, 3, 3), (6, 6, 3, 3)],
    }
    for part in net.filters.values():
        for layer in part.channel.layers:
            assert layer.pool_size == 2
            assert layer.convolve.stride == (1, 1)
            assert isinstance(layer.normalise, torch.nn.BatchNorm1d)
    assert net.filters["gtf"].width == 3 * 11 * 6
    assert net.filters["mf_rp"].width == 6 * 5 * 24
    inputs, lengths = tensors({"gtf": [44, 44], "mf_rp": [44, 44]}, {"gtf": 24, "mf_rp": 192})
    blocks, counts = net.blocks(inputs, lengths)
    assert blocks.shape == (2, 1, 256)
    assert counts.tolist() == [1, 1]
    assert net.represent(inputs, lengths).shape == (2, 256)
    minute = tensors({"gtf": [60 * 44], "mf_rp": [60 * 44]}, {"gtf": 24, "mf_rp": 192})
    assert net.blocks(*minute)[0].shape == (1, 60, 256)


@pytest.mark.parametrize(("gtf", "mf_rp"), TABLES, ids=str)
def test_the_channels_of_the_papers_tables_can_be_built(gtf, mf_rp):
    net = network({"gtf": 24, "mf_rp": 192}, gtf_channel=gtf, mf_rp_channel=mf_rp)
    for part, (repetitions, maps, kernel, pool) in zip(net.filters.values(), (gtf, mf_rp)):
        layers = part.channel.layers
        assert [layer.convolve.out_channels for layer in layers] == [maps] * repetitions
        assert {layer.convolve.kernel_size for layer in layers} == {(kernel, kernel)}
        assert {layer.pool_size for layer in layers} == {pool}
    lengths = {"gtf": [50, 3], "mf_rp": [50, 3]}
    assert net(*tensors(lengths, {"gtf": 24, "mf_rp": 192})).isfinite().all()


def test_pooling_leaves_a_row_and_a_frame_where_windows_are_larger_than_what_is_left():
    part = BlockFilter(24, (3, 4, 5, 4), 44)
    assert part.width == 4
    vectors, counts = part(torch.randn(1, 45, 24), torch.tensor([45]))
    assert vectors.shape == (1, 2, 4)
    assert counts.tolist() == [2]


@settings(max_examples=40, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 11), min_size=1, max_size=4),
    size=st.integers(1, 5),
    more=st.integers(0, 3),
)
def test_blocks_hold_every_true_frame_once_in_order(lengths, size, more):
    time = max(1, max(lengths) + more)
    frames = torch.randn(len(lengths), time, 2)
    blocks, counts = cut(frames, torch.tensor(lengths), size)
    assert blocks.shape == (len(lengths), -(-time // size), size, 2)
    assert counts.sum(dim=1).tolist() == lengths
    for row, length in enumerate(lengths):
        joined = blocks[row].flatten(0, 1)
        assert torch.equal(joined[:length], frames[row, :length])
        assert not joined[length:].any()
        true = [block[:count] for block, count in zip(blocks[row], counts[row])]
        assert torch.equal(torch.cat(true), frames[row, :length])


def test_every_block_is_filtered_as_if_it_were_alone():
    part = BlockFilter(6, (2, 3, 2, 2), 8).eval()
    frames, lengths = torch.randn(2, 21, 6), torch.tensor([21, 9])
    found, counts = part(frames, lengths)
    assert counts.tolist() == [3, 2]
    for row, length in enumerate(lengths.tolist()):
        for number in range(counts[row]):
            block = frames[row : row + 1, 8 * number : min(8 * number + 8, length)]
            alone, _ = part(block, torch.tensor([block.shape[1]]))
            torch.testing.assert_close(found[row, number], alone[0, 0])
        assert not found[row, counts[row] :].any()


def test_an_absent_channel_is_zeros_before_the_dense_layer():
    net = network({"gtf": 6, "mf_rp": 9}, **TINY)
    lengths = {"gtf": [9, 0, 6], "mf_rp": [9, 9, 0]}
    inputs, counts = tensors(lengths, {"gtf": 6, "mf_rp": 9})
    blocks, n_blocks = net.blocks(inputs, counts)
    assert n_blocks.tolist() == [3, 3, 2]
    vectors, _ = net.filters["mf_rp"](inputs["mf_rp"][1:2], counts["mf_rp"][1:2])
    blank = torch.zeros(1, 3, net.filters["gtf"].width)
    torch.testing.assert_close(blocks[1:2], net.dense(torch.cat([blank, vectors], dim=2)))
    odd = {name: frames.clone() for name, frames in inputs.items()}
    odd["gtf"][1], odd["mf_rp"][2], odd["gtf"][2, 6:] = 1e9, 1e9, 1e9
    assert torch.equal(net(odd, counts), net(inputs, counts))


def test_a_channel_that_no_sample_of_a_batch_has_is_passed_over_in_training():
    net = network({"gtf": 6, "mf_rp": 9}, **TINY).train()
    before = {name: values.clone() for name, values in net.filters["gtf"].state_dict().items()}
    outputs = net(*tensors({"gtf": [0, 0], "mf_rp": [9, 5]}, {"gtf": 6, "mf_rp": 9}))
    outputs.sum().backward()
    assert outputs.isfinite().all()
    for name, values in net.filters["gtf"].state_dict().items():
        if "num_batches" not in name:
            assert torch.equal(values, before[name]), name


def test_padding_counts_for_nothing_in_training_neither():
    widths = {"gtf": 6, "mf_rp": 9}
    inputs, counts = tensors({"gtf": [9, 5], "mf_rp": [9, 5]}, widths)
    longer = {name: torch.nn.functional.pad(x, (0, 0, 0, 7)) for name, x in inputs.items()}
    net = network(widths, **TINY, dropout=0.0).train()
    twin = network(widths, **TINY, dropout=0.0).train()
    twin.load_state_dict(net.state_dict())
    torch.testing.assert_close(net(inputs, counts), twin(longer, counts))
    for name, values in net.state_dict().items():
        torch.testing.assert_close(values, twin.state_dict()[name], msg=name)


def test_other_inputs_are_vectors_joined_to_what_the_bilstm_says():
    net = network({"gtf": 6, "chord2vec": 3}, **TINY)
    inputs, lengths = tensors(
        {"gtf": [9, 5, 7], "chord2vec": [1, 0, 1]}, {"gtf": 6, "chord2vec": 3}
    )
    found = net.represent(inputs, lengths)
    assert found.shape == (3, 12 + 3)
    torch.testing.assert_close(found[::2, 12:], inputs["chord2vec"][::2, 0])
    assert not found[1, 12:].any()
    torch.testing.assert_close(found[:, :12], net.bilstm(*net.blocks(inputs, lengths)))
    X, y = songs(8)
    with pytest.raises(ValueError, match="'gtf' or 'mf_rp', beside \\['x'\\]"):
        MultiSpecBiLSTM(**SAME).fit([sample["gtf"] for sample in X], y)


@pytest.mark.parametrize("pooling", ["last", "attention"])
@pytest.mark.parametrize("model", [MultiSpecClassifier(broad=SMALL), MultiSpecRegressor()])
def test_what_only_the_order_of_blocks_tells_is_learnt(model, pooling):
    X, labels = songs(48)
    y = (labels == "rises").astype(float) if isinstance(model, MultiSpecRegressor) else labels
    model = clone(model).set_params(**SAME, pooling=pooling).set_params(training=LONGER)
    model.fit(X[:32], y[:32])
    assert model.score(X[32:], y[32:]) >= 0.8
    alone = [{name: X[32][name]} for name in ("gtf", "mf_rp")]
    assert model.predict(alone).shape == (2,)


def test_the_chord_vector_goes_round_the_network_to_the_broad_system():
    X, _ = songs(24)
    random = np.random.default_rng(1)
    y = np.array([0, 0, 1, 1] * 6)
    for sample, label in zip(X, y):
        sample["chord2vec"] = random.normal(size=3) + 4 * label
    model = MultiSpecClassifier(broad=SMALL, **SAME).fit(X, y)
    assert model.vectors == ("chord2vec",)
    assert isinstance(model.network_, MultiSpecBiLSTM)
    assert model.network_.widths_ == {"gtf": 6, "mf_rp": 9}
    assert model.score(X, y) == 1
    joined = model.transform(X)
    assert joined.shape == (24, 12 + 3)
    np.testing.assert_allclose(joined[:, 12:].mean(axis=0), 0, atol=1e-6)
    without = [{name: x for name, x in sample.items() if name != "chord2vec"} for sample in X]
    assert not model.transform(without)[:, 12:].any()
    np.testing.assert_array_equal(model.transform(without)[:, :12], joined[:, :12])
    only = model.transform([{"chord2vec": X[0]["chord2vec"]}])
    assert not only[:, :12].any()


@pytest.mark.parametrize(
    "model", [MultiSpecClassifier(broad=SMALL), MultiSpecBiLSTM(), MultiSpecRegressor()]
)
def test_the_seed_decides_and_a_saved_model_answers_as_before(model, tmp_path):
    X, labels = songs(12)
    y = (labels == "rises").astype(int)
    model = clone(model).set_params(**SAME).fit(X, y)
    np.testing.assert_array_equal(clone(model).fit(X, y).predict(X), model.predict(X))
    model.save(tmp_path / "model")
    loaded = type(model).load(tmp_path / "model")
    assert repr(loaded) == repr(model)
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


def test_a_folder_without_either_channel_is_refused():
    X, y = songs(8)
    manifest, arrays = MultiSpecBiLSTM(**SAME).fit(X, y).to_parts()
    manifest["widths"] = {"chord2vec": 15}
    with pytest.raises(ModelError, match="'gtf' or 'mf_rp'"):
        MultiSpecBiLSTM.from_parts(manifest, arrays, source="a folder")


@pytest.mark.parametrize(
    "wrong",
    [
        {"gtf_channel": (2, 3, 2)},
        {"gtf_channel": 2},
        {"mf_rp_channel": (0, 6, 3, 2)},
        {"mf_rp_channel": (17, 6, 3, 2)},
        {"mf_rp_channel": (3, 6, 3, 1 << 60)},
        {"mf_rp_channel": (3, 6.0, 3, 2)},
        {"block_frames": 0},
        {"n_dense": 0},
        {"hidden_size": 0},
        {"pooling": "first"},
        {"dropout": -1},
    ],
    ids=str,
)
def test_impossible_parameters_are_named(wrong):
    X, y = songs(8)
    for model in (MultiSpecBiLSTM(), MultiSpecClassifier(), MultiSpecRegressor()):
        with pytest.raises((ValueError, TypeError), match=next(iter(wrong))):
            model.set_params(**wrong).fit(X, (y == "rises").astype(int))
