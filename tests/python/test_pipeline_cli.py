"""`whorl pipeline …` as programs: exit statuses, what stands on which stream, JSON, one obvious wrong input each."""

import json
import signal
import subprocess
import sys
import time

import pytest
import yaml

IMAGE = "registry.example/whorl@sha256:" + "0" * 64


def whorl_pipeline(*arguments, cwd=None, start=False):
    command = [sys.executable, "-P", "-m", "whorl", "pipeline", *map(str, arguments)]
    if start:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd)
    return subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=cwd)


def ok(*arguments, cwd=None):
    done = whorl_pipeline(*arguments, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(*arguments, status=1, cwd=None):
    """What it says. Nothing goes to standard output, and nobody sees a traceback."""
    done = whorl_pipeline(*arguments, cwd=cwd)
    assert done.returncode == status, done.stdout + done.stderr
    assert done.stdout == "" and "Traceback" not in done.stderr
    return " ".join(done.stderr.split())


SOUND = """\
name: counting
parameters:
  word: {type: string, default: order}
  times: {type: int, default: 2}
steps:
  - name: count
    kind: command
    with: {command: [printf, "%s", "${parameters.times}"]}
    outputs: {times: {path: "-", type: json}}
  - name: each
    kind: command
    foreach: [1, 2, 3]
    failure_policy: any
    with: {command: [sh, -c, "test $0 -le $1", "${item}", "${steps.count.outputs.times}"]}
  - name: tell
    kind: command
    needs: [each]
    with: {command: [echo, "${parameters.word}"]}
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "p.yaml").write_text(SOUND)
    (tmp_path / "wrong.yaml").write_text(SOUND.replace("needs: [each]", "needs: [eahc]"))
    return tmp_path / "p.yaml"


@pytest.fixture
def wrong(file):
    return file.with_name("wrong.yaml")


def test_validate(file, wrong):
    assert "counting: 3 steps, no problem found" in ok("validate", file)
    told = json.loads(ok("validate", file, "--json"))
    assert told["steps"] == ["count", "each", "tell"] and len(told["digest"]) == 64
    assert json.loads(ok("validate", file, "--canonical"))["name"] == "counting"
    message = refused("validate", wrong)
    assert "wrong.yaml:17" in message and "no step 'eahc'; did you mean 'each'?" in message
    assert "nowhere.yaml" in refused("validate", file.with_name("nowhere.yaml"))
    refused("validate", status=2)


def test_run_and_show(file, wrong, tmp_path):
    runs = tmp_path / "runs"
    told = json.loads(ok("run", file, "--folder", runs, "--json", "--report", tmp_path / "r.html"))
    states = {step["name"]: step["state"] for step in told["steps"]}
    assert told["state"] == "succeeded" and states["each.2"] == "failed" and states["tell"] == "succeeded"
    assert (tmp_path / "r.html").read_text().startswith("<!")
    assert "cached" in ok("run", file, "--folder", runs, "--quiet")
    lines = whorl_pipeline("run", file, "--folder", runs, "-p", "times=3")
    assert lines.returncode == 0 and "each.2: succeeded" in lines.stderr, (
        "without a terminal: lines, for logs"
    )

    assert "tell" in ok("show", "--folder", runs)
    shown = json.loads(ok("show", told["run_id"], "--folder", runs, "--json"))
    assert shown["state"] == "succeeded" and len(shown["steps"]) == 5
    assert ok("show", told["run_id"], "--folder", runs, "--log", "tell") == "order\n"
    assert "no run 'r9'" in refused("show", "r9", "--folder", runs)
    assert "no run '../runs" in refused("show", "../runs", "--folder", runs)
    assert "has no log" in refused("show", "--folder", runs, "--log", "no-step")
    assert "no run in" in refused("show", "--folder", tmp_path / "empty")

    assert "expected int as JSON, got 'two'" in refused("run", file, "--folder", runs, "-p", "times=two")
    assert "NAME=VALUE" in refused("run", file, "--folder", runs, "-p", "times")
    assert "did you mean 'times'" in refused("run", file, "--folder", runs, "-p", "tims=1")
    assert "did you mean 'each'" in refused("run", wrong, "--folder", runs)


def test_a_run_that_fails_says_so(file, tmp_path):
    file.write_text(SOUND.replace("failure_policy: any", "failure_policy: all"))
    done = whorl_pipeline("run", file, "--folder", tmp_path / "runs", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 1 and told["state"] == "failed"
    assert {s["name"]: s["state"] for s in told["steps"]}["tell"] == "omitted"


def test_a_run_that_is_stopped_goes_on_later(tmp_path):
    mark, go = tmp_path / "mark", tmp_path / "go"
    slow = f'until test -e "{go}"; do touch "{mark}"; sleep 0.05; done; echo done'
    document = {
        "name": "slow",
        "steps": [
            {"name": "first", "kind": "command", "with": {"command": ["echo", "first"]}},
            {
                "name": "slow",
                "kind": "command",
                "needs": ["first"],
                "with": {"command": ["sh", "-c", slow]},
            },
        ],
    }
    file = tmp_path / "slow.json"
    file.write_text(json.dumps(document))
    process = whorl_pipeline("run", file, "--folder", tmp_path / "runs", "--json", start=True)
    for _ in range(1200):
        if mark.exists() or process.poll() is not None:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    if out:
        assert json.loads(out)["state"] == "cancelled"
    go.touch()
    told = json.loads(ok("run", file, "--folder", tmp_path / "runs", "--json"))
    assert {s["name"]: s["state"] for s in told["steps"]} == {"first": "succeeded", "slow": "succeeded"}


def test_to_argo(file, wrong, tmp_path):
    printed = list(yaml.safe_load_all(ok("to-argo", file, "--image", IMAGE, "-p", "times=3")))
    assert [each["kind"] for each in printed] == ["WorkflowTemplate", "Workflow"]
    told = json.loads(ok("to-argo", file, "--image", IMAGE, "--schedule", "0 3 * * *", "--json"))
    assert [each["kind"] for each in told] == ["WorkflowTemplate", "Workflow", "CronWorkflow"]
    ok("to-argo", file, "--image", IMAGE, "--out", tmp_path / "argo")
    assert {yaml.safe_load(p.read_text())["kind"] for p in (tmp_path / "argo").rglob("*.yaml")} == {
        "WorkflowTemplate",
        "Workflow",
    }
    assert "resources.image" in refused("to-argo", file)
    assert "whorl:latest" in refused("to-argo", file, "--image", "whorl:latest")
    assert "expected int, got 'x'" in refused("to-argo", file, "--image", IMAGE, "-p", "times=x")
    assert "did you mean 'each'" in refused("to-argo", wrong, "--image", IMAGE)


def test_to_kubernetes(file):
    job = yaml.safe_load(ok("to-kubernetes", file, "--step", "each", "--item", 1, "--image", IMAGE))
    assert job["kind"] == "Job" and job["metadata"]["name"].endswith("-each-1")
    told = json.loads(ok("to-kubernetes", file, "--step", "count", "--image", IMAGE, "--json"))
    assert told[0]["kind"] == "Job"
    assert "did you mean 'count'" in refused("to-kubernetes", file, "--step", "cout", "--image", IMAGE)
    assert "over 3 items" in refused("to-kubernetes", file, "--step", "each", "--item", 3, "--image", IMAGE)
    assert "--step" in refused("to-kubernetes", file, "--image", IMAGE, status=2)


def test_to_gitops(file, tmp_path):
    tree = tmp_path / "tree"
    assert "Kustomization" in ok("to-gitops", file, "--out", tree, "--image", IMAGE)
    assert (tree / "base/kustomization.yaml").is_file()
    told = json.loads(ok("to-gitops", file, "--out", tree, "--image", IMAGE, "--json"))
    assert all((tree / each["path"]).read_text() == each["yaml"] for each in told)
    assert "resources.image" in refused("to-gitops", file, "--out", tmp_path / "none")
    assert not (tmp_path / "none").exists(), "nothing is written by halves"


def test_step_and_gather(file, tmp_path):
    """What the pods of one run do, in their order."""
    plan, state, out = tmp_path / "plan.json", tmp_path / "state", tmp_path / "out"
    plan.write_text(ok("validate", file, "--canonical"))
    out.mkdir()
    pod = ("--plan", plan, "--run-id", "r1", "--state", state)
    assert "step 'count' succeeded" in ok(
        "step", *pod, "--step", "count", "--outputs", out, "--output", "times"
    )
    assert (out / "times").read_text() == "2"
    assert "from the cache" in ok("step", *pod, "--step", "count")
    for item, status in (("1", 0), ("2", 0), ("3", 1)):
        (tmp_path / "item").write_text(item)
        done = whorl_pipeline("step", *pod, "--step", "each", "--item", tmp_path / "item")
        assert done.returncode == status, done.stderr
    assert "step 'each' failed (code)" in done.stderr
    assert "step 'each' succeeded" in ok("gather", *pod, "--step", "each")
    assert "step 'tell' succeeded" in ok("step", *pod, "--step", "tell")

    assert "did you mean 'tell'" in refused("step", *pod, "--step", "tel")
    (tmp_path / "item").write_text("9")
    assert "none of its 3 items" in refused("step", *pod, "--step", "each", "--item", tmp_path / "item")
    assert "has no foreach" in refused("gather", *pod, "--step", "tell")
    (tmp_path / "parameters").write_text('{"times": "x"}')
    assert "parameter 'times'" in refused(
        "step", *pod, "--step", "count", "--parameters", tmp_path / "parameters"
    )


def test_a_gate_that_rejects_has_a_status_of_its_own(tmp_path):
    (tmp_path / "rails.yml").write_text(
        "rails:\n  config: {regex_detection: {input: {patterns: [bomb]}}}\n  input: {flows: [regex check input]}\n"
    )
    (tmp_path / "rows.jsonl").write_text('{"text": "a bomb", "bad": true}\n{"text": "a gun", "bad": true}\n')
    document = {
        "name": "guarded",
        "steps": [
            {
                "name": "guard",
                "kind": "guard_check",
                "with": {
                    "config": str(tmp_path / "rails.yml"),
                    "data": str(tmp_path / "rows.jsonl"),
                    "expect": "bad",
                },
            }
        ],
    }
    (tmp_path / "plan.json").write_text(json.dumps(document))
    pod = ("--plan", tmp_path / "plan.json", "--run-id", "r1", "--state", tmp_path / "state")
    done = whorl_pipeline("step", *pod, "--step", "guard")
    assert done.returncode == 86 and "failed (rejected): recall is 0.5" in done.stderr
