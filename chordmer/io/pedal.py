"""What the sustain pedal does to the notes of its channel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["sustained"]

_TICK = (1 << 51) - 1


def sustained(
    key: NDArray[np.int64], end: NDArray[np.int64], pedals: NDArray[np.int64], end_tick: int
) -> NDArray[np.int64]:
    """Return the note ends as the sustain pedal extends them.

    A note that ends while its channel's pedal is down sounds on until the pedal is released, its
    key is struck again, or the piece ends. Of several settings at one tick the last one counts,
    and it counts before the notes that end there.

    Parameters
    ----------
    key, end : ndarray of int64, shape (n,)
        The notes: onset tick << 11 | pitch << 4 | channel, and end tick.
    pedals : ndarray of int64, shape (2, m)
        Settings of controller 64 in file order: tick, channel << 7 | value; down from 64 on.
    end_tick : int
        Where the piece ends.
    """
    if not pedals.size:
        return end
    # Moments are ordered by channel, then time: channel << 51 | tick. Notes likewise, by key.
    moments = pedals[1] >> 7 << 51 | pedals[0]
    order = np.argsort(moments, kind="stable")
    moments, down = moments[order], (pedals[1, order] & 127) >= 64
    at = np.where(down, len(moments), np.arange(len(moments)))
    release = np.append(moments, -1)[np.minimum.accumulate(at[::-1])[::-1]]

    channel = key & 15
    last = np.searchsorted(moments, channel << 51 | end, side="right") - 1
    held = (last >= 0) & down[last] & (moments[last] >> 51 == channel)
    until = np.where(release[last] >> 51 == channel, release[last] & _TICK, end_tick)

    struck = (key & 2047) << 51
    strikes = np.append(np.sort(struck | key >> 11), -1)
    again = strikes[np.searchsorted(strikes[:-1], struck | end)]
    until = np.where(again >> 51 == key & 2047, np.minimum(until, again & _TICK), until)
    return np.where(held, until, end)
