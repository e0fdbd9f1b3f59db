"""Models of random weights, drawn and written by PyTorch: a GPU draws 16 GB in a blink, and they pass through the host once."""

from __future__ import annotations

import json
import math
import multiprocessing
import shutil
from pathlib import Path
from typing import Any

import common
import torch_peer
from shapes import SHAPES

DEVIATION = 0.02


def tensor_shapes(shape: str) -> dict[str, tuple[int, ...]]:
    """Every tensor of a Llama by its name in the file."""
    s = SHAPES[shape]
    if s.get("model_type", "llama") != "llama":
        raise SystemExit(f"expected the shape of a Llama, got {shape}, which is a {s['model_type']}")
    c, inner = s["hidden_size"], s["intermediate_size"]
    kv = c // s["num_attention_heads"] * s["num_key_value_heads"]
    layer = {
        "input_layernorm": (c,),
        "self_attn.q_proj": (c, c),
        "self_attn.k_proj": (kv, c),
        "self_attn.v_proj": (kv, c),
        "self_attn.o_proj": (c, c),
        "post_attention_layernorm": (c,),
        "mlp.gate_proj": (inner, c),
        "mlp.up_proj": (inner, c),
        "mlp.down_proj": (c, inner),
    }
    found: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (s["vocab_size"], c)}
    for i in range(s["num_hidden_layers"]):
        found |= {f"model.layers.{i}.{name}.weight": size for name, size in layer.items()}
    found["model.norm.weight"] = (c,)
    if not s.get("tie_word_embeddings"):
        found["lm_head.weight"] = (s["vocab_size"], c)
    return found


def deviation(name: str, shape: str) -> float:
    """As Model.create draws: projections into the residual smaller, so that its size does not grow with the depth."""
    into_residual = "o_proj" in name or "down_proj" in name
    return DEVIATION / math.sqrt(2 * SHAPES[shape]["num_hidden_layers"]) if into_residual else DEVIATION


def config(shape: str, length: int) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "eos_token_id": 1,
        "max_position_embeddings": length,
        **SHAPES[shape],
    }


def header(shapes: dict[str, tuple[int, ...]]) -> bytes:
    """What a safetensors file of bfloat16 tensors begins with: its length, then JSON; padded, so that data are aligned."""
    described, at = {}, 0
    for name, size in shapes.items():
        end = at + 2 * math.prod(size)
        described[name] = {"dtype": "BF16", "shape": list(size), "data_offsets": [at, end]}
        at = end
    text = json.dumps(described).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def write(shape: str, folder: Path, length: int, device: str) -> None:
    import torch

    torch.manual_seed(1)
    where, shapes = torch_peer.torch_device(device), tensor_shapes(shape)
    with (folder / "model.safetensors").open("wb") as file:
        file.write(header(shapes))
        for name, size in shapes.items():
            drawn = torch.ones(size, dtype=torch.bfloat16, device=where)
            if len(size) > 1:
                drawn.normal_(0, deviation(name, shape))
            file.write(drawn.cpu().view(torch.uint8).numpy().data)
    (folder / "config.json").write_text(json.dumps(config(shape, length), indent=1))
    common.word_tokenizer(folder, SHAPES[shape]["vocab_size"])


def save(shape: str, folder: Path, length: int, device: str) -> None:
    """In a process of its own, which gives its memory back; the folder is there when it is whole."""
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.apply(write, (shape, part, length, device))
    part.replace(folder)
