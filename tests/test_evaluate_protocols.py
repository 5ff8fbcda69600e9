"""Protocols: parts that are disjoint by song, whole together, in proportion, and the same again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import GroupShuffleSplit, KFold, StratifiedGroupKFold

from chordmer.errors import ChordmerError
from chordmer.evaluate import (
    CrossValidation,
    Holdout,
    LeakageError,
    LeaveOneCorpusOut,
    PublishedSplit,
    folds_of,
)


def corpus(seed, n_groups=60, k=4):
    """Labels and groups of clips, one to five a song, in mixed order."""
    random = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_groups), random.integers(1, 6, n_groups))
    random.shuffle(groups)
    y = np.array(["Q1", "Q2", "Q3", "Q4"])[random.integers(0, k, len(groups))]
    return y, np.array([f"song {g}" for g in groups])


def assert_sound(fold, y, groups):
    parts = [fold.train, fold.test, fold.valid]
    assert sum(map(len, parts)) == len(np.unique(np.concatenate(parts)))
    songs = [set(groups[part]) for part in parts]
    assert not songs[0] & songs[1]
    assert not songs[0] & songs[2]
    assert not songs[1] & songs[2]


@given(st.integers(0, 1000), st.booleans())
def test_cross_validation_tests_every_track_once(seed, valid):
    y, groups = corpus(seed)
    folds = folds_of(CrossValidation(5, valid=valid), y, groups, seed=seed)
    assert len(folds) == 5
    for fold in folds:
        assert_sound(fold, y, groups)
        assert len(fold.train) + len(fold.test) + len(fold.valid) == len(y)
        assert (len(fold.valid) > 0) == valid
    np.testing.assert_array_equal(
        np.sort(np.concatenate([fold.test for fold in folds])), np.arange(len(y))
    )


def test_ten_folds_are_meant_where_nothing_is_said():
    y, groups = corpus(0)
    assert CrossValidation().n_folds == 10
    assert len(folds_of(10, y, groups)) == 10
    ours = folds_of(10, y, groups, seed=3)
    met = {group: number for number, group in enumerate(dict.fromkeys(groups.tolist()))}
    numbered = [met[group] for group in groups.tolist()]
    theirs = StratifiedGroupKFold(10, shuffle=True, random_state=3).split(y, y, numbered)
    assert {tuple(fold.test) for fold in ours} == {tuple(np.sort(test)) for _, test in theirs}


@given(st.integers(0, 1000), st.sampled_from([(0.1, 0.0), (0.15, 0.15), (0.3, 0.1)]))
def test_holdout_gives_each_part_its_share_of_every_class(seed, shares):
    test, valid = shares
    y, groups = corpus(seed)
    (fold,) = folds_of(Holdout(test, valid), y, groups, seed=seed)
    assert_sound(fold, y, groups)
    assert len(fold.train) + len(fold.test) + len(fold.valid) == len(y)
    # A group has five clips at most, so no part is farther off than that.
    assert abs(len(fold.test) - test * len(y)) <= 5
    assert abs(len(fold.valid) - valid * len(y)) <= 5
    for label in "Q1", "Q2", "Q3", "Q4":
        share = (y[fold.test] == label).sum() / (y == label).sum()
        assert abs(share - test) < 0.15


def test_a_holdout_of_many_single_tracks_is_exact():
    y = np.repeat(["a", "b"], [900, 100])
    (fold,) = folds_of(Holdout(), y)
    assert (len(fold.train), len(fold.test), len(fold.valid)) == (900, 100, 0)
    assert (y[fold.test] == "b").sum() == 10
    (fold,) = folds_of(Holdout(0.15, 0.15), y)
    assert (len(fold.train), len(fold.test), len(fold.valid)) == (700, 150, 150)
    assert Holdout(0.15, 0.15).words == "holdout 70/15/15"


@pytest.mark.parametrize("protocol", [Holdout(), CrossValidation(5), Holdout(0.2, 0.2)])
def test_the_seed_decides(protocol):
    y, groups = corpus(1)
    first, again, other = (folds_of(protocol, y, groups, seed=seed) for seed in (4, 4, 5))
    assert all((a.test == b.test).all() for a, b in zip(first, again))
    assert any(not np.array_equal(a.test, b.test) for a, b in zip(first, other))


def test_numbers_are_divided_by_group_alone():
    _, groups = corpus(2)
    y = np.random.default_rng(0).normal(size=(len(groups), 2))
    for fold in folds_of(5, y, groups):
        assert_sound(fold, y, groups)
    (fold,) = folds_of(Holdout(), y[:, 0], groups)
    assert_sound(fold, y, groups)
    assert len(folds_of(5, y)) == 5


def test_a_track_without_a_group_is_alone():
    groups = [None, "a", None, "a", "b", None]
    for fold in folds_of(4, np.arange(6.0), groups):
        assert len({1, 3} & set(fold.test.tolist())) in (0, 2)


def test_published_splits_are_taken_as_they_are():
    y = np.array(["Q1", "Q2"] * 4)
    parts = {"train": [4, 0, 1], "valid": [2, 3], "test": [7, 6]}
    (fold,) = folds_of(PublishedSplit(parts), y)
    assert (fold.train.tolist(), fold.test.tolist(), fold.valid.tolist()) == (
        [0, 1, 4],
        [6, 7],
        [2, 3],
    )
    two = {"train": [0, 1], "valid": [2]}
    (fold,) = folds_of(PublishedSplit(two, test="valid"), y)
    assert (fold.test.tolist(), fold.valid.tolist()) == ([2], [])
    with pytest.raises(ValueError, match="no part 'test', but train, valid"):
        PublishedSplit(two)


def test_each_corpus_is_left_out_once():
    corpora = ["deam", "deam", "emomusic", "pmemo", "emomusic"]
    folds = folds_of(LeaveOneCorpusOut(corpora), np.arange(5.0))
    assert [fold.test.tolist() for fold in folds] == [[0, 1], [2, 4], [3]]
    assert [fold.train.tolist() for fold in folds] == [[2, 3, 4], [0, 1, 3], [0, 1, 2, 4]]
    with pytest.raises(ValueError, match="one corpus only"):
        folds_of(LeaveOneCorpusOut(["deam"] * 5), np.arange(5.0))
    with pytest.raises(ValueError, match="one a sample"):
        folds_of(LeaveOneCorpusOut(["deam"] * 4), np.arange(5.0))


def test_songs_that_corpora_share_leak_or_are_dropped():
    corpora = ["deam", "deam", "emomusic", "emomusic"]
    groups = ["a", "shared", "shared", "b"]
    with pytest.raises(LeakageError, match="shared"):
        folds_of(LeaveOneCorpusOut(corpora), np.arange(4.0), groups)
    folds = folds_of(LeaveOneCorpusOut(corpora, shared="drop"), np.arange(4.0), groups)
    assert [fold.train.tolist() for fold in folds] == [[3], [0]]


# --- leaks -----------------------------------------------------------------------------------


def test_a_song_on_both_sides_raises_and_is_named():
    y = np.array(["Q1", "Q2"] * 10)
    groups = np.repeat([f"song {i}" for i in range(10)], 2)
    with pytest.raises(
        LeakageError, match=r"fold 0: training and test share .* of 10 .*song"
    ) as caught:
        folds_of(KFold(5, shuffle=True, random_state=0), y, groups)
    assert caught.value.value in set(groups)
    assert caught.value.stage == "fold 0"
    assert isinstance(caught.value, ChordmerError)
    assert len(folds_of(KFold(5, shuffle=True, random_state=0), y)) == 5


@pytest.mark.parametrize("part", ["test", "valid"])
def test_a_published_split_that_divides_a_song_raises(part):
    parts = {"train": [0, 1], "valid": [2], "test": [3], part: [2, 3]}
    if part == "test":
        parts["valid"] = []
    groups = ["a", "b", "b", "c"]
    with pytest.raises(LeakageError, match="b"):
        folds_of(PublishedSplit(parts), np.arange(4.0), groups)


def test_a_row_on_both_sides_is_a_leak_without_any_groups():
    with pytest.raises(LeakageError):
        folds_of([([0, 1], [1, 2])], np.arange(3.0))


@given(st.integers(0, 10_000))
def test_no_division_at_random_leaks_unseen(seed):
    y, groups = corpus(seed, n_groups=8)
    tested = np.random.default_rng(seed).random(len(y)) < 0.3
    tested[0], tested[-1] = True, False
    divided = set(groups[tested]) & set(groups[~tested])
    pair = [(np.flatnonzero(~tested), np.flatnonzero(tested))]
    if divided:
        with pytest.raises(LeakageError) as caught:
            folds_of(pair, y, groups)
        assert caught.value.value in divided
    else:
        assert len(folds_of(pair, y, groups)) == 1


def test_splitters_of_scikit_learn_are_protocols():
    y, groups = corpus(5)
    folds = folds_of(GroupShuffleSplit(3, test_size=0.2, random_state=0), y, groups)
    assert len(folds) == 3
    for fold in folds:
        assert_sound(fold, y, groups)
    masks = [(np.array([True, True, False]), np.array([False, False, True]))]
    (fold,) = folds_of(masks, np.arange(3.0))
    assert fold.train.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("protocol", "problem"),
    [
        (7, "6 groups cannot be divided into 7"),
        (1, "2 or more"),
        ([], "no folds"),
        (3.5, "no protocol"),
        ([([], [1])], "no samples for training"),
        ([([0], [])], "no samples for test"),
        ([([0], [6])], "do not have"),
        ([([0, -1], [1])], "do not have"),
        ([([0, 0], [1])], "twice"),
        ([([0.5], [1])], "row numbers"),
        (Holdout(0.01, 0.01), "too few"),
    ],
)
def test_impossible_protocols_are_refused(protocol, problem):
    with pytest.raises(ValueError, match=problem):
        folds_of(protocol, np.arange(6.0))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Holdout(0.0),
        lambda: Holdout(1.0),
        lambda: Holdout(0.5, 0.5),
        lambda: Holdout(float("nan")),
        lambda: CrossValidation(2, valid=True),
        lambda: CrossValidation(True),
        lambda: LeaveOneCorpusOut(["a"], shared="keep"),
        lambda: folds_of(2, np.arange(4.0), ["a"]),
    ],
)
def test_impossible_parameters_are_refused(make):
    with pytest.raises(ValueError, match=r"should be|may be"):
        make()
