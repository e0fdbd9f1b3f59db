#!/usr/bin/env python3
"""What a prefix cache saves: conversations in turn over the same instructions (--seq tokens), each turn a question of 24 tokens behind all
that was said, with an engine that keeps pages and one that does not. Answers are compared, ids and log-probabilities."""

from __future__ import annotations

import statistics
import time
from typing import Any

import common
import whorl

QUESTION, ANSWER = 24, 16


class Talks:
    """Conversations of one engine; every one of them says the same with any engine."""

    def __init__(self, model: whorl.Model, arguments: Any, prefix_cache: bool) -> None:
        self.engine = whorl.InferenceEngine(model, prefix_cache=prefix_cache)
        self.shape = arguments.shape
        self.talks = [common.random_ids(self.shape, arguments.seq, 0) for _ in range(arguments.batch)]
        self.first: list[float] = []
        self.answers: list[Any] = []

    def turn(self, number: int) -> None:
        sampling = whorl.SamplingOptions(max_new_tokens=ANSWER, ignore_eos=True, logprobs=0)
        for i, talk in enumerate(self.talks):
            talk += common.random_ids(self.shape, QUESTION, 1000 * number + i + 1)
            answer = self.engine.generate(whorl.GenerateRequest(prompt_ids=talk, sampling=sampling))
            talk += answer.ids
            self.first.append(answer.seconds_to_first_token)
            self.answers.append((answer.ids, [p.logprob for p in answer.logprobs]))


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--turns", type=int, default=4)
    parser.set_defaults(batch=4)
    arguments = parser.parse_args()
    dtype = arguments.dtype or "bfloat16"
    model = common.make_model(
        arguments.shape, dtype, arguments.threads, 2 * arguments.seq, arguments.quantize
    )
    sides = {"kept": Talks(model, arguments, True), "computed": Talks(model, arguments, False)}
    spent = dict.fromkeys(sides, 0.0)
    for number in range(arguments.turns):
        for name, side in sides.items():
            begin = time.perf_counter()
            side.turn(number)
            spent[name] += time.perf_counter() - begin
    kept, computed = sides["kept"], sides["computed"]
    if kept.answers != computed.answers:
        raise SystemExit("prefix.py: the answers differ")
    stats = kept.engine.stats()
    found = {
        "first_token_seconds": statistics.median(kept.first[1:]),  # the very first finds nothing
        "computed_first_token_seconds": statistics.median(computed.first[1:]),
        "cached_share_of_prompts": stats.cached_tokens / (stats.cached_tokens + stats.prompt_tokens),
        "seconds": spent["kept"],
        "computed_seconds": spent["computed"],
    }
    found["first_token_ratio"] = found["computed_first_token_seconds"] / found["first_token_seconds"]
    common.report(arguments, found)


if __name__ == "__main__":
    main()
