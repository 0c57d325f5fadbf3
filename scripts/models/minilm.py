"""Reads all-MiniLM-L6-v2 from its safetensors file, under the tensor names that `bert.py` uses.

safetensors: u64 length of a JSON header, the header (name -> dtype, shape, data_offsets), the data.
"""

import json
import struct

import numpy as np

EMBEDDINGS = {
    "emb.word": "word_embeddings.weight",
    "emb.pos": "position_embeddings.weight",
    "emb.type": "token_type_embeddings.weight",
    "emb.ln.w": "LayerNorm.weight",
    "emb.ln.b": "LayerNorm.bias",
}
LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


def read(folder):
    """The tensors, and the model's own configuration."""
    with open(f"{folder}/config.json", encoding="utf-8") as file:
        config = json.load(file)
    weights = _safetensors(f"{folder}/model.safetensors")
    tensors = {name: weights[f"embeddings.{theirs}"] for name, theirs in EMBEDDINGS.items()}
    for layer in range(config["num_hidden_layers"]):
        for name, theirs in LAYER.items():
            prefix = f"encoder.layer.{layer}.{theirs}"
            tensors[f"l{layer}.{name}.w"] = weights[f"{prefix}.weight"]
            tensors[f"l{layer}.{name}.b"] = weights[f"{prefix}.bias"]
    return tensors, config


def _safetensors(path):
    with open(path, "rb") as file:
        data = file.read()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        start, end = entry["data_offsets"]
        values = np.frombuffer(data, "<f4", (end - start) // 4, 8 + length + start)
        tensors[name] = values.reshape(entry["shape"])
    return tensors
