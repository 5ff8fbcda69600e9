"""A store of features: Parquet files in a folder, a row a file, that survives anything."""

from __future__ import annotations

from chordmer.store.row import Failure, Recipe, Row, canonical_json, row_key
from chordmer.store.store import Store

__all__ = ["Failure", "Recipe", "Row", "Store", "canonical_json", "row_key"]
