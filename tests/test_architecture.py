"""Who may import whom, and what `import chordmer` costs."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import chordmer
from chordmer.kinds import KINDS

ROOT = Path(chordmer.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

CORE = {"errors", "emotion", "notes", "track"}
EVERYTHING = CORE | {
    *("io", "features", "fusion", "models", "folder", "kinds", "augment"),
    *(
        "manifest",
        "recognizer",
        "pretrained",
        "datasets",
        "evaluate",
        "extraction",
        "store",
        "moods",
    ),
}
COMMANDS = {
    *("cli_train", "cli_benchmark", "cli_extract", "cli_store", "cli_catalogue", "cli_explain"),
    *("cli_serve", "doctor", "completion"),
}
#: Which rooms of chordmer each room may import.
MAY_IMPORT = {
    "errors": set(),
    "emotion": {"errors", "track"},
    "notes": {"errors"},
    "track": {"errors", "notes"},
    "kinds": {"errors"},
    "folder": {"errors", "kinds"},
    "io": {"errors", "notes", "track"},
    "features": {"io", "notes", "track", "errors", "folder"},
    "augment": {"io", "track", "notes", "errors"},
    "fusion": {"errors", "folder"},
    "models": {"errors", "folder", "fusion", "kinds"},
    "manifest": {"errors", "track"},
    "store": {"errors", "folder"},
    "neighbours": set(),
    **{
        room: EVERYTHING
        for room in ("recognizer", "pretrained", "datasets", "evaluate", "extraction")
    },
    **{
        room: EVERYTHING
        | {"explain", "plot", "benchmark", "moods", "neighbours", "catalogue"}
        | {"examples", "web", *COMMANDS}
        for room in (
            "explain",
            "plot",
            "cli",
            *COMMANDS,
            "benchmark",
            "web",
            "streaming",
            "catalogue",
        )
    },
}
#: Rooms above that a room may ask for inside a function: what has a method ``plot``.
MAY_ASK_LATE = {"emotion": {"plot"}, "features": {"plot"}}
#: Which files may import each heavy package.
ONLY_IN = {
    "torch": (
        *("fusion/", "models/", "features/", "doctor.py", "store/torch_dataset.py"),
        "explain/gradients.py",
    ),
    "captum": ("explain/gradients.py",),
    "pyarrow": ("store/",),
    "transformers": ("features/lyrics.py",),
    "gensim": ("features/chord2vec.py",),
    "music21": ("io/score.py",),
    "pretty_midi": ("io/",),
    "symusic": ("io/",),
    "soundfile": ("io/",),
    "numba": ("io/", "features/"),
    "pebble": ("extraction/lanes.py",),
    "dask": ("extraction/cluster.py",),
    "distributed": ("extraction/cluster.py",),
    "gradio": ("web/",),
    "fastapi": ("web/",),
    "starlette": ("web/",),
    "uvicorn": ("web/",),
}


def room(path):
    return path.relative_to(ROOT).with_suffix("").parts[0]


def imports(path, inside=True):
    """Every module a file names in an import statement; without `inside`, none in functions."""
    nodes = [ast.parse(path.read_text(encoding="utf-8"))]
    for node in nodes:
        if inside or not isinstance(node, ast.FunctionDef):
            nodes.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            if node.module == "chordmer":
                yield from (f"chordmer.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_rooms_open_only_onto_the_rooms_below(path):
    here = room(path)
    if here == "__init__":
        return
    at_once = set(imports(path, inside=False))
    for module in imports(path):
        top, _, rest = module.partition(".")
        if top == "chordmer" and rest and not rest.startswith("__"):
            there = rest.split(".")[0]
            if module not in at_once and there in MAY_ASK_LATE.get(here, ()):
                continue
            assert there == here or there in MAY_IMPORT[here], f"{path.name} imports {module}"
        home = ONLY_IN.get(top)
        if home:
            where = path.relative_to(ROOT).as_posix()
            assert any(where.startswith(start) for start in home), f"{where} imports {module}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_unpickles(path):
    text = path.read_text(encoding="utf-8")
    for name in ("pickle", "joblib", "dill", "cloudpickle", "shelve", "marshal"):
        assert name not in {m.split(".")[0] for m in imports(path)}, f"{path} imports {name}"
    assert "allow_pickle=True" not in text
    assert "weights_only=False" not in text
    assert "trust_remote_code=True" not in text


HEAVY = ("torch", "gensim", "librosa", "music21", "transformers", "sklearn", "scipy", "numba")


def loaded_after(code):
    """Heavy packages in sys.modules after running `code` in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sorted(sys.modules))"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {*HEAVY, "matplotlib", "pandas"} & set(done.stdout.split())


def test_importing_chordmer_loads_nothing_heavy():
    assert loaded_after("import chordmer") == set()


def test_every_class_that_may_be_saved_lives_where_the_list_says():
    for kind, home in KINDS.items():
        assert getattr(import_module(home), kind).__name__ == kind


def test_public_names_are_where_they_are_promised():
    assert len(set(chordmer.__all__)) == len(chordmer.__all__)
    assert set(chordmer._HOME) | {"__version__"} == set(chordmer.__all__)
    for name in chordmer.__all__:
        assert getattr(chordmer, name) is not None
    assert dir(chordmer) == sorted(chordmer.__all__)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = chordmer.no_such_name


@pytest.mark.parametrize(
    "line",
    [
        "from chordmer import FusionClassifier",
        "from chordmer import EmotionRecognizer; EmotionRecognizer.recipe('multispec')",
        "from chordmer import EmotionRecognizer as E; E(fusion='attention').fit(['a.mid'], ['Q1'])",
        "from chordmer.kinds import known_model; known_model('CBSAClassifier', source='here')",
    ],
)
def test_without_torch_a_network_says_what_brings_it(line):
    code = f"""
import sys

class Without:
    def find_spec(self, name, *_):
        if name == "torch":
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Without())
try:
    {line}
except ImportError as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert 'MissingExtraError import: torch is not installed; get it with: pip install "' in done
    assert "chordmer[deep]" in done
