"""`chordmer.extract` on a Dask scheduler: the same store as from this machine."""

import shutil
from pathlib import Path

import pytest
from stub_extractors import Obedient
from test_extraction_cluster import cluster_in

import chordmer
from chordmer import extract
from chordmer.errors import ClusterError
from chordmer.store import Store

FEATURES = [("numbers", Obedient()), "symbolic"]


@pytest.fixture
def music(tmp_path):
    folder = tmp_path / "music"
    folder.mkdir()
    texts = {f"{i:02}": f"piece {i}" for i in range(30)}
    texts |= {"kill": "kill it", "raise": "raise it", "hang": "hang"}
    for name, text in texts.items():
        (folder / f"{name}.mid").write_text(text)
    shutil.copy(chordmer.example(), folder)
    return folder


def hash_of(store):
    with Store.open(store) as opened:
        assert opened.verify() == []
        return opened.hash()


def test_a_cluster_gives_the_same_store(music, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the cluster's workers are elsewhere
    here = extract(music, "here", features=FEATURES, timeout=2.0)
    with cluster_in(Path(tmp_path)) as cluster:
        cluster.join()
        cluster.join("--no-nanny")
        options = {"features": FEATURES, "timeout": 2.0, "cluster": cluster.address}
        there = extract("music", "there", **options)
        assert (there.rows, there.failed) == (here.rows, here.failed) == (32, 36)
        assert there.errors == here.errors
        assert hash_of("there") == hash_of("here")
        again = extract("music", "there", **options)
        assert (again.rows, again.up_to_date, again.failed_before) == (0, 32, 36)


def test_a_wrong_address_is_told_and_costs_nothing(music, tmp_path):
    with pytest.raises(ClusterError):
        extract(music, tmp_path / "store", features=FEATURES, cluster="tcp://127.0.0.1:9")
    assert extract(music, tmp_path / "store", features=FEATURES, timeout=2.0).rows == 32
