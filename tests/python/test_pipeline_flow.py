"""Pipelines as decorated functions: what they become, how they run, what is shown meanwhile."""

import enum
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Literal

import pytest
import whorl
from whorl import _pipeline_view, pipeline


@pipeline.step(outputs=["words"], retry={"limit": 2, "backoff": {"seconds": 0}})
def count(text: str, least: int = 1) -> dict:
    return {"words": len([word for word in text.split() if len(word) >= least])}


@pipeline.step(outputs={"page": "page.txt"})
def write(words: int, context) -> None:
    (Path(context.folder) / "page.txt").write_text(f"{words} words")


@pipeline.step
def read(page: Path) -> str:
    return Path(page).read_text()


@pipeline.step(outputs=["square"])
def square(value: int) -> dict:
    return {"square": value * value}


class Colour(enum.Enum):
    red = "r"
    green = "g"


@pipeline.flow
def counting(
    text: str = "where is my order",
    least: int = 2,
    mode: Literal["fast", "slow"] = "fast",
    colour: Colour = Colour.red,
    rate: Annotated[float, "of learning"] = 1e-4,
    sure: bool = True,
    values: list[int] = [1, 2, 3],  # noqa: B006
):
    """Counts words."""
    counted = count(text=text, least=least)
    page = write(counted["words"])
    read(page=page["page"])
    square.with_(foreach=values, when=(mode, "==", "fast"))(pipeline.item)


def test_a_flow_is_the_same_data_as_json():
    document = counting.to_dict()
    assert document["name"] == "counting" and document["description"] == "Counts words."
    kinds = {name: p["type"] for name, p in document["parameters"].items()}
    assert kinds == dict(
        text="string", least="int", mode="string", colour="string", rate="float", sure="bool", values="list"
    )
    assert document["parameters"]["mode"]["choices"] == ["fast", "slow"]
    assert document["parameters"]["colour"]["choices"] == ["r", "g"]
    assert document["parameters"]["rate"]["description"] == "of learning"
    steps = {step["name"]: step for step in document["steps"]}
    assert list(steps) == ["count", "write", "read", "square"]
    assert steps["count"]["with"]["arguments"] == {
        "text": "${parameters.text}",
        "least": "${parameters.least}",
    }
    assert steps["read"]["with"]["inputs"] == {"page": "${steps.write.outputs.page}"}
    assert steps["square"]["foreach"] == "${parameters.values}"
    assert steps["square"]["when"] == [{"left": "${parameters.mode}", "op": "==", "right": "fast"}]
    again = whorl.Pipeline.from_json(counting.to_json())
    assert again.to_json() == counting.to_json()
    counting.validate()


def test_outside_of_a_flow_a_step_is_its_function():
    assert count("a bc", 2) == {"words": 1}


def test_it_runs_here_and_the_second_run_is_free(tmp_path):
    events = []
    result = counting.run(folder=tmp_path, least=3, progress=events.append)
    assert result.state == "succeeded"
    words = result.output("count", "words")
    assert (json.loads(words) if isinstance(words, str) else words) == 2
    squares = result.output("square", "square")
    assert (json.loads(squares) if isinstance(squares, str) else squares) == [1, 4, 9]
    again = counting.run(folder=tmp_path, least=3, progress=False)
    assert all(step.cached for step in again.steps if step.state == "succeeded")
    assert any(event.step == "count" and event.state == "succeeded" for event in events)


def test_conditions_skip(tmp_path):
    result = counting.run(folder=tmp_path, mode="slow", progress=False)
    assert {step.state for step in result.steps if step.step == "square"} == {"skipped"}
    assert result.state == "succeeded"


def test_a_functions_exception_is_its_codes_fault(tmp_path):
    @pipeline.step(retry={"limit": 3, "policy": "infrastructure"})
    def broken() -> int:
        raise ValueError("no such luck")

    @pipeline.flow
    def breaking():
        broken()

    result = breaking.run(folder=tmp_path, progress=False)
    step = result.steps[0]
    assert (result.state, step.state, step.fault, step.attempts) == ("failed", "failed", "code", 1)
    assert "no such luck" in step.message


def test_errors_name_what_is_wrong():
    with pytest.raises(TypeError, match="did you mean 'retry'"):
        pipeline.step(retri={})(lambda: 1)
    with pytest.raises(RuntimeError, match="outside of a flow"):
        pipeline.command("x", ["true"])
    with pytest.raises(KeyError, match="has no output 'word'"):

        @pipeline.flow
        def wrong():
            count(text="a")["word"]

    with pytest.raises(TypeError, match="parameter 'x' expected str, int"):

        @pipeline.flow
        def typed(x: dict):
            pass

    with pytest.raises(ValueError, match="cannot be imported"):
        pipeline.imported("no_such_module:f")


def test_only_what_can_be_imported_goes_to_a_cluster():
    @pipeline.step
    def local() -> int:
        return 1

    @pipeline.flow
    def here():
        local()

    with pytest.raises(ValueError, match=r"step 'local'.*'module:function'"):
        here.to_argo(image="x@sha256:" + "0" * 64)
    assert count.address == f"{__name__}:count"
    assert len(counting.to_argo(image="x@sha256:" + "0" * 64)) == 2


# ---- what is shown --------------------------------------------------------------------------------------


def event(step, state, **more):
    base = dict(
        run_id="r1", step=step, state=state, attempt=1, progress=-1.0, seconds=1.0, cached=False, message=""
    )
    return SimpleNamespace(**(base | more))


@pytest.fixture
def tree():
    made = _pipeline_view.Tree(
        {"name": "p<b>", "steps": [{"name": "a", "kind": "command"}, {"name": "b", "kind": "train"}]}
    )
    for each in (
        event("", "started", seconds=0.0),
        event("a", "started"),
        event("a", "retrying", message="pod lost\nmore"),
        event("a", "started", attempt=2),
        event("a", "succeeded", attempt=2, seconds=75.0),
        event("b.0", "started", seconds=76.0),
        event("b.1", "started", seconds=76.0),
        event("b.1", "progress", progress=0.5, message="<i>step 3</i>", seconds=77.0),
        event("b.0", "failed", message="bad", seconds=78.0),
    ):
        made.update(each)
    return made


def test_the_tree_as_text(tree):
    text = tree.text()
    assert "✓ a" in text and "1 min 14 s, attempt 2" in text
    assert "▶ b " in text and "0 of 2 items" in text
    assert "✗   b.0" in text and "bad" in text
    assert "50%" in text


def test_the_tree_as_html_escapes_and_holds_no_script(tree):
    page = tree.html()
    assert "p&lt;b&gt;" in page and "&lt;i&gt;step 3" in page
    assert "<script" not in page and 'value="0.500"' in page


def test_the_tree_in_a_terminal(tree):
    from rich.console import Console

    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(tree.rich())
    assert "b.1 50%" in console.export_text()


def test_many_items_are_counted_not_listed(tree):
    for index in range(100):
        tree.update(event(f"b.{index}", "succeeded"))
    assert len(list(tree.rows())) == 2 + _pipeline_view.MOST_ITEMS + 1
    assert "100 of 100 items" in tree.text() and "88 more" in tree.text()


def test_without_a_terminal_changes_are_lines(capsys):
    with _pipeline_view.watching({"name": "p", "steps": [{"name": "a"}]}, True) as callback:
        assert callback(event("a", "started"))
        assert callback(event("a", "progress", progress=0.1))
        assert callback(event("a", "failed", message="why\nand more"))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and lines[1].endswith("a: failed (why)")


class Handle:
    """What display() returns: every page that a notebook would have shown, in order."""

    def __init__(self, pages):
        self.pages = pages

    def update(self, shown):
        self.pages.append(shown._repr_html_())


def test_the_tree_of_a_notebook_is_redrawn_while_it_runs(tmp_path, monkeypatch):
    display = pytest.importorskip("IPython.display")
    pages = []

    def show(shown, display_id):
        assert display_id is True, "one output that is replaced, not one below the other"
        pages.append(shown._repr_html_())
        return Handle(pages)

    monkeypatch.setattr(display, "display", show)
    monkeypatch.setattr(_pipeline_view, "in_notebook", lambda: True)
    result = counting.run(folder=tmp_path, least=3)
    assert result.state == "succeeded"
    assert "waiting" not in pages[-1] and "· count" in pages[0], "drawn before anything has begun"
    assert any("▶ count" in page for page in pages), "and while it runs"
    last = pages[-1]
    assert f"{result.run_id}  succeeded" in last
    for line in ("✓ count", "✓ write", "✓ read", "✓ square", "✓ square.2"):
        assert line in last, line
    assert "3 of 3 items" in last and "<script" not in last


def test_a_flow_in_a_notebook_shows_its_steps():
    page = counting._repr_html_()
    assert "counting" in page and page.count("· ") == 4 and "python" in page


def test_a_callback_can_stop_the_run():
    with _pipeline_view.watching({"name": "p", "steps": []}, lambda event: False) as callback:
        assert callback(event("a", "started")) is False
    with _pipeline_view.watching({"name": "p", "steps": []}, lambda event: None) as callback:
        assert callback(event("a", "started")) is True
