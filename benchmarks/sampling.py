"""What choosing a token costs beside computing it: one stream of a model, greedy and with sampling settings in turn.

python benchmarks/sampling.py FOLDER [--quantize int4] [--new 48] [--rounds 5]

FOLDER is a Hugging Face folder (`benchmarks/serve.py --folder` leaves one in `model`). Prints milliseconds a token, medians
of rounds, and what each setting adds to the greedy one of the same round.
"""

import argparse
import statistics
import time

import whorl

SETTINGS = {
    "greedy": {},
    "temperature": {"temperature": 0.7},
    "top_p": {"temperature": 0.7, "top_p": 0.9},
    "top_k": {"temperature": 0.7, "top_k": 40},
    "top_k, top_p": {"temperature": 0.7, "top_k": 40, "top_p": 0.95},
    "logprobs": {"logprobs": 5},
}


def milliseconds(engine: whorl.InferenceEngine, new: int, settings: dict) -> float:
    """A token's, the first one left out."""
    result = engine.generate(prompt_ids=[3, 5, 8, 13], max_new_tokens=new, ignore_eos=True, **settings)
    return 1e3 * (result.seconds - result.seconds_to_first_token) / (new - 1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder")
    parser.add_argument("--quantize", default="none")
    parser.add_argument("--new", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    model = whorl.Model.load(options.folder, quantize=options.quantize)
    measured: dict[str, list[float]] = {name: [] for name in SETTINGS}
    with whorl.InferenceEngine(model) as engine:
        milliseconds(engine, options.new, {})
        for _ in range(options.rounds):
            for name, settings in SETTINGS.items():
                measured[name].append(milliseconds(engine, options.new, settings))
    print(f"{'':14} ms a token   over greedy, ms")
    for name, values in measured.items():
        added = statistics.median(a - b for a, b in zip(values, measured["greedy"], strict=True))
        print(f"{name:14} {statistics.median(values):10.2f}   {added:+.2f}")


if __name__ == "__main__":
    started = time.monotonic()
    main()
    print(f"{time.monotonic() - started:.0f} s")
