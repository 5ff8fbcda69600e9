"""Model folders changed by one who means harm: wrong inside, with hashes that are right."""

import hashlib
import json


def manifest_of(path):
    return json.loads((path / "manifest.json").read_text())


def seal(path, manifest, data=None):
    """Write `manifest`, and `data` for arrays, with hashes that fit them."""
    if data is not None:
        (path / "arrays.safetensors").write_bytes(data)
        manifest["files"]["arrays.safetensors"] = {
            "size": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
    manifest["sha256"] = "0" * 64
    text = json.dumps(manifest)
    text = text.replace("0" * 64, hashlib.sha256(text.encode()).hexdigest())
    (path / "manifest.json").write_text(text)
