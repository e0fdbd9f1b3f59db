"""Writes tests/golden/gguf/types.gguf, one tensor per type with random blocks, and types.safetensors: what the
gguf package says that they stand for. `pip install gguf==0.19.0 safetensors numpy`, then run this file."""

from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T
from safetensors.numpy import save_file

HERE = Path(__file__).parent / "gguf"
ROWS, BLOCKS = 3, 2
# Bytes of a block, and where its half-precision scales lie.
TYPES = {
    T.F32: (4, ()),
    T.F16: (2, ()),
    T.BF16: (2, ()),
    T.Q4_0: (18, (0,)),
    T.Q4_1: (20, (0, 2)),
    T.Q5_0: (22, (0,)),
    T.Q5_1: (24, (0, 2)),
    T.Q8_0: (34, (0,)),
    T.Q4_K: (144, (0, 2)),
    T.Q5_K: (176, (0, 2)),
    T.Q6_K: (210, (208,)),
}


def blocks(rng, kind, size, scales):
    """Random bytes, but finite scales of a sensible size."""
    if kind == T.F32:
        return rng.normal(size=(ROWS, 2)).astype(np.float32).view(np.uint8)
    if kind == T.F16:
        return rng.normal(size=(ROWS, 2)).astype(np.float16).view(np.uint8)
    if kind == T.BF16:
        return (
            (rng.normal(size=(ROWS, 2)).astype(np.float32).view(np.uint32) >> 16)
            .astype(np.uint16)
            .view(np.uint8)
        )
    raw = rng.integers(0, 256, size=(ROWS, BLOCKS, size), dtype=np.uint8)
    for at in scales:
        raw[:, :, at : at + 2] = rng.normal(0, 0.1, size=(ROWS, BLOCKS, 1)).astype(np.float16).view(np.uint8)
    return raw.reshape(ROWS, BLOCKS * size)


def main():
    HERE.mkdir(exist_ok=True)
    rng = np.random.default_rng(7)
    writer = gguf.GGUFWriter(HERE / "types.gguf", "llama")
    writer.add_uint32("llama.block_count", 2)
    writer.add_float32("llama.rope.freq_base", 10000.0)
    writer.add_array("tokenizer.ggml.tokens", ["<s>", "é", "b"])
    writer.add_array("tokenizer.ggml.scores", [0.0, -1.5, -2.0])
    writer.add_bool("tokenizer.ggml.add_bos_token", True)
    expected = {}
    for kind, (size, scales) in TYPES.items():
        raw = blocks(rng, kind, size, scales)
        writer.add_tensor(kind.name, raw, raw_dtype=kind)
        expected[kind.name] = np.ascontiguousarray(gguf.quants.dequantize(raw, kind), dtype=np.float32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    save_file(expected, HERE / "types.safetensors")


if __name__ == "__main__":
    main()
