"""Sentence vectors: WordLlama's token vectors, averaged with the rubric's own frequent words counting less."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]

# Arora, Liang and Ma (2017), A simple but tough-to-beat baseline for sentence embeddings. Chosen from 0 (a plain
# mean), 0.1 and 0.03: with it the key points find the question of a strong calibration answer among 28 in 64 % of
# cases, with a plain mean in 50 %.
FREQUENT_WORD_SHARE = 0.1
DECIMALS = 4  # similarities are rounded: the last bits of a matrix product differ between machines


class WordVectors:
    """Token vectors and tokenizer of the WordLlama wheel."""

    def __init__(self, model: Any) -> None:
        self._tokenizer = model.tokenizer
        self._tokenizer.no_padding()  # else a batch is filled up to its longest text, and the filling is averaged in
        self._table: Matrix = model.embedding

    @classmethod
    def load(cls) -> WordVectors:
        """Reads the weights (0.5 s). Importing wordllama configures the root logger; that is undone."""
        root = logging.getLogger()
        handlers, level = list(root.handlers), root.level
        import wordllama

        root.handlers[:] = handlers
        root.setLevel(level)
        return cls(wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True))

    @property
    def size(self) -> int:
        return len(self._table)

    def tokenize(self, text: str) -> list[int]:
        """Token ids of the text; none for a text without any."""
        found: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return found

    def list_words(self) -> frozenset[str]:
        """Words in lower case that are one token: with 32,000 tokens, the everyday ones (11,000)."""
        tokens = (token[1:] for token in self._tokenizer.get_vocab() if token.startswith("▁"))
        return frozenset(token for token in tokens if token.isalpha() and token.islower())

    def average(self, texts: Sequence[str], weights: Matrix) -> Matrix:
        """One vector a text: the mean of its token vectors, weighted by token."""
        pooled = np.zeros((len(texts), self._table.shape[1]), dtype=np.float32)
        # without offsets, all at once: a third of the time of one encoding with offsets after the other
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        found = [(row, ids) for row, encoding in enumerate(encodings) if (ids := encoding.ids)]
        if found:
            tokens = np.concatenate([ids for _, ids in found])
            starts = np.cumsum([0, *(len(ids) for _, ids in found[:-1])])
            shares = weights[tokens]
            totals = np.add.reduceat(shares[:, np.newaxis] * self._table[tokens], starts)
            pooled[[row for row, _ in found]] = totals / np.add.reduceat(shares, starts)[:, np.newaxis]
        return pooled


@dataclass(frozen=True)
class Space:
    """Where one rubric's texts and the answers to it are compared: token weights, and the centre of its texts."""

    vectors: WordVectors
    weights: Matrix
    centre: Matrix

    @classmethod
    def build(cls, vectors: WordVectors, texts: Sequence[str]) -> Space:
        """The space of a rubric with these texts."""
        counts: Counter[int] = Counter()
        for text in texts:
            counts.update(set(vectors.tokenize(text)))
        shares = np.zeros(vectors.size, dtype=np.float32)
        for token, count in counts.items():
            shares[token] = count / len(texts)
        weights = (FREQUENT_WORD_SHARE / (FREQUENT_WORD_SHARE + shares)).astype(np.float32)
        return cls(vectors, weights, normalise(vectors.average(texts, weights)).mean(axis=0))

    def embed(self, texts: Iterable[str]) -> Matrix:
        """One unit vector a text, in the order given; a text without tokens gets zeros."""
        return self.shift(self.pool(texts))

    def pool(self, texts: Iterable[str]) -> Matrix:
        """One unit vector a text, seen from the origin: they still hold what all texts of the rubric share."""
        return normalise(self.vectors.average(list(texts), self.weights))

    def shift(self, pooled: Matrix) -> Matrix:
        """The same seen from the centre of the rubric's texts: what sets them apart from one another."""
        return normalise((pooled - self.centre) * pooled.any(axis=1, keepdims=True))


def normalise(rows: Matrix) -> Matrix:
    """Rows of length one; a row of zeros stays one."""
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    unit: Matrix = (rows / np.maximum(lengths, 1e-9)).astype(np.float32)
    return unit


def compare(ours: Matrix, theirs: Matrix) -> Matrix:
    """Cosine similarities (-1.0–1.0) of unit rows, rounded."""
    similarities: Matrix = np.round(ours @ theirs.T, DECIMALS)
    return similarities


def describe_model() -> str:
    """The model's name as it is recorded in a grade."""
    return f"wordllama-l2-supercat-256 (wordllama {version('wordllama').removesuffix('+')})"
