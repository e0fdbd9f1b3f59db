"""What prompt_lookup_num_tokens wins where an answer repeats itself, and costs where it does not.

python benchmarks/prompt_lookup.py FOLDER [--quantize int4] [--new 96] [--rounds 5] [--tokens 8]

FOLDER is a Hugging Face folder. With random weights greedy answers soon go round in circles, the best case, and drawn ones
repeat nothing, the worst. Answers are compared; prints medians of rounds in turn.
"""

import argparse
import statistics

import whorl

CASES = {
    "repeats": {},
    "repeats nothing": {"temperature": 1.0, "seed": 3},
}


def measure(engine: whorl.InferenceEngine, lookup: int, options: dict) -> tuple[float, int, list[int]]:
    """Milliseconds a token after the first, steps, ids."""
    before = engine.stats().steps
    result = engine.generate(
        prompt_ids=list(range(3, 35)), ignore_eos=True, prompt_lookup_num_tokens=lookup, **options
    )
    seconds = result.seconds - result.seconds_to_first_token
    return 1e3 * seconds / (len(result.ids) - 1), engine.stats().steps - before, result.ids


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder")
    parser.add_argument("--quantize", default="none")
    parser.add_argument("--new", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=8)
    arguments = parser.parse_args()
    model = whorl.Model.load(arguments.folder, quantize=arguments.quantize)
    for name, settings in CASES.items():
        options = {**settings, "max_new_tokens": arguments.new}
        with whorl.InferenceEngine(model, prefix_cache=False) as engine:
            plain, ahead = [], []
            for _ in range(arguments.rounds):
                plain.append(measure(engine, 0, options))
                ahead.append(measure(engine, arguments.tokens, options))
                if plain[-1][2] != ahead[-1][2]:
                    raise SystemExit(f"{name}: the answers differ")
            stats = engine.stats()
        ratio = statistics.median(a[0] / b[0] for a, b in zip(plain, ahead, strict=True))
        print(
            f"{name:16} {statistics.median(a[0] for a in plain):7.2f} ms a token, {plain[0][1]} steps; "
            f"ahead {statistics.median(b[0] for b in ahead):7.2f} ms, {ahead[0][1]} steps; {ratio:.2f} times as fast; "
            f"{stats.accepted_tokens} of {stats.guessed_tokens} guesses right"
        )


if __name__ == "__main__":
    main()
