#!/usr/bin/env python3
"""Turns a llama2.c checkpoint (version 0) and its tokenizer into a Hugging Face folder.

    python3 scripts/convert_llama2c.py stories260K.bin tok512.bin out/

writes out/config.json, out/model.safetensors, out/tokenizer.json and out/tokenizer_config.json.
Needs nothing but Python itself: weights are moved as bytes, never computed with.
"""

from __future__ import annotations

import argparse
import json
import struct
from pathlib import Path

FLOAT_BYTES = 4
SPACE = "\u2581"  # how SentencePiece writes a space


class Reader:
    """Takes pieces off a file's bytes and complains when there are too few."""

    def __init__(self, path: Path):
        self.path, self.data, self.at = path, path.read_bytes(), 0

    def take(self, size: int) -> bytes:
        if size < 0 or self.at + size > len(self.data):
            raise SystemExit(
                f"{self.path}: expected {size} more bytes at {self.at}, the file has {len(self.data)}"
            )
        self.at += size
        return self.data[self.at - size : self.at]

    def unpack(self, layout: str) -> tuple:
        return struct.unpack(layout, self.take(struct.calcsize(layout)))


def to_half_split(matrix: bytes, heads: int, head_size: int, columns: int) -> bytes:
    """Rows of q or k: llama2.c rotates neighbours (2i, 2i + 1), Hugging Face rotates (i, i + head_size / 2)."""
    width = columns * FLOAT_BYTES
    order = [
        head * head_size + 2 * pair + half
        for head in range(heads)
        for half in (0, 1)
        for pair in range(head_size // 2)
    ]
    return b"".join(matrix[row * width : (row + 1) * width] for row in order)


def read_config(reader: Reader) -> tuple[dict, bool]:
    dim, hidden, layers, heads, kv_heads, vocab, context = reader.unpack("<7i")
    if (
        min(dim, hidden, layers, heads, kv_heads, context) <= 0
        or vocab == 0
        or dim % heads
        or heads % kv_heads
    ):
        raise SystemExit(f"{reader.path}: this is not a llama2.c checkpoint of version 0")
    tied = vocab > 0  # a negative size says that the head has weights of its own
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": dim,
        "intermediate_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "vocab_size": abs(vocab),
        "max_position_embeddings": context,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "attention_bias": False,
        "tie_word_embeddings": tied,
        "torch_dtype": "float32",
        "bos_token_id": 1,
        "eos_token_id": [1, 2],  # llama2.c ends a text where the next one would begin
    }
    return config, tied


def read_weights(reader: Reader, config: dict, tied: bool) -> dict[str, tuple[list[int], bytes]]:
    dim, hidden, layers = config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"]
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    head_size = dim // heads
    tensors: dict[str, tuple[list[int], bytes]] = {}

    def take(name: str, *shape: int, rotated_heads: int = 0) -> None:
        count = FLOAT_BYTES
        for size in shape:
            count *= size
        data = reader.take(count)
        tensors[name] = (
            list(shape),
            to_half_split(data, rotated_heads, head_size, dim) if rotated_heads else data,
        )

    def take_layers(name: str, *shape: int, rotated_heads: int = 0) -> None:
        for layer in range(layers):
            take(f"model.layers.{layer}.{name}.weight", *shape, rotated_heads=rotated_heads)

    take("model.embed_tokens.weight", config["vocab_size"], dim)
    take_layers("input_layernorm", dim)
    take_layers("self_attn.q_proj", dim, dim, rotated_heads=heads)
    take_layers("self_attn.k_proj", kv_heads * head_size, dim, rotated_heads=kv_heads)
    take_layers("self_attn.v_proj", kv_heads * head_size, dim)
    take_layers("self_attn.o_proj", dim, dim)
    take_layers("post_attention_layernorm", dim)
    take_layers("mlp.gate_proj", hidden, dim)
    take_layers("mlp.down_proj", dim, hidden)
    take_layers("mlp.up_proj", hidden, dim)
    take("model.norm.weight", dim)
    reader.take(config["max_position_embeddings"] * head_size * FLOAT_BYTES)  # tables of cos and sin
    if not tied:
        take("lm_head.weight", config["vocab_size"], dim)
    if reader.at != len(reader.data):
        raise SystemExit(f"{reader.path}: {len(reader.data) - reader.at} bytes are left over")
    return tensors


def write_safetensors(path: Path, tensors: dict[str, tuple[list[int], bytes]]) -> None:
    header: dict[str, dict] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name in sorted(tensors):
        shape, data = tensors[name]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for name in sorted(tensors):
            out.write(tensors[name][1])


def read_pieces(reader: Reader, count: int) -> list[tuple[str, float]]:
    reader.unpack("<i")  # length of the longest piece
    pieces = []
    for _ in range(count):
        score, size = reader.unpack("<fi")
        pieces.append((reader.take(size).decode(), score))
    names = [
        piece.strip("\n") if piece in ("\n<s>\n", "\n</s>\n") else piece.replace(" ", SPACE)
        for piece, _ in pieces
    ]
    if names[:3] != ["<unk>", "<s>", "</s>"] or len(set(names)) != count:
        raise SystemExit(f"{reader.path}: expected <unk>, <s>, </s> and then pieces that all differ")
    return list(zip(names, (score for _, score in pieces)))


def derive_merges(pieces: list[tuple[str, float]]) -> list[list[str]]:
    """Every way to join two pieces into a third; a better score joins first.

    SentencePiece joins the neighbours whose union scores best, which is what byte-pair encoding does when the pairs
    are ranked by the score of their union.
    """
    ids = {name: index for index, (name, _) in enumerate(pieces)}
    ranked = []
    for name, score in pieces[3:]:
        cuts = [(name[:cut], name[cut:]) for cut in range(1, len(name))]
        cuts = [cut for cut in cuts if cut[0] in ids and cut[1] in ids]
        ranked += [(-score, ids[left], ids[right], left, right) for left, right in cuts]
    return [[left, right] for _, _, _, left, right in sorted(ranked)]


def tokenizer_json(pieces: list[tuple[str, float]]) -> dict:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    bos = {"id": "<s>", "type_id": 0}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": index, "content": pieces[index][0], **flags} for index in range(3)],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Prepend", "prepend": SPACE},
                {"type": "Replace", "pattern": {"String": " "}, "content": SPACE},
            ],
        },
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": bos}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [
                {"SpecialToken": bos},
                {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "<s>", "type_id": 1}},
                {"Sequence": {"id": "B", "type_id": 1}},
            ],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
        },
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0},
            ],
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "<unk>",
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": {name: index for index, (name, _) in enumerate(pieces)},
            "merges": derive_merges(pieces),
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path, help="weights, as llama2.c's run reads them")
    parser.add_argument("tokenizer", type=Path, help="tokenizer.bin that belongs to them")
    parser.add_argument("folder", type=Path, help="where the Hugging Face files go")
    args = parser.parse_args()

    reader = Reader(args.checkpoint)
    config, tied = read_config(reader)
    tensors = read_weights(reader, config, tied)
    pieces = read_pieces(Reader(args.tokenizer), config["vocab_size"])

    args.folder.mkdir(parents=True, exist_ok=True)
    write_safetensors(args.folder / "model.safetensors", tensors)
    names = {
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    for name, content in {
        "config.json": config,
        "tokenizer.json": tokenizer_json(pieces),
        "tokenizer_config.json": names,
    }.items():
        (args.folder / name).write_text(
            json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
