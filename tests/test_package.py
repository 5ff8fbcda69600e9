"""What is shipped: the wheel holds what chordmer needs and nothing else."""

import ast
import inspect
import subprocess
import sys
import tarfile
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

import chordmer

ROOT = Path(__file__).parent.parent
MOST_BYTES = 25 << 20


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The wheel and the sdist, built as a release is."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT],
        check=True,
        capture_output=True,
    )
    [wheel], [sdist] = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, sdist


def test_the_wheel_holds_what_is_needed_and_nothing_else(built):
    with zipfile.ZipFile(built[0]) as wheel:
        names = [name for name in wheel.namelist() if ".dist-info/" not in name]
    there = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "chordmer").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert set(names) == there
    endings = {Path(name).suffix for name in names}
    assert endings <= {".py", ".typed", ".mid", ".md", ".json", ".safetensors", ".css", ".js"}
    assert built[0].stat().st_size < MOST_BYTES


def test_the_metadata_say_how_to_use_it(built):
    with zipfile.ZipFile(built[0]) as wheel:
        folder = next(n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
        told = HeaderParser().parsestr(wheel.read(folder).decode("utf-8"))
        entry = wheel.read(folder.replace("METADATA", "entry_points.txt")).decode("utf-8")
    assert told["Version"] == chordmer.__version__
    assert told["License-Expression"] == "BSD-3-Clause"
    assert "chordmer predict" in told.get_payload().replace("\n", " ")
    assert "chordmer = chordmer.cli:main" in entry


def test_the_sdist_can_be_built_from_and_holds_no_data(built):
    with tarfile.open(built[1]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"setup.cfg", "pyproject.toml", "LICENSE", "README.md", "chordmer/cli.py"} <= names
    assert not any(name.endswith((".wav", ".flac", ".parquet")) for name in names)
    assert built[1].stat().st_size < MOST_BYTES


#: What scikit-learn's contract asks for, and estimators that learn nothing have no use for.
CONTRACT = {"X", "y", "tracks", "input_features", "self", "cls"}


@pytest.mark.parametrize(
    "path", sorted((ROOT / "chordmer").rglob("*.py")), ids=lambda p: p.relative_to(ROOT).as_posix()
)
def test_every_parameter_of_a_public_function_is_used(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for written in public_functions(tree):
        body = [n for n in written.body if not isinstance(n, ast.Expr | ast.Pass | ast.Raise)]
        if body:  # Or else it is a hook for others to fill.
            arguments = {a.arg for a in (*written.args.args, *written.args.kwonlyargs)}
            used = {node.id for node in ast.walk(written) if isinstance(node, ast.Name)}
            assert arguments - used <= CONTRACT, written.name


def public_functions(tree):
    """The functions that a module's `__all__` names, and the methods of the classes."""
    public = {
        word
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
        for word in ast.literal_eval(node.value)
    }
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    protocols = [c for c in classes if "Protocol" in {getattr(b, "id", "") for b in c.bases}]
    # What keeps a protocol takes what the protocol has, of use to it or not.
    kept = {getattr(method, "name", "") for c in protocols for method in c.body}
    for node in tree.body:
        if getattr(node, "name", None) in public:
            for inside in (node, *(node.body if isinstance(node, ast.ClassDef) else ())):
                named = isinstance(inside, ast.FunctionDef) and not inside.name.startswith("_")
                if named and inside.name not in kept:
                    yield inside


def test_every_parameter_of_an_estimator_is_kept():
    for name in chordmer.__all__:
        kind = getattr(chordmer, name)
        if hasattr(kind, "get_params"):
            try:
                made = kind()
            except TypeError:
                continue  # It wants parts to be given.
            assert set(inspect.signature(kind).parameters) <= set(vars(made))
