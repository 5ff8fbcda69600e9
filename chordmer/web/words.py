"""Answers and reasons as HTML. Whatever comes out of a file is escaped here."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any

from chordmer.emotion import QUADRANTS, Emotion
from chordmer.errors import printable
from chordmer.explain import Explanation
from chordmer.web.pictures import pictures_of

__all__ = ["answer_html", "problem_html", "reasons_html", "safe"]

#: Columns of the table of the piece played otherwise.
_COLUMNS = ("valence", "arousal", *QUADRANTS)


def safe(text: object, limit: int = 300) -> str:
    """Return `text` as one line that HTML shows as it is.

    >>> safe("<b>.mid")
    '&lt;b&gt;.mid'
    """
    return html.escape(printable(text, limit), quote=True)


def problem_html(message: object) -> str:
    """Return what is wrong with a file, as an alert."""
    said = f"<h2>This cannot be heard</h2><p>{safe(message, 500)}</p>"
    return f'<div class="problem" role="alert">{said}</div>'


def answer_html(answer: Any, name: str) -> str:
    """Return what a model says of the file called `name`.

    Parameters
    ----------
    answer : Emotion or chordmer.recognizer.answers.Answer
    name : str
    """
    if isinstance(answer, Emotion):
        headline = (
            f"<p class='said' role='status'><b>{answer.quadrant} {QUADRANTS[answer.quadrant]}</b>: "
            f"{100 * answer.probability:.0f} %, valence {_signed(answer.valence)}, "
            f"arousal {_signed(answer.arousal)}</p>"
            f"<p class='heard'>heard from {safe(', '.join(answer.modalities))} "
            f"by {safe(answer.model)}</p>"
        )
        notes = answer.warnings
        shown = pictures_of(answer)
    else:
        label = "" if answer.label is None else f"<p class='said'><b>{safe(answer.label)}</b></p>"
        headline = f"{label}<p class='heard'>by {safe(answer.model)}</p>"
        notes = ()
        shown = _numbers(answer.numbers.items())
    told = _list(notes)
    return f"<h2>{safe(name)}</h2>{headline}{shown}{told}"


def reasons_html(found: Explanation) -> str:
    """Return why a model answers as it does."""
    answer = found.numbers[found.target]
    title = f"{found.target} {QUADRANTS.get(found.target, '')}".strip()
    strongest = found.strongest()
    largest = max((abs(reason.effect) for reason in strongest), default=1.0)
    rows = "".join(
        f"<tr><td class='number'>{_signed(reason.effect, 3)}</td>"
        f"<td class='bar'><i class='{'for' if reason.effect > 0 else 'against'}' "
        f"style='width:{100 * abs(reason.effect) / largest:.0f}%'></i></td>"
        f"<td>{safe(reason)}</td></tr>"
        for reason in strongest
    )
    told = f"<h2>Why {safe(title)}, {answer:.2f}?</h2>"
    if rows:
        told += (
            "<p>What the answer would lose without each of these; below zero, what it would gain."
            f"</p><table class='reasons'><tbody>{rows}</tbody></table>"
        )
    else:
        told += "<p>Nothing in particular: no part of the piece moves the answer alone.</p>"
    if found.moods:
        near = ", ".join(word for word, _ in found.moods)
        told += f"<p>Words near that point of the plane: {safe(near)}.</p>"
    return told + _otherwise(found) + _list(found.notes)


def _otherwise(found: Explanation) -> str:
    if not found.counterfactuals:
        return ""
    names = [name for name in _COLUMNS if name in found.numbers] or list(found.numbers)[:6]
    head = "".join(f"<th scope='col'>{safe(name, 20)}</th>" for name in names)
    rows = [("as it is", found.numbers), *((c.name, c.numbers) for c in found.counterfactuals)]
    body = "".join(
        f"<tr><th scope='row'>{safe(name)}</th>"
        + "".join(f"<td class='number'>{_cell(n, numbers[n])}</td>" for n in names)
        + "</tr>"
        for name, numbers in rows
    )
    return (
        "<h3>And if it were played otherwise?</h3>"
        "<div class='wide' tabindex='0' role='group' aria-label='the piece played otherwise'>"
        f"<table><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _numbers(numbers: Iterable[tuple[str, float]]) -> str:
    rows = "".join(
        f"<tr><th scope='row'>{safe(name)}</th><td class='number'>{value:.2f}</td></tr>"
        for name, value in numbers
    )
    return f"<table><tbody>{rows}</tbody></table>"


def _list(notes: Iterable[str]) -> str:
    items = "".join(f"<li>{safe(note, 400)}</li>" for note in notes)
    return f"<ul class='notes'>{items}</ul>" if items else ""


def _cell(name: str, number: float) -> str:
    return _signed(number) if name in ("valence", "arousal") else f"{number:.2f}"


def _signed(number: float, places: int = 2) -> str:
    return f"{number:+.{places}f}".replace("-", "\N{MINUS SIGN}")
