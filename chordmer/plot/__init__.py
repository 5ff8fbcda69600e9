"""Pictures: of answers, of models, of corpora, in light and dark, as figures of matplotlib."""

from chordmer.plot.chord_map import draw_chord_map
from chordmer.plot.emotion import plot_emotion
from chordmer.plot.save import save_figure, save_plot

__all__ = ["draw_chord_map", "plot_emotion", "save_figure", "save_plot"]
