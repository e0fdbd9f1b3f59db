"""Where NVIDIA's libraries are looked for."""

import sys

from whorl import _nvidia


def test_folders_of_nvidias_wheels_are_found_once(tmp_path, monkeypatch):
    folders = [tmp_path / "nvidia" / name / "lib" for name in ("cu13", "cudnn")]
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(tmp_path)])
    assert _nvidia.library_folders() == []
    for folder in folders:
        folder.mkdir(parents=True)
    assert _nvidia.library_folders() == [folder.resolve() for folder in folders]
