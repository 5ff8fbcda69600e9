"""Fusion heads: every subset works, absence and padding are silent, equations hold."""

from functools import partial
from itertools import chain, combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from chordmer.fusion import AttentionFusion, EarlyFusion, LateFusion, complex_join
from chordmer.fusion.alignment import mean_of, only_true, resample
from chordmer.fusion.modalities import drop_modalities

WIDTHS = {"audio": 5, "lyrics": 3, "symbolic": 4}
SUBSETS = list(chain.from_iterable(combinations(WIDTHS, n) for n in (1, 2, 3)))
PAIR = {"audio": 5, "symbolic": 3}
SMALL = {"hidden_size": 8, "max_steps": 6}

HEADS = {
    "series": partial(EarlyFusion, mode="series", **SMALL),
    "fixed": partial(LateFusion, weights="fixed", **SMALL),
    "given": partial(LateFusion, weights={"audio": 1, "lyrics": 2.5, "symbolic": 4}, **SMALL),
    "learned": partial(LateFusion, weights="learned", **SMALL),
    "stacked": partial(LateFusion, weights="stacked", **SMALL),
    "outputs": partial(LateFusion, mix="outputs", **SMALL),
    "stacked outputs": partial(LateFusion, weights="stacked", mix="outputs", **SMALL),
    "tokens": partial(AttentionFusion, kind="tokens", **SMALL),
    "cross": partial(AttentionFusion, kind="cross", **SMALL),
    "means": partial(EarlyFusion, encoder="mean", **SMALL),
    "cross means": partial(AttentionFusion, kind="cross", encoder="mean", **SMALL),
}
every_head = pytest.mark.parametrize("build", HEADS.values(), ids=HEADS)


def shaken(module, seed=0):
    """`module` with every number of its state drawn anew, so that no zero hides anything."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for values in module.state_dict().values():
            values.add_(0.3 * torch.randn(values.shape, generator=generator))
    return module.eval()


def batch(widths, lengths, seed=0):
    """Random padded inputs, with numbers in the padding too, and their lengths."""
    generator = torch.Generator().manual_seed(seed)
    counts = {name: torch.tensor(lengths[name]) for name in widths}
    inputs = {
        name: torch.randn(len(counts[name]), max(1, *lengths[name]), width, generator=generator)
        for name, width in widths.items()
    }
    return inputs, counts


def without(inputs, names, value):
    return {name: torch.full_like(x, value) if name in names else x for name, x in inputs.items()}


LENGTHS = {"audio": [9, 2, 1], "lyrics": [1, 4, 3], "symbolic": [3, 7, 5]}


# --- what is absent, and what is beyond the end -------------------------------------------------


@every_head
@pytest.mark.parametrize("subset", SUBSETS, ids="+".join)
def test_absent_modalities_have_no_influence(build, subset):
    module = shaken(build(WIDTHS, 4))
    absent = WIDTHS.keys() - set(subset)
    inputs, lengths = batch(WIDTHS, LENGTHS)
    lengths = {name: n * (name in subset) for name, n in lengths.items()}
    with torch.no_grad():
        expected = module(inputs, lengths)
        assert expected.shape == (3, 4)
        assert torch.isfinite(expected).all()
        for value in (0.0, 1e9, -1e9, torch.nan, torch.inf):
            changed = without(inputs, absent, value)
            assert torch.equal(module(changed, lengths), expected)
            assert torch.equal(
                module.represent(changed, lengths), module.represent(inputs, lengths)
            )
        present = {name: torch.full((3,), name in subset) for name in WIDTHS}
        by_mask = module(inputs, {name: torch.tensor(n) for name, n in LENGTHS.items()}, present)
        assert torch.equal(by_mask, expected)
        left_out = module({name: inputs[name] for name in subset}, lengths)
        torch.testing.assert_close(left_out, expected)


@every_head
def test_padding_has_no_influence(build):
    module = shaken(build(WIDTHS, 4))
    inputs, lengths = batch(WIDTHS, LENGTHS)
    expected = module(inputs, lengths)
    for value in (0.0, 1e9, torch.nan):
        padded = {name: only_true(x, lengths[name]) for name, x in inputs.items()}
        for name, x in padded.items():
            for row, n in zip(x, lengths[name]):
                row[n:] = value
        assert torch.equal(module(padded, lengths), expected)
    longer = {name: torch.cat([x, torch.full_like(x, 7.0)], dim=1) for name, x in inputs.items()}
    torch.testing.assert_close(module(longer, lengths), expected, rtol=1e-4, atol=1e-5)


@every_head
def test_samples_do_not_depend_on_the_batch(build):
    module = shaken(build(WIDTHS, 4))
    inputs, lengths = batch(WIDTHS, LENGTHS)
    lengths["lyrics"][1] = 0
    together = module(inputs, lengths)
    for i in range(3):
        alone = module(
            {name: x[i : i + 1] for name, x in inputs.items()},
            {name: n[i : i + 1] for name, n in lengths.items()},
        )
        torch.testing.assert_close(alone[0], together[i], rtol=1e-4, atol=1e-5)


@every_head
def test_every_present_modality_matters(build):
    module = shaken(build(WIDTHS, 4))
    inputs, lengths = batch(WIDTHS, LENGTHS)
    expected = module(inputs, lengths)
    for name in WIDTHS:
        assert not torch.allclose(module({**inputs, name: inputs[name] + 1}, lengths), expected)


@every_head
def test_vectors_are_sequences_of_one_frame(build):
    module = shaken(build(WIDTHS, 4))
    inputs, _ = batch(WIDTHS, {name: [1, 1] for name in WIDTHS})
    ones = {name: torch.ones(2, dtype=torch.int64) for name in WIDTHS}
    vectors = {name: x[:, 0] for name, x in inputs.items()}
    assert torch.equal(module(vectors), module(inputs, ones))


@every_head
def test_a_sample_of_nothing_gives_finite_outputs(build):
    module = shaken(build(WIDTHS, 4))
    inputs, lengths = batch(WIDTHS, LENGTHS)
    nothing = {name: n * 0 for name, n in lengths.items()}
    outputs = module(inputs, nothing)
    assert torch.isfinite(outputs).all()
    assert torch.equal(outputs, module(without(inputs, WIDTHS, torch.nan), nothing))


@every_head
def test_gradients_are_finite_and_reach_every_weight(build):
    torch.manual_seed(0)
    module = build(WIDTHS, 4, modality_dropout=0.5, dropout=0.1).train()
    reached = set()
    inputs, lengths = batch(
        WIDTHS, {"audio": [9, 2, 1], "lyrics": [0, 4, 3], "symbolic": [0, 0, 5]}
    )
    for _ in range(10):
        module.zero_grad()
        module(inputs, lengths).square().sum().backward()
        for name, weight in module.named_parameters():
            if weight.grad is not None:
                assert torch.isfinite(weight.grad).all(), name
                reached |= {name} if weight.grad.any() else set()
    missing = {name for name, _ in module.named_parameters()} - reached
    # Adding one vector to all keys changes no softmax.
    assert missing <= {"key.bias"}


@every_head
def test_all_state_is_in_the_state_dict(build):
    module = shaken(build(WIDTHS, 4))
    with torch.device("meta"):
        empty = build(WIDTHS, 4)
    empty.load_state_dict(module.state_dict(), assign=True)
    inputs, lengths = batch(WIDTHS, LENGTHS)
    assert torch.equal(empty.eval()(inputs, lengths), module(inputs, lengths))


def test_wrong_inputs_are_named():
    module = EarlyFusion(WIDTHS, 4, **SMALL)
    with pytest.raises(ValueError, match=r"'audio' should be \(2, time, 5\), not \(2, 1, 4\)"):
        module({"audio": torch.zeros(2, 4)})
    with pytest.raises(ValueError, match="not \\['video'\\]"):
        module({"video": torch.zeros(2, 4)})
    with pytest.raises(ValueError, match="modalities are"):
        module({})


@pytest.mark.parametrize(
    ("build", "options", "match"),
    [
        (EarlyFusion, {"mode": "both"}, "mode must be"),
        (EarlyFusion, {"mode": "parallel"}, "2 modalities, not 3"),
        (EarlyFusion, {"encoder": "cnn"}, "encoder must be"),
        (EarlyFusion, {"hidden_size": 7}, "even hidden_size"),
        (EarlyFusion, {"modality_dropout": 1.0}, "modality_dropout"),
        (EarlyFusion, {"max_steps": 0}, "max_steps"),
        (LateFusion, {"weights": "best"}, "weights must be"),
        (LateFusion, {"weights": {"audio": 1, "lyrics": 0, "symbolic": 1}}, "'lyrics'"),
        (LateFusion, {"mix": "logits"}, "mix must be"),
        (AttentionFusion, {"kind": "self"}, "kind must be"),
        (AttentionFusion, {"n_heads": 3}, "n_heads must divide"),
    ],
)
def test_impossible_parameters_are_refused(build, options, match):
    with pytest.raises(ValueError, match=match):
        build(WIDTHS, 4, **{**SMALL, **options})
    with pytest.raises(ValueError, match="no modality"):
        build({}, 4)


# --- one time grid -------------------------------------------------------------------------------


def cell_means(values, steps):
    """The same as `resample`, by brute force: every frame repeated, every cell a plain mean."""
    fine = np.repeat(values, steps, axis=0)
    return fine.reshape(steps, len(values), -1).mean(axis=1)


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=4),
    seed=st.integers(0, 99),
)
def test_resampling_is_the_mean_of_what_lies_under_each_cell(sizes, seed):
    lengths, steps = (torch.tensor(column) for column in zip(*sizes))
    frames = torch.randn(len(sizes), 9, 2, generator=torch.Generator().manual_seed(seed))
    frames = only_true(frames, lengths)
    gridded = resample(frames, lengths, steps)
    assert gridded.shape == (len(sizes), max(1, *steps.tolist()), 2)
    for row, x, (n, m) in zip(gridded.numpy(), frames.numpy(), sizes):
        assert not row[m:].any()
        if n and m:
            np.testing.assert_allclose(row[:m], cell_means(x[:n], m), atol=1e-6)
            np.testing.assert_allclose(row[:m].mean(axis=0), x[:n].mean(axis=0), atol=1e-6)
        else:
            assert not row.any()


def test_series_fusion_meets_on_the_longest_modality_s_grid():
    module = shaken(EarlyFusion(PAIR, 4, hidden_size=8, max_steps=6))
    inputs, lengths = batch(PAIR, {"audio": [4, 9, 0], "symbolic": [2, 3, 5]})
    joined, steps = module.joined(inputs, lengths)
    assert steps.tolist() == [4, 6, 5]
    assert joined.shape == (3, 6, 16)
    slow = inputs["symbolic"][0, :2].repeat_interleave(2, dim=0)
    torch.testing.assert_close(joined[0, :4, :8], module.projections[0](inputs["audio"][0, :4]))
    torch.testing.assert_close(joined[0, :4, 8:], module.projections[1](slow))
    torch.testing.assert_close(joined[2, :5, :8], module.absent[0].expand(5, 8))
    assert not joined[0, 4:].any()


# --- complex numbers -----------------------------------------------------------------------------


def test_parallel_fusion_is_complex_arithmetic():
    module = shaken(EarlyFusion(PAIR, 4, mode="parallel", hidden_size=8))
    inputs, lengths = batch(PAIR, {"audio": [4, 4], "symbolic": [4, 4]})
    a, b = (inputs[name].numpy().astype(np.float64) for name in PAIR)
    z = a + 1j * np.pad(b, [(0, 0), (0, 0), (0, 2)])
    assert np.array_equal(complex_join(inputs["audio"], inputs["symbolic"]).numpy(), z)
    weights = {
        name: value.numpy().astype(np.float64) for name, value in module.state_dict().items()
    }
    mapped = z @ (weights["real.weight"] + 1j * weights["imaginary.weight"]).T
    mapped += weights["real.bias"] + 1j * weights["imaginary.bias"]
    expected = np.concatenate([mapped.real, mapped.imag, np.abs(mapped)], axis=2)
    joined, steps = module.joined(inputs, lengths)
    assert steps.tolist() == [4, 4]
    np.testing.assert_allclose(joined.detach().numpy(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("absent", PAIR)
def test_parallel_fusion_bears_absence_and_zeros(absent):
    torch.manual_seed(0)
    module = EarlyFusion(PAIR, 4, mode="parallel", **SMALL)
    inputs, lengths = batch(PAIR, {"audio": [4, 9], "symbolic": [3, 2]})
    lengths[absent] = lengths[absent] * 0
    outputs = module.eval()(inputs, lengths)
    assert torch.equal(outputs, module(without(inputs, {absent}, torch.nan), lengths))
    with torch.no_grad():
        module.real.bias.zero_()
        module.imaginary.bias.zero_()
    module.train()(without(inputs, PAIR, 0.0), lengths).sum().backward()
    assert all(torch.isfinite(weight.grad).all() for weight in module.parameters())


# --- late ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("subset", SUBSETS, ids="+".join)
@pytest.mark.parametrize("weights", ["fixed", "learned", {"audio": 1, "lyrics": 2, "symbolic": 5}])
def test_late_fusion_is_the_weighted_mean_of_the_present(weights, subset):
    module = shaken(LateFusion(WIDTHS, 4, weights=weights, **SMALL))
    inputs, lengths = batch(WIDTHS, LENGTHS)
    present = {name: torch.full((3,), name in subset) for name in WIDTHS}
    opinions = module.opinions(inputs, lengths, present).detach().numpy()
    there = np.array([name in subset for name in WIDTHS])
    np.testing.assert_allclose(opinions.sum(axis=2), np.tile(there, (3, 1)), atol=1e-6)
    raw = np.exp(module.head.log_weights.detach().numpy()) * there
    shares = module.weights(torch.stack(list(present.values()), dim=1)).detach().numpy()
    np.testing.assert_allclose(shares, np.tile(raw / raw.sum(), (3, 1)), rtol=1e-5)
    mean_opinion = np.einsum("bm,bmc->bc", shares, opinions)
    power = np.exp(module.head.log_powers.detach().numpy()[len(subset) - 1])
    mixed = module(inputs, lengths, present).softmax(dim=1).detach().numpy()
    sharpened = mean_opinion**power
    np.testing.assert_allclose(mixed, sharpened / sharpened.sum(axis=1, keepdims=True), rtol=1e-4)


def test_late_fusion_starts_as_the_plain_mean_of_probabilities():
    torch.manual_seed(0)
    module = LateFusion(WIDTHS, 4, **SMALL).eval()
    inputs, lengths = batch(WIDTHS, LENGTHS)
    expected = module.opinions(inputs, lengths).mean(dim=1)
    torch.testing.assert_close(module(inputs, lengths).exp(), expected)


def test_given_weights_are_those_of_the_mixture():
    module = LateFusion(WIDTHS, 4, weights={"symbolic": 5, "audio": 1, "lyrics": 2}, **SMALL)
    shares = module.weights(torch.tensor([[True, True, True], [True, False, True]]))
    np.testing.assert_allclose(shares, [[1 / 8, 2 / 8, 5 / 8], [1 / 6, 0, 5 / 6]], rtol=1e-6)
    assert "log_weights" not in dict(module.head.named_parameters())


def test_stacking_starts_as_the_mean_of_the_present_log_probabilities():
    torch.manual_seed(0)
    module = LateFusion(WIDTHS, 4, weights="stacked", **SMALL).eval()
    inputs, lengths = batch(WIDTHS, LENGTHS)
    lengths["lyrics"] *= 0
    opinions = module.opinions(inputs, lengths)
    expected = opinions[:, [0, 2]].log().mean(dim=1)
    torch.testing.assert_close(module(inputs, lengths), expected)


def test_outputs_are_mixed_as_they_are():
    module = shaken(LateFusion(WIDTHS, 2, mix="outputs", **SMALL))
    inputs, lengths = batch(WIDTHS, LENGTHS)
    there = torch.ones(3, 3, dtype=torch.bool)
    expected = torch.einsum("bm,bmc->bc", module.weights(there), module.opinions(inputs, lengths))
    torch.testing.assert_close(module(inputs, lengths), expected)


# --- attention -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["tokens", "cross"])
@pytest.mark.parametrize("subset", SUBSETS, ids="+".join)
def test_attention_is_shared_out_among_the_present(kind, subset):
    module = shaken(AttentionFusion(WIDTHS, 4, kind=kind, **SMALL))
    inputs, lengths = batch(WIDTHS, LENGTHS)
    present = {name: torch.full((3,), name in subset) for name in WIDTHS}
    shares = module.attention(inputs, lengths, present)
    there = torch.tensor([name in subset for name in WIDTHS])
    assert shares.shape == (3, 3, 3)
    assert (shares >= 0).all()
    torch.testing.assert_close(shares.sum(dim=2), there.float().expand(3, 3))
    assert not shares[:, ~there].any()
    assert not shares[:, :, ~there].any()
    itself = torch.diagonal(shares, dim1=1, dim2=2)
    if kind == "cross" and len(subset) > 1:
        assert not itself.any()
    else:
        assert (itself[:, there] > 0).all()


@pytest.mark.parametrize("kind", ["tokens", "cross"])
def test_frame_attention_sums_to_one_over_true_frames(kind):
    module = shaken(AttentionFusion(WIDTHS, 4, kind=kind, **SMALL))
    inputs, lengths = batch(WIDTHS, LENGTHS)
    lengths["lyrics"][0] = 0
    blocks = module.frame_attention(inputs, lengths)
    most = {name: 1 if kind == "tokens" else 6 for name in WIDTHS}
    steps = {name: n.clamp(max=most[name]) for name, n in lengths.items()}
    for q in WIDTHS:
        rows = torch.cat([blocks[q, k] for k in WIDTHS], dim=2).sum(dim=2)
        for row, n in zip(rows, steps[q]):
            torch.testing.assert_close(row[:n], torch.ones(int(n)))
            assert not row[n:].any()
        for k in WIDTHS:
            assert all(not block[:, n:].any() for block, n in zip(blocks[q, k], steps[k]))
    shares = torch.stack(
        [
            torch.cat(
                [mean_of(blocks[q, k].sum(dim=2, keepdim=True), steps[q]) for k in WIDTHS], dim=1
            )
            for q in WIDTHS
        ],
        dim=1,
    )
    torch.testing.assert_close(module.attention(inputs, lengths), shares)


def test_a_long_modality_has_no_larger_share_of_indifferent_attention():
    module = AttentionFusion(WIDTHS, 4, kind="cross", **SMALL).eval()
    with torch.no_grad():
        module.query.weight.zero_()
        module.query.bias.zero_()
    inputs, lengths = batch(WIDTHS, {"audio": [6], "lyrics": [1], "symbolic": [3]})
    even = 0.5 * (1 - torch.eye(3))
    torch.testing.assert_close(module.attention(inputs, lengths)[0], even)


# --- modality dropout ----------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    present=st.lists(st.tuples(*[st.booleans()] * 3), min_size=1, max_size=20),
    rate=st.floats(0, 0.99),
    seed=st.integers(0, 99),
)
def test_dropout_takes_some_but_never_all(present, rate, seed):
    present = torch.tensor(present)
    torch.manual_seed(seed)
    kept = drop_modalities(present, rate)
    assert not (kept & ~present).any()
    assert torch.equal(kept.any(dim=1), present.any(dim=1))


def test_dropout_shows_every_subset_at_its_rate():
    torch.manual_seed(0)
    kept = drop_modalities(torch.ones(20000, 3, dtype=torch.bool), 0.4)
    codes = (kept * torch.tensor([1, 2, 4])).sum(dim=1)
    frequency = torch.bincount(codes, minlength=8) / len(codes)
    alone = 0.6 * 0.4**2 + 0.4**3 / 3
    pair = 0.6**2 * 0.4
    expected = torch.tensor([0, alone, alone, pair, alone, pair, pair, 0.6**3])
    torch.testing.assert_close(frequency, expected, atol=0.015, rtol=0)


@every_head
def test_modalities_are_dropped_in_training_only(build):
    module = build(WIDTHS, 4, modality_dropout=0.9, dropout=0.0)
    inputs, lengths = batch(WIDTHS, LENGTHS)
    module.eval()
    assert torch.equal(module(inputs, lengths), module(inputs, lengths))
    module.train()
    torch.manual_seed(0)
    answers = torch.stack([module(inputs, lengths)[0] for _ in range(30)])
    assert len(torch.unique(answers.round(decimals=5), dim=0)) >= 3
