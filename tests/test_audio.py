"""Reading sound: what is read, and that nothing hostile gets further than an AudioError."""

import io
import os
import struct

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from chordmer import Track
from chordmer.errors import AudioError, MissingExtraError, MissingModalityError
from chordmer.io import AudioLimits, read_audio, stream_audio

SR = 44100


def tone(seconds=0.5, sr=SR, hz=440.0, amplitude=0.5):
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * sr)) / sr)).astype("f4")


def encoded(y, sr=SR, kind="WAV", subtype=None):
    file = io.BytesIO()
    soundfile.write(file, y.T, sr, format=kind, subtype=subtype)
    return file.getvalue()


@pytest.mark.parametrize(
    ("kind", "subtype", "tolerance"),
    [
        ("WAV", "FLOAT", 0),
        ("WAV", "PCM_16", 2**-15),
        ("WAV", "PCM_24", 2**-23),
        ("WAV", "PCM_U8", 2**-7),
        ("RF64", "PCM_16", 2**-15),
        ("W64", "FLOAT", 0),
        ("AIFF", "PCM_16", 2**-15),
        ("CAF", "FLOAT", 0),
        ("AU", "FLOAT", 0),
        ("FLAC", "PCM_16", 2**-15),
        ("OGG", "VORBIS", 0.02),
        ("MP3", None, 0.02),
    ],
)
def test_each_kind_of_file_gives_its_waveform(tmp_path, kind, subtype, tolerance):
    y = tone()
    data = encoded(y, kind=kind, subtype=subtype)
    path = tmp_path / f"tone.{kind.lower()}"
    path.write_bytes(data)
    read, sr = read_audio(path)
    assert sr == SR
    assert read.dtype == np.float32
    assert len(y) <= len(read) < len(y) + 2500
    assert np.abs(read[: len(y)] - y)[1000:-1000].max() <= tolerance
    for source in (str(path), data, bytearray(data), Track("t", audio=path)):
        assert np.array_equal(read_audio(source)[0], read)


def test_the_name_of_a_file_decides_nothing(tmp_path):
    for name in ("tone.raw", "tone.mp3", "tone", "t\udcff.wav"):
        path = tmp_path / name
        path.write_bytes(encoded(tone(), subtype="FLOAT"))
        assert np.array_equal(read_audio(path)[0], tone())


def test_channels_are_averaged_or_kept():
    y = np.stack([tone(), -0.5 * tone(hz=700)])
    for source in ((y, SR), encoded(y, subtype="FLOAT")):
        assert np.array_equal(read_audio(source, mono=False)[0], y)
        assert np.allclose(read_audio(source)[0], y.mean(axis=0), atol=1e-8)


@pytest.mark.parametrize(
    ("dtype", "half", "middle"), [("i2", 2**15, 0), ("i4", 2**31, 0), ("u1", 128, 128)]
)
def test_whole_numbers_are_scaled_as_in_files(dtype, half, middle):
    kind = np.iinfo(dtype)
    y = np.array([kind.min, middle, kind.max], dtype)
    assert np.allclose(read_audio((y, SR))[0], [-1, 0, 1 - 1 / half], atol=1e-7)


def test_an_array_is_passed_on_uncopied():
    y = tone()
    assert np.shares_memory(read_audio((y, SR))[0], y)


@pytest.mark.parametrize(("rate", "target"), [(22050, 44100), (48000, 44100), (8000, 192000)])
def test_resampling_keeps_a_tone_and_its_length(rate, target):
    read, sr = read_audio((tone(1.0, rate), rate), target)
    assert sr == target
    assert len(read) == target
    inner = slice(target // 10, -target // 10)
    assert np.abs(read - tone(1.0, target))[inner].max() < 1e-3


def test_the_own_rate_is_kept_when_asked():
    read, sr = read_audio(encoded(tone(sr=8000), 8000, subtype="FLOAT"), None)
    assert sr == 8000
    assert np.array_equal(read, tone(sr=8000))


def test_a_part_can_be_read():
    y = np.arange(4 * SR, dtype=np.float32) / (4 * SR)
    for source in ((y, SR), encoded(y, subtype="FLOAT"), encoded(y, kind="RF64", subtype="FLOAT")):
        read, _ = read_audio(source, offset=1.5, duration=0.25)
        assert np.array_equal(read, y[round(1.5 * SR) : round(1.75 * SR)])
        assert len(read_audio(source, offset=3, duration=30)[0]) == SR


@pytest.mark.parametrize("seconds", [25, 30, 50, 60])
def test_the_papers_length_cuts_and_pads(seconds):
    for rate in (8000, 11025):
        long, _ = read_audio((np.ones(70 * rate, "f4"), rate), 8000, duration=seconds, pad=True)
        short, _ = read_audio((np.ones(9 * rate, "f4"), rate), 8000, duration=seconds, pad=True)
        assert len(long) == len(short) == seconds * 8000
        assert not short[9 * 8000 + 1 :].any()
        assert short[8000 : 8 * 8000] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("target", [44100, 22050, 48000])
@pytest.mark.parametrize("mono", [True, False])
def test_blocks_put_together_are_the_waveform(target, mono):
    y = np.random.default_rng(0).uniform(-1, 1, (2, 15 * SR)).astype("f4")
    data = encoded(y, kind="FLAC")
    blocks, sr = stream_audio(data, target, mono, duration=16, pad=True)
    blocks = list(blocks)
    assert sr == target
    assert len(blocks) > 1
    assert np.array_equal(
        np.concatenate(blocks, -1), read_audio(data, target, mono, duration=16, pad=True)[0]
    )


def test_silence_and_single_samples_are_legal():
    assert not read_audio((np.zeros(100), SR))[0].any()
    for target in (4000, 8000, 44100, 192000):
        assert len(read_audio((np.ones(1), SR), target)[0]) >= 1


@pytest.mark.parametrize(
    ("y", "sr", "words"),
    [
        (np.zeros(0), SR, "no sound"),
        (np.zeros((2, 0)), SR, "no sound"),
        (np.array([0.0, np.nan]), SR, "sample 1: a sample is not a finite number.*nan"),
        (np.array([[0.0, 0], [0, np.inf]]), SR, "sample 1: .*inf"),
        (np.array([1e39]), SR, "too loud"),
        (np.array([0, -1e31]), SR, "sample 1: a sample is too loud"),
        (np.array([1e300]), SR, "too loud"),
        (np.zeros((33, 10)), SR, "32 channels"),
        (np.zeros((2, 2, 2)), SR, "shape"),
        (np.zeros(9, complex), SR, "real numbers"),
        (np.array(["a"]), SR, "real numbers"),
        (np.zeros(9), 0, "sample rate"),
        (np.zeros(9), 3999, "sample rate"),
        (np.zeros(9), 384001, "sample rate"),
        (np.zeros(9), float("nan"), "sample rate"),
        (np.zeros(9), "fast", "sample rate"),
    ],
)
def test_what_is_no_sound_is_refused(y, sr, words):
    with pytest.raises(AudioError, match=words):
        read_audio((y, sr))


@pytest.mark.parametrize(
    "asked",
    [
        {"sr": 100},
        {"offset": -1},
        {"offset": float("nan")},
        {"offset": 9},
        {"duration": 0},
        {"duration": float("inf")},
        {"duration": 7201},
        {"pad": True},
    ],
)
def test_what_cannot_be_asked_is_refused(asked):
    for source in ((tone(), SR), encoded(tone())):
        with pytest.raises(AudioError):
            read_audio(source, **asked)


@pytest.mark.parametrize("source", [3, None, [1.0], (tone(),), object()])
def test_what_is_no_source_is_refused(source):
    with pytest.raises(AudioError):
        read_audio(source)


def test_a_track_without_audio_names_itself():
    with pytest.raises(MissingModalityError, match="the song"):
        read_audio(Track("the song"))


def wav(data=b"\0\0" * 100, *, size=None, rate=SR, channels=1, bits=16, kind=1):
    size = len(data) if size is None else size
    align = channels * bits // 8
    flow, align = rate * align & 0xFFFFFFFF, align & 0xFFFF
    form = struct.pack("<HHIIHH", kind, channels, rate, flow, align, bits)
    chunks = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", size) + data
    return b"RIFF" + struct.pack("<I", 36 + size & 0xFFFFFFFF) + chunks


HOSTILE = {
    "nothing": b"",
    "one byte": b"R",
    "text": b"this is not music at all",
    "MIDI": b"MThd\0\0\0\6\0\1\0\1\0\x60",
    "WAV without sound": wav(b""),
    "WAV of 0 Hz": wav(rate=0),
    "WAV of 4 GHz": wav(rate=2**32 - 1),
    "WAV of 0 channels": wav(channels=0),
    "WAV of 65,535 channels": wav(channels=65535, data=bytes(1 << 18)),
    "WAV of 40 channels": wav(channels=40, data=bytes(8000)),
    "WAV of an unknown kind": wav(kind=0x7777),
    "WAV of 7 bits": wav(bits=7, kind=3),
    "WAV with NaN": wav(struct.pack("<3f", 0, float("nan"), 0), bits=32, kind=3),
    "WAV with Inf": wav(struct.pack("<3f", 0, float("inf"), 0), bits=32, kind=3),
    "WAV of doubles beyond float32": wav(struct.pack("<2d", 0, 1e300), bits=64, kind=3),
    "WAV cut in its header": wav()[:30],
    "FLAC cut in its header": encoded(tone(), kind="FLAC")[:20],
    "FLAC of noise": b"fLaC" + bytes(range(256)) * 4,
    "Ogg of noise": b"OggS" + bytes(range(256)) * 4,
    "MP3 of noise": b"\xff\xfb" + bytes(range(256)) * 4,
    "ID3 and nothing": b"ID3\3\0\0\0\0\0\0",
    "AIFF of noise": b"FORM" + bytes(range(256)),
    "M4A of noise": b"\0\0\0\x20ftypM4A " + bytes(range(256)),
    "AAC of noise": b"\xff\xf1" + bytes(range(256)) * 4,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_files_are_refused_by_name(tmp_path, what, capfd):
    path = tmp_path / "hostile.wav"
    path.write_bytes(HOSTILE[what])
    with pytest.raises(AudioError, match=r"hostile\.wav: "):
        read_audio(path)
    with pytest.raises(AudioError, match="bytes: "):
        read_audio(HOSTILE[what])


@pytest.mark.parametrize("claimed", [10**6, 2**31 - 1, 2**32 - 1])
def test_a_length_that_is_a_lie_costs_nothing(claimed):
    read, _ = read_audio(wav(struct.pack("<5h", *range(5)), size=claimed))
    assert np.array_equal(read * 2**15, range(5))


def test_lies_about_length_do_not_move_an_offset():
    samples = np.arange(SR // 4, dtype="<i2")
    for claimed in (None, 2**31 - 1):
        read, _ = read_audio(wav(samples.tobytes(), size=claimed), offset=0.1)
        assert np.array_equal(read * 2**15, samples[round(0.1 * SR) :])
        with pytest.raises(AudioError):
            read_audio(wav(samples.tobytes(), size=claimed), offset=100)


def test_a_cut_file_is_read_as_far_as_it_goes():
    y = tone(2)
    for kind, tolerance in (("WAV", 2**-15), ("MP3", 0.02)):
        data = encoded(y, kind=kind)
        read, _ = read_audio(data[: len(data) // 2])
        assert len(y) // 4 < len(read) < len(y)
        assert np.abs(read - y[: len(read)])[1000:-3000].max() <= tolerance


@pytest.mark.parametrize("kind", ["FLAC", "OGG"])
def test_a_cut_file_whose_decoder_loses_track_is_refused(kind):
    data = encoded(tone(2), kind=kind)
    with pytest.raises(AudioError, match="cannot be decoded"):
        read_audio(data[: len(data) // 2])


def test_limits_are_of_what_is_decoded():
    limits = AudioLimits(seconds=2)
    for source in ((tone(3), SR), encoded(tone(3)), encoded(tone(3), kind="FLAC")):
        with pytest.raises(AudioError, match="longer than 2 s"):
            read_audio(source, limits=limits)
        assert len(read_audio(source, duration=2, limits=limits)[0]) == 2 * SR


def test_what_is_no_regular_file_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    for path in (tmp_path, tmp_path / "pipe.wav", tmp_path / "missing.wav", "a\0b.wav"):
        with pytest.raises(AudioError, match="opening"):
            read_audio(path)


def m4a(y, kind="ipod"):
    file = io.BytesIO()
    with av.open(file, "w", format=kind) as out:
        stream = out.add_stream("aac", rate=SR, layout="mono")
        frame = av.AudioFrame.from_ndarray(y[None], format="fltp", layout="mono")
        frame.sample_rate = SR
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            out.mux(packet)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["ipod", "adts"])
def test_m4a_is_read_through_pyav(kind):
    y = tone(1.0)
    read, sr = read_audio(m4a(y, kind))
    assert sr == SR
    loudest = np.abs(np.fft.rfft(read[:SR])).argmax()
    assert abs(loudest - 440) <= 1
    assert abs(len(read) - len(y)) <= 3 * 1024
    assert len(read_audio(m4a(y, kind), offset=0.5)[0]) == len(read) - SR // 2


@pytest.mark.parametrize(
    ("package", "source", "extra"),
    [
        ("soundfile", wav(), "audio"),
        ("soxr", (tone(), 48000), "audio"),
        ("av", m4a(tone()), "m4a"),
    ],
)
def test_a_missing_package_is_named_with_its_cure(monkeypatch, package, source, extra):
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(MissingExtraError, match=rf'pip install "chordmer\[{extra}\]"'):
        read_audio(source)


SEEDS = [
    encoded(tone(0.05), kind=kind, subtype=subtype)
    for kind, subtype in (("WAV", "FLOAT"), ("FLAC", None), ("OGG", None), ("MP3", None))
]


@given(st.sampled_from(SEEDS), st.data())
@settings(max_examples=150, deadline=None)
def test_damaged_files_give_sound_or_an_audio_error(seed, data):
    broken = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 8))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    broken = broken[: data.draw(st.integers(0, len(broken)))]
    try:
        y, _ = read_audio(bytes(broken))
    except AudioError:
        return
    assert y.ndim == 1
    assert len(y)
    assert np.isfinite(y).all()
