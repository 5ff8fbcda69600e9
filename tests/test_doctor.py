"""`chordmer doctor` tells the truth about what is there, and `chordmer completion` completes."""

import json
import subprocess
import sys
from importlib import metadata

import pytest

from chordmer import doctor
from chordmer.cli import main
from chordmer.features import model_files


def found(capsys, code=0):
    assert main(["doctor", "--json"]) == code
    return {finding["name"]: finding for finding in json.loads(capsys.readouterr().out)}


def test_everything_that_the_checks_install_is_found(capsys):
    findings = found(capsys)
    assert metadata.version("numpy") in findings["packages"]["detail"]
    for extra in ("audio", "m4a", "scores", "deep", "lyrics", "cluster"):
        assert findings[f"extra {extra}"]["state"] == "well"
    assert findings["bundled model"]["state"] == findings["SoundFont"]["state"] == "well"


def test_every_extra_for_users_is_told_of():
    extras = set(metadata.metadata("chordmer").get_all("Provides-Extra"))
    assert {finding.name for finding in doctor.examine() if finding.name.startswith("extra ")} == {
        f"extra {extra}" for extra in extras - {"dev", "all"}
    }


@pytest.mark.parametrize(
    ("package", "name", "state", "advice", "code"),
    [
        ("av", "extra m4a", "absent", 'pip install "chordmer[m4a]"', 0),
        ("scipy", "packages", "broken", "pip install chordmer", 1),
    ],
)
def test_what_is_missing_is_named_with_what_brings_it(
    package, name, state, advice, code, monkeypatch, capsys
):
    version = metadata.version

    def without(distribution):
        if distribution == package:
            raise metadata.PackageNotFoundError(distribution)
        return version(distribution)

    monkeypatch.setattr(doctor.metadata, "version", without)
    finding = found(capsys, code)[name]
    assert finding["state"] == state
    assert package in finding["detail"]
    assert finding["advice"] == advice


def test_a_package_that_is_too_old_counts_as_missing(monkeypatch, capsys):
    version = metadata.version
    monkeypatch.setattr(
        doctor.metadata, "version", lambda name: "1.9" if name == "numpy" else version(name)
    )
    assert "(there is 1.9)" in found(capsys, 1)["packages"]["detail"]


def test_a_damaged_bundled_model_is_broken(monkeypatch, tmp_path, capsys):
    (tmp_path / "manifest.json").write_text("{", encoding="utf-8")
    from chordmer import pretrained

    load = pretrained.load_pretrained
    monkeypatch.setattr(pretrained, "load_pretrained", lambda: load(tmp_path))
    finding = found(capsys, 1)["bundled model"]
    assert finding["state"] == "broken"
    assert str(tmp_path) in finding["detail"]


def test_an_encoder_that_is_not_here_comes_with_the_command_that_fetches_it(monkeypatch, capsys):
    monkeypatch.setattr(model_files, "_from_hub", _nowhere)
    finding = found(capsys)["encoder of lyrics"]
    assert finding["state"] == "absent"
    assert "hf download" in finding["advice"]


def _nowhere(*_):
    raise doctor.ChordmerError("get it by: hf download")


def test_the_text_has_a_line_a_finding(capsys):
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line[:2] for line in lines} <= {"ok", "--", "  "}
    assert any(line.startswith("ok  bundled model") for line in lines)


@pytest.mark.parametrize(
    ("line", "wanted"), [("chordmer pre", "predict"), ("chordmer predict --js", "--json")]
)
def test_bash_completes(line, wanted, capsys, tmp_path):
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "completion"
    script.write_text(capsys.readouterr().out, encoding="utf-8")
    words = line.split()
    ask = (
        f"source {script}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; "
        f"COMP_LINE='{line}'; COMP_POINT={len(line)}; "
        "$(complete -p chordmer | sed 's/.*-F \\([^ ]*\\).*/\\1/') chordmer "
        f"'{words[-1]}' '{words[-2]}'; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    answer = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True)
    assert wanted in answer.stdout.split()


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_every_shell_gets_every_command(shell):
    script = subprocess.run(
        [sys.executable, "-m", "chordmer.cli", "completion", shell],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for command in ("predict", "train", "benchmark", "doctor"):
        assert command in script
