"""Extractors: tracks in, vectors or sequences out."""
