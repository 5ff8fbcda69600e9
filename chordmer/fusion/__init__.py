"""Three ways to hear modalities together: joined early, voting late, attending to each other.

`EarlyFusion`, `LateFusion` and `AttentionFusion` are whole networks from sequences to outputs. Each
takes ``{modality: (batch, time, d)}``, ``{modality: (batch,)}`` lengths, and optionally a mask of
present modalities ``{modality: (batch,)}``. A length of 0, a false mask and a name that is not
there all mean the same: absent. Absent modalities and padding are set to zero before anything looks
at them, so their values cannot matter. Vectors are sequences of one frame, and may come as
``(batch, d)`` without lengths.

While training, *modality dropout* hides each present modality by chance, never all of a sample, so
that every subset has been seen and works at prediction (after J. Ngiam et al., "Multimodal Deep
Learning", ICML 2011, who take inputs away in training for this reason).

All modalities of a sample are taken to cover the same stretch of music: frame i of L lies at
i / L to (i + 1) / L of it. Sequences longer than `max_steps` are averaged down to so many frames.
"""

from __future__ import annotations

from chordmer.fusion.attention import AttentionFusion
from chordmer.fusion.early import EarlyFusion, complex_join
from chordmer.fusion.late import LateFusion

__all__ = ["AttentionFusion", "EarlyFusion", "LateFusion", "complex_join"]
