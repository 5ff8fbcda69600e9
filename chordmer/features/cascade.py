"""Second-order sections over many bands at once, in float64, with the state kept between blocks.

The compiled loop carries 24 bands side by side: three AVX-512 registers or six of AVX2. Their
coefficients and states lie in one flat array, row after row at fixed distances, so that the
compiler sees that they never overlap; that is worth a factor of four. Four samples pass before the
states go back there: storing them takes as long as computing two. The uncompiled path is
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
        table[4, : len(sos)] = -sos[:, 0, 4]
        table[5, : len(sos)] = -sos[:, 0, 5]
        #: Rows: four b1, -a1, -a2, two delays a section, energy. One flat array a group.
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
                compiled(_filter, _coefficients, _state, _pass, _keep)(samples, ends, group, part)
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
    n = 0
    for cell in range(len(ends)):
        while n + 4 <= ends[cell]:
            first, second, third, fourth = (
                samples[n],
                samples[n + 1],
                samples[n + 2],
                samples[n + 3],
            )
            for b in range(_LANES):
                filters, state = _coefficients(table, b), _state(table, b)
                state = _pass(first, filters, state)
                state = _pass(second, filters, state)
                state = _pass(third, filters, state)
                _keep(_pass(fourth, filters, state), table, b)
            n += 4
        while n < ends[cell]:
            first = samples[n]
            for b in range(_LANES):
                _keep(_pass(first, _coefficients(table, b), _state(table, b)), table, b)
            n += 1
        for b in range(_LANES):
            out[cell, b] = table[14 * _LANES + b]
            table[14 * _LANES + b] = 0.0
    return len(ends)


def _coefficients(table: Any, b: Any) -> Any:
    zeros = (table[b], table[_LANES + b], table[2 * _LANES + b], table[3 * _LANES + b])
    return zeros, table[4 * _LANES + b], table[5 * _LANES + b]


def _state(table: Any, b: Any) -> Any:
    one = (table[6 * _LANES + b], table[7 * _LANES + b])
    two = (table[8 * _LANES + b], table[9 * _LANES + b])
    three = (table[10 * _LANES + b], table[11 * _LANES + b])
    four = (table[12 * _LANES + b], table[13 * _LANES + b])
    return one, two, three, four, table[14 * _LANES + b]


def _pass(x: Any, filters: Any, state: Any) -> Any:
    """Return the state after one sample: two delays of each section, and the energy."""
    (b1, b2, b3, b4), a1, a2 = filters
    (c1, d1), (c2, d2), (c3, d3), (c4, d4), energy = state
    one = x + c1
    two = one + c2
    three = two + c3
    four = three + c4
    return (
        (b1 * x + a1 * one + d1, a2 * one),
        (b2 * one + a1 * two + d2, a2 * two),
        (b3 * two + a1 * three + d3, a2 * three),
        (b4 * three + a1 * four + d4, a2 * four),
        energy + four * four,
    )


def _keep(state: Any, table: Any, b: Any) -> None:
    one, two, three, four, energy = state
    table[6 * _LANES + b], table[7 * _LANES + b] = one
    table[8 * _LANES + b], table[9 * _LANES + b] = two
    table[10 * _LANES + b], table[11 * _LANES + b] = three
    table[12 * _LANES + b], table[13 * _LANES + b] = four
    table[14 * _LANES + b] = energy


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
