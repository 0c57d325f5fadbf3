"""The tokenizer of XLM-RoBERTa (unigram, nmt_nfkc), rebuilt from a vocabulary with scores."""

import json

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

UNKNOWN_ID = 3


def write(vocabulary, folder):
    """tokenizer.json and the three small files that go with it."""
    tokenizer = Tokenizer(models.Unigram(vocabulary, UNKNOWN_ID, False))
    tokenizer.normalizer = _nmt_nfkc()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("▁", "always", False)
    tokenizer.decoder = decoders.Metaspace("▁", "always", False)
    special = [AddedToken(text, normalized=False, special=True) for text in ("<s>", "<pad>", "</s>", "<unk>")]
    special.append(AddedToken("<mask>", lstrip=True, normalized=False, special=True))
    tokenizer.add_special_tokens(special)
    tokenizer.post_processor = processors.TemplateProcessing(
        "<s> $A </s>", "<s> $A </s> </s> $B </s>", [("<s>", 0), ("</s>", 2)]
    )
    tokenizer.save(f"{folder}/tokenizer.json", pretty=False)
    _save(folder, "config.json", {"model_type": "bert", "pad_token_id": 1, "hidden_size": 384})
    _save(
        folder,
        "tokenizer_config.json",
        {"model_max_length": 512, "pad_token": "<pad>", "tokenizer_class": "XLMRobertaTokenizer"},
    )
    names = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")
    texts = ("<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>")
    _save(folder, "special_tokens_map.json", {f"{name}_token": text for name, text in zip(names, texts)})


def _nmt_nfkc():
    """NFKC without the full-width tilde, control characters dropped, every kind of blank a space."""
    replace = lambda pattern, text: normalizers.Replace(Regex(pattern), text)
    return normalizers.Sequence(
        [
            normalizers.Replace("\uff5e", "\ue000"),
            normalizers.NFKC(),
            normalizers.Replace("\ue000", "\uff5e"),
            replace("[\\x01-\\x08\\x0b\\x0e-\\x1f\\x7f\\x{8f}\\x{9f}]", ""),
            replace(
                "[\\t\\n\\f\\r\\x{1680}\\x{200b}-\\x{200f}\\x{2028}\\x{2029}\\x{2581}\\x{feff}\\x{fffd}]", " "
            ),
            replace(" {2,}", " "),
        ]
    )


def _save(folder, name, value):
    with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
        json.dump(value, file)
