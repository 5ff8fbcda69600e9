"""`EmotionRecognizer`, put together from its smaller rooms.

`targets` is what is asked for; `hearing` sends extractors over tracks that lack this or that, and
`feature_cache` remembers what they heard; `heads` is fusion and classifier; `calibration` learns
from held-out songs how far to trust them; `songs`, `windows` and `answers` lead from numbers to an
`Emotion` with its course; `recipes` names whole recognisers, and `model_folder` writes one to disk.
"""

from chordmer.recognizer.estimator import EmotionRecognizer
from chordmer.recognizer.recipes import FEATURES

__all__ = ["FEATURES", "EmotionRecognizer"]
