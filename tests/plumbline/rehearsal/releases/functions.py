"""The functions of a release as they are deployed: their own modules, the shared ones, and their libraries."""

import importlib.util
import io
import zipfile
from pathlib import Path

_FUNCTIONS = Path(__file__).resolve().parents[4] / "functions"
_LIBRARIES = {"release_checker": ("fastjsonschema",)}


def code(folder: str) -> bytes:
    """The archive that Lambda gets."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for part in (folder, "release_shared"):
            for module in sorted((_FUNCTIONS / part).glob("*.py")):
                archive.write(module, module.name)
        for library in _LIBRARIES.get(folder, ()):
            found = importlib.util.find_spec(library)
            assert found is not None
            assert found.origin is not None
            package = Path(found.origin).parent
            for module in sorted(package.rglob("*.py")):
                archive.write(module, f"{library}/{module.relative_to(package)}")
    return buffer.getvalue()
