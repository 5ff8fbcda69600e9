"""The pages tell the truth: names, links, commands and code in them are there and work."""

import ast
import os
import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import chordmer
from chordmer import cli, datasets, evaluate

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def name_of(page):
    return page.relative_to(ROOT).as_posix()


def blocks(page, language):
    for found, options, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if found == language:
            yield options, text


def documented(page):
    return re.findall(r"^::: (\S+)$", page.read_text(encoding="utf-8"), re.M)


def test_every_public_name_is_documented_once():
    names = [name for page in sorted((ROOT / "docs/api").glob("*.md")) for name in documented(page)]
    assert len(set(names)) == len(names)
    public = {f"chordmer.{name}" for name in chordmer.__all__ if name != "__version__"}
    assert public == {name for name in names if name.count(".") == 1}
    for module in (datasets, evaluate):
        public = {f"{module.__name__}.{name}" for name in module.__all__}
        assert public == {name for name in names if name.startswith(f"{module.__name__}.")}


def test_every_page_is_in_the_contents():
    contents = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = set(re.findall(r"- ([\w/-]+\.md)$", contents, re.M))
    assert listed == {page.relative_to(ROOT / "docs").as_posix() for page in PAGES[1:]}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        target = link.partition("#")[0]
        if target and not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), link


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_names_that_are_imported_exist(page):
    for _, text in blocks(page, "python"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "chordmer":
                for alias in node.names:
                    assert hasattr(import_module(node.module), alias.name), alias.name


RUNNABLE = [page for page in PAGES[1:] if any(True for _ in blocks(page, "python"))]


@pytest.mark.parametrize("page", RUNNABLE, ids=name_of)
def test_code_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    there = {}
    for options, text in blocks(page, "python"):
        # What wants a keyboard or a cluster is compiled only.
        code = compile(text, name_of(page), "exec")
        if "notest" not in options:
            exec(code, there)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_are_understood(page):
    parser = cli._parser()
    for _, text in blocks(page, "console"):
        for line in text.replace("\\\n", "").splitlines():
            if line.startswith("$ chordmer "):
                command = line.partition("#")[0].partition(" > ")[0]
                parser.parse_args(shlex.split(command)[2:])


def test_the_site_is_built_without_a_complaint(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "-d", tmp_path / "site"],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    index = (tmp_path / "site/api/symbolic/index.html").read_text(encoding="utf-8")
    assert "Chord2Vec" in index
    for page in (tmp_path / "site").rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"<(?:script|link|img)[^>]+(?:src|href)=\"?https?://", text), page
