"""Classifiers: arrays in, emotions out."""
