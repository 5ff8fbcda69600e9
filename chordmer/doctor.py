"""What of chordmer works on this machine, what is missing, and the command that brings it."""

from __future__ import annotations

import json
import os
import platform
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from chordmer import __version__
from chordmer.errors import ChordmerError, printable

__all__ = ["Finding", "add_parser", "examine", "run"]

#: What each extra is for; the packages are those that chordmer's own metadata name.
_EXTRAS = {
    "audio": "reading sound files",
    "m4a": "reading M4A and AAC",
    "scores": "MusicXML, ABC and kern",
    "deep": "networks",
    "lyrics": "embeddings of lyrics",
    "cluster": "extraction of whole catalogues",
    "explain": "integrated gradients",
    "web": "the page in the browser",
}
_MARKS = {"well": "ok", "absent": "--", "broken": "!!"}
_EXTRA = re.compile(r"""extra\s*==\s*["']([\w.-]+)["']""")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    name : str
    state : {"well", "absent", "broken"}
        "absent": not there, and not needed by the rest.
    detail : str
        What was found.
    advice : str
        What to do about it; empty where nothing is to be done.
    """

    name: str
    state: str
    detail: str
    advice: str = ""


def examine() -> list[Finding]:
    """Look at what chordmer stands on.

    Returns
    -------
    list of Finding
        Python and the machine; the packages that chordmer needs, and those of each extra; the
        bundled model, whose hashes are checked, and the SoundFont; the GPU as torch sees it; the
        encoder of lyrics on this machine. Nothing is fetched.
    """
    return [
        Finding("chordmer", "well", f"{__version__}, Python {platform.python_version()}"),
        Finding("machine", "well", f"{platform.platform(terse=True)}, {os.cpu_count()} cores"),
        *_packages(),
        _tried("bundled model", _bundled_model),
        _tried("SoundFont", _soundfont),
        _tried("GPU", _gpu),
        _tried("encoder of lyrics", _encoder),
    ]


def _packages() -> Iterator[Finding]:
    """Yield a finding for the packages that are always needed, and one for each extra."""
    from packaging.requirements import Requirement

    try:
        told = metadata.requires("chordmer") or []
    except metadata.PackageNotFoundError:
        yield Finding(
            "packages",
            "broken",
            "chordmer is not installed, so what it needs is not known",
            "pip install .",
        )
        return
    wanted: dict[str, list[Requirement]] = {"": [], **{extra: [] for extra in _EXTRAS}}
    for line in told:
        requirement = Requirement(line)
        found = _EXTRA.search(str(requirement.marker or ""))
        if (name := found.group(1) if found else "") in wanted:
            wanted[name].append(requirement)
    for extra, requirements in wanted.items():
        missing, there = _sorted_out(requirements)
        name = f"extra {extra}" if extra else "packages"
        purpose = f" ({_EXTRAS[extra]})" if extra else ""
        if missing:
            brings = f'"chordmer[{extra}]"' if extra else "chordmer"
            yield Finding(
                name,
                "absent" if extra else "broken",
                f"missing: {', '.join(missing)}{purpose}",
                f"pip install {brings}",
            )
        else:
            yield Finding(name, "well", ", ".join(there) + purpose)


def _sorted_out(requirements: Iterable[Any]) -> tuple[list[str], list[str]]:
    """Return what is not there, or in another version than wanted, and what is."""
    missing, there = [], []
    for requirement in requirements:
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            missing.append(str(requirement.name))
            continue
        if requirement.specifier.contains(version, prereleases=True):
            there.append(f"{requirement.name} {version}")
        else:
            missing.append(f"{requirement.name}{requirement.specifier} (there is {version})")
    return missing, there


def _tried(name: str, look: Callable[[], Finding]) -> Finding:
    """Return what `look` finds; what it stumbles over is the finding."""
    try:
        return look()
    except ChordmerError as error:
        return Finding(name, "broken", printable(error, 300))
    except (ImportError, OSError) as error:
        return Finding(name, "broken", printable(f"{type(error).__name__}: {error}", 300))


def _bundled_model() -> Finding:
    from chordmer import pretrained

    model = pretrained.load_pretrained()
    return Finding("bundled model", "well", f"{model.name}, every byte as it was sealed")


def _soundfont() -> Finding:
    from chordmer.io.soundfont import bundled_soundfont

    piano = bundled_soundfont().regions(0)
    return Finding("SoundFont", "well", f"pretty_midi's; its piano has {len(piano)} regions")


def _gpu() -> Finding:
    try:
        metadata.version("torch")
    except metadata.PackageNotFoundError:
        return Finding("GPU", "absent", "not looked for: torch is not installed")
    import torch

    if not torch.cuda.is_available():
        return Finding("GPU", "absent", "torch sees none: networks use the processor")
    return Finding("GPU", "well", printable(torch.cuda.get_device_name()))


def _encoder() -> Finding:
    from chordmer.features.lyrics import LyricEmbedding
    from chordmer.features.model_files import model_folder

    model = LyricEmbedding().model
    try:
        model_folder(str(model))
    except ChordmerError as error:
        return Finding(
            "encoder of lyrics", "absent", f"{model} is not on this machine", error.problem
        )
    return Finding("encoder of lyrics", "well", str(model))


def add_parser(commands: Any) -> None:
    """Add the command to those of `argparse`."""
    doctor = commands.add_parser(
        "doctor",
        help="tell what works here, and what is missing",
        description="Look at versions, optional parts, the bundled model, the GPU and models on "
        "this machine. Nothing is fetched or sent. The exit code is 1 if something needed is "
        "broken; what is merely absent is named with the command that brings it.",
    )
    doctor.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: Any) -> int:
    """Print what was found; return the exit code: 0 all needed is well, 1 something is broken."""
    findings = examine()
    if arguments.json:
        print(json.dumps([vars(finding) for finding in findings], indent=2))
    else:
        width = max(len(finding.name) for finding in findings)
        for finding in findings:
            print(f"{_MARKS[finding.state]}  {finding.name:<{width}}  {finding.detail}")
            if finding.advice:
                print(f"    {'':<{width}}  {finding.advice}")
    sys.stdout.flush()
    return int(any(finding.state == "broken" for finding in findings))
