"""The notebooks run from top to bottom in this environment."""

import sys
from pathlib import Path

import pytest
import whorl

NOTEBOOKS = Path(__file__).resolve().parents[2] / "examples" / "notebooks"
# What the last cells of each must have printed.
PRINTED = {
    "quickstart": "greeter@1",
    "1_fine_tuning": "support@1 function_name_accuracy",
    "2_pipeline_and_sweep": "published support@1",
    "3_evaluation_and_guardrails": "one that was invented    blocked  check allowed tools",
}


def test_every_notebook_is_tested():
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} == set(PRINTED)


@pytest.mark.parametrize("name", PRINTED)
def test_the_notebook_runs(name, tmp_path):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    kernels = pytest.importorskip("jupyter_client.kernelspec")
    if not (Path(whorl.__file__).parent / "data" / "demo_base").is_dir():
        pytest.skip("this build ships no demo base")
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)

    class ThisPython(kernels.KernelSpecManager):
        """The kernel is this interpreter, whatever else is installed for the user."""

        def get_kernel_spec(self, name):
            command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
            return kernels.KernelSpec(argv=command, display_name=name, language="python")

    client = nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}})
    client.km = client.create_kernel_manager()
    client.km.kernel_spec_manager = ThisPython()
    client.execute()
    printed = "".join(o.get("text", "") for cell in notebook.cells for o in cell.get("outputs", []))
    assert PRINTED[name] in printed
    if name == "2_pipeline_and_sweep":
        pages = [
            o["data"].get("text/html", "")
            for cell in notebook.cells
            for o in cell.get("outputs", [])
            if "data" in o
        ]
        assert any("✓ sweep.3" in page and "4 of 4 items" in page for page in pages), "the tree as it ended"
