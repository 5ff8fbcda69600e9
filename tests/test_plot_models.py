"""Pictures of models and corpora: what they show, and that all of it can be read."""

from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
from pictures import drawn_texts

from chordmer.datasets.dataset import About, Dataset, Report
from chordmer.explain import Attribution, Explanation, Part, Reason
from chordmer.models.late_fusion import LateFusionClassifier
from chordmer.plot import (
    modality_weights,
    plot_confusion,
    plot_dataset,
    plot_explanation,
    plot_modality_weights,
    plot_training,
    save_figure,
)
from chordmer.plot.theme import THEMES, drawing
from chordmer.track import Track

ODD = "$\\frac{$ \x1b[31m <b> " + "long " * 40


def history(n, held_out=True):
    return [
        {"epoch": k, "train_loss": 1 / k, "seconds": 1.0}
        | ({"valid_loss": abs(k - 7) + 0.5} if held_out else {})
        for k in range(1, n + 1)
    ]


def corpus(n=50, **more):
    random = np.random.default_rng(0)
    plane = random.uniform(-1, 1, (n, 2))
    about = About("made", f"Made up {ODD}", "", "CC0", "")
    tracks = [Track(str(i), audio=(np.zeros(8000 * (1 + i % 9)), 8000)) for i in range(n)]
    groups = np.array([str(i) for i in range(n)], dtype=object)
    return Dataset(about, tracks, plane[:, 0], plane[:, 1], groups, Report({}), **more)


def unlike(n):
    return np.array([f"class {i % 30} {ODD}" for i in range(n)], dtype=object)


def tenths(n):
    return np.random.default_rng(n).integers(0, 99, (n, n))


SCENES = {
    "confusion of two": lambda t: plot_confusion([[5, 1], [2, 3]], ["calm", ODD], theme=t),
    "confusion of twelve": lambda t: plot_confusion(tenths(12), [ODD] * 12, theme=t),
    "confusion of forty": lambda t: plot_confusion(tenths(40), unlike(40), theme=t),
    "weights": lambda t: plot_modality_weights({"audio": 0.7, ODD: 0.3}, theme=t),
    "weights of several": lambda t: plot_modality_weights(
        {ODD: {"audio": 0.7, "lyrics": 0.3}, "B": {"audio": 1.0}}, theme=t
    ),
    "training": lambda t: plot_training(history(30), theme=t),
    "training of several": lambda t: plot_training(
        {ODD: history(1), "b": history(9, held_out=False)}, theme=t
    ),
    "explanation": lambda t: plot_explanation(
        {f"{i} {ODD}": (-1) ** i / (i + 1) for i in range(30)}, n=24, theme=t
    ),
    "corpus": lambda t: plot_dataset(corpus(), theme=t),
    "corpus of classes": lambda t: plot_dataset(corpus(labels=unlike(50)), theme=t),
}


@pytest.mark.parametrize("name", list(SCENES))
def test_no_text_covers_another_or_leaves_the_picture(name, monkeypatch):
    figure = SCENES[name]("dark")
    with drawn_texts(monkeypatch) as texts, drawing(THEMES["dark"]):
        figure.draw_without_rendering()
        del texts[:]  # the first draw settles the layout
        figure.draw_without_rendering()
    width, height = figure.get_size_inches()
    assert width <= 13
    assert height <= 19
    assert len(texts) > 5
    for text, box in texts:
        inside = box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width * 150 and box.y1 <= height * 150
        assert inside, text
    for (text, box), (other, another) in combinations(texts, 2):
        assert not box.padded(-1).overlaps(another.padded(-1)), (text, other)


def test_confusions_are_counts_and_shares_of_the_true_class():
    figure = plot_confusion(SimpleNamespace(confusion=lambda: [[8, 2], [1, 4]], classes="ab"))
    axes = figure.axes[0]
    np.testing.assert_allclose(axes.images[0].get_array(), [[0.8, 0.2], [0.2, 0.8]])
    assert [text.get_text() for text in axes.texts] == ["8\n80%", "2\n20%", "1\n20%", "4\n80%"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["a", "b"]
    assert axes.get_title(loc="left") == "80% of 15 answers are right"


@pytest.mark.parametrize(
    ("matrix", "classes"),
    [
        ([[1, 2]], None),
        ([[1, -2], [0, 1]], None),
        ([[np.nan]], None),
        ([], None),
        (np.ones((41, 41)), None),
        ([[1]], ["a", "b"]),
    ],
)
def test_what_is_no_confusion_is_refused(matrix, classes):
    with pytest.raises(ValueError, match=r"square of counts|too many|names"):
        plot_confusion(matrix, classes)


def samples():
    random = np.random.default_rng(0)
    y = np.arange(40) % 2
    return [{"audio": c + random.normal(size=3), "lyrics": random.normal(size=2)} for c in y], y


def test_weights_are_those_of_the_model():
    late = LateFusionClassifier(weights=[3, 1]).fit(*samples())
    assert modality_weights(late) == pytest.approx({"audio": 0.75, "lyrics": 0.25})
    assert modality_weights(SimpleNamespace(head_=late)) == modality_weights(late)
    bars = plot_modality_weights(late).axes[0].patches
    assert [bar.get_width() for bar in bars] == pytest.approx([0.75, 0.25])


def test_weights_of_a_network_are_those_it_mixes_with():
    from chordmer.models.fused import FusionClassifier
    from chordmer.models.training import Training

    X, y = samples()
    once = Training(max_epochs=1)
    given = {"audio": 0.8, "lyrics": 0.2}
    network = FusionClassifier(
        fusion="late", variant=given, training=once, random_state=0, device="cpu", encoder="mean"
    ).fit(X, y)
    assert modality_weights(network) == pytest.approx(given)
    early = FusionClassifier(training=once, device="cpu", encoder="mean").fit(X, y)
    with pytest.raises(ValueError, match="no weight"):
        modality_weights(early)
    assert len(plot_training(network).axes[0].lines) >= 1


@pytest.mark.parametrize("odd", [{}, {"audio": np.nan}, object(), {str(i): 0.1 for i in range(25)}])
def test_what_has_no_weights_is_refused(odd):
    with pytest.raises(ValueError, match=r"names to draw|not finite|no weight"):
        plot_modality_weights(odd)


def test_training_shows_each_loss_and_the_best_epoch():
    axes = plot_training(history(10)).axes[0]
    losses = {line.get_label(): line.get_ydata() for line in axes.lines}
    np.testing.assert_allclose(losses["training"], [1 / k for k in range(1, 11)])
    np.testing.assert_allclose(axes.collections[0].get_offsets(), [[7, 0.5]])


@pytest.mark.parametrize("odd", [[], {}, object(), [1, 2], {str(i): history(1) for i in range(7)}])
def test_what_has_no_history_is_refused(odd):
    with pytest.raises(ValueError, match=r"no epoch|no history|too many"):
        plot_training(odd)


def test_explanations_show_the_strongest_first_by_sign():
    reasons = (
        Reason("chord", "A:min", 0.3, ((0.0, 1.0),)),
        *(Reason("window", "", -0.2 + k / 100, ((10.0 * k, 10.0 * k + 10),)) for k in range(9)),
        Reason("descriptor", "symbolic.mode_third", 0.01, value=0.2, typical=0.4),
    )
    axes = plot_explanation(Explanation(None, "Q3", {"Q3": 0.5}, reasons)).axes[0]
    widths = [bar.get_width() for bar in axes.patches]
    assert widths == pytest.approx([0.3, -0.2, -0.19, -0.18, -0.17, 0.01])
    assert len({bar.get_facecolor() for bar in axes.patches}) == 2
    assert "Q3" in axes.get_title(loc="left")
    assert "A:min" in axes.get_yticklabels()[0].get_text()


def test_contributions_are_summed_over_time_and_named_by_input():
    parts = (
        Part("gtf", np.array([[0.1, -1.0], [0.4, 0.2]]), ("low", "high"), np.array([0.0, 0.5])),
        Part("chord2vec", np.array([0.6, 0.0]), ("0", "1"), np.zeros(0)),
    )
    shared = Attribution("exact", "logit of Q1", 0.3, 0.0, parts, promises=True)
    axes = plot_explanation(shared, n=3).axes[0]
    names = [tick.get_text() for tick in axes.get_yticklabels()]
    assert names == ["gtf.high", "chord2vec.0", "gtf.low"]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([-0.8, 0.6, 0.5])
    assert "logit of Q1" in axes.get_title(loc="left")
    with pytest.raises(ValueError, match="n must"):
        plot_explanation({"a": 1.0}, n=0)


def test_a_corpus_is_counted_placed_and_measured(tmp_path):
    dataset = corpus()
    figure = plot_dataset(dataset)
    bars, plane, times = figure.axes
    counts = [bar.get_width() for bar in bars.patches]
    assert counts == [int((dataset.quadrants == name).sum()) for name in ("Q1", "Q2", "Q3", "Q4")]
    dots = plane.collections[0].get_offsets()
    assert {tuple(dot) for dot in np.asarray(dots)} == {tuple(row) for row in dataset.plane}
    assert sum(bar.get_height() for bar in times.patches) == len(dataset)
    assert "median 0:05" in times.get_title(loc="left")
    save_figure(figure, tmp_path / "corpus.svg")
    known = np.full(50, np.nan)
    known[3] = 60
    title = plot_dataset(dataset, durations=known).axes[2].get_title(loc="left")
    assert title == "durations of 1 tracks, median 1:00"
    with pytest.raises(ValueError, match="durations"):
        plot_dataset(dataset, durations=[1.0])
    with pytest.raises(ValueError, match="no tracks"):
        plot_dataset(dataset[:0])
