"""`chordmer benchmark`: what it trains, keeps, goes on with, and reports."""

import csv
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile
from songs import song, songs

from chordmer import cli_benchmark
from chordmer.benchmark import (
    MODELS,
    Contender,
    Outcome,
    Record,
    contender_of,
    run_benchmark,
    runner,
    write_report,
)
from chordmer.benchmark.machine import Peak, hardware, peak_memory, versions
from chordmer.benchmark.page import Chart, Heading, Table, Text, to_html, to_markdown
from chordmer.benchmark.progress import Progress
from chordmer.benchmark.sound import render_tracks
from chordmer.benchmark.store import Store, code_version, data_version, settings_of
from chordmer.cli import main
from chordmer.datasets import load_emopia
from chordmer.errors import ChordmerError, DatasetError
from chordmer.evaluate import Fold, FoldResult, evaluate, folds_of
from chordmer.io import to_pretty_midi
from chordmer.pretrained import load_pretrained
from chordmer.recognizer.recipes import FEATURES
from chordmer.track import Track

MODELS_ASKED = "svm,default:symbolic,mccbl"


@pytest.fixture(scope="module")
def emopia(tmp_path_factory):
    """Sixteen songs of two clips each, in the layout of EMOPIA."""
    root = tmp_path_factory.mktemp("emopia")
    tracks, y = songs(n=4, clips=2, beats=16)
    rows = [["ID", "4Q", "annotator"]]
    (root / "midis").mkdir()
    for track, quadrant in zip(tracks, y):
        _, number, clip = track.id.split()
        name = f"{quadrant}_song{quadrant}{number}_{clip}"
        to_pretty_midi(track.symbolic).write(str(root / "midis" / f"{name}.mid"))
        rows.append([name, quadrant[1], "A"])
    write_table(root / "label.csv", rows)
    return root


def write_table(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def read_table(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def command(root, output, models=MODELS_ASKED, *more):
    given = ["--folds", "2", "--seeds", "2", "--seconds", "1", *more]
    where = ["--dataset", "emopia", "--root", str(root), "-o", str(output)]
    return main(["benchmark", *where, "--models", models, *given])


@pytest.fixture(scope="module")
def finished(emopia, tmp_path_factory):
    """The report of a whole run."""
    output = tmp_path_factory.mktemp("run") / "report"
    assert command(emopia, output) == 0
    return output


def kept(output):
    """What is kept of every training, less what the clock and the memory say."""
    pages = [json.loads(file.read_text()) for file in sorted((output / "folds").glob("*.json"))]
    for page in pages:
        for name in ("fit_seconds", "predict_seconds"):
            del page["result"][name]
        del page["peak"]
    return pages


def again(root, output, cache=None):
    """The run of `command` from Python, without the time that its report takes."""
    contenders = [contender_of(word) for word in MODELS_ASKED.split(",")]
    settings = {"folds": 2, "seeds": 2, "seconds": 1.0, "cache": cache}
    return run_benchmark(load_emopia(root), contenders, output, **settings)


# --- what is measured ----------------------------------------------------------------------------


def test_every_model_seed_and_fold_has_its_row(finished):
    rows = read_table(finished / "results.csv")
    found = [(row["model"], row["seed"], row["fold"]) for row in rows]
    models = ("svm", "default", "mccbl")
    assert found == [(m, str(s), str(f)) for m in models for s in range(2) for f in range(2)]
    assert all(float(row["fit_seconds"]) > 0 for row in rows)
    assert all(float(row["peak_memory_mib"]) > 0 for row in rows)


def test_numbers_follow_from_the_answers_that_are_kept(finished, emopia):
    dataset = load_emopia(emopia)
    pages = kept(finished)
    assert len(pages) == 12
    by_fold = {
        (page["settings"]["model"], str(page["result"]["seed"]), str(page["result"]["number"])): (
            np.mean(dataset.labels[page["result"]["test"]] == page["result"]["predictions"])
        )
        for page in pages
    }
    for row in read_table(finished / "results.csv"):
        assert float(row["accuracy"]) == by_fold[row["model"], row["seed"], row["fold"]]


def test_no_song_is_on_both_sides(finished, emopia):
    groups = load_emopia(emopia).groups
    for page in kept(finished):
        result = page["result"]
        assert not set(groups[result["train"]]) & set(groups[result["test"]])
        assert len(result["train"]) + len(result["test"]) == len(groups)
    tested = {}
    for row in read_table(finished / "splits.csv"):
        tested.setdefault(row["group"], set()).add((row["seed 0"], row["seed 1"]))
    assert len(tested) == 16
    assert all(len(folds) == 1 for folds in tested.values())
    assert {number for folds in tested.values() for both in folds for number in both} == {"0", "1"}


def test_it_is_what_the_library_measures(finished, emopia):
    dataset = load_emopia(emopia)
    model = contender_of("default:symbolic").recognizer()
    found = evaluate(model, dataset.tracks, dataset.labels, protocol=2, seeds=(0, 1))
    rows = [row for row in read_table(finished / "results.csv") if row["model"] == "default"]
    for row, metrics in zip(rows, found.by_fold(), strict=True):
        assert float(row["accuracy"]) == pytest.approx(metrics["accuracy"], abs=1e-6)
        assert float(row["log_loss"]) == pytest.approx(metrics["log_loss"], abs=1e-6)


def test_a_published_split_takes_the_place_of_folds(emopia, tmp_path):
    split = tmp_path / "copy"
    split.mkdir()
    (split / "midis").symlink_to(emopia / "midis")
    (split / "label.csv").write_text((emopia / "label.csv").read_text())
    numbers = {"train": "01", "val": "2", "test": "3"}
    for part, own in numbers.items():
        ids = [[f"song{quadrant}{n}"] for quadrant in ("Q1", "Q2", "Q3", "Q4") for n in own]
        (split / "split").mkdir(exist_ok=True)
        write_table(split / "split" / f"{part}_SL.csv", [["songID"], *ids])
    assert command(split, tmp_path / "report", "svm", "--split", "classification") == 0
    rows = read_table(tmp_path / "report" / "results.csv")
    assert [(row["n_train"], row["n_test"]) for row in rows] == [("16", "8"), ("16", "8")]
    # The other one has no test songs.
    write_table(split / "split" / "val_songs.csv", [["songID"], ["songQ10"], ["songQ30"]])
    dataset = load_emopia(split)
    output = tmp_path / "valid"
    outcome = run_benchmark(
        dataset, [contender_of("svm")], output, seeds=1, split="generation", verbose=False
    )
    assert outcome.protocol == "published split generation, tested on its valid part"
    (record,) = outcome.records
    valid = dataset.splits["generation"]["valid"]
    assert len(valid) == 4
    np.testing.assert_array_equal(record.result.fold.test, valid)


# --- going on ------------------------------------------------------------------------------------


@pytest.fixture
def trainings(monkeypatch):
    """The seeds of all trainings that are made from now on."""
    made = []

    def counted(*arguments, **options):
        made.append(options["seeds"])
        return evaluate(*arguments, **options)

    monkeypatch.setattr(runner, "evaluate", counted)
    return made


def test_it_goes_on_where_it_was_interrupted(
    finished, emopia, tmp_path, trainings, monkeypatch, capsys
):
    output = tmp_path / "report"
    keep = Store.keep

    def interrupted(store, settings, record):
        keep(store, settings, record)
        if len(trainings) == 5:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Store, "keep", interrupted)
        assert command(emopia, output, MODELS_ASKED, "--cache", str(finished / "cache")) == 130
    assert not (output / "results.csv").exists()
    assert len(trainings) == 5
    capsys.readouterr()

    assert not (output / "cache").exists()
    outcome = again(emopia, output, finished / "cache")
    assert len(trainings) == 12
    assert "12 trainings, 5 of them there already" in capsys.readouterr().err
    assert outcome.failed == []
    assert kept(output) == kept(finished)


def test_what_is_there_is_not_trained_again(finished, emopia, trainings):
    before = kept(finished)
    outcome = again(emopia, finished)
    assert trainings == []
    assert kept(finished) == before
    rows = read_table(finished / "results.csv")
    records = [record for contender in outcome.contenders for record in outcome.of(contender)]
    seconds = [f"{record.result.fit_seconds:.3f}" for record in records]
    assert [f"{float(row['fit_seconds']):.3f}" for row in rows] == seconds


def test_other_settings_are_other_results(finished, emopia, tmp_path, trainings):
    folds = tmp_path / "report" / "folds"
    folds.mkdir(parents=True)
    for file in (finished / "folds").glob("svm-*.json"):
        (folds / file.name).write_bytes(file.read_bytes())
    assert command(emopia, tmp_path / "report", "svm", "--folds", "4", "--seeds", "1") == 0
    assert len(trainings) == 4


def test_damaged_and_foreign_results_count_as_missing(tmp_path):
    fold = Fold(np.arange(4), np.arange(4, 6))
    contender = Contender("svm", ("symbolic",))
    answers = np.array(["Q1", "Q2"])
    shares = np.full((2, 3), 1 / 3)
    settings = {"model": "svm", "seed": 0, "fold": 1, "data": "x"}
    record = Record(contender, 0, 1, FoldResult(0, 1, fold, answers, shares), peak=Peak(1.0))
    store = Store(tmp_path / "folds")
    assert store.load(settings, contender, fold, 3) is None
    store.keep(settings, record)
    again = store.load(settings, contender, fold, 3)
    assert again.result.predictions.tolist() == ["Q1", "Q2"]
    assert again.peak == record.peak
    assert store.load(settings, contender, fold, 4) is None
    assert store.load(settings, contender, Fold(fold.test, fold.train), 3) is None
    assert store.load({**settings, "data": "y"}, contender, fold, 3) is None
    (file,) = store.folder.iterdir()
    good = file.read_text()
    wrong = json.loads(good)
    wrong["settings"]["data"] = "y"
    for text in ("", good[: len(good) // 2], "[]", "{}", "[" * 100_000, json.dumps(wrong)):
        file.write_text(text)
        assert store.load(settings, contender, fold, 3) is None
    file.write_bytes(b"\xff\xfe\x00")
    assert store.load(settings, contender, fold, 3) is None


def test_settings_tell_apart_all_that_matters(emopia):
    tracks = load_emopia(emopia).tracks
    y = np.array(["Q1"] * len(tracks))
    same = data_version(tracks, y)
    assert data_version(tracks, y) == same
    assert data_version(tracks[1:], y[1:]) != same
    assert data_version(tracks, np.array(["Q1"] * (len(tracks) - 1) + ["Q2"])) != same
    other = Track(tracks[0].id, symbolic=tracks[1].symbolic, group=tracks[0].group)
    assert data_version([other, *tracks[1:]], y) != same

    mccbl = contender_of("mccbl")
    told = settings_of(mccbl.recognizer())
    assert settings_of(mccbl.recognizer()) == told
    assert told["gtf__duration"] == "25.0"
    assert settings_of(mccbl.recognizer(seconds=5)) != told
    assert settings_of(mccbl.recognizer(epochs=2)) != told
    assert json.loads(json.dumps(told)) == told
    assert re.fullmatch("[0-9a-f]{64}", code_version())


# --- what goes wrong -----------------------------------------------------------------------------


def test_one_model_failing_leaves_the_others(emopia, tmp_path, trainings, capsys):
    output = tmp_path / "report"
    # The clips have no words.
    assert command(emopia, output, "cbsa:lyrics,svm", "--seeds", "1") == 1
    said = capsys.readouterr()
    assert "2 of 4 trainings failed" in said.err
    assert "CBSA (lyrics), seed 0, fold 0: failed: MissingModalityError" in said.err
    assert "CBSA (lyrics): nothing" in said.out
    rows = read_table(output / "results.csv")
    assert ["MissingModality" in row["error"] for row in rows] == [True, True, False, False]
    assert [bool(row["accuracy"]) for row in rows] == [False, False, True, True]
    for page in ("report.md", "report.html"):
        assert "MissingModalityError" in (output / page).read_text()
        assert "2 of 4 trainings failed" in (output / page).read_text()
    # A second try is made of what failed, and of nothing else.
    assert len(trainings) == 4
    assert command(emopia, output, "cbsa:lyrics,svm", "--seeds", "1") == 1
    assert len(trainings) == 6


def test_a_piece_that_cannot_be_read_is_named(emopia, tmp_path, capsys):
    root = tmp_path / "copy"
    (root / "midis").mkdir(parents=True)
    for file in (emopia / "midis").iterdir():
        (root / "midis" / file.name).symlink_to(file)
    (root / "label.csv").write_text((emopia / "label.csv").read_text())
    (root / "midis" / "Q2_songQ20_0.mid").unlink()
    (root / "midis" / "Q2_songQ20_0.mid").write_bytes(b"MThd and no more")
    assert command(root, tmp_path / "report", "svm", "--seeds", "1") == 1
    assert capsys.readouterr().err.count("Q2_songQ20_0.mid") >= 3
    rows = read_table(tmp_path / "report" / "results.csv")
    assert all("MidiError" in row["error"] and "Q2_songQ20_0.mid" in row["error"] for row in rows)


def test_where_all_fails_there_is_a_report_of_that(emopia, tmp_path):
    assert command(emopia, tmp_path / "report", "cbsa:lyrics", "--seeds", "1") == 1
    assert "MissingModalityError" in (tmp_path / "report" / "report.md").read_text()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (["--dataset", "emopiia"], "no corpus is called 'emopiia'; there are ch818"),
        (["--dataset", "../x"], "no corpus is called"),
        (["--models", "svm,svn"], "no model is called 'svn'; there are mcclstm"),
        (["--models", "svm:pitch"], "no features are called 'pitch'; there are chord2vec"),
        (["--models", "svm:symbolic+symbolic"], "named twice"),
        (["--models", "svm,svm:symbolic"], "a model is named twice"),
        (["--models", ","], "names nothing"),
        (["--models", "svm", "--features", "pitch"], "no features are called 'pitch'"),
        (["--folds", "1"], "between 2 and 1000"),
        (["--seeds", "0"], "between 1 and 1000"),
        (["--epochs", "many"], "invalid"),
        (["--seconds", "nan"], "between 1 and 7200"),
    ],
)
def test_misuse_exits_with_2(tmp_path, capsys, changed, said):
    given = ["--dataset", "emopia", "--root", str(tmp_path), "--models", "svm"]
    with pytest.raises(SystemExit) as stopped:
        main(["benchmark", *given, "-o", str(tmp_path / "report"), *changed])
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "report").exists()


def test_what_cannot_be_exits_with_1(emopia, tmp_path, capsys):
    taken, file = tmp_path / "taken", tmp_path / "file"
    taken.mkdir()
    (taken / "thesis.txt").touch()
    file.touch()
    for root, output, said, more in (
        (tmp_path / "nowhere", tmp_path / "report", "nowhere", ()),
        (emopia, taken, "something that is no report lies there", ()),
        (emopia, file, "is no folder", ()),
        (emopia, tmp_path / "no" / "report", "there is no such folder", ()),
        (emopia, tmp_path / "report", "16 groups cannot be divided into 20", ("--folds", "20")),
        (emopia, tmp_path / "report", "has no such split", ("--split", "x")),
    ):
        assert command(root, output, "svm", *more) == 1
        assert said in capsys.readouterr().err


def test_a_corpus_of_one_class_is_refused(emopia):
    dataset = load_emopia(emopia)
    with pytest.raises(DatasetError, match="two classes"):
        run_benchmark(dataset[dataset.labels == "Q1"], [contender_of("svm")], "unused")


# --- models --------------------------------------------------------------------------------------


def test_help_names_every_model_and_feature(capsys):
    with pytest.raises(SystemExit):
        main(["benchmark", "--help"])
    words = set(re.findall(r"\w+", capsys.readouterr().out))
    assert set(MODELS) <= words
    assert set(FEATURES) <= words
    assert set(MODELS) <= set(re.findall(r"\w+", cli_benchmark.__doc__ + cli_benchmark._EPILOG))


@pytest.mark.parametrize("name", MODELS)
def test_epochs_leave_the_rest_of_the_papers_strategy(name):
    model = contender_of(name).recognizer(epochs=3).classifier
    if not hasattr(model, "training"):
        return
    assert model.training.max_epochs == 3
    network = model._parts()[0] if hasattr(model, "_parts") else model
    for key, value in network._recipe.items():
        assert model.training.get_params()[key] == value
    assert contender_of(name).recognizer().classifier.training is None


def test_features_may_be_those_of_all_or_of_one():
    assert contender_of("svm", ["chord2vec"]).features == ("chord2vec",)
    assert contender_of("svm:symbolic", ["chord2vec"]).features == ("symbolic",)
    with_chords = contender_of("rcnnbl:gtf+mf_rp+chord2vec").recognizer()
    assert with_chords.classifier.vectors == ("chord2vec",)
    assert contender_of("rcnnbl:chord2vec").recognizer().classifier.vectors == ()
    assert contender_of("multispec").recognizer(seconds=7).get_params()["mf_rp__duration"] == 7


def test_the_bundled_model_is_trained_anew_in_each_fold(emopia, tmp_path, trainings):
    outcome = run_benchmark(
        load_emopia(emopia), [contender_of("bundled")], tmp_path, folds=2, seeds=1
    )
    assert len(trainings) == 2
    assert outcome.failed == []
    (first, second) = outcome.records
    assert set(first.result.fold.test) == set(second.result.fold.train)
    assert outcome.evaluation(contender_of("bundled")).metrics()["accuracy"].value > 0.8
    carried = load_pretrained()
    dataset = load_emopia(emopia)
    descriptors = FEATURES["symbolic"]().fit([]).transform(dataset.tracks)[first.result.fold.test]
    assert not np.allclose(
        carried.probabilities(descriptors), first.result.probabilities, atol=0.01
    )


# --- sound ---------------------------------------------------------------------------------------


def test_notes_become_sound_once(tmp_path):
    piece = song("Q3", 0, beats=16)
    assert piece.duration > 4
    silent = Track("a", symbolic=piece, group="g")
    sounding = Track("b", audio=(np.zeros(8), 8000))
    broken = Track("c", symbolic=b"MThd")
    made, same, left = render_tracks([silent, sounding, broken], tmp_path, seconds=2.0)
    assert (same, left) == (sounding, broken)
    assert (made.id, made.group, made.symbolic) == ("a", "g", piece)
    y, sr = soundfile.read(made.audio)
    assert sr == 44100
    assert 2 * sr <= len(y) <= 5.1 * sr
    assert 0.01 < np.abs(y).max() <= 1
    stamp = made.audio.stat().st_mtime_ns
    (again,) = render_tracks([silent], tmp_path, seconds=2.0)
    assert (again.audio, again.audio.stat().st_mtime_ns) == (made.audio, stamp)
    (longer,) = render_tracks([silent], tmp_path, seconds=3.0)
    assert longer.audio != made.audio
    assert soundfile.info(longer.audio).duration > len(y) / sr
    assert len([*tmp_path.iterdir()]) == 2


def test_sound_that_cannot_be_kept_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ChordmerError, match="sound cannot be kept"):
        list(render_tracks([Track("a", symbolic=song("Q1", 0))], tmp_path / "file"))


# --- the report ----------------------------------------------------------------------------------


def test_the_report_has_the_form_of_the_papers_tables(finished):
    page = (finished / "report.md").read_text()
    assert "\n| Model | Accuracy | Precision | Recall | F1 | Training time (s) |\n" in page
    for title in ("SVM", "chordmer default (symbolic)", "MCCBL"):
        assert re.search(rf"\n\| {re.escape(title)} (\| [01]\.\d{{3}} \[[^|]+){{4}}\|", page)
    for part in ("Paired comparisons", "McNemar", "Confusion matrices", "Memory (MiB)"):
        assert part in page
    for name, number in versions().items():
        assert f"{name} {number}" in page
    assert hardware().split(",")[0] in page


def outcome_of(dataset, answers):
    """What a benchmark of 8 folds found, where each contender answers as it is told here."""
    truth = dataset.labels.astype(str)
    folds = folds_of(8, truth, dataset.groups)
    contenders = tuple(contender_of(word) for word in answers)
    records = tuple(
        Record(contender, 0, at, FoldResult(0, at, fold, told[fold.test]))
        for contender, told in zip(contenders, answers.values())
        for at, fold in enumerate(folds)
    )
    return Outcome(dataset, truth, contenders, "8 folds", records, {"seeds": "0"}, {}, "now")


def verdicts(folder):
    page = (folder / "report.md").read_text().replace("\\_", "_")
    return dict(re.findall(r"\| (.+ – [^|]+) \| .+ \| ([^|]+) \|\n", page))


def test_only_what_all_tests_tell_is_called_better(emopia, tmp_path):
    dataset = load_emopia(emopia)
    truth = dataset.labels.astype(str)
    wrong = np.roll(truth, 8)
    mixed = np.where(np.arange(len(truth)) % 8 < 2, wrong, truth)
    outcome = outcome_of(dataset, {"svm": truth, "rf": mixed, "default": truth, "cbsa": wrong})
    measured = write_report(outcome, tmp_path / "report")
    assert measured[outcome.contenders[0]]["accuracy"].value == 1
    assert measured[outcome.contenders[1]]["accuracy"].value == 0.75
    assert verdicts(tmp_path / "report") == {
        "SVM – Random forest": "may be noise",
        "SVM – chordmer default": "may be noise",
        "SVM – CBSA": "SVM",
        "Random forest – chordmer default": "may be noise",
        "Random forest – CBSA": "Random forest",
        "chordmer default – CBSA": "chordmer default",
    }
    rows = read_table(tmp_path / "report" / "results.csv")
    assert {row["peak_memory_mib"] for row in rows} == {""}


def test_of_many_models_those_pairs_are_compared_that_answer_a_question(emopia, tmp_path):
    dataset = load_emopia(emopia)
    truth = dataset.labels.astype(str)
    words = ("mcclstm", "mcclstm:gtf+mf_rp+chord2vec", "multispec:gtf+mf_rp", "multispec", "rf")
    answers = {word: np.roll(truth, 8) for word in words} | {"svm": truth, "cbsa": truth}
    write_report(outcome_of(dataset, answers), tmp_path / "report")
    chords, plain = "MCCLSTM (gtf, mf_rp, chord2vec)", "MULTISPEC-DNN (gtf, mf_rp)"
    assert [*verdicts(tmp_path / "report")] == [
        f"{chords} – MCCLSTM",
        f"MULTISPEC-DNN – {plain}",
        *(
            f"SVM – {other}"
            for other in ("MCCLSTM", chords, plain, "MULTISPEC-DNN", "Random forest", "CBSA")
        ),
    ]


def test_the_listeners_own_agreement_stands_beside_the_models(emopia, tmp_path):
    dataset = load_emopia(emopia)
    answers = {"svm": dataset.labels.astype(str)}
    write_report(outcome_of(dataset, answers), tmp_path / "silent")
    assert "listener" not in (tmp_path / "silent" / "report.md").read_text()
    # Half of the listeners hear the other half of the valence, all the same arousal.
    n = len(dataset)
    rated = replace(
        dataset,
        valence=np.zeros(n),
        arousal=np.where(np.isin(dataset.labels, ("Q1", "Q2")), 0.5, -0.5),
        std={"valence": np.full(n, 0.2), "arousal": np.zeros(n)},
    )
    write_report(outcome_of(rated, answers), tmp_path / "rated")
    page = (tmp_path / "rated" / "report.md").read_text()
    assert "One listener alone would give the label 0.500 of the time" in page


class Reader(HTMLParser):
    """Checks that tags close in order, and remembers what is there."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], set(), [], ""

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes += attributes
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


TAGS = {
    *("html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "p", "div", "table"),
    *("caption", "thead", "tbody", "tr", "th", "td", "details", "summary", "figure", "figcaption"),
    *("svg", "line", "text", "circle"),
}


def read_page(text):
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    assert reader.tags <= TAGS
    names = {name for name, _ in reader.attributes}
    assert not names & {"src", "href", "srcset", "action", "data", "http"}
    assert not any(name.startswith("on") for name in names)
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in reader.attributes
    assert "url(" not in text
    assert "@import" not in text
    return reader


def test_the_html_stands_alone_and_runs_nothing(finished):
    text = (finished / "report.html").read_text()
    page = read_page(text)
    assert {"table", "svg", "details"} <= page.tags
    assert "prefers-color-scheme: dark" in text
    for row in read_table(finished / "results.csv"):
        assert f"{float(row['accuracy']):.3f}" in page.text


HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "=1+1|'calc'!A0",
    "a`b*[c](x)\x1b[31m & \u202ed\r\n| \U0001f3b5\udcff",
)


def test_hostile_names_are_only_text(tmp_path, capsys):
    root = tmp_path / "cöllection & <b>"
    for number, label in enumerate(HOSTILE):
        (root / label).mkdir(parents=True)
        for clip in range(4):
            piece = song(("Q1", "Q3", "Q4")[number], clip, beats=8)
            to_pretty_midi(piece).write(str(root / label / f"@{number}{clip}.mid"))
    given = ["--dataset", "folders", "--root", str(root), "--models", "svm", "--folds", "2"]
    assert main(["benchmark", *given, "--seeds", "1", "-o", str(tmp_path / "report")]) == 0
    page = read_page((tmp_path / "report" / "report.html").read_text())
    assert HOSTILE[0] in page.text
    assert "\x1b" not in page.text
    assert "\u202e" not in page.text
    markdown = (tmp_path / "report" / "report.md").read_text()
    assert "\\<img src=x" in markdown
    assert not re.search(r"(?<!\\)<(img|b)", markdown)
    assert "](x)" not in markdown.replace("\\](x)", "")
    for name in ("results.csv", "splits.csv"):
        with (tmp_path / "report" / name).open(newline="", encoding="utf-8") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert not any(cell.lstrip().startswith(("=", "+", "-", "@")) for cell in cells)
        assert not any("\x1b" in cell for cell in cells)
    assert "'=1+1|'calc'!A0" in {r["label"] for r in read_table(tmp_path / "report" / "splits.csv")}
    assert "\x1b" not in "".join(capsys.readouterr())


def test_pages_escape_what_they_are_given():
    bad = "</title><script>alert(1)</script>|\n# x"
    blocks = [
        Heading(bad, 1),
        Text(f"1. {bad}"),
        Table((bad, bad), [(bad, bad)], bad, shades=np.array([[0.5]])),
        Table((bad, "n"), [(bad, "1")], bad, folded=True),
        Chart([(bad, 0.5, 0.4, 0.6), ("alone", 1.0, float("nan"), float("nan"))], 0.25, bad),
    ]
    page = read_page(to_html(blocks))
    assert page.text.count("<script>") == 13
    lines = to_markdown(blocks).splitlines()
    assert lines[0].startswith("# \\</title>")
    assert not re.search(r"(?<!\\)<", "\n".join(lines))
    assert [line for line in lines if line.startswith("#")] == lines[:1]
    assert lines[2].startswith("1\\. ")
    tables = [line for line in lines if line.startswith("| ")]
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 3 for line in tables)


# --- the machine ---------------------------------------------------------------------------------


def test_memory_is_that_of_the_step():
    with peak_memory() as first:
        held = np.ones(1 << 24)
    del held
    with peak_memory() as second:
        pass
    assert 120 < first.added < 140
    assert second.added < 8
    assert first.process >= first.added
    assert first.gpu is None or first.gpu >= 0


def test_progress_tells_what_is_left(capsys):
    one, other = Contender("svm", ("symbolic",)), Contender("rf", ("symbolic",))
    fold = Fold(np.array([0]), np.array([1]))
    y = np.array(["a", "b"])

    def record(contender, seconds):
        return Record(contender, 0, 0, FoldResult(0, 0, fold, y[1:], fit_seconds=seconds))

    progress = Progress(verbose=True)
    progress.begin([one, one, other, other], {0: record(one, 120.0)})
    progress.tell(record(one, 240.0), y)
    # Two trainings of a model that is not known yet: three minutes each, as those before.
    said = capsys.readouterr().err
    assert said.startswith("4 trainings, 1 of them there already\n")
    assert "[2/4] SVM, seed 0, fold 0: accuracy 1.000, 240.0 s; about 6 min left" in said
    progress.tell(record(other, 1.0), y)
    assert "less than a minute left" in capsys.readouterr().err
    Progress(verbose=False).say("nothing")
    assert capsys.readouterr().err == ""
