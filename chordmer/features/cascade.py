"""Second-order sections over many bands at once, in float64, with the state kept between blocks.

The compiled loop carries 24 bands side by side: three AVX-512 registers or six of AVX2. Their
coefficients and states lie in one flat array, row after row at fixed distances, so that the
compiler sees that they never overlap; that is worth a factor of four. The uncompiled path is
`scipy.signal.sosfilt` band by band. Both do the same operations in the same order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chordmer.io._compiled import compiled

__all__ = ["Cascade"]

Floats = NDArray[np.float64]

_LANES = 24
#: Samples, times bands, that a process filters before it loads the compiled loop: 40 s of sound in
#: 24 bands take as long as loading.
_PLAIN_SAMPLES = 24 * 40 * 44100

_samples_filtered = 0


class Cascade:
    """A bank of filters, four second-order sections each, without zeros at delay two.

    Parameters
    ----------
    sos : ndarray of float64, shape (n_bands, 4, 6)
        As for `scipy.signal.sosfilt`, with ``b2 = 0`` throughout, ``b0 = 1`` but in the first
        section and the same poles in all four: a gammatone filter.
    fast : bool, optional
        Whether to use the compiled loop; by default once the process has filtered so much that
        loading that loop, most of a second, pays.
    """

    def __init__(self, sos: Floats, fast: bool | None = None) -> None:
        #: The gain stays outside the loop: sections with ``b0 = 1`` cost a product less.
        self._gains = sos[:, 0, 0].copy()
        self._sos = sos.copy()
        self._sos[:, 0, :3] /= self._gains[:, None]
        self._fast = fast
        groups = -(-len(sos) // _LANES)
        table = np.zeros((15, groups * _LANES))
        table[:4, : len(sos)] = self._sos[:, :, 1].T
        table[4, : len(sos)] = sos[:, 0, 4]
        table[5, : len(sos)] = sos[:, 0, 5]
        #: Rows: four b1, a1, a2, two delays a section, energy. One flat array a group.
        self._groups = [_aligned(part) for part in np.split(table, groups, axis=1)]

    def energies(self, samples: Floats, ends: NDArray[np.int64]) -> Floats:
        """Filter the next `samples` and return the energy of what each band passes.

        Parameters
        ----------
        samples : ndarray of float64, shape (samples,)
        ends : ndarray of int64, shape (cells,)
            Where each cell ends; the first begins at 0, the last ends with the samples.

        Returns
        -------
        ndarray of float64, shape (cells, n_bands)
        """
        global _samples_filtered
        _samples_filtered += len(samples) * len(self._sos)
        fast = _samples_filtered > _PLAIN_SAMPLES if self._fast is None else self._fast
        out = np.empty((len(ends), len(self._groups) * _LANES))
        for number, group in enumerate(self._groups):
            part = out[:, number * _LANES : (number + 1) * _LANES]
            if fast:
                compiled(_filter)(samples, ends, group, part)
            else:
                bands = self._sos[number * _LANES : (number + 1) * _LANES]
                _filter_plainly(samples, ends, group, part, bands)
        return out[:, : len(self._sos)] * self._gains**2


def _aligned(table: Floats) -> Floats:
    """Return a flat copy whose rows begin where cache lines do: elsewhere all takes half longer."""
    room = np.empty(table.size + 8)
    start = -room.ctypes.data % 64 // room.itemsize
    flat = room[start : start + table.size]
    flat[:] = table.ravel()
    return flat


def _filter(samples: Any, ends: Any, table: Any, out: Any) -> int:
    """Run one group of bands: direct form II transposed, as scipy does it."""
    start = 0
    for cell in range(len(ends)):
        for n in range(start, ends[cell]):
            x = samples[n]
            for b in range(_LANES):
                a1 = table[4 * _LANES + b]
                a2 = table[5 * _LANES + b]
                one = x + table[6 * _LANES + b]
                table[6 * _LANES + b] = table[b] * x - a1 * one + table[7 * _LANES + b]
                table[7 * _LANES + b] = -a2 * one
                two = one + table[8 * _LANES + b]
                table[8 * _LANES + b] = table[_LANES + b] * one - a1 * two + table[9 * _LANES + b]
                table[9 * _LANES + b] = -a2 * two
                three = two + table[10 * _LANES + b]
                table[10 * _LANES + b] = (
                    table[2 * _LANES + b] * two - a1 * three + table[11 * _LANES + b]
                )
                table[11 * _LANES + b] = -a2 * three
                four = three + table[12 * _LANES + b]
                table[12 * _LANES + b] = (
                    table[3 * _LANES + b] * three - a1 * four + table[13 * _LANES + b]
                )
                table[13 * _LANES + b] = -a2 * four
                table[14 * _LANES + b] += four * four
        for b in range(_LANES):
            out[cell, b] = table[14 * _LANES + b]
            table[14 * _LANES + b] = 0.0
        start = ends[cell]
    return len(ends)


def _filter_plainly(samples: Any, ends: Any, table: Any, out: Any, sos: Any) -> None:
    """Do the same with scipy, and leave the state where the compiled loop finds it."""
    from scipy.signal import sosfilt

    passed = np.empty((len(samples), len(sos)))
    delays = table.reshape(15, _LANES)[6:14]
    for band, sections in enumerate(sos):
        state = delays[:, band].reshape(4, 2)
        passed[:, band], state = sosfilt(sections, samples, zi=state)
        delays[:, band] = state.ravel()
    passed *= passed
    starts = np.concatenate([[0], ends[:-1]])
    for cell, (start, end) in enumerate(zip(starts, ends)):
        # Over rows numpy adds one after the other, as the compiled loop does.
        passed[start:end].sum(axis=0, out=out[cell, : len(sos)])
