"""The training strategy: what is held out, how the rate falls, when training stops."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from torch import nn

from chordmer.models.training import Training, device_of, hold_out, train


class Mean(nn.Module):
    """A linear layer on the mean over time."""

    def __init__(self, width, n_outputs):
        super().__init__()
        self.head = nn.Linear(width, n_outputs)

    def forward(self, inputs, lengths):
        return self.head(inputs["x"].sum(dim=1) / lengths["x"][:, None])


def problem(n=60, seed=0):
    random = np.random.default_rng(seed)
    codes = np.arange(n) % 2
    samples = [{"x": (random.normal(size=(3, 2)) + 2 * code).astype(np.float32)} for code in codes]
    return samples, codes.astype(np.int64)


def run(training, targets=None, weights=None, groups=None, seed=0):
    samples, codes = problem()
    targets = codes if targets is None else targets
    torch.manual_seed(seed)
    network = Mean(2, 2 if targets.dtype.kind == "i" else targets.shape[1])
    history = train(
        network,
        samples,
        targets,
        widths={"x": 2},
        training=training,
        device=torch.device("cpu"),
        random=np.random.RandomState(seed),
        weights=weights,
        groups=groups,
    )
    return network, history


@given(
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, 3)), min_size=1, max_size=60),
    st.floats(0, 0.9),
    st.integers(0, 99),
)
def test_whole_groups_are_held_out_and_no_class_is_lost(rows, share, seed):
    groups, labels = zip(*rows)
    _, codes = np.unique(labels, return_inverse=True)
    held = hold_out(len(rows), share, np.random.RandomState(seed), codes=codes, groups=groups)
    assert held.sum() <= share * len(rows)
    assert set(codes[~held]) == set(codes)
    assert not set(np.array(groups)[held]) & set(np.array(groups)[~held])


def test_the_share_held_out_is_in_proportion_of_the_classes():
    codes = np.repeat([0, 1, 2], [60, 30, 10])
    held = hold_out(100, 0.2, np.random.RandomState(0), codes=codes)
    assert held.sum() == 20
    assert np.bincount(codes[held]).tolist() == [12, 6, 2]


def test_training_stops_when_the_validation_loss_does_and_goes_back_to_the_best():
    random = np.random.default_rng(1)
    noise = random.integers(0, 2, size=60).astype(np.int64)
    strategy = Training(max_epochs=300, learning_rate=0.3, patience=4, validation=0.3)
    network, history = run(strategy, targets=noise)
    losses = [row["valid_loss"] for row in history]
    assert len(losses) < 300
    assert int(np.argmin(losses)) < len(losses) - 1
    samples, _ = problem()
    held = hold_out(60, 0.3, np.random.RandomState(0), codes=noise)
    batch = torch.from_numpy(np.stack([s["x"] for s, h in zip(samples, held) if h]))
    with torch.inference_mode():
        logits = network({"x": batch}, {"x": torch.full((len(batch),), 3)})
        loss = nn.functional.cross_entropy(logits, torch.from_numpy(noise[held]))
    assert float(loss) == pytest.approx(min(losses), rel=1e-3)


def test_nothing_is_held_out_where_nothing_asks_for_it():
    for strategy in (Training(max_epochs=3, patience=None), Training(max_epochs=3, validation=0)):
        _, history = run(strategy)
        assert len(history) == 3
        assert all("valid_loss" not in row for row in history)


@pytest.mark.parametrize("schedule", ["step", "cosine", "plateau", "constant"])
def test_the_learning_rate_falls_as_it_is_told(schedule, monkeypatch):
    rates = []
    step = torch.optim.Adam.step

    def spy(self, *args, **kwargs):
        rates.append(self.param_groups[0]["lr"])
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.Adam, "step", spy)
    strategy = Training(
        max_epochs=25, batch_size=100, lr_schedule=schedule, learning_rate=0.01, patience=None
    )
    run(strategy)
    epochs = np.arange(25)
    if schedule == "step":
        expected = 0.01 * 0.9 ** (epochs // 10)
    elif schedule == "cosine":
        expected = 0.005 * (1 + np.cos(np.pi * epochs / 25))
    else:
        # The loss falls all the way here, so a plateau is never met.
        expected = np.full(25, 0.01)
    np.testing.assert_allclose(rates, expected, rtol=1e-6)


def test_a_plateau_lowers_the_rate(monkeypatch):
    rates = []
    step = torch.optim.Adam.step

    def spy(self, *args, **kwargs):
        rates.append(self.param_groups[0]["lr"])
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.Adam, "step", spy)
    noise = np.random.default_rng(0).integers(0, 2, size=60).astype(np.int64)
    strategy = Training(
        max_epochs=60, batch_size=100, lr_schedule="plateau", lr_decay=0.5, learning_rate=1.0
    )
    strategy.set_params(patience=50, validation=0.3)
    run(strategy, targets=noise)
    assert rates[-1] < rates[0]


def test_weights_count_in_the_loss():
    samples, codes = problem()
    random = np.random.default_rng(0)
    wrong = np.where(random.uniform(size=60) < 0.5, 1 - codes, codes).astype(np.int64)
    weights = np.where(wrong == codes, 1.0, 0.0)
    network, _ = run(Training(max_epochs=200, patience=None, learning_rate=0.05), wrong, weights)
    batch = torch.from_numpy(np.stack([s["x"] for s in samples]))
    chosen = network({"x": batch}, {"x": torch.full((60,), 3)}).argmax(dim=1).numpy()
    assert (chosen == codes).mean() > 0.95


def test_several_targets_are_learnt_together():
    _, codes = problem()
    targets = np.column_stack([codes, -codes]).astype(np.float32)
    _, history = run(Training(max_epochs=100, patience=None, learning_rate=0.05), targets)
    assert history[-1]["train_loss"] < 0.2 * history[0]["train_loss"]


def test_a_progress_bar_is_shown_on_demand(capsys):
    run(Training(max_epochs=2, patience=None))
    assert capsys.readouterr() == ("", "")
    run(Training(max_epochs=2, patience=None, verbose=1))
    assert "train_loss" in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("batch_size", 0), ("batch_size", 1.5), ("max_epochs", True), ("patience", 0)),
        *(("learning_rate", -1), ("learning_rate", float("nan")), ("lr_decay", 1.1)),
        *(("clip", float("inf")), ("validation", 1.0), ("lr_schedule", "warm")),
        *(("class_weight", "even"), ("weight_decay", "0"), ("lr_step", None)),
    ],
)
def test_impossible_strategies_are_refused(name, value):
    with pytest.raises(ValueError, match=name):
        Training(**{name: value}).check()


def test_a_strategy_is_an_estimator():
    strategy = Training(max_epochs=3, class_weight={"Q1": 2.0})
    assert clone(strategy).get_params() == strategy.get_params()
    strategy.check()


def test_the_device_is_chosen_by_itself():
    assert device_of("cpu") == torch.device("cpu")
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert device_of(None).type == expected
