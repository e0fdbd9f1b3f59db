"""What a base can do and what it cannot: copying on fresh rows of every kind, and the demo's support tools.

python recipes/base/score.py python/whorl/data/demo_base
"""

import json
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import corpus
import whorl
from whorl.demo.generate import make_rows

TOOLS = ["function_name_accuracy", "function_name_and_args_accuracy"]


def _score(evaluator: whorl.Evaluator, rows: list[dict], metrics: list[str]) -> dict:
    sampling = whorl.SamplingOptions(max_new_tokens=96)
    result = evaluator.run(whorl.Dataset.from_list(rows, "rows"), metrics=metrics, sampling=sampling)
    return {name: round(score.value, 4) for name, score in result.scores.items()} | {"n": len(rows)}


def score(folder: Path, n: int = 200) -> dict:
    told: dict[str, dict] = {}
    with whorl.InferenceEngine(whorl.Model.load(folder)) as engine:
        evaluator = whorl.Evaluator(engine)
        for make, _ in corpus.MIX:
            rng = random.Random(f"score {make.__name__}")
            rows = [make(rng) for _ in range(n)]
            calls = [row for row in rows if row["messages"][-1].get("tool_calls")]
            if calls:  # else these rows are answered in words
                rows = calls
            metrics = TOOLS if calls else ["exact_match"]
            told[make.__name__] = _score(evaluator, rows, metrics)
        told["support tools"] = _score(evaluator, make_rows(n, 0, held_out=True), TOOLS)
    return told


if __name__ == "__main__":
    print(json.dumps(score(Path(sys.argv[1])), indent=2))
