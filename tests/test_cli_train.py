"""`chordmer train`, and `chordmer predict` with what it made."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from songs import PLANE, WORDS, songs, sound

import chordmer
from chordmer.cli import main
from chordmer.cli_train import interval
from chordmer.recognizer import EmotionRecognizer

PIECE = str(chordmer.example())


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Three songs of each quadrant as MIDI files, one of them held out; and their table."""
    folder = tmp_path_factory.mktemp("corpus")
    tracks, y = songs(n=4, clips=2)
    rows = []
    for number, (track, quadrant) in enumerate(zip(tracks, y)):
        file = f"{number}.mid"
        chordmer.io.to_pretty_midi(track.symbolic).write(str(folder / file))
        valence, arousal = PLANE[quadrant]
        rows.append(
            {
                "id": track.id,
                "symbolic": file,
                "label": quadrant,
                "valence": valence,
                "arousal": arousal,
                "group": track.group,
                "split": "test" if " 3 " in track.id else "train",
            }
        )
    table(folder / "table.csv", rows)
    return folder, rows


def table(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


@pytest.fixture(scope="module")
def trained(corpus):
    """A model folder, and what `chordmer train` said."""
    folder, _ = corpus
    command = ["train", folder / "table.csv", "-o", folder / "model", "--licence", "CC0-1.0"]
    done = subprocess.run(
        [sys.executable, "-m", "chordmer.cli", *command], capture_output=True, text=True, check=True
    )
    return str(folder / "model"), done


def test_training_tells_how_far_it_is_and_what_came_out(trained):
    model, done = trained
    assert "24 tracks to learn from, 8 held out" in done.stderr
    assert "\nfeatures: 24 of 24 tracks\n" in done.stderr
    assert "held out: 8 tracks of 4 groups" in done.stdout
    accuracy = next(line for line in done.stdout.splitlines() if "accuracy" in line)
    value, low, high = (
        float(part.strip("[],")) for part in accuracy.split(": ")[1].split(" (")[0].split()
    )
    assert low <= value <= high
    assert value > 0.6
    assert "always the commonest label: 0.250" in done.stdout
    assert done.stdout.endswith(f"model: {model}\n")


def test_the_model_is_what_the_library_would_train(trained, corpus):
    model = EmotionRecognizer.load(trained[0])
    folder, rows = corpus
    known = [row for row in rows if row["split"] == "train"]
    tracks = [
        chordmer.Track(row["id"], symbolic=folder / row["symbolic"], group=row["group"])
        for row in known
    ]
    same = EmotionRecognizer.recipe("default", random_state=0)
    same.fit(tracks, [row["label"] for row in known])
    np.testing.assert_allclose(model.predict_proba(tracks), same.predict_proba(tracks), rtol=1e-9)
    manifest = json.loads((folder / "model" / "manifest.json").read_text())
    assert manifest["data_licence"] == "CC0-1.0"


def test_predict_answers_with_it(trained, capsys):
    assert main(["predict", "--model", trained[0], PIECE]) == 0
    told = capsys.readouterr().out
    assert told.startswith(PIECE)
    assert "BroadLearningClassifier on symbolic, chord2vec" in told
    assert "course:" in told
    assert main(["predict", "--model", trained[0], PIECE, "--json", "--window", "40"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) == set(chordmer.predict(PIECE).to_dict())
    assert answer["curve"]["ends"][0] == 40


def test_predict_draws_and_walks_folders(trained, corpus, tmp_path, capsys):
    picture = tmp_path / "emotion.png"
    assert main(["predict", "--model", trained[0], PIECE, "--plot", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    (tmp_path / "a.mid").write_bytes(chordmer.example().read_bytes())
    (tmp_path / "b.mid").write_bytes(b"nothing")
    (tmp_path / "c.wav").write_bytes(b"nothing")
    capsys.readouterr()
    assert main(["predict", "--model", trained[0], str(tmp_path), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    # The model listens to notes, so sound is no file of its.
    assert [("error" in answer) for answer in told] == [False, True]


def test_a_piece_may_come_in_several_files(tmp_path, capsys):
    rows = []
    for number, quadrant in enumerate(["Q1", "Q3"] * 4):
        soundfile.write(tmp_path / f"{number}.wav", *sound(quadrant, number))
        (tmp_path / f"{number}.mid").write_bytes(chordmer.example().read_bytes())
        rows.append({"id": number, "audio": f"{number}.wav", "label": quadrant})
    output = str(tmp_path / "model")
    assert (
        main(["train", table(tmp_path / "t.csv", rows), "-o", output, "--recipe", "default"]) == 0
    )
    out = capsys.readouterr().out
    assert "held out" not in out
    wav = str(tmp_path / "0.wav")
    assert main(["predict", "--model", output, wav]) == 0
    alone = capsys.readouterr().out
    assert "heard from: audio" in alone
    assert main(["predict", "--model", output, PIECE, "--audio", wav]) == 0
    assert alone.splitlines()[1] == capsys.readouterr().out.splitlines()[1]
    assert main(["predict", "--model", output, PIECE]) == 1
    assert "nothing to listen to: the model works on audio" in capsys.readouterr().err


def test_numbers_are_learned_and_judged(corpus, tmp_path, capsys):
    folder, rows = corpus
    scaled = [
        {key: value for key, value in row.items() if key != "label"}
        | {"valence": 5 + 4 * row["valence"], "tension": number}
        | {"symbolic": folder / row["symbolic"]}
        for number, row in enumerate(rows)
    ]
    source = table(tmp_path / "t.csv", scaled)
    output = str(tmp_path / "model")
    assert main(["train", source, "-o", output]) == 0
    out = capsys.readouterr().out
    assert all(f"R2 of {name}: " in out for name in ("valence", "arousal", "tension"))
    command = ["train", source, "-o", output, "--target", "valence", "--scale", "1", "9"]
    assert main(command) == 0
    assert "R2 of tension" not in capsys.readouterr().out
    # One dimension has no place on the plane: its value is told instead.
    assert main(["predict", "--model", output, PIECE, "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["values"]) == {"valence"}
    assert main(["predict", "--model", output, PIECE, "--plot", str(tmp_path / "x.png")]) == 1
    assert "no place" in capsys.readouterr().err


def test_labels_of_ones_own(corpus, tmp_path, capsys):
    folder, rows = corpus
    named = [
        {
            "id": row["id"],
            "symbolic": folder / row["symbolic"],
            "label": WORDS[row["label"]].split()[0],
        }
        for row in rows
    ]
    output = str(tmp_path / "model")
    assert main(["train", table(tmp_path / "t.csv", named), "-o", output]) == 0
    capsys.readouterr()
    assert main(["predict", "--model", output, str(folder / "0.mid")]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("  joy   (")


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        ({}, ["--recipe", "soup"], "no recipe is called 'soup'"),
        ({}, ["--target", "tension"], "no such column"),
        ({"split": "test"}, [], "no row is left"),
        ({"group": "one"}, [], "a group is partly in test"),
        ({"label": "Q1"}, [], "class"),
        ({"symbolic": "gone.mid"}, [], "row 2, column symbolic"),
        ({}, ["-o", "{folder}"], "no model lies there"),
        ({}, ["-o", "{folder}/no/model"], "no such folder"),
    ],
)
def test_what_is_wrong_is_one_clean_line(change, options, said, corpus, tmp_path, capsys):
    folder, rows = corpus
    changed = [row | {"symbolic": folder / row["symbolic"]} | change for row in rows]
    source = table(tmp_path / "t.csv", changed)
    output = [option.format(folder=tmp_path) for option in options]
    assert main(["train", source, "-o", str(tmp_path / "model"), *output]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err.splitlines()[-1]
    assert err.splitlines()[-1].startswith("chordmer: ")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["train"],
        ["train", "table.csv"],
        ["predict", "a.mid", "--audio", "a.wav"],
        ["predict", "a.mid", "b.mid", "--model", "m", "--lyrics", "a.txt"],
        ["predict", "a.mid", "--model", "m", "--pedal"],
    ],
)
def test_misuse_is_exit_code_two(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage: chordmer" in capsys.readouterr().err


def test_a_folder_that_is_no_model_is_said(tmp_path, capsys):
    assert main(["predict", "--model", str(tmp_path), PIECE]) == 1
    assert "files are missing" in capsys.readouterr().err
    assert main(["predict", "--model", str(tmp_path), PIECE, "--json"]) == 1
    assert "error" in json.loads(capsys.readouterr().out)


def test_the_interval_is_that_of_groups():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(50).astype(str), 8)
    # The rows of a group are all alike: there are 50 things to see, not 400.
    right = np.repeat(rng.random(50) < 0.5, 8).astype(float)
    low, high = interval(lambda rows: float(right[rows].mean()), groups)
    assert 0.2 < high - low < 0.35
    alone = interval(lambda rows: float(right[rows].mean()), np.arange(400).astype(str))
    assert alone[1] - alone[0] < 0.15
