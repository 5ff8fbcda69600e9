"""Folders of a recogniser that someone means harm with: each refused, quickly, in little memory."""

import json
import os
import pickle
import shutil
import struct
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from folders import manifest_of, seal
from safetensors.numpy import load, save
from songs import PLANE, songs

from chordmer.errors import ModelError
from chordmer.features.chord2vec import Chord2Vec
from chordmer.features.symbolic import SymbolicDescriptors
from chordmer.models.broad import BroadLearningClassifier
from chordmer.models.fused import FusionClassifier
from chordmer.models.training import Training
from chordmer.recognizer import EmotionRecognizer

TRACKS, Y = songs(n=2, clips=1)
ARRAYS = "arrays.safetensors"


class Boom:
    """Unpickled, it would leave a mark."""

    def __reduce__(self):
        return os.system, ("touch boom",)


def make(folder, **parameters):
    ears = [
        ("symbolic", SymbolicDescriptors(families=["register"])),
        ("chord2vec", Chord2Vec(vector_size=4, min_count=1, epochs=1)),
    ]
    defaults = {"calibration": 0, "random_state": 0}
    defaults["classifier"] = BroadLearningClassifier(n_enhancement_nodes=5)
    model = EmotionRecognizer(ears, **(defaults | parameters)).fit(TRACKS, Y)
    model.save(folder, data_licence="CC0-1.0")
    return model


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A good folder, and its model."""
    folder = tmp_path_factory.mktemp("good") / "model"
    return folder, make(folder)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A good folder with a network in it."""
    folder = tmp_path_factory.mktemp("good") / "network"
    quick = Training(max_epochs=1, patience=None)
    make(folder, classifier=FusionClassifier(hidden_size=4, training=quick, device="cpu"))
    return folder


# --- what a hostile hand changes -----------------------------------------------------------------


def manifest(path, change):
    """Change the manifest, and seal it."""
    written = manifest_of(path)
    change(written)
    seal(path, written)


def put(*keys_and_value):
    """Return a change that sets a nested entry of the manifest."""
    *keys, value = keys_and_value

    def change(written):
        for key in keys[:-1]:
            written = written[key]
        written[keys[-1]] = value

    return partial(manifest, change=change)


def arrays(path, change):
    """Change the arrays, list them truly, and seal everything."""
    values = {name: array.copy() for name, array in load((path / ARRAYS).read_bytes()).items()}
    change(values)
    written = manifest_of(path)
    written["arrays"] = {
        name: {"dtype": array.dtype.name, "shape": list(array.shape)}
        for name, array in values.items()
    }
    seal(path, written, save(values))


def bytes_for_arrays(data):
    return lambda path: seal(path, manifest_of(path), data)


def lie(path, factor):
    """Let the header of the arrays say that one of them is larger, and the manifest too."""
    data = (path / ARRAYS).read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    header["head.0.mean"]["shape"] = [header["head.0.mean"]["shape"][0] * factor]
    text = json.dumps(header).encode()
    written = manifest_of(path)
    written["arrays"]["head.0.mean"]["shape"] = header["head.0.mean"]["shape"]
    seal(path, written, struct.pack("<Q", len(text)) + text + data[8 + size :])


def sparse(path, size):
    """Make the arrays a file of `size` zeros that takes no room on the disk."""
    with open(path / ARRAYS, "wb") as file:
        file.truncate(size)


def sparse_and_listed(path, size):
    sparse(path, size)
    written = manifest_of(path)
    written["files"][ARRAYS]["size"] = size
    seal(path, written)


def flip(path, name, place):
    data = bytearray((path / name).read_bytes())
    data[int(place * (len(data) - 1))] ^= 4
    (path / name).write_bytes(data)


def deep(path):
    written = manifest_of(path)
    seal(path, written)
    text = (path / "manifest.json").read_text()
    nest = '{"kind": "Pipeline", "steps": [' * 20000
    (path / "manifest.json").write_text(text.replace('"head": {', f'"head": {nest}{{', 1))


def nested_pipelines(path):
    def change(written):
        for _ in range(100):
            written["head"] = {
                "kind": "Pipeline",
                "steps": [written["head"]["steps"][0], written["head"]],
            }

    manifest(path, change)


def renamed(old, new):
    def change(values):
        values[new] = values.pop(old)

    return partial(arrays, change=change)


def replaced(name, make):
    def change(values):
        values[name] = make(values[name])

    return partial(arrays, change=change)


def filled(name, value):
    return replaced(name, lambda array: np.full_like(array, value))


def linked(path):
    data = path.parent / "elsewhere"
    shutil.move(path / ARRAYS, data)
    os.symlink(data, path / ARRAYS)


def piped(path):
    (path / ARRAYS).unlink()
    os.mkfifo(path / ARRAYS)


EAR = ("extractors", 1, "parameters")
ALIEN = {"estimator": "Popen", "parameters": {"args": "touch boom"}}
HARM = {
    "pickle for arrays": bytes_for_arrays(pickle.dumps(Boom())),
    "pickle beside": lambda path: (path / "model.pkl").write_bytes(pickle.dumps(Boom())),
    "pickle for manifest": lambda path: (path / "manifest.json").write_bytes(pickle.dumps(Boom())),
    "code beside": lambda path: (path / "model.py").write_text(
        "import os; os.system('touch boom')"
    ),
    "larger shape": partial(lie, factor=3),
    "huge shape": partial(lie, factor=10**12),
    "no arrays": lambda path: (path / ARRAYS).unlink(),
    "no manifest": lambda path: (path / "manifest.json").unlink(),
    "arrays are a link": linked,
    "arrays are a pipe": piped,
    "huge arrays": partial(sparse, size=1 << 40),
    "huge arrays, listed": partial(sparse_and_listed, size=(1 << 29) - 1),
    "huge header": bytes_for_arrays(struct.pack("<Q", 1 << 62) + b"{}"),
    "huge manifest": lambda path: (path / "manifest.json").write_bytes(b" " * (1 << 21)),
    "deep manifest": deep,
    "pipelines in pipelines": nested_pipelines,
    **{f"flipped bit in arrays at {p}": partial(flip, name=ARRAYS, place=p) for p in (0.0, 0.4, 1)},
    **{
        f"flipped bit in manifest at {p}": partial(flip, name="manifest.json", place=p)
        for p in (0.1, 0.5, 0.9)
    },
    "newer schema": put("schema", 99),
    "another class": put("kind", "Chord2Vec"),
    "unknown class": put("kind", "os.system"),
    "unknown extractor": put("extractors", 0, "kind", "Popen"),
    "classifier as extractor": put("extractors", 0, "kind", "BroadLearningClassifier"),
    "extractor as classifier": put("head", "steps", 1, "kind", "SymbolicDescriptors"),
    "recogniser as classifier": put("head", "steps", 1, "kind", "EmotionRecognizer"),
    "unknown classifier": put("head", "steps", 1, "kind", "sklearn.svm.SVC"),
    "classifier is a list": put("head", "steps", 1, "kind", ["BroadLearningClassifier"]),
    "classifier where join stands": put("head", "steps", 0, "kind", "BroadLearningClassifier"),
    "no head": put("head", None),
    "three steps": lambda path: manifest(path, lambda m: m["head"]["steps"].append({"kind": "x"})),
    "class among an extractor's parameters": put(*EAR, "random_state", ALIEN),
    "class among the classifier's parameters": put(
        "head", "steps", 1, "parameters", "alpha", ALIEN
    ),
    "other parameters of an extractor": put(*EAR, "__class__", "Popen"),
    "other parameters of the recogniser": put("parameters", "classifier", ALIEN),
    "other parameters of the classifier": put("head", "steps", 1, "parameters", "exec", "1"),
    "huge vectors": put(*EAR, "vector_size", 10**12),
    "huge window": put("extractors", 0, "parameters", "window", 1e300),
    "endless window": put("extractors", 0, "parameters", "hop", 10**400),
    "negative window": put("extractors", 0, "parameters", "window", -1),
    "long families": put("extractors", 0, "parameters", "families", ["register"] * 10**4),
    "odd text": put("extractors", 0, "parameters", "families", "\x1b[31m"),
    "many nodes": put("head", "steps", 1, "parameters", "n_enhancement_nodes", -1),
    "many folds": put("parameters", "calibration", 10**12),
    "odd fusion": put("parameters", "fusion", "middle"),
    "odd target": put("parameters", "target", ["Q1"]),
    "odd scale": put("parameters", "scale", [1, 0]),
    "other classes": put("classes", ["Q4", "Q3", "Q2", "Q1"]),
    "fewer classes": put("classes", ["Q1"]),
    "zero temperature": put("temperature", 0),
    "temperature is text": put("temperature", "hot"),
    "two extractors of one name": put("extractors", 1, "name", "symbolic"),
    "no extractors": put("extractors", []),
    "vectors of nobody": put("vectors", ["piano"]),
    "extractors are text": put("extractors", "symbolic"),
    "not finite": filled("head.1.coef", np.nan),
    "scale of zero": filled("head.0.scale", 0),
    "array of no part": renamed("head.1.coef", "other"),
    "array of an extractor that has none": renamed("head.1.coef", "extractor.0.coef"),
    "array missing": partial(arrays, change=lambda values: values.pop("head.1.coef")),
    "array turned": replaced("head.1.coef", lambda array: array.T.copy()),
    "array of integers": replaced("head.1.coef", lambda array: array.astype("int64")),
}
NETWORK_HARM = {
    "huge layers": put("head", "parameters", "hidden_size", 10**9),
    "odd layers": put("head", "parameters", "hidden_size", "wide"),
    "huge batches": put("head", "parameters", "training", "parameters", "batch_size", -1),
    "class for training": put("head", "parameters", "training", ALIEN),
    "wide input": put("head", "widths", "symbolic", 10**7),
    "other input": put("head", "widths", "piano", 3),
}


@pytest.fixture(scope="module")
def hostile(saved, network, tmp_path_factory):
    """A folder of hostile folders, by what is wrong with them."""
    root = tmp_path_factory.mktemp("hostile")
    for source, harms in ((saved[0], HARM), (network, NETWORK_HARM)):
        for number, (name, harm) in enumerate(harms.items()):
            path = root / f"{source.name}-{number}" / "m"
            path.parent.mkdir()
            shutil.copytree(source, path)
            harm(path)
            (path.parent / "name").write_text(name)
    return root


LOADER = """
import json, pathlib, resource, sys, time
from chordmer.errors import ModelError
from chordmer.recognizer import EmotionRecognizer

*good, root = map(pathlib.Path, sys.argv[1:])
for folder in good:
    EmotionRecognizer.load(folder)
taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
most = taken + 200 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (most, most))
for folder in sorted(root.iterdir()):
    begun = time.process_time()
    try:
        EmotionRecognizer.load(folder / "m")
        said = None
    except ModelError as error:
        said = str(error)
    print(json.dumps([(folder / "name").read_text(), said, time.process_time() - begun]))
"""


@pytest.fixture(scope="module")
def verdicts(hostile, saved, network):
    """What a process that may take 200 MB says of each, and the seconds it worked on it."""
    command = [sys.executable, "-c", LOADER, saved[0], network, hostile]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=hostile.parent)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {name: (said, seconds) for name, said, seconds in rows}


@pytest.mark.parametrize("name", [*HARM, *NETWORK_HARM])
def test_it_is_refused_with_a_reason_in_a_second_and_200_megabytes(name, verdicts):
    said, seconds = verdicts[name]
    assert said, "it was loaded"
    assert "hostile" in said, "the file is not named"
    assert seconds < 1


def test_nothing_in_them_was_run(verdicts, hostile):
    assert not list(hostile.parent.rglob("boom"))


# --- and the good ones ---------------------------------------------------------------------------


def test_what_was_saved_answers_alike(saved):
    folder, model = saved
    again = EmotionRecognizer.load(folder)
    np.testing.assert_array_equal(again.predict_proba(TRACKS), model.predict_proba(TRACKS))
    assert manifest_of(folder)["data_licence"] == "CC0-1.0"
    assert manifest_of(folder)["versions"]["numpy"] == np.__version__
    assert again.predict_emotion(TRACKS[:1])[0].to_dict() == (
        model.predict_emotion(TRACKS[:1])[0].to_dict()
    )
    assert again.fit(TRACKS, Y).score(TRACKS, Y) == model.score(TRACKS, Y)


@pytest.mark.parametrize(
    "parameters",
    [
        {"target": "valence_arousal", "classifier": None},
        {"target": "valence_arousal", "classifier": None, "fusion": "late"},
        {"target": {"a": "Q1", "b": "Q2", "c": "Q3", "d": "Q4"}, "fusion": "late"},
        {"target": ["d", "c", "b", "a"]},
    ],
    ids=["values", "late values", "late labels", "labels"],
)
def test_every_kind_of_recogniser_is_saved(parameters, tmp_path):
    ears = [("symbolic", SymbolicDescriptors(families=["register"]))]
    defaults = {"classifier": BroadLearningClassifier(), "calibration": 2, "random_state": 0}
    y = (
        np.array([PLANE[q] for q in Y])
        if "valence_arousal" in parameters.values()
        else (np.array([{"Q1": "a", "Q2": "b", "Q3": "c", "Q4": "d"}[q] for q in Y]))
    )
    model = EmotionRecognizer(ears, **(defaults | parameters)).fit(TRACKS, y)
    model.save(tmp_path / "model")
    again = EmotionRecognizer.load(tmp_path / "model")
    np.testing.assert_array_equal(again._answers(TRACKS), model._answers(TRACKS))
    np.testing.assert_array_equal(again.predict(TRACKS), model.predict(TRACKS))


def test_what_cannot_be_saved_is_said(tmp_path):
    class Mine(SymbolicDescriptors):
        pass

    for extractor in (Mine(families=["register"]),):
        model = EmotionRecognizer(
            [("mine", extractor)], classifier=BroadLearningClassifier(), calibration=0
        ).fit(TRACKS, Y)
        with pytest.raises(ModelError, match="cannot be saved"):
            model.save(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []
