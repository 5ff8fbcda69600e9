"""Thousands of damaged files, through all that a corpus is put through, in a process of their own.

With CHORDMER_SOAK there are as many as are promised; `pytest -s` shows what became of them.
"""

import os
import random
from collections import Counter
from signal import SIGPROF

import mutants
import pytest
from untrusted_worker import MEMORY, SECONDS, hear_all

import chordmer

#: Files of each kind: in a short run, and in full.
COUNTS = {
    mutants.midi_bytes: (40, 1000),
    mutants.midi_structure: (40, 1000),
    mutants.audio: (30, 300),
    mutants.mxl: (12, 100),
}
SUFFIXES = {mutants.audio: ".wav", mutants.mxl: ".mxl"}


def damaged(folder):
    """Write the files; the names of their makers by path."""
    written = {}
    for make, counts in COUNTS.items():
        for seed in range(counts["CHORDMER_SOAK" in os.environ]):
            path = folder / f"{make.__name__}-{seed}{SUFFIXES.get(make, '.mid')}"
            path.write_bytes(make(random.Random(seed)))
            written[str(path)] = make.__name__
    return written


@pytest.mark.soak
def test_a_damaged_file_costs_at_most_itself(tmp_path):
    written = damaged(tmp_path)
    heard = list(hear_all(written))
    assert [told["path"] for told in heard] == list(written)
    assert [told for told in heard if "died" in told] == []
    assert [told for told in heard if "untyped" in told] == []
    refused = [told for told in heard if told["kind"]]
    for told in refused:
        assert told["source"].endswith(os.path.basename(told["path"])), told
        assert told["stage"], told
        assert told["text"].isprintable(), told
    assert max(told["computed"] for told in heard) <= SECONDS
    assert max(told["peak"] for told in heard) <= MEMORY
    made, failed = Counter(written.values()), Counter(written[told["path"]] for told in refused)
    # Damage of all sorts: neither is everything refused, nor everything heard.
    assert all(0 < failed[name] < made[name] for name in made)

    slowest = max(heard, key=lambda told: told["computed"])
    print(f"\n{len(heard)} files, {len(refused)} refused:")
    print(*(f"  {name}: {failed[name]} of {made[name]}" for name in made), sep="\n")
    print(f"  {dict(Counter(told['kind'] for told in refused))}")
    print(f"slowest: {slowest['computed']:.2f} s, {os.path.basename(slowest['path'])}")
    print(f"peak memory: {max(told['peak'] for told in heard) >> 20} MiB")


def test_a_file_that_takes_too_long_is_named():
    path = str(chordmer.example())
    assert list(hear_all([path], seconds=0.001)) == [{"path": path, "died": SIGPROF}]
