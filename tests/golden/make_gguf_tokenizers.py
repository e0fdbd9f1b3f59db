"""Writes tests/golden/gguf/{bpe,sentencepiece}.gguf, tiny models that hold their tokenizers, and tokenizers.json, what the
packages `tokenizers` and `sentencepiece` make of some texts with the same vocabularies.
`pip install gguf==0.19.0 tokenizers==0.23.3 sentencepiece==0.2.3 numpy`, then run this file."""

import io
import json
import random
import re
from pathlib import Path

import gguf
import numpy as np
import sentencepiece
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

HERE = Path(__file__).parent
OUT = HERE / "gguf"
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
CONTROLS, USER = ["<|endoftext|>", "<|turn|>"], "==>"
TEMPLATE = "{% for m in messages %}{{ bos_token }}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"

# With escapes, a space between two: what the rules of cutting differ on.
PIECES = r"""'s 'S don't DON'T we'LL \x20 \x20\x20 \x20\x20\x20 \n \r\n \n\n \t 1 12 123 1234567 \xbd \u216b \u0663\u0664 a \x20the The\x20
ing \xe9 e\u0301 \ud55c \u4f60\u597d \u0436 \x20\U0001f600 \U0001f469\u200d\U0001f467 \xa0 \u2028 ! ?! ... \x20$ += <| |> <s> </s> <unk>
<0x0A> \u2581 _ ` ^~ \x01 \x7f \ufeff"""
PIECES = [piece.encode().decode("unicode_escape") for piece in PIECES.split()] + [*CONTROLS, USER]


def texts():
    snippets = json.loads((HERE.parent / "text/golden/tokenizers.json").read_text())["snippets"]
    draw = random.Random(1)
    mixed = ["".join(draw.choice(PIECES) for _ in range(draw.randint(1, 9))) for _ in range(300)]
    return [text for text in snippets if len(text) < 120] + mixed


def trained_bpe():
    """Merges that cross words, so that it shows where a text was cut."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=600, initial_alphabet=alphabet, show_progress=False)
    plain = [re.sub("|".join(map(re.escape, [*CONTROLS, USER])), "", text) for text in texts()]
    tokenizer.train_from_iterator(plain * 3, trainer)
    state = json.loads(tokenizer.to_str())["model"]
    return state["vocab"], [tuple(merge) for merge in state["merges"]]


def cut(regex):
    return pre_tokenizers.Split(Regex(regex), "isolated")


def pre_tokenizer(name):
    """As the published tokenizer.json of GPT-2, Llama 3, Qwen2 and SmolLM; "default" as llama.cpp has it."""
    contractions, gpt2 = r"'s|'t|'re|'ve|'m|'ll|'d", r" ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)"
    head, tail = r"|[^\r\n\p{L}\p{N}]?\p{L}+|", r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    steps = {
        "gpt-2": [],
        "smollm": [pre_tokenizers.Digits(individual_digits=True)],
        "llama-bpe": [cut(f"(?i:{contractions}){head}" + r"\p{N}{1,3}" + tail)],
        "qwen2": [cut(f"(?i:{contractions}){head}" + r"\p{N}" + tail)],
        "default": [
            cut(r"[\p{P}\$\+<=>\^~\|]+"),
            cut(f"{contractions}|{gpt2}"),
            cut(r"\p{N}+"),
            cut("[0-9][0-9][0-9]"),
        ],
    }[name]
    last = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=name in ("gpt-2", "smollm"))
    return pre_tokenizers.Sequence([*steps, last])


def bpe_tokenizer(vocab, merges, name):
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, ignore_merges=name == "llama-bpe"))
    if name == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizer(name), decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in CONTROLS])
    tokenizer.add_tokens([AddedToken(USER, normalized=False)])
    return tokenizer


def trained_sentencepiece():
    model = io.BytesIO()
    lines = [line for text in texts() for line in text.split("\n")] * 3
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=model, model_type="bpe", vocab_size=480, byte_fallback=True,
        character_coverage=0.98, normalization_rule_name="identity", remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True, minloglevel=2)  # fmt: skip
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


def write_model(path, tokens, add_tokenizer):
    """A llama of one layer around the tokenizer."""
    w = gguf.GGUFWriter(path, "llama")
    hidden, draw = 8, np.random.default_rng(1)
    w.add_block_count(1)
    w.add_embedding_length(hidden)
    w.add_feed_forward_length(hidden)
    w.add_context_length(128)
    w.add_head_count(2)
    w.add_layer_norm_rms_eps(1e-5)
    w.add_token_list(tokens)
    add_tokenizer(w)
    shapes = {"token_embd": (len(tokens), hidden), "output_norm": (hidden,)}
    shapes |= {f"blk.0.{norm}_norm": (hidden,) for norm in ("attn", "ffn")}
    for part in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
        shapes[f"blk.0.{part}"] = (hidden, hidden)
    for name, shape in shapes.items():
        dtype = np.float32 if len(shape) == 1 else np.float16
        w.add_tensor(f"{name}.weight", draw.standard_normal(shape).astype(dtype))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def write_bpe(vocab, merges):
    tokens = sorted(vocab, key=vocab.get) + CONTROLS + [USER, "[PAD]"]

    def keys(w):
        w.add_tokenizer_model("gpt2")
        w.add_tokenizer_pre("llama-bpe")
        w.add_token_merges([" ".join(merge) for merge in merges])
        w.add_token_types([NORMAL] * len(vocab) + [CONTROL] * len(CONTROLS) + [USER_DEFINED, UNUSED])
        w.add_bos_token_id(tokens.index(CONTROLS[0]))
        w.add_eos_token_id(tokens.index(CONTROLS[0]))
        w.add_eot_token_id(tokens.index(CONTROLS[1]))
        w.add_chat_template(TEMPLATE)

    write_model(OUT / "bpe.gguf", tokens, keys)


def write_sentencepiece(sp):
    ids = range(sp.vocab_size())

    def kind(i):
        flags = {
            UNKNOWN: sp.is_unknown(i),
            CONTROL: sp.is_control(i),
            UNUSED: sp.is_unused(i),
            BYTE: sp.is_byte(i),
        }
        return next((kind for kind, on in flags.items() if on), NORMAL)

    def keys(w):
        w.add_tokenizer_model("llama")
        w.add_tokenizer_pre("default")
        w.add_token_scores([sp.get_score(i) for i in ids])
        w.add_token_types([kind(i) for i in ids])
        w.add_bos_token_id(sp.bos_id())
        w.add_eos_token_id(sp.eos_id())
        w.add_unk_token_id(sp.unk_id())

    write_model(OUT / "sentencepiece.gguf", [sp.id_to_piece(i) for i in ids], keys)


def main():
    vocab, merges = trained_bpe()
    write_bpe(vocab, merges)
    expected = {"texts": texts(), "bpe": {}}
    for name in ("gpt-2", "llama-bpe", "qwen2", "smollm", "default"):
        tokenizer = bpe_tokenizer(vocab, merges, name)
        ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts()]
        decoded = [tokenizer.decode(row, skip_special_tokens=False) for row in ids]
        expected["bpe"][name] = {"ids": ids, "decoded": changed(decoded)}
    sp = trained_sentencepiece()
    write_sentencepiece(sp)
    ids = [sp.encode(text) for text in texts()]  # control tokens are ordinary text to it
    expected["sentencepiece"] = {"ids": ids, "decoded": changed([sp.decode(row) for row in ids])}
    text = json.dumps(expected, ensure_ascii=True, separators=(",", ":"))
    (OUT / "tokenizers.json").write_text(text.replace("]],", "]],\n").replace('],"', '],\n"') + "\n")


def changed(decoded):
    """Only those that differ from the text that went in, by index."""
    return {str(i): out for i, (out, text) in enumerate(zip(decoded, texts(), strict=True)) if out != text}


if __name__ == "__main__":
    main()
