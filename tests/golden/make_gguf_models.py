"""Writes tests/golden/gguf/<family>.gguf from the folders llama, qwen2 and qwen3 beside this file, as llama.cpp's
converter lays them out. `pip install gguf==0.19.0 safetensors numpy ml_dtypes`, then run this file."""

import json
from pathlib import Path

import gguf
import ml_dtypes
import numpy as np
from safetensors.numpy import load_file

HERE = Path(__file__).parent
PARTS = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
WHOLE = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}


def new_name(name):
    stem, kind = name.rsplit(".", 1)
    if stem in WHOLE:
        return f"{WHOLE[stem]}.{kind}"
    _, _, layer, part = stem.split(".", 3)
    return f"blk.{layer}.{PARTS[part]}.{kind}"


def paired(x, heads):
    """Rows i and i + half of a head side by side: how llama files turn queries and keys."""
    return x.reshape(heads, 2, x.shape[0] // heads // 2, *x.shape[1:]).swapaxes(1, 2).reshape(x.shape)


def write(folder, path):
    """The checkpoint in `folder` as the GGUF file `path`, matrices of bfloat16 as they are. benchmarks/ uses this too."""
    config = json.loads((folder / "config.json").read_text())
    family = config["model_type"]
    heads, kv = config["num_attention_heads"], config["num_key_value_heads"]
    w = gguf.GGUFWriter(path, family)
    w.add_block_count(config["num_hidden_layers"])
    w.add_embedding_length(config["hidden_size"])
    w.add_feed_forward_length(config["intermediate_size"])
    w.add_context_length(config["max_position_embeddings"])
    w.add_head_count(heads)
    w.add_head_count_kv(kv)
    w.add_layer_norm_rms_eps(config["rms_norm_eps"])
    w.add_vocab_size(config["vocab_size"])
    theta = config.get("rope_theta") or config.get("rope_parameters", {}).get("rope_theta", 10000.0)
    w.add_rope_freq_base(theta)
    size = config.get("head_dim") or config["hidden_size"] // heads
    w.add_key_length(size)
    w.add_value_length(size)
    w.add_rope_dimension_count(size)
    w.add_tokenizer_model("none")
    for name, x in load_file(folder / "model.safetensors").items():
        if family == "llama" and ("q_proj" in name or "k_proj" in name):
            x = paired(x, heads if "q_proj" in name else kv)
        if x.dtype == ml_dtypes.bfloat16 and x.ndim > 1:
            w.add_tensor(new_name(name), x.view(np.uint8), raw_dtype=gguf.GGMLQuantizationType.BF16)
        else:
            w.add_tensor(new_name(name), x.astype(np.float32))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


if __name__ == "__main__":
    for family in ("llama", "qwen2", "qwen3"):
        write(HERE / family, HERE / "gguf" / f"{family}.gguf")
