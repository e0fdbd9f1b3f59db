"""Several processes train one run: `whorl train --nproc`, and the variables that torchrun sets."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import whorl
from whorl.cli.ranks import Ranks

COMMAND = [sys.executable, "-P", "-c", "import sys; from whorl.cli import main; sys.exit(main())"]
# Read by the library or the command: a test that sets none must see none.
CLEAN = {
    name: value for name, value in os.environ.items() if not name.startswith(("RANK", "WORLD_", "MASTER_"))
}


def start(*arguments, **variables):
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=CLEAN | {name: str(value) for name, value in variables.items()},
    )


def finish(process, timeout=60):
    out, err = process.communicate(timeout=timeout)
    return process.returncode, out, err


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def children(process):
    """By rank, as they were started."""
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return sorted(map(int, listed))


def wait_for(true, seconds=30):
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.fixture(scope="module")
def run(model, rows, tmp_path_factory):
    """A small run's flags."""
    folder = tmp_path_factory.mktemp("ranks")
    model.save(folder / "model")
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    flags = {"base": folder / "model", "data": folder / "rows.jsonl", "max-length": 32, "batch-size": 4}
    return [part for name, value in flags.items() for part in (f"--{name}", value)] + ["--rank", 2]


@pytest.fixture(scope="module")
def alone(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone") / "adapter"
    status, out, err = finish(
        start("train", *run, "--max-steps", 5, "--dropout", 0.2, "--out", folder, "--json")
    )
    assert status == 0, err
    return json.loads(out), whorl.Adapter.load(folder)


def assert_same(result, expected):
    made, adapter = result
    wanted, other = expected
    assert made["adapters"][0]["loss"] == pytest.approx(wanted["adapters"][0]["loss"], rel=1e-5)
    assert made["adapters"][0]["validation_loss"] == pytest.approx(
        wanted["adapters"][0]["validation_loss"], rel=1e-5
    )
    for name in other.tensor_shapes():
        a, b = np.asarray(adapter.tensor(name)), np.asarray(other.tensor(name))
        assert np.abs(a - b).max() <= 1e-3 * np.abs(b).max()


def test_two_processes_train_what_one_trains(run, alone, tmp_path):
    out_folder = tmp_path / "adapter"
    more = ["--max-steps", 5, "--dropout", 0.2, "--out", out_folder, "--json"]
    status, out, err = finish(start("train", *run, *more, "--nproc", 2))
    assert status == 0, err
    made = json.loads(out)  # one document: the second process says nothing
    assert made["plan"]["ranks"] == 2
    assert made["plan"]["activation_bytes"] < 0.8 * alone[0]["plan"]["activation_bytes"]
    assert_same((made, whorl.Adapter.load(out_folder)), alone)


def test_torchruns_variables_do_the_same(run, alone, tmp_path):
    shared = {
        "WORLD_SIZE": 2,
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": free_port(),
        "WHORL_RANKS_TOKEN": "t",
    }
    more = ["--max-steps", 5, "--dropout", 0.2, "--json", "--distributed", "--threads", 1]
    both = [
        start("train", *run, *more, "--out", tmp_path / str(rank), RANK=rank, LOCAL_RANK=rank, **shared)
        for rank in range(2)
    ]
    (status, out, err), (other_status, other_out, other_err) = map(finish, both)
    assert (status, other_status) == (0, 0), err + other_err
    assert other_out == ""
    assert_same((json.loads(out), whorl.Adapter.load(tmp_path / "0")), alone)
    assert not (tmp_path / "1").exists()


def test_variables_alone_open_no_connection(model, data, monkeypatch):
    """A program that merely runs under torchrun trains as ever; nobody listens at that port."""
    trainer = [whorl.LoraOptions(name="a", rank=2)]
    before = whorl.Trainer(model, trainer, max_steps=2, max_length=32).fit(data)
    for name, value in {"RANK": 1, "WORLD_SIZE": 2, "MASTER_ADDR": "localhost", "MASTER_PORT": 1}.items():
        monkeypatch.setenv(name, str(value))
    after = whorl.Trainer(model, trainer, max_steps=2, max_length=32).fit(data)
    assert after[0].adapter.digest == before[0].adapter.digest
    assert whorl.Trainer(model, trainer, max_length=32).plan(data).ranks == 1
    assert whorl.Trainer(model, trainer, max_length=32, distributed=True).plan(data).ranks == 2


def test_a_world_of_one_is_no_different(model, data, monkeypatch):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "1")
    adapters = whorl.LoraOptions(name="a", rank=2)
    alone, one = (
        whorl.Trainer(model, adapters, max_steps=2, max_length=32, distributed=d).fit(data)
        for d in (False, True)
    )
    assert alone[0].adapter.digest == one[0].adapter.digest


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "WORLD_SIZE to be a whole number from 1 to 4096, it is not set; `whorl train --nproc`"),
        ({"WORLD_SIZE": "2", "RANK": "2"}, "RANK to be a whole number from 0 to 1, got '2'"),
        ({"WORLD_SIZE": "2", "RANK": "0"}, "MASTER_ADDR"),
        ({"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "localhost", "MASTER_PORT": "http"}, "got 'http'"),
        (
            {
                "WORLD_SIZE": "2",
                "RANK": "1",
                "MASTER_ADDR": "localhost",
                "MASTER_PORT": "1",
                "WHORL_RANKS_TIMEOUT": "1",
            },
            "rank 0 of 2 did not answer at localhost:1 within 1 s",
        ),
    ],
)
def test_what_makes_no_sense_is_named(model, data, monkeypatch, variables, words):
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    trainer = whorl.Trainer(model, whorl.LoraOptions(name="a"), max_length=32, distributed=True)
    with pytest.raises((ValueError, RuntimeError)) as error:
        trainer.fit(data)
    assert words in str(error.value)


def test_bad_values(run):
    table = {
        "--nproc expected at least 1 process, got 0": ["--nproc", 0],
        "leave --distributed out": ["--nproc", 2, "--distributed"],
        "3 ranks cannot share this run": ["--nproc", 3, "--batch-size", 1],
        "none.jsonl": ["--nproc", 2, "--data", "none.jsonl"],
    }
    started = {words: start("train", *run, "--max-steps", 2, *flags) for words, flags in table.items()}
    for words, process in started.items():
        status, _, err = finish(process)
        assert status == 1
        assert err.startswith("whorl: ") and words in err and "Traceback" not in err


def test_a_plan_needs_no_company(run):
    status, out, err = finish(start("train", *run, "--nproc", 2, "--dry-run", "--json"))
    assert status == 0, err
    assert json.loads(out)["ranks"] == 2


def running(run, tmp_path, *more):
    """A long run of two processes that has begun."""
    metrics = tmp_path / "metrics.jsonl"
    flags = ["--nproc", 2, "--metrics-file", metrics, "--json"]
    process = start("train", *run, *flags, *more)
    wait_for(lambda: metrics.exists() and metrics.stat().st_size > 0)
    return process, children(process)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_process_ends_all_and_is_named(run, tmp_path, rank):
    process, pids = running(run, tmp_path, "--max-steps", 100000)
    os.kill(pids[rank], signal.SIGKILL)
    begin = time.monotonic()
    status, _, err = finish(process)
    assert status == 1
    assert f"rank {rank} of 2 was ended by SIGKILL" in err
    if rank == 1:
        assert "rank 1 of 2 closed the connection" in err
    assert time.monotonic() - begin < 10
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


class Ended:
    """A process that has ended when it is asked the second time, or already."""

    def __init__(self, *states):
        self.states = list(states)

    def poll(self):
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]


@pytest.mark.parametrize(
    ("states", "named"), [([[1], [-9]], 1), ([[None, -9], [1]], 0), ([[1], [1]], 0), ([[0], [-9]], 1)]
)
def test_who_was_killed_is_named_and_not_who_noticed_it(states, named):
    ranks = Ranks.__new__(Ranks)
    ranks.count, ranks.processes = 2, [Ended(*one) for one in states]
    ranks.words, ranks.end = [io.BytesIO(), io.BytesIO()], lambda seconds: None
    with pytest.raises(RuntimeError, match=rf"rank {named} of 2 "):
        ranks.wait()


def test_a_killed_parent_leaves_nobody_behind(run, tmp_path):
    process, pids = running(run, tmp_path, "--max-steps", 100000)
    process.kill()
    process.communicate()
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))


def test_ctrl_c_stops_all_with_a_checkpoint_that_one_process_goes_on_from(run, tmp_path):
    out_folder = tmp_path / "adapter"
    more = ["--max-steps", 400, "--checkpoint-dir", tmp_path / "c", "--resume", "--json", "--out", out_folder]
    process, pids = running(run, tmp_path, *more)
    process.send_signal(signal.SIGINT)
    status, out, err = finish(process)
    assert (status, out) == (130, ""), err
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    assert json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[-1])["step"] < 400
    assert not out_folder.exists()
    whole = start("train", *run, "--max-steps", 400, "--json")
    (status, out, err), (_, whole_out, _) = map(finish, (start("train", *run, *more), whole))
    assert status == 0, err
    loss, wanted = (json.loads(text)["adapters"][0]["loss"] for text in (out, whole_out))
    assert loss == pytest.approx(wanted, rel=1e-4)


def test_a_second_ctrl_c_does_not_wait_for_a_process_that_hangs(run, tmp_path):
    process, pids = running(run, tmp_path, "--max-steps", 100000)
    os.kill(pids[1], signal.SIGSTOP)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert finish(process)[0] == 130
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))
