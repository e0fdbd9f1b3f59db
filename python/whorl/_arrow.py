"""Tables of other libraries as Arrow C streams."""

from __future__ import annotations

from typing import Any


def stream(table: Any) -> Any:
    """The PyCapsule of `table.__arrow_c_stream__()`, after what older Hugging Face datasets need first."""
    if not hasattr(table, "__arrow_c_stream__") and hasattr(table, "with_format"):
        table = table.with_format("arrow")[:]
    if isinstance(table, list):
        raise TypeError("[Dataset.from_arrow] got a list; for a list of dicts use Dataset.from_list")
    if not hasattr(table, "__arrow_c_stream__"):
        raise TypeError(
            f"[Dataset.from_arrow] {type(table).__name__} has no __arrow_c_stream__; pyarrow, polars, pandas >= 2.2 "
            "and datasets objects have; for rows as dicts use Dataset.from_list"
        )
    try:
        return table.__arrow_c_stream__()
    except ImportError as error:
        raise RuntimeError(
            f"[Dataset.from_arrow] {type(table).__module__.split('.')[0]} needs pyarrow for this: "
            "pip install pyarrow, or Dataset.from_list(table.to_dict('records'))"
        ) from error
