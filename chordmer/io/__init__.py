"""Rooms that open media files; nothing else does."""
