"""Tiny corpora in the layouts of the real ones, written by hand: no file of theirs is in them."""

import csv
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

SOUND = b"not really sound"
MIDI = b"MThd not really MIDI"


def media(root, *names, data=SOUND):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(MIDI if path.suffix.lower() in (".mid", ".midi") else data)


def table(path, rows, *, delimiter=",", encoding="utf-8"):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)


def emopia(root):
    clips = ["Q1_aa_a_0", "Q1_aa_a_1", "Q4_aa_a_2", "Q2_b-b_0", "Q2_b-b_10", "Q3_cc_0", "Q4_dd_0"]
    media(root, *(f"midis/{clip}.mid" for clip in clips))
    rows = [[clip, clip[1], "A"] for clip in clips]
    table(root / "label.csv", [["ID", "4Q", "annotator"], *rows])
    song = ["songID", "num_Q1", "num_Q2", "num_Q3", "num_Q4", "DominantQ"]
    for part, ids in {"train": ["aa_a"], "val": ["b-b"], "test": ["cc", "dd"]}.items():
        table(root / f"split/{part}_SL.csv", [song, *([i, 1, 0, 0, 0, 1] for i in ids)])
    table(root / "split/val_songs.csv", [song, ["cc", 0, 0, 1, 0, 3]])


def vgmidi(root):
    games = ["Zelda_N64_Zelda_Lost Woods", "Mario_NES_Mario_Castle", "Tetris_NES_Tetris_Music A"]
    header = ["id", "series", "console", "game", "piece", "midi", "valence", "arousal"]
    rows = [
        [at, "s", "c", "g", name, f"labelled/phrases/{name}_{part}.mid", *plane]
        for at, (name, plane) in enumerate(zip(games, [(1, 1), (-1, 1), (1, -1)]))
        for part in range(2)
    ]
    table(root / "vgmidi_labelled.csv", [header, *rows])
    media(root, *(f"labelled/midi/{name}.mid" for name in games))
    media(root, *(f"labelled/phrases/{name}_{part}.mid" for name in games for part in range(2)))
    pieces = {
        f"piece{at}": {"midi": f"{name}.mid", "name": name, "measures": 4, "duration": 8}
        for at, name in enumerate(games)
    }
    annotations = {
        f"piece{at}_{rater}": {
            "valence": [0.1 * at, 0.2, 0.3 * rater, 0.4],
            "arousal": [-0.5, 0.1 * rater, 0, 0.5],
        }
        for at in range(3)
        for rater in (1, 2)
    }
    path = root / "labelled/annotations/vgmidi_raw_1.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"pieces": pieces, "annotations": annotations}))


#: Song, valence, arousal on the nine-point scale; valence and arousal differ on purpose.
MEDIAEVAL = [
    *((2, 3.0, 7.0), (3, 7.0, 7.5), (4, 2.0, 2.0), (5, 8.0, 3.0), (7, 5.0, 6.0), (8, 6.0, 2.0)),
    *((10, 1.5, 5.0), (12, 4.0, 8.5)),
]
STEPS = [15000, 15500, 16000]


def wide(path, column, songs=MEDIAEVAL, spread=0.0):
    """A table of curves around the songs' static ratings."""
    rows = [["song_id", *(f"sample_{step}ms" for step in STEPS)]]
    for song in songs:
        middle = (song[column] - 5) / 4 * 0.6
        rows.append([song[0], *(spread or round(middle + d, 4) for d in (-0.02, 0, 0.02))])
    table(path, rows)


def emomusic(root):
    media(root, *(f"clips_45seconds/{song}.mp3" for song, _, _ in MEDIAEVAL))
    base = root / "annotations"
    static = [[song, a, 1.5, v, 2.0] for song, v, a in MEDIAEVAL]
    header = ["song_id", "mean_arousal", "std_arousal", "mean_valence", "std_valence"]
    table(base / "static_annotations.csv", [header, *static])
    info = [
        [song, f"{song}.mp3", "an\tartist\t", "evaluation" if song > 7 else "development"]
        for song, _, _ in MEDIAEVAL
    ]
    table(
        base / "songs_info.csv",
        [["song_id", "file_name", "Artist", "Mediaeval 2013 set"], *info],
    )
    for name, column in (("valence", 1), ("arousal", 2)):
        wide(base / f"{name}_cont_average.csv", column)
        wide(base / f"{name}_cont_std.csv", column, spread=0.25)


def deam(root, exchanged=False):
    late = [(1001, 6.0, 4.0), (1002, 3.0, 5.0), (2001, 5.5, 7.5)]
    songs = MEDIAEVAL + late
    media(root, *(f"MEMD_audio/{song}.mp3" for song, _, _ in songs))
    averaged = root / "annotations/annotations averaged per song"
    header = ["song_id", " valence_mean", " valence_std", " arousal_mean", " arousal_std"]
    for name, held in (("1_2000", songs[:-1]), ("2000_2058", songs[-1:])):
        rows = [
            [song, a, 1.0, v, 2.0] if exchanged and song <= 1000 else [song, v, 2.0, a, 1.0]
            for song, v, a in held
        ]
        table(
            averaged / f"song_level/static_annotations_averaged_songs_{name}.csv", [header, *rows]
        )
    dynamic = "dynamic (per second annotations)"
    for name, column in (("valence", 1), ("arousal", 2)):
        wide(averaged / f"{dynamic}/{name}.csv", column, songs)
        rated = root / f"annotations/annotations per each rater/{dynamic}/{name}/2.csv"
        steps = [f"sample_{step}ms" for step in STEPS]
        table(rated, [["WorkerId", *steps], ["a", 0.1, 0.2, 0.3], ["b", 0.3, 0.2, ""]])


def pmemo(root):
    songs = [1, 4, 5, 10, 9]
    media(root, *(f"chorus/{song}.mp3" for song in [*songs, 13]))
    media(root, "lyrics/1.lrc", data=b"[00:01.00]la la")
    base = root / "annotations"
    means = [[song, 0.1 * at, 1 - 0.1 * at] for at, song in enumerate(songs)]
    table(base / "static_annotations.csv", [["musicId", "Arousal(mean)", "Valence(mean)"], *means])
    table(
        base / "static_annotations_std.csv",
        [["musicId", "Arousal(std)", "Valence(std)"], *([song, 0.1, 0.2] for song in songs)],
    )
    moments = [[song, 15 + 0.5 * at, 0.5, 0.6] for song in songs[:3] for at in range(4)]
    for name, kind in (("", "mean"), ("_std", "std")):
        header = ["musicId", "frameTime", f"Arousal({kind})", f"Valence({kind})"]
        table(base / f"dynamic_annotations{name}.csv", [header, *moments])
    table(
        root / "metadata.csv",
        [
            ["musicId", "fileName", "title", "artist"],
            *([song, f"{song}.mp3", "Ça", "Björk" if song < 6 else "Ana"] for song in songs),
        ],
        encoding="latin-1",
    )


def jamendo(root):
    tracks = {f"track_000{n}": (f"artist_00{n // 2}", f"{n:02d}/{n}00{n}.mp3") for n in range(1, 7)}
    media(root, *(f"audio/{path}" for _, path in tracks.values()))
    header = ["TRACK_ID", "ARTIST_ID", "ALBUM_ID", "PATH", "DURATION", "TAGS"]
    tags = ["mood/theme---happy", "mood/theme---film", "mood/theme---calm"]
    rows = [
        [track, artist, "album_1", path, "100.5", *tags[at % 3 :]]
        for at, (track, (artist, path)) in enumerate(tracks.items())
    ]
    table(root / "data/autotagging_moodtheme.tsv", [header, *rows], delimiter="\t")
    for part, held in (("train", rows[:3]), ("validation", rows[3:5]), ("test", rows[5:])):
        table(
            root / f"data/splits/split-0/autotagging_moodtheme-{part}.tsv",
            [header, *held],
            delimiter="\t",
        )


def four_q(root):
    songs = {"MT0000000001": "Q1", "MT0000000002": "Q2", "MT0000000003": "Q3", "MT00004": "Q4"}
    media(root, *(f"{quadrant}/{song}.mp3" for song, quadrant in songs.items()))
    table(
        root / "panda_dataset_taffc_annotations.csv",
        [["Song", "Quadrant"], *map(list, songs.items())],
    )
    table(
        root / "panda_dataset_taffc_metadata.csv",
        [
            ["Song", "Artist", "Title", "Quadrant", "MoodsStrSplit"],
            *([song, f"artist {q}", "a, b", q, "Gloomy; Sad; Sad"] for song, q in songs.items()),
        ],
    )


def emotion(root):
    media(root, "Angry/a1.mp3", "Angry/a2.mp3", "Happy/h1.mp3", "Relax/r1.mp3", "Sad/s1.mp3")


def mirex(root):
    media(root, *(f"Audio/{n:03d}.mp3" for n in range(1, 7)))
    media(root, *(f"Lyrics/{n:03d}.txt" for n in (1, 2)), data=b"la la")
    media(root, "MIDIs/002.mid")
    (root / "clusters.txt").write_text("".join(f"Cluster {n % 5 + 1}\n" for n in range(6)))
    (root / "categories.txt").write_text("\n".join(["Rousing", "Fun", "Wistful"] * 2))


def ravdess(root):
    names = ["03-01-01-01-01-01-01", "03-01-08-02-02-01-02", "03-01-03-02-01-02-01"]
    media(root, *(f"Actor_{name[-2:]}/{name}.wav" for name in names))
    media(root, "Audio_Song_Actors_01-24/Actor_24/03-02-06-01-01-01-24.wav")
    media(root, "Actor_01/01-01-01-01-01-01-01.wav", "notes.wav")


def emodb(root):
    media(root, *(f"wav/{n}.wav" for n in ("03a01Fa", "03a01Wb", "08b02Tc", "16a07Nd", "09b10Aa")))


def iemocap(root):
    for number in range(1, 6):
        base, dialogue = root / f"Session{number}", f"Ses0{number}F_impro01"
        media(base, *(f"sentences/wav/{dialogue}/{dialogue}_F00{n}.wav" for n in range(2)))
        for folder in ("EmoEvaluation", "transcriptions"):
            (base / "dialog" / folder).mkdir(parents=True)
        (base / f"dialog/EmoEvaluation/{dialogue}.txt").write_text(
            "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
            f"[6.2901 - 8.2357]\t{dialogue}_F000\tneu\t[2.5000, 3.5000, 1.0000]\n"
            "C-E1:\tNeutral;\t()\nA-E1:\tval 3; act 2; dom  2;\t()\n"
            "A-E2:\tval 2; act 5; dom 1;\t()\n"
            "A-F1:\tval ; act ; dom  ;\t()\n\n"
            f"[10.0 - 11.3]\t{dialogue}_F001\txxx\t[4.0, 5.5, 3.0]\n"
        )
        (base / f"dialog/transcriptions/{dialogue}.txt").write_text(
            f"{dialogue}_F000 [006.2901-008.2357]: Excuse me.\n"
        )


def emotify(root):
    header = (
        "track id, genre, amazement, solemnity, tenderness, nostalgia, calmness, power,"
        " joyful_activation, tension, sadness, mood"
    )
    pieces = [(1, "classical"), (101, "rock"), (250, "electronic"), (400, "pop")]
    rows = [
        [piece, genre, *[int(at == emotion) for emotion in range(9)], 3]
        for piece, genre in pieces
        for at in (piece % 9, piece % 9, 8)
    ]
    table(root / "data.csv", [header.split(","), *rows])
    media(
        root,
        *("emotifymusic/classical/1.mp3", "emotifymusic/rock/1.mp3"),
        *("emotifymusic/electronic/50.mp3", "emotifymusic/pop/100.mp3"),
    )


def memomusic(root):
    home = "https://example.org"
    rows = [
        [" Theme, with Variations", f"{home}/ClassicMusic/1.mp3", 1, 3, 3],
        [" Prélude", f"{home}/ClassicMusic/10.mp3\t", 1, -5, 0],
        [" Dear Friends", f" {home}/PopularMusic/1.mp3", 2, -1, 4],
        [" A Love For Life", f"{home}/YanniMusic/1.mp3", 3, 5, 10],
    ]
    path = root / "File/CSV File.csv"
    path.parent.mkdir(parents=True)
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in rows), encoding="utf-8")
    media(root, "MIDI/Classical/1.mid", "MIDI/Classical/10.MID", "MIDI/Pop/1.mid")
    media(root, "MIDI/Yanni/1 A Love For Life.mid", "MIDI/Yanni/10 Other.mid")


def ch818(root):
    media(root, *(f"audio/{song}.mp3" for song in ("s1", "s2", "s10")))
    rows = [
        [song, rater, at - rater, 10 - at, "歌手"]
        for at, song in enumerate(("s1", "s2", "s10"))
        for rater in range(3)
    ]
    table(root / "annotations.csv", [["song_id", "rater", "valence", "arousal", "artist"], *rows])


def moodswings(root):
    media(root, *(f"audio/{clip}.mp3" for clip in ("c1", "c2")))
    rows = [
        [clip, worker, second, 0.1 * second, -0.2 * at]
        for clip in ("c1", "c2")
        for at, worker in enumerate("xyz")
        for second in range(4)
    ]
    table(root / "labels.csv", [["clip", "worker", "second", "valence", "arousal"], *rows])


def folders(root):
    media(root, "happy/song1.mid", "happy/song1.txt", "happy/deep/song2.wav", "sad/song3.mp3")
    media(root, "sad/readme.pdf", ".hidden/x.mp3")


def manifest(root):
    media(root, "a.mp3", "b.mid", "c.mp3")
    rows = [
        ["t2", "a.mp3", "", "happy", 0.5, 0.25, 0.1, 3, "train", "s1"],
        ["t10", "", "b.mid", "sad", -0.5, -0.25, 0.2, 4, "test", "s2"],
        ["t1", "c.mp3", "", "sad", -1, 1, 0.3, 5, "val", "s3"],
    ]
    header = ["id", "audio", "symbolic", "label", "valence", "arousal", "valence_std", "power"]
    table(root / "tracks.csv", [[*header, "split", "group"], *rows])


@dataclass(frozen=True)
class Made:
    """A made corpus and what a test may do to it."""

    name: str
    n: int
    #: A media file that one track cannot do without, and that track.
    file: str
    track: str
    #: Tables and text files without which nothing can be loaded.
    needed: tuple[str, ...] = ()
    #: Other tables, which may be damaged too.
    more: tuple[str, ...] = ()
    #: Whether a table names the files, so that a lacking one is noticed.
    named: bool = True
    #: The file that the loader is given, seen from the corpus's folder.
    given: str = ""

    def make(self, root: Path) -> Path:
        root.mkdir(parents=True, exist_ok=True)
        globals()[self.name](root)
        return root / self.given


_DEAM = "annotations/annotations averaged per song"
CORPORA = [
    Made("ch818", 3, "audio/s2.mp3", "s2", ("annotations.csv",)),
    Made(
        *("deam", 11, "MEMD_audio/5.mp3", "5"),
        (
            f"{_DEAM}/song_level/static_annotations_averaged_songs_1_2000.csv",
            f"{_DEAM}/song_level/static_annotations_averaged_songs_2000_2058.csv",
            f"{_DEAM}/dynamic (per second annotations)/valence.csv",
            f"{_DEAM}/dynamic (per second annotations)/arousal.csv",
        ),
        ("annotations/annotations per each rater/dynamic (per second annotations)/valence/2.csv",),
    ),
    Made("emodb", 5, "wav/03a01Wb.wav", "03a01Wb", named=False),
    Made(
        *("emomusic", 8, "clips_45seconds/5.mp3", "5"),
        (
            *("annotations/static_annotations.csv", "annotations/songs_info.csv"),
            *("annotations/valence_cont_average.csv", "annotations/arousal_cont_average.csv"),
        ),
        ("annotations/valence_cont_std.csv",),
    ),
    Made(
        *("emopia", 7, "midis/Q2_b-b_10.mid", "Q2_b-b_10", ("label.csv",)),
        ("split/train_SL.csv", "split/val_songs.csv"),
    ),
    Made("emotify", 4, "emotifymusic/electronic/50.mp3", "250", ("data.csv",)),
    Made("emotion", 5, "Angry/a2.mp3", "angry/a2", named=False),
    Made("folders", 3, "sad/song3.mp3", "sad/song3", named=False),
    Made(
        *("four_q", 4, "Q2/MT0000000002.mp3", "MT0000000002"),
        ("panda_dataset_taffc_annotations.csv",),
        ("panda_dataset_taffc_metadata.csv",),
    ),
    Made(
        "iemocap",
        10,
        "Session3/sentences/wav/Ses03F_impro01/Ses03F_impro01_F001.wav",
        "Ses03F_impro01_F001",
        more=("Session3/dialog/EmoEvaluation/Ses03F_impro01.txt",),
    ),
    Made(
        *("jamendo", 6, "audio/02/2002.mp3", "track_0002", ("data/autotagging_moodtheme.tsv",)),
        ("data/splits/split-0/autotagging_moodtheme-test.tsv",),
    ),
    Made("manifest", 3, "b.mid", "t10", ("tracks.csv",), given="tracks.csv"),
    Made("memomusic", 4, "MIDI/Pop/1.mid", "popular/1", ("File/CSV File.csv",)),
    Made("mirex", 6, "Audio/005.mp3", "005", ("clusters.txt", "categories.txt")),
    Made("moodswings", 2, "audio/c2.mp3", "c2", ("labels.csv",)),
    Made(
        *("pmemo", 5, "chorus/10.mp3", "10"),
        ("annotations/static_annotations.csv", "annotations/static_annotations_std.csv"),
        ("annotations/dynamic_annotations.csv", "metadata.csv"),
    ),
    Made("ravdess", 4, "Actor_02/03-01-08-02-02-01-02.wav", "03-01-08-02-02-01-02", named=False),
    Made(
        *("vgmidi", 3, "labelled/midi/Mario_NES_Mario_Castle.mid", "Mario_NES_Mario_Castle"),
        ("vgmidi_labelled.csv", "labelled/annotations/vgmidi_raw_1.json"),
    ),
]


def made(tmp_path, name, folder="copy"):
    """Make a corpus by name, anew; returns what its loader takes."""
    root = tmp_path / folder
    shutil.rmtree(root, ignore_errors=True)
    return next(corpus for corpus in CORPORA if corpus.name == name).make(root)


def edit(path, old, new, count=0):
    """Replace a pattern in a table, which must be there."""
    text = path.read_text(encoding="utf-8")
    changed, n = re.subn(old, new, text, count=count, flags=re.MULTILINE)
    assert n, f"{old} is not in {path}"
    path.write_text(changed, encoding="utf-8")
