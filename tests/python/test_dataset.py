"""Rows from Python: lists, Arrow streams of every library, slices, errors."""

import json

import pytest
import whorl


def test_a_list_of_dicts(data, rows):
    assert len(data) == len(rows)
    assert data.format == "messages"
    assert "messages" in data.format_reason
    assert data[0].messages[0].content == rows[0]["messages"][0]["content"]
    assert data[-1].messages == data[len(rows) - 1].messages
    assert [r.source for r in data[2:4]] == [data[2].source, data[3].source]
    assert len(data + data) == 2 * len(data)
    with pytest.raises(IndexError):
        data[len(rows)]


TABLE = {"prompt": ["where is", "hello", None], "completion": ["my order", "world", "x"], "n": [1, 2, 3]}


def arrow(name):
    library = pytest.importorskip(name)
    return library.table(TABLE) if name == "pyarrow" else library.DataFrame(TABLE)


@pytest.mark.parametrize("name", ["pyarrow", "pandas", "polars"])
def test_arrow_streams(name):
    data = whorl.Dataset.from_arrow(arrow(name)[:2])
    assert data.format == "prompt_completion"
    assert [(r.prompt, r.completion) for r in data] == [("where is", "my order"), ("hello", "world")]
    assert json.loads(data[1].extra) == {"n": 2}


def test_arrow_of_nested_columns(data, rows):
    pyarrow = pytest.importorskip("pyarrow")
    assert [r.messages for r in whorl.Dataset.from_arrow(pyarrow.Table.from_pylist(rows))] == [
        r.messages for r in data
    ]


def test_what_is_no_table():
    with pytest.raises(TypeError, match="from_list"):
        whorl.Dataset.from_arrow([{"text": "a"}])
    with pytest.raises(TypeError, match="__arrow_c_stream__"):
        whorl.Dataset.from_arrow(3)


def test_a_stream_is_used_up_once():
    pyarrow = pytest.importorskip("pyarrow")
    reader = pyarrow.table(TABLE).slice(0, 2).to_reader()
    assert len(whorl.Dataset.from_arrow(reader)) == 2


def test_files_and_their_errors(tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_text('{"text": "a"}\n{"text": 3}\n')
    with pytest.raises(ValueError, match=r"bad.jsonl:2"):
        whorl.Dataset.load(path, format="text")
    data = whorl.Dataset.load(path, format="text", on_bad_row="drop")
    assert len(data) == 1
    assert data.changes[0].source.endswith("bad.jsonl:2")
    assert data.account()["kept"] == 1
    with pytest.raises((ValueError, RuntimeError), match="nothing"):
        whorl.Dataset.load(tmp_path / "nothing.jsonl")


def test_encode_and_preview_agree(model, data):
    row = data.encode(model, 0)
    assert len(row.ids) == len(row.trained)
    assert any(row.trained)
    assert not all(row.trained)
    preview = data.preview(model, 0)
    learnt = b"".join(preview.text.encode()[a:b] for a, b in preview.trained).decode()
    assert learnt == data[0].messages[1].content + "</s>"


def test_steps(model, data, tmp_path):
    train, valid = data.split(0.75, seed=1)
    assert (len(train), len(valid)) == (9, 3)
    assert {r.source for r in train}.isdisjoint(r.source for r in valid)
    assert len((data + data).deduplicate(near=False)) == len(data)
    assert data.shuffle(1).digest == data.shuffle(1).digest != data.digest
    assert len(data.limit_length(model, max_tokens=3)) == 0
    masked = whorl.Dataset.from_list([{"text": "write to ann@example.com"}]).mask_pii()
    assert masked[0].text == "write to <EMAIL>"
    data.save(tmp_path / "out.jsonl")
    assert whorl.Dataset.load(tmp_path / "out.jsonl").digest == data.digest
    facts = data.describe(model)
    assert facts["rows"] == len(data)
