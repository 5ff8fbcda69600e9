"""Rows and stores that tests of the store share."""

import hashlib

import numpy as np

from chordmer.store import Failure, Recipe, Row, Store, canonical_json

RECIPE = Recipe("chordmer.features.made.Up", canonical_json({"size": 4}), "c0de")
FEATURES = {"gtf": RECIPE, "gtf_frames": RECIPE}


def row(number, feature="gtf", *, recipe=RECIPE, salt="", error=None, shape=(4,), report=None):
    """A row that is the same each time; other with another `salt`."""
    content = hashlib.sha256(f"{salt}{number}".encode()).hexdigest()
    values = np.random.default_rng([number, len(salt)]).standard_normal(shape, dtype=np.float32)
    return Row(
        f"folder/{number:05d}.mid",
        content,
        feature,
        recipe.extractor,
        recipe.parameters,
        recipe.version,
        np.empty(0, np.float32) if error else values,
        np.arange(0 if error or len(shape) < 2 else shape[0], dtype=np.float64),
        report,
        error,
    )


def some_rows(start, stop):
    """Vectors, sequences of several lengths, reports and failures."""
    for number in range(start, stop):
        broken = Failure("MidiError", "header", f"no chunk {number}") if number % 7 == 3 else None
        report = canonical_json({"dropped": number}) if number % 3 else None
        yield row(number, error=broken, report=report)
        yield row(number, "gtf_frames", shape=(number % 5, 4), report=report)


def make(folder, *batches, **sizes):
    """Write a store, a seal a batch."""
    with Store.create_or_open(folder, FEATURES, **sizes) as store:
        for batch in batches:
            store.append(batch)
            store.seal()
    return folder


def tell(one):
    """All of a row, as something that can be compared."""
    arrays = (one.shape, one.values.tobytes(), one.times.tobytes())
    recipe = (one.extractor, one.parameters, one.version)
    return (one.id, one.content, one.feature, *recipe, *arrays, one.report, one.error)


def told(store):
    """All rows of a store, in an order of their own."""
    return sorted(map(tell, (r for f in store.features for r in store.rows(f))), key=repr)
