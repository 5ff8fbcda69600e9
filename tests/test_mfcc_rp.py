"""MF_RP: the fusion that its docstring states, in every form."""

import numpy as np
import pytest
import torch
from corpora import bundled_midi

from chordmer.errors import ChordmerError, MissingModalityError
from chordmer.features.mel import delta, mfcc
from chordmer.features.mfcc_rp import ResidualPhaseMFCC, fuse_scores, mf_rp
from chordmer.features.residual_phase import peak_phase
from chordmer.features.weighting import choose_weight
from chordmer.io import render
from chordmer.track import Track

SR = 44100
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def noise(samples, seed=0):
    return np.random.default_rng(seed).standard_normal(samples).astype("f4")


@pytest.fixture(scope="module")
def music():
    return render(bundled_midi()[0])[: 20 * SR]


def test_a_second_has_the_papers_shape():
    assert mf_rp(noise(SR), SR).shape == (192, 44)
    assert mf_rp(noise(SR).reshape(5, 2, -1), SR, n_mfcc=13).shape == (5, 2, 39, 5)
    assert mf_rp(noise(100), SR).shape == (192, 1)


@pytest.mark.parametrize("weight", [0, 0.3, 1])
def test_fusion_is_as_stated(music, weight):
    cepstra = mfcc(music, SR, n_mfcc=64, hop_length=1024, top_db=None)
    phase = peak_phase(music, SR)
    fused = (1 - weight) * cepstra + weight * phase * cepstra
    features = mf_rp(music, SR, weighting=weight)
    scale = np.abs(cepstra).max()
    assert np.abs(features[:64] - fused).max() < 1e-6 * scale
    assert np.abs(features[64:128] - delta(fused)).max() < 1e-6 * scale
    assert np.abs(features[128:] - delta(fused, order=2)).max() < 1e-6 * scale


def test_without_weight_they_are_cepstra(music):
    cepstra = mfcc(music, SR, n_mfcc=64, hop_length=1024, top_db=None)
    assert np.array_equal(mf_rp(music, SR, weighting=0)[:64], cepstra)


def test_a_frame_does_not_depend_on_what_is_far():
    y = noise(40 * 1024)
    louder = y.copy()
    louder[30 * 1024 :] *= 1000
    here, there = mf_rp(y, SR), mf_rp(louder, SR)
    assert np.abs(here[:, :24] - there[:, :24]).max() < 1e-3


@pytest.mark.parametrize("device", DEVICES)
def test_the_torch_form_gives_the_same_numbers(device, music):
    for y in (music, noise(1), noise(3 * 1024), noise(8 * 1024), np.zeros(5000, "f4")):
        features = mf_rp(torch.tensor(y, device=device), SR)
        exact = mf_rp(y, SR)
        assert features.shape == exact.shape
        # Bands 130 dB below the loudest hold what float32 rounds, which differs.
        assert np.abs(features.cpu().numpy() - exact).max() < 1e-4 * np.abs(exact).max()


@pytest.mark.parametrize("device", DEVICES)
def test_gradients_are_finite(device):
    odd = np.stack([noise(5000), np.zeros(5000), np.ones(5000), np.sin(0.1 * np.arange(5000))])
    y = torch.tensor(odd, dtype=torch.float32, device=device, requires_grad=True)
    mf_rp(y, SR).square().mean().backward()
    assert y.grad.isfinite().all()
    assert y.grad[0].any()


def test_frames_are_the_features_turned(music):
    frames = ResidualPhaseMFCC().frames((music, SR))
    exact = mf_rp(music, SR).T
    assert frames.values.shape == exact.shape
    assert frames.values.dtype == np.float32
    assert np.abs(frames.values - exact).max() < 1e-6 * np.abs(exact).max()
    assert frames.times[2] == 2048 / SR


def test_rows_are_means_and_deviations_of_the_frames(music):
    for weighting, columns in ((0.5, 192), ("scores", 195)):
        model = ResidualPhaseMFCC(weighting=weighting)
        values = model.frames((music, SR)).values.astype(float)
        row = model.transform([(music, SR)])[0]
        names = model.get_feature_names_out()
        assert values.shape[1] == columns
        assert len(set(names)) == len(row) == 2 * columns
        assert np.allclose(row, [*values.mean(axis=0), *values.std(axis=0)], rtol=1e-4, atol=1e-4)


def test_scores_keep_cepstra_and_phase_apart(music):
    model = ResidualPhaseMFCC(weighting="scores")
    values = model.frames((music, SR)).values
    plain = ResidualPhaseMFCC(weighting=0).frames((music, SR)).values
    phase = peak_phase(music, SR)
    assert np.array_equal(values[:, :192], plain)
    assert np.abs(values[:, 192] - phase).max() < 1e-6
    assert np.abs(values[:, 193] - delta(phase)).max() < 1e-6
    names = list(model.get_feature_names_out())
    assert names[192] == "rp_mean"
    assert names[-1] == "rp_delta2_std"


@pytest.mark.parametrize("device", DEVICES)
def test_a_device_gives_the_same_features(device, music):
    exact = ResidualPhaseMFCC().frames((music, SR)).values
    close = ResidualPhaseMFCC(device=device).frames((music, SR)).values
    assert np.abs(close - exact).max() < 1e-4 * np.abs(exact).max()


def test_the_first_seconds_are_taken_or_filled_up():
    model = ResidualPhaseMFCC(duration=2, pad=True)
    for seconds in (1, 2, 5):
        assert model.frames((noise(seconds * SR), SR)).values.shape == (87, 192)


# The weight that is learned.


def table(weight, seed=0):
    """Features that tell the labels only when the weight is near 0.7."""
    rng = np.random.default_rng(seed)
    y = np.arange(60) % 2
    blur = 0.3 + 5 * abs(weight - 0.7)
    return np.column_stack([y + blur * rng.standard_normal(60), rng.standard_normal((60, 3))])


def test_the_best_weight_is_chosen():
    y = np.arange(60) % 2
    assert choose_weight(table, y, [None] * 60) == 0.7
    assert choose_weight(table, np.array(["sad", "glad"])[y], [None] * 60) == 0.7
    assert choose_weight(table, y + 0.01 * np.arange(60), [None] * 60) == 0.7


def test_groups_stay_together():
    """Where the features tell the group alone, no weight helps with an unseen one."""
    groups = [f"song {i // 6}" for i in range(60)]
    y = np.random.default_rng(1).permutation(10)[np.arange(60) // 6] % 2

    def tell_the_group(weight):
        return np.eye(10)[np.arange(60) // 6] * weight + 1e-3 * noise(600).reshape(60, 10)

    alone = choose_weight(tell_the_group, y, [None] * 60, weights=(0.0, 1.0))
    together = choose_weight(tell_the_group, y, groups, weights=(0.0, 1.0))
    assert alone == 1
    assert together == 0


def test_the_weight_is_learned_from_labels():
    tracks = [(noise(4000, seed) * (1 + seed % 2), SR) for seed in range(8)]
    y = [seed % 2 for seed in range(8)]
    model = ResidualPhaseMFCC(weighting="learned", n_mfcc=4)
    with pytest.raises(ChordmerError, match="fit first"):
        model.transform(tracks)
    with pytest.raises(ChordmerError, match="labels"):
        model.fit(tracks)
    rows = model.fit(tracks, y).transform(tracks)
    assert 0 <= model.weight_ <= 1
    fixed = ResidualPhaseMFCC(weighting=model.weight_, n_mfcc=4).fit(tracks)
    assert np.array_equal(fixed.transform(tracks), rows)


@pytest.mark.parametrize(
    ("y", "groups"),
    [([0, 1], [None]), ([0, 1], [None, None]), ([0, 0, 1, 1], ["a", "a", "b", "b"]), ([], [])],
)
def test_too_little_to_choose_from_is_refused(y, groups):
    with pytest.raises(ChordmerError, match="choosing a weight"):
        choose_weight(lambda weight: np.zeros((len(y), 1)), y, groups)


def test_scores_are_averaged():
    one, other = np.array([[1.0, 0], [0.4, 0.6]]), np.array([[0.0, 1], [0.4, 0.6]])
    assert np.allclose(fuse_scores(one, other, weight=0.25), [[0.75, 0.25], [0.4, 0.6]])
    for weight in (-0.1, 1.1, float("nan")):
        with pytest.raises(ChordmerError):
            fuse_scores(one, other, weight=weight)
    with pytest.raises(ChordmerError, match="shape"):
        fuse_scores(one, other[:1])


@pytest.mark.parametrize(
    "wrong",
    [
        {"weighting": 2},
        {"weighting": "guess"},
        {"n_mfcc": 0},
        {"n_mfcc": 129},
        {"hop_length": 0},
        {"overlap": -1},
    ],
)
def test_what_cannot_be_is_refused(wrong):
    with pytest.raises(ChordmerError):
        ResidualPhaseMFCC(**wrong).fit([])
    with pytest.raises(ChordmerError):
        ResidualPhaseMFCC(**wrong).transform([(noise(5000), SR)])


def test_a_track_without_sound_names_itself():
    with pytest.raises(MissingModalityError, match="the song"):
        ResidualPhaseMFCC().transform([Track("the song", lyrics="la")])
