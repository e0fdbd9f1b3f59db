#!/usr/bin/env python3
"""Seconds from the import of the library to the first token of a GGUF file's model, in this process:
first_token.py whorl|kept|llama <file.gguf> <quantize> <threads> <folder that "kept" keeps weights in>"""

from __future__ import annotations

import random
import sys
import time


def whorl_token(file: str, ids: list[int], quantize: str, threads: int, cache: str) -> None:
    import whorl

    model = whorl.Model.load(file, quantize=quantize, threads=threads, weights_cache=cache)
    with whorl.InferenceEngine(model) as engine:
        sampling = whorl.SamplingOptions(max_new_tokens=1, ignore_eos=True, temperature=0)
        engine.generate(whorl.GenerateRequest(prompt_ids=ids, sampling=sampling))


def main() -> None:
    engine, file, quantize, threads, cache = sys.argv[1:]
    ids = [random.Random(9).randrange(2, 8000) for _ in range(16)]
    if engine == "llama":
        import llama_peer  # what the benchmark itself needs; llama_cpp is imported below the clock

    begin = time.perf_counter()
    if engine != "llama":
        whorl_token(file, ids, quantize, int(threads), cache if engine == "kept" else "")
    else:
        llama_peer.Llama(file, int(threads), 1, 64).prompts([ids])
    print(time.perf_counter() - begin)


if __name__ == "__main__":
    main()
