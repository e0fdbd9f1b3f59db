"""The shapes that are measured, and what one token of them costs: additions and multiplications, bytes. No library needed."""

from __future__ import annotations

from typing import Any

SHAPES: dict[str, dict[str, Any]] = {
    "S": {
        "vocab_size": 8192,
        "hidden_size": 512,
        "intermediate_size": 1408,
        "num_hidden_layers": 8,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
    },
    "M": {
        "model_type": "qwen2",
        "vocab_size": 151936,
        "hidden_size": 896,
        "intermediate_size": 4864,
        "num_hidden_layers": 24,
        "num_attention_heads": 14,
        "num_key_value_heads": 2,
        "tie_word_embeddings": True,
        "attention_bias": True,
    },
    "1B": {
        "vocab_size": 128256,
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 16,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "tie_word_embeddings": True,
    },
    "8B": {
        "vocab_size": 128256,
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
    },
    # Measures nothing: with it, what measures is tried in seconds.
    "tiny": {
        "vocab_size": 256,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    },
}


def linears(shape: str) -> list[tuple[int, int]]:
    """(inputs, outputs) of one layer's seven matrices."""
    s = SHAPES[shape]
    c, inner = s["hidden_size"], s["intermediate_size"]
    kv = c // s["num_attention_heads"] * s["num_key_value_heads"]
    return [(c, c), (c, kv), (c, kv), (c, c), (c, inner), (c, inner), (inner, c)]


def training_flops(shape: str, seq: int, rank: int) -> float:
    """Of one token: 4 k n + 6 r (k + n) for each linear, 4 k n for the head, 6 c d for each layer's attention over c tokens
    (causal: half of the scores; forward, and twice that backward)."""
    s = SHAPES[shape]
    layer = sum(4 * k * n + 6 * rank * (k + n) for k, n in linears(shape))
    attention = 6 * seq * s["hidden_size"]
    return float(s["num_hidden_layers"] * (layer + attention) + 4 * s["hidden_size"] * s["vocab_size"])


def matrix_parameters(shape: str) -> int:
    """Numbers in the matrices that a decode step reads: the layers' and the head's."""
    s = SHAPES[shape]
    layers = s["num_hidden_layers"] * sum(k * n for k, n in linears(shape))
    return layers + s["hidden_size"] * s["vocab_size"]
