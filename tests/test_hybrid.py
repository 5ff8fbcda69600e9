"""CNN and Transformer: positions, what attends to what, and sequences that are too long."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from chordmer.models.hybrid import (
    CNNTransformerClassifier,
    CNNTransformerRegressor,
    condense,
    positions,
)

VARIANTS = ["cnn-transformer", "transformer"]


@pytest.fixture(autouse=True)
def _seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def network(variant, width=9, n_outputs=3, **sizes):
    sizes = {"n_convolutions": 2, "n_kernels": 3, "n_model": 8, "n_heads": 2} | sizes
    return CNNTransformerClassifier(variant=variant, **sizes)._build({"mel": width}, n_outputs)


def test_positions_are_the_papers_sinusoids():
    found = positions(50, 6).numpy()
    for t in (0, 1, 49):
        for i in range(3):
            angle = t / 10000 ** (2 * i / 6)
            np.testing.assert_allclose(
                found[t, [i, 3 + i]], [np.sin(angle), np.cos(angle)], atol=1e-5
            )


def test_a_step_forward_is_the_same_turn_everywhere():
    """What lets attention find a distance: sinusoids rotate by an angle of their own a step."""
    here, there = positions(40, 8).double()[5:], positions(40, 8).double()[:-5]
    products = (here * there).sum(dim=1)
    torch.testing.assert_close(products, products[:1].expand_as(products))


@given(
    lengths=st.lists(st.integers(0, 40), min_size=1, max_size=4),
    most=st.integers(1, 12),
    beyond=st.integers(0, 5),
)
def test_neighbours_are_averaged_by_the_smallest_number_that_suffices(lengths, most, beyond):
    time = max(1, *lengths) + beyond if len(lengths) > 1 else max(1, lengths[0]) + beyond
    frames = np.random.default_rng(0).normal(size=(len(lengths), time, 2))
    for row, length in zip(frames, lengths):
        row[length:] = 0
    found, left = condense(torch.from_numpy(frames), torch.tensor(lengths), most)
    assert found.shape[1] == min(time, most)
    for row, length in enumerate(lengths):
        joined = next(k for k in range(1, 100) if k * most >= length)
        parts = [frames[row, i : min(i + joined, length)] for i in range(0, length, joined)]
        assert left[row] == len(parts) <= most
        expected = np.zeros((found.shape[1], 2))
        expected[: len(parts)] = [part.mean(axis=0) for part in parts] or np.zeros((0, 2))
        np.testing.assert_allclose(found[row].numpy(), expected, atol=1e-12)


def softmax(x):
    odds = np.exp(x - x.max(axis=-1, keepdims=True))
    return odds / odds.sum(axis=-1, keepdims=True)


def layer_norm(x, w, name):
    centred = x - x.mean(axis=-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5)
    return scaled * w[f"{name}.weight"] + w[f"{name}.bias"]


def test_the_encoder_is_multi_head_attention():
    """A layer by plain numpy: normalise, attend, add; normalise, two maps with GELU, add."""
    from scipy.special import erf

    net = network("transformer", width=5, n_layers=1).double().eval()
    frames = torch.randn(1, 6, 5, dtype=torch.float64)
    w = {name: value.detach().numpy() for name, value in net.state_dict().items()}
    x = frames[0].numpy() @ w["project.weight"].T + w["project.bias"] + positions(6, 8).numpy()
    w0 = {name.removeprefix("encoder.0."): value for name, value in w.items()}
    inner = layer_norm(x, w0, "norm1")
    joint = inner @ w0["self_attn.in_proj_weight"].T + w0["self_attn.in_proj_bias"]
    q, k, v = (part.reshape(6, 2, 4).swapaxes(0, 1) for part in np.split(joint, 3, axis=1))
    heads = softmax(q @ k.swapaxes(1, 2) / np.sqrt(4)) @ v
    together = heads.swapaxes(0, 1).reshape(6, 8)
    x = x + together @ w0["self_attn.out_proj.weight"].T + w0["self_attn.out_proj.bias"]
    inner = layer_norm(x, w0, "norm2") @ w0["linear1.weight"].T + w0["linear1.bias"]
    inner = inner * (1 + erf(inner / np.sqrt(2))) / 2
    x = x + inner @ w0["linear2.weight"].T + w0["linear2.bias"]
    expected = layer_norm(x, w, "normalise")
    found, counts = net.moments({"mel": frames}, {"mel": torch.tensor([6])})
    assert counts.tolist() == [6]
    np.testing.assert_allclose(found[0].detach().numpy(), expected, atol=1e-6)


def test_layers_begin_different():
    first, second = network("transformer").encoder
    assert not torch.equal(first.linear1.weight, second.linear1.weight)


def test_order_matters():
    net = network("transformer").eval()
    frames = torch.randn(1, 12, 9)
    counts = {"mel": torch.tensor([12])}
    found, turned = net({"mel": frames}, counts), net({"mel": frames.flip(1)}, counts)
    assert (found - turned).abs().max() > 1e-4


def test_the_cnn_halves_time_and_frequency():
    net = network("cnn-transformer", width=20)
    assert net.project.in_features == 3 * 5
    moments, counts = net.moments({"mel": torch.randn(2, 30, 20)}, {"mel": torch.tensor([30, 9])})
    assert moments.shape == (2, 7, 8)
    assert counts.tolist() == [7, 2]
    assert network("transformer", width=20).project.in_features == 20


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("max_moments", [2, 64])
def test_padding_and_neighbours_have_no_influence(variant, max_moments):
    net = network(variant, max_moments=max_moments).eval()
    lengths = torch.tensor([13, 1, 6, 3, 0])
    frames = torch.randn(5, 13, 9)
    odd = frames.clone()
    with torch.inference_mode():
        found = net({"mel": frames}, {"mel": lengths})
        for row, length in enumerate(lengths):
            odd[row, length:] = 1e9
            cut = frames[row : row + 1, : max(int(length), 1)]
            alone = net({"mel": cut}, {"mel": lengths[row : row + 1]})
            torch.testing.assert_close(alone[0], found[row])
        assert torch.equal(net({"mel": odd}, {"mel": lengths}), found)
    assert torch.isfinite(found).all()


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_part_learns(variant):
    net = network(variant, dropout=0.0, max_moments=5)
    counts = {"mel": torch.tensor([13, 9, 6, 3])}
    net({"mel": torch.randn(4, 13, 9)}, counts).square().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad.any(), name


@pytest.mark.parametrize(
    "wrong",
    [
        {"variant": "bert"},
        {"n_convolutions": 0},
        {"n_layers": 65},
        {"n_heads": 0},
        {"n_model": 7},
        {"n_model": 10, "n_heads": 4},
        {"max_moments": 0},
        {"dropout": 2},
    ],
)
def test_impossible_parameters_are_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        CNNTransformerRegressor(**wrong).fit(np.zeros((4, 3, 2)), np.zeros(4))
