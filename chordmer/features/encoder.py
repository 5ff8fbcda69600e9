"""A pretrained encoder and its tokenizer: texts to tokens, tokens to one vector a text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import ModelError
from chordmer.features.token_batches import masked_mean_pooling

__all__ = ["Encoder"]

#: Positions that models of the RoBERTa family keep for padding.
_RESERVED = {"roberta", "xlm-roberta", "camembert", "mpnet", "longformer", "xlm-roberta-xl"}
#: Where no file says how long a text may be.
_LONGEST = 512


class Encoder:
    """An encoder of the BERT family with its tokenizer.

    Parameters
    ----------
    model : transformers.PreTrainedModel
    tokenizer : transformers.PreTrainedTokenizerFast
    folder : Path
        Where both come from.
    content_hash : str
        Of the files there.
    device : str

    Attributes
    ----------
    size : int
        Numbers of a vector.
    max_length : int
        Most tokens of a text, special ones included: what the tokenizer, the positions of the model
        and the settings of a sentence encoder all allow.
    before, after : list of int
        The special tokens around a text.
    unknown : int or None
        The token of what the tokenizer does not know.

    Raises
    ------
    ModelError
        If the model is no encoder, or its tokenizer cannot pad.
    """

    def __init__(
        self, model: Any, tokenizer: Any, folder: Path, content_hash: str, device: str
    ) -> None:
        config = model.config
        if getattr(config, "is_encoder_decoder", False) or getattr(config, "is_decoder", False):
            raise ModelError("not an encoder", source=folder, value=config.model_type)
        if tokenizer.pad_token_id is None or tokenizer.cls_token_id is None:
            raise ModelError(
                "its tokenizer knows no padding, or no token that begins a text: not of the BERT "
                "family",
                source=folder,
                value=config.model_type,
            )
        if tokenizer.vocab_size > config.vocab_size:
            raise ModelError(
                f"its tokenizer has {tokenizer.vocab_size} words, the model {config.vocab_size}",
                source=folder,
            )
        self.content_hash = content_hash
        self.device = device
        self.size = int(config.hidden_size)
        self.unknown: int | None = tokenizer.unk_token_id
        self.max_length = _max_length(config, tokenizer, folder)
        special = list(tokenizer("")["input_ids"])
        self.before = [token for token in special if token == tokenizer.cls_token_id]
        self.after = special[len(self.before) :]
        self._padding = int(tokenizer.pad_token_id)
        self._tokenizer = tokenizer
        self._model = model.to(device).eval()

    def tokens(self, texts: Sequence[Sequence[str]]) -> list[list[list[int]]]:
        """Return the tokens of each line of each text, without special ones, uncut."""
        lines = [line for text in texts for line in text]
        if not lines:
            return [[] for _ in texts]
        # The tokenizer's own file may ask for truncation and padding: all-MiniLM-L6-v2's does.
        ids = iter(
            self._tokenizer(
                lines,
                add_special_tokens=False,
                truncation=False,
                padding=False,
                return_attention_mask=False,
                return_token_type_ids=False,
                verbose=False,
            )["input_ids"]
        )
        return [[list(next(ids)) for _ in text] for text in texts]

    def encode(self, pieces: Sequence[Sequence[int]], pooling: str) -> NDArray[np.float32]:
        """Return one vector a piece, shape (n, d).

        Parameters
        ----------
        pieces : sequence of sequences of int
            Tokens without special ones, at most `max_length` with them.
        pooling : {"mean", "cls", "max"}
        """
        import torch

        rows = [[*self.before, *piece, *self.after] for piece in pieces]
        longest = max(map(len, rows))
        ids = torch.full((len(rows), longest), self._padding)
        mask = torch.zeros((len(rows), longest), dtype=torch.int64)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(row)
            mask[i, : len(row)] = 1
        mask = mask.to(self.device)
        with torch.inference_mode():
            hidden = self._model(
                input_ids=ids.to(self.device), attention_mask=mask
            ).last_hidden_state.float()
            if pooling == "mean":
                pooled = masked_mean_pooling(hidden, mask)
            elif pooling == "max":
                pooled = hidden.masked_fill(mask[..., None] == 0, -torch.inf).amax(1)
            else:
                pooled = hidden[:, 0]
        vectors: NDArray[np.float32] = pooled.cpu().numpy()
        return vectors


def _max_length(config: Any, tokenizer: Any, folder: Path) -> int:
    positions = getattr(config, "max_position_embeddings", None) or _LONGEST
    if config.model_type in _RESERVED:
        positions -= (config.pad_token_id or 0) + 1
    allowed = [positions, tokenizer.model_max_length]
    try:
        settings = json.loads((folder / "sentence_bert_config.json").read_bytes())
        allowed.append(settings.get("max_seq_length"))
    except (OSError, ValueError, AttributeError):
        pass  # not a sentence encoder
    return min(n for n in allowed if isinstance(n, int) and n > 0)
