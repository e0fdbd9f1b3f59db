"""Evaluation from Python and from the command line: tasks, errors, comparison, folder, page."""

import html.parser
import json
import os
import signal
import subprocess
import sys
import time

import pytest
import whorl
from whorl.demo import BASE

TASK = {
    "type": "chat",
    "template": {"messages": [{"role": "user", "content": "where is my {{ item.word }}"}]},
    "metrics": {
        "em": {"type": "exact_match", "references": ["{{ item.gold }}"]},
        "has": {"type": "string-check", "check": ["{{ sample.output_text }}", "contains", "{{ item.word }}"]},
    },
}
ITEMS = [{"word": w, "gold": f"the {w} is {w}"} for w in ("a", "b", "c", "hello")]


@pytest.fixture
def tuned(engine, trained):
    engine.add_adapter("tuned", trained[1].adapter)
    return whorl.Evaluator(engine)


def options(**more):
    return dict(sampling=whorl.SamplingOptions(max_new_tokens=6), **more)


def test_a_task_with_templates(tuned):
    base, other = tuned.run(ITEMS, ["", "tuned"], task=TASK, **options())
    assert set(base.scores) == {"em", "has"}
    assert base.scores["em"].n == 4 and base.scores["em"].errored == 0
    assert base.rows[0].prompt == "where is my a"
    assert other.adapter == "tuned" and len(other.adapter_digest) == 64
    assert json.loads(base.to_json())["scores"]["em"]["refused"] == 0


def test_data_tasks_score_what_stands_in_the_rows(tuned):
    rows = [{"gold": "4", "output": "4"}, {"gold": "4", "output": "5"}, {"gold": "4", "output": "x"}]
    task = {
        "type": "data",
        "metrics": [{"type": "number-check", "check": ["{{ output }}", "equals", "{{ gold }}"]}],
    }
    counted = tuned.run(rows, task=task).scores["number-check"]
    left_out = tuned.run(rows, task=task, on_error="exclude").scores["number-check"]
    assert (counted.value, counted.n, counted.unparsable) == (pytest.approx(1 / 3), 3, 1)
    assert (left_out.value, left_out.n, left_out.unparsable) == (0.5, 2, 1)


def test_a_row_that_lacks_a_field_is_an_error_of_that_row(tuned):
    result = tuned.run([*ITEMS, {"word": "d"}], task=TASK, **options())
    assert result.scores["em"].errored == 1 and result.scores["em"].n == 5
    assert result.rows[4].outcomes["em"] == "errored" and "undefined" in result.rows[4].error
    assert result.scores["has"].errored == 0


def test_bad_input_is_told(tuned, data):
    with pytest.raises(ValueError, match="did you mean 'references'"):
        tuned.run(ITEMS, task={"metrics": [{"type": "bleu", "refrences": ["x"]}]})
    with pytest.raises(ValueError, match="did you mean 'bleu'"):
        tuned.run(data, metrics=["blue"])
    with pytest.raises(ValueError, match="on_error"):
        tuned.run(data, on_error="ignore")
    with pytest.raises(TypeError, match="'data' expected"):
        tuned.run("rows.jsonl")
    with pytest.raises(TypeError, match=r"did you mean 'parallelism'|parallelism"):
        tuned.run(data, paralelism=3)
    with pytest.raises(ValueError, match="none of the first"):
        tuned.run([{"x": i} for i in range(20)], task=TASK)
    with pytest.raises(ValueError, match="nosuch"):
        tuned.run(data, "nosuch", metrics=["f1"])


def test_corpus_metrics(tuned, data):
    result = tuned.run(data, metrics=["bleu", "chrf", "ter", "rouge", "mcc"], **options())
    assert {"bleu", "bleu.sentence", "chrf", "ter", "rouge.rougeL", "mcc"} <= set(result.scores)
    assert "tok:13a" in result.scores["bleu"].method
    two = tuned.run(data, ["", "tuned"], metrics=["bleu"], **options())
    found = whorl.compare(two[0], two[1], "bleu")
    assert found.corpus["candidate"] == two[1].scores["bleu"].value


def test_comparison(tuned, data):
    a, b = tuned.run(data, ["", "tuned"], metrics=["f1"], **options())
    found = whorl.compare(a, b, "f1")
    assert found.paired["wins"] + found.paired["losses"] + found.paired["ties"] == 12
    assert found.paired["difference"]["value"] == pytest.approx(b.scores["f1"].value - a.scores["f1"].value)
    assert whorl.compare(a, a, "f1").paired["ties"] == 12
    with pytest.raises(ValueError, match="did you mean 'f1'"):
        whorl.compare(a, b, "f2")


def test_the_judge_is_constrained(data):
    # The small model's tokenizer spells what it does not know as a control token, which no judge may be shown.
    judge = whorl.Evaluator(whorl.InferenceEngine(whorl.Model.load(BASE)))
    task = {"metrics": [{"type": "llm-judge", "judge": {"options": ["yes", "no"], "may_refuse": False}}]}
    result = judge.run(data, task=task, **options())
    score = result.scores["llm-judge"]
    assert score.unparsable == score.refused == score.errored == 0 and score.n == 12
    assert {row.scores["llm-judge"] for row in result.rows} <= {0.0, 1.0}
    assert all(0 < row.scores["llm-judge.expected"] < 1 for row in result.rows)
    # Two results that differ: greedy answers, and drawn ones.
    a = judge.run(data, metrics=["f1"], **options())
    drawn = whorl.SamplingOptions(max_new_tokens=6, temperature=1.5, seed=1)
    b = judge.run(data, metrics=["f1"], sampling=drawn)
    assert sum(x.got != y.got for x, y in zip(a.rows, b.rows, strict=True)) >= 6
    judged = judge.judge(a, b)
    assert judged.wins_a + judged.wins_b + judged.ties + judged.refused == 12
    assert judged.unparsable == 0 and len(judged.rows) == 12
    # Asked about an answer and itself, only the position can tell them apart: never a winner.
    same = judge.judge(a, a)
    assert same.wins_a == same.wins_b == 0


def test_a_judge_is_tried_itself(tuned):
    rows = [
        {"output": w, "human": "yes" if w == "a" else "no"}
        for w in ("a", "b", "a", "c", "hello", "a", "no", "d")
    ]
    judge = whorl.JudgeOptions(
        options=["no", "yes"],
        may_refuse=False,
        expectation=False,
        label="{{ item.human }}",
        canaries=[{"answer": "a", "verdict": "yes"}, whorl.JudgeCanary(answer="a", verdict="no")],
        criteria="a",
        system="a",
    )
    result = whorl.Evaluator(whorl.InferenceEngine(whorl.Model.load(BASE))).run(
        rows,
        task=whorl.EvaluateTask(type="data", metrics=[{"type": "llm-judge", "name": "j", "judge": judge}]),
    )
    said = ["yes" if row.scores["j"] else "no" for row in result.rows]
    expected = whorl.cohens_kappa([row["human"] for row in rows], said)
    assert result.scores["j.kappa"].value == expected.value and result.scores["j.kappa"].n == 8
    # The same answer cannot be good and poor: whatever this judge says, it fails one of the two.
    assert result.scores["j.canaries"].value == 0.5
    assert any("not to be trusted: it failed 1 of 2 canaries" in one for one in result.warnings)
    assert result.to_dict()["warnings"] == result.warnings
    with pytest.raises(ValueError, match="expected its verdict to be one of 'no', 'yes'"):
        judge.canaries = [whorl.JudgeCanary(answer="x", verdict="perhaps")]
        tuned.run(
            rows,
            task=whorl.EvaluateTask(type="data", metrics=[{"type": "llm-judge", "judge": judge}]),
        )


class Page(html.parser.HTMLParser):
    """Which elements and attributes a page has, and whether its elements are closed in order."""

    VOID = {"meta", "line", "circle", "br"}  # noqa: RUF012

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.open, self.faults = set(), set(), [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in self.VOID and tag not in {"th", "tr", "td", "p"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in {"th", "tr", "td", "p"} | self.VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)


def test_the_page(tuned, data, tmp_path):
    rows = [*ITEMS, {"word": "<script>alert(1)</script>", "gold": "<img src=x onerror=alert(1)>"}]
    tuned.run(rows, ["", "tuned"], task=TASK, out=tmp_path / "run", **options())
    text = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert not page.faults and not page.open
    assert not page.tags & {"script", "img", "iframe", "link", "object", "form"}
    assert not {name for name in page.attributes if name.startswith("on")} | (
        page.attributes & {"src", "href"}
    )
    assert "&lt;script&gt;" in text and "default-src 'none'" in text
    assert "prefers-color-scheme:dark" in text and "@media print" in text
    # The planted fault: what the checker says to a page with one escape forgotten.
    assert Page(text.replace("&lt;script&gt;", "<script>", 1)).tags & {"script"}


RUN = """
import json, sys, whorl
folder, out = sys.argv[1:]
model = whorl.Model.load(folder)
words = ("a", "b", "c", "hello", "order", "yes")
rows = [{"word": f"{x} {y} {z}", "gold": "x", "n": n} for x in words for y in words for z in words for n in range(2)]
task = json.loads(%r)
with whorl.InferenceEngine(model) as engine:
    whorl.Evaluator(engine).run(rows, task=task, out=out, parallelism=2, sampling=whorl.SamplingOptions(max_new_tokens=12))
"""


def test_a_killed_run_goes_on_to_the_same_result(model, tmp_path):
    model.save(tmp_path / "model")

    def start(out):
        return subprocess.Popen(
            [sys.executable, "-c", RUN % json.dumps(TASK), str(tmp_path / "model"), str(out)]
        )

    assert start(tmp_path / "whole").wait(timeout=120) == 0
    killed = 0
    for _ in range(8):
        process = start(tmp_path / "cut")
        before = len(read(tmp_path / "cut"))
        while process.poll() is None and len(read(tmp_path / "cut")) < before + 30:
            time.sleep(0.002)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        process.wait()
    assert start(tmp_path / "cut").wait(timeout=120) == 0
    assert killed >= 3
    for name in ("results.json", "rows.jsonl"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    # 432 rows, every two neighbours ask the same and are in flight together: one answer per question, none asked twice.
    for out in ("whole", "cut"):
        keys = [json.loads(line)["key"] for line in read(tmp_path / out)]
        assert len(keys) == len(set(keys)) == 216


def read(folder):
    path = folder / "answers.jsonl"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


@pytest.fixture
def command(model, trained, tmp_path):
    """`whorl eval` as a process of its own, in a folder with a model, an adapter, rows and a task."""
    model.save(tmp_path / "model")
    trained[1].adapter.save(tmp_path / "tuned")
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ITEMS))
    (tmp_path / "task.yaml").write_text(
        "type: chat\ndata: rows.jsonl\ntemplate:\n  messages:\n  - {role: user, content: 'where is my {{ item.word }}'}\n"
        "metrics:\n  em: {type: exact_match, references: ['{{ item.gold }}']}\n"
    )

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "whorl", "eval", "--base", str(tmp_path / "model"), *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=120,
        )

    return run


def test_the_command(command, tmp_path):
    done = command(
        "--task", "task.yaml", "--adapter", tmp_path / "tuned", "--compare", "--json", "--out", "run"
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["results"][0]["scores"]["em"]["n"] == 4
    assert found["comparisons"][0]["paired"]["ties"] >= 0
    assert (tmp_path / "run" / "report.html").is_file()
    shown = command(
        "--task", "task.yaml", "--adapter", tmp_path / "tuned", "--compare", "--rows", "each.jsonl"
    )
    assert shown.returncode == 0 and "compared row by row" in shown.stdout
    each = [json.loads(line) for line in (tmp_path / "each.jsonl").read_text().splitlines()]
    assert len(each) == 8 and {row["adapter"] for row in each} == {"", "tuned"}


# What is given, the exit status, and what the message must say. 1: one sentence of ours; 2: wrong usage.
WRONG = [
    (["--task", "task.yaml", "--compare"], 1, "--compare needs two to compare"),
    (["--task", "task.yaml", "--metric", "f1"], 1, "exclude each other"),
    (["--task", "task.yaml", "--no-with-base"], 1, "nothing to score"),
    (["--task", "bad.yaml"], 1, "did you mean 'bleu'"),
    (["--task", "torn.json"], 1, "torn.json"),
    (["--task", "nosuch.yaml"], 1, "nosuch.yaml"),
    (["--task", "task.yaml", "--adapter", "nosuch"], 1, "'nosuch' is no PEFT folder"),
    (["--task", "task.yaml", "--base", "nosuch"], 1, "no folder 'nosuch'"),
    (["--task", "task.yaml", "--on-error", "ignore"], 1, 'expected on_error "wrong" or "exclude"'),
    (["--task", "task.yaml", "--limit", "-1"], 1, "limit of at least 0"),
    (["--task", "task.yaml", "--max-seconds", "-1"], 1, "max_seconds of 0"),
    (["--task", "task.yaml", "--max-seconds", "0.000001"], 1, "not done within max_seconds"),
    (["--task", "judge.yaml"], 1, "expected its verdict to be one of 'no', 'yes', got 'jes'"),
    ([], 1, "no rows: name a file"),
    (["nosuch.jsonl"], 1, "nosuch.jsonl"),
    (["torn.jsonl"], 1, "torn.jsonl:2"),
    (["chats.jsonl", "--metric", "function_name_acuracy"], 1, "did you mean 'function_name_accuracy'"),
    (["--limit", "many"], 2, "--limit"),
    (["--comparr"], 2, "--compare"),
]


def test_wrong_input_ends_the_command_with_one_sentence(command, rows, tmp_path):
    (tmp_path / "bad.yaml").write_text("metrics: [{type: blue}]\ndata: rows.jsonl\ntype: data\n")
    (tmp_path / "torn.json").write_text('{"metrics": [')
    (tmp_path / "judge.yaml").write_text(
        "metrics: [{type: llm-judge, judge: {options: ['no', 'yes'], canaries: [{answer: x, verdict: jes}]}}]\n"
        "data: rows.jsonl\ntype: data\n"
    )
    chats = [json.dumps(row) for row in rows[:3]]
    (tmp_path / "chats.jsonl").write_text("\n".join(chats))
    (tmp_path / "torn.jsonl").write_text("\n".join([chats[0], chats[1][:20], chats[2]]))
    for arguments, status, said in WRONG:
        done = command(*arguments)
        assert done.returncode == status, (arguments, done.stdout, done.stderr)
        assert said in done.stderr and "Traceback" not in done.stderr, (arguments, done.stderr)
        assert done.stdout == "", arguments
        assert status == 2 or done.stderr.startswith("whorl: ["), (arguments, done.stderr)
