"""Pictures: of answers, of models, of corpora, in light and dark, as figures of matplotlib."""

from chordmer.plot.bars import modality_weights, plot_explanation, plot_modality_weights
from chordmer.plot.chord_map import draw_chord_map
from chordmer.plot.confusion import plot_confusion
from chordmer.plot.dataset import plot_dataset
from chordmer.plot.emotion import plot_emotion
from chordmer.plot.save import save_figure, save_plot
from chordmer.plot.training import plot_training

__all__ = [
    "draw_chord_map",
    "modality_weights",
    "plot_confusion",
    "plot_dataset",
    "plot_emotion",
    "plot_explanation",
    "plot_modality_weights",
    "plot_training",
    "save_figure",
    "save_plot",
]
