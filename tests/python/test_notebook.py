"""The quickstart runs from top to bottom in this environment."""

import sys
from pathlib import Path

import pytest
import whorl

ROOT = Path(__file__).resolve().parents[2]


def test_the_quickstart_runs(tmp_path):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    kernels = pytest.importorskip("jupyter_client.kernelspec")
    if not (Path(whorl.__file__).parent / "data" / "demo_base").is_dir():
        pytest.skip("this build ships no demo base")
    notebook = nbformat.read(ROOT / "examples" / "notebooks" / "quickstart.ipynb", as_version=4)
    nbformat.validate(notebook)

    class ThisPython(kernels.KernelSpecManager):
        """The kernel is this interpreter, whatever else is installed for the user."""

        def get_kernel_spec(self, name):
            command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
            return kernels.KernelSpec(argv=command, display_name=name, language="python")

    client = nbclient.NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(tmp_path)}})
    client.km = client.create_kernel_manager()
    client.km.kernel_spec_manager = ThisPython()
    client.execute()
    printed = "".join(o.get("text", "") for cell in notebook.cells for o in cell.get("outputs", []))
    assert "greeter@1" in printed
