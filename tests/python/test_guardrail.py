"""Guardrails from Python and from the command line."""

import json
import subprocess
import sys

import pytest
import whorl

PLAIN = """
rails:
  input: {flows: [mask sensitive data on input, regex check input]}
  output: {flows: [regex check output]}
  retrieval: {flows: [regex check retrieval]}
  tool_output: {flows: [check allowed tools, check tool arguments]}
  config:
    sensitive_data_detection: {input: {entities: [EMAIL_ADDRESS]}}
    regex_detection:
      input: {patterns: [forbidden]}
      output: {patterns: [secret]}
      retrieval: {patterns: [poison]}
    tool_calls: {allowed: [get]}
"""
ASKING = """
rails: {input: {flows: [self check input]}, output: {flows: [regex check output]}, config: {regex_detection: {output: {patterns: [zebra]}}}}
prompts: [{task: self_check_input, content: 'is {{ user_input }} a'}]
"""
REFUSAL = "I'm sorry, I can't respond to that."


@pytest.fixture(scope="module")
def guard():
    return whorl.Guardrail.from_yaml(PLAIN)


def test_input(guard):
    assert guard.check_input("hello").status == "allowed"
    masked = guard.check_input("I am a.b@mail.com")
    assert (masked.status, masked.text) == ("changed", "I am <EMAIL_ADDRESS>")
    assert masked.decisions[0].spans[0].to_dict()["begin"] == 5
    blocked = guard.check_input([{"role": "user", "content": "forbidden"}])
    assert not blocked.allowed
    assert blocked.text == REFUSAL
    assert json.loads(blocked.error)["error"]["param"] == "regex check input"
    assert json.loads(blocked.to_json())["rails_status"]["regex check input"]["status"] == "blocked"
    many = guard.check_input(["fine", "forbidden"])
    assert [one.allowed for one in many] == [True, False]


def test_output_retrieval_tools(guard):
    assert guard.check_output("a secret").blocked_by == "regex check output"
    assert (
        guard.check_output({"role": "assistant", "content": "x", "reasoning_content": "secret"}).status
        == "blocked"
    )
    assert guard.check_retrieval(["ok", "poison"]).chunks == ["ok"]
    tools = [{"name": "get", "parameters": {"type": "object", "required": ["n"]}}, {"name": "wipe"}]
    assert guard.check_tool_calls([{"name": "get", "arguments": {"n": 1}}], tools).allowed
    assert (
        guard.check_tool_calls([{"name": "get", "arguments": {}}], tools).blocked_by == "check tool arguments"
    )
    assert (
        guard.check_tool_calls([{"name": "wipe", "arguments": {}}], tools).blocked_by == "check allowed tools"
    )


def test_faults_name_the_line():
    with pytest.raises(ValueError, match=r"config.yml:2: unknown key 'inptu'; did you mean 'input'\?"):
        whorl.Guardrail.from_yaml("rails:\n  inptu: {}")
    with pytest.raises(ValueError, match="asks a model: give Guardrail an InferenceEngine"):
        whorl.Guardrail.from_yaml(ASKING)
    with pytest.raises(RuntimeError):
        whorl.Guardrail.load("/nowhere/config.yml")


def test_with_an_engine(engine):
    guard = whorl.Guardrail.from_yaml(ASKING, engine)
    assert guard.needs_engine
    assert guard.flows == {"input": ["self check input"], "output": ["regex check output"]}
    result = guard.check_input("hello")
    assert result.status in ("allowed", "blocked")
    assert result.decisions[0].failed in ("", "closed")


def test_generation(engine):
    guard = whorl.Guardrail.from_yaml(
        "rails: {output: {flows: [regex check output]}, config: {regex_detection: {output: {patterns: [zebra]}}}}",
        engine,
    )
    message = [{"role": "user", "content": "where is my order"}]
    plain = engine.generate(message, max_new_tokens=8)
    assert guard.generate(message, max_new_tokens=8).result.text == plain.text
    pieces = []
    streamed = guard.stream(message, lambda event: pieces.append(event.text), max_new_tokens=8)
    assert "".join(pieces) == plain.text == streamed.result.text

    def stop(event):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        guard.stream(message, stop, max_new_tokens=8)
    with pytest.raises(TypeError, match="max_new_tokens"):
        guard.generate(message, max_new_token=8)


def command(*arguments):
    program = [sys.executable, "-P", "-c", "import sys; from whorl.cli import main; sys.exit(main())"]
    return subprocess.run([*program, *map(str, arguments)], capture_output=True, text=True, timeout=240)


def test_command_line(tmp_path):
    config = tmp_path / "config.yml"
    config.write_text(PLAIN)
    allowed = command("guard", "check", "--config", config, "hello")
    assert allowed.returncode == 0, allowed.stderr
    blocked = command("guard", "check", "--config", config, "--json", "forbidden")
    assert blocked.returncode == 3, blocked.stderr
    assert json.loads(blocked.stdout)["text"] == REFUSAL
    assert command("guard", "check", "--config", config, "--rail", "output", "secret").returncode == 3
    config.write_text("rails: {inptu: {}}")
    wrong = command("guard", "check", "--config", config, "hello")
    assert wrong.returncode == 1
    assert "did you mean 'input'?" in wrong.stderr
    assert "Traceback" not in wrong.stderr
