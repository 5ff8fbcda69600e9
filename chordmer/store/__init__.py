"""A store of features: Parquet files in a folder, a row a file, that survives anything.

::

    STORE/
      _store.json                         what there is, and the hash of every file (listing.py)
      feature=gtf/part-00000001.parquet   rows, hive-partitioned (shards.py)
      _index/gtf-00000001.bin             their keys and digests (index.py)
      _journal/00000002.rows              rows that are in no shard yet (journal.py)
      _arrays/gtf-<hash>/                 a copy that torch maps into memory (mapped.py)
      .lock                               one writer at a time (disk.py)

Rows are safe from a killed process once `Store.append` returns, and from a machine that loses its
power once they are sealed. What begins with ``_`` or ``.`` is hidden from readers of Parquet.
"""

from __future__ import annotations

from chordmer.store.check import repair, verify
from chordmer.store.index import Known
from chordmer.store.row import Failure, Recipe, Row, canonical_json, row_key
from chordmer.store.store import Store

__all__ = [
    "Failure",
    "Known",
    "Recipe",
    "Row",
    "Store",
    "canonical_json",
    "repair",
    "row_key",
    "verify",
]
