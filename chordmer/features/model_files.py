"""The files of a pretrained model: found, fetched if wanted, hashed."""

from __future__ import annotations

import hashlib
import os
import shlex
from functools import lru_cache
from pathlib import Path

from chordmer.errors import MissingExtraError, ModelError

__all__ = ["content_hash", "model_folder"]

#: What is downloaded of a model: weights as safetensors, never a pickle.
_FILES = ("*.json", "*.txt", "*.model", "model*.safetensors")
_BLOCK = 1 << 20


def model_folder(model: str, revision: str | None = None, *, local_files_only: bool = True) -> Path:
    """Return the folder with the files of `model`.

    Parameters
    ----------
    model : str
        A folder, or a name on the Hugging Face hub.
    revision : str, optional
        Branch, tag or commit on the hub.
    local_files_only : bool, default=True
        Whether only the cache on this machine is looked into. Otherwise what is not there is
        downloaded, unless the environment variable HF_HUB_OFFLINE forbids it.

    Raises
    ------
    ModelError
        If the model is not there; the message names the folder that was looked into, and the
        command that fetches the model. If its weights are not safetensors.
    MissingExtraError
        If huggingface_hub, which transformers brings, is not installed.
    """
    folder = Path(model).expanduser()
    if not folder.is_dir():
        if folder.is_absolute() or model.startswith((".", "~")) or model.count("/") > 1:
            raise ModelError("there is no such folder", source=model, stage="loading the model")
        folder = _from_hub(model, revision, local_files_only)
    if not (folder / "config.json").is_file():
        raise ModelError("the folder has no config.json", source=folder, stage="loading the model")
    if not any(folder.glob("model*.safetensors")):
        raise ModelError(
            "the folder has no weights as safetensors; others can run code and are not loaded",
            source=folder,
            stage="loading the model",
        )
    return folder


def _from_hub(model: str, revision: str | None, local_files_only: bool) -> Path:
    try:
        from huggingface_hub import constants, snapshot_download
    except ImportError as problem:
        raise MissingExtraError.of("transformers", "lyrics") from problem
    patterns = list(_FILES)
    try:
        return Path(
            snapshot_download(
                model, revision=revision, local_files_only=True, allow_patterns=patterns
            )
        )
    except (OSError, ValueError) as problem:
        reason: Exception = problem
    if not local_files_only and not constants.HF_HUB_OFFLINE:
        try:
            return Path(snapshot_download(model, revision=revision, allow_patterns=patterns))
        except (OSError, ValueError) as problem:
            reason = problem
    wanted = f" --revision {shlex.quote(revision)}" if revision else ""
    includes = " ".join(f"--include {shlex.quote(pattern)}" for pattern in _FILES)
    raise ModelError(
        f"the model {model} is not in the cache {constants.HF_HUB_CACHE}; get it, with a "
        f"network, by: hf download {shlex.quote(model)}{wanted} {includes}"
        "; or give the folder that holds it, or local_files_only=False to download it",
        source=model,
        stage="loading the model",
    ) from reason


def content_hash(folder: Path) -> str:
    """Return the SHA-256 of what decides the vectors: weights, configuration and tokenizer.

    The hash of each file is remembered as long as its size and time of change stay the same.
    """
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.iterdir() if _decides(p.name) and p.is_file()):
        found = path.stat()
        digest.update(f"{path.name}\0".encode("utf-8", "surrogateescape"))
        digest.update(_file_hash(os.fspath(path), found.st_size, found.st_mtime_ns))
    return digest.hexdigest()


def _decides(name: str) -> bool:
    return name.endswith((".safetensors", ".json", ".txt", ".model")) and name != "README.txt"


@lru_cache(maxsize=256)
def _file_hash(path: str, size: int, changed: int) -> bytes:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.digest()
