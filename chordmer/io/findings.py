"""What a reader assumes, counts and warns of on its way: the makings of a `Report`."""

from __future__ import annotations

from chordmer.notes import Report

__all__ = ["Findings"]

#: What a user is told of each count; those without a sentence are harmless.
_SENTENCES = {
    "zero_length_notes": "notes of no length, dropped: {}",
    "silent_notes": "notes of velocity 0, dropped: {}",
    "unmatched_note_offs": "note-offs without a note, ignored: {}",
    "unclosed_notes": "notes never closed, which last to the end of their track: {}",
    "malformed_metas": "malformed meta events, ignored: {}",
    "malformed_time_signatures": "malformed time signatures, ignored: {}",
    "tempo_marks_without_number": "tempo marks without a number, ignored: {}",
    "absurd_tempi": "tempi below 5 or above 1,000 BPM: {}",
    "running_status_across_metas": "running status kept across meta or sysex events: {}",
    "tracks_without_end": "tracks without an end-of-track event: {}",
    "tracks_cut": "tracks cut inside their last event: {}",
    "lengths_past_end": "tracks that announce more bytes than they have: {}",
    "bytes_after_end_of_track": "bytes after an end-of-track event, ignored: {}",
    "junk_bytes_before": "bytes before the header, ignored: {}",
    "junk_bytes": "bytes that belong to no chunk, ignored: {}",
    "further_files": "another file behind the first, ignored: {}",
    "rounded_times": "times that are no whole number of ticks, rounded: {}",
    "parser_warnings": "warnings of the parser: {}",
}


class Findings:
    """A report in the making."""

    def __init__(self) -> None:
        self.assumed: list[str] = []
        self.warnings: list[str] = []
        self._counts: dict[str, int] = {}

    def count(self, name: str, number: int) -> None:
        """Note that there were `number` more of `name`."""
        if number:
            self._counts[name] = self._counts.get(name, 0) + number

    def report(self) -> Report:
        """Return what was found."""
        told = [_SENTENCES[n].format(c) for n, c in self._counts.items() if n in _SENTENCES]
        return Report(tuple(self.assumed), dict(self._counts), (*told, *self.warnings))
