"""The app's own process stays light."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

SHOW_EVERY_PAGE = """
import sys
from streamlit.testing.v1 import AppTest
app = AppTest.from_file("app.py", default_timeout=60).run()
for page in ("layer", "unit", "experiments", "what_if", "compare"):
    app.switch_page(f"explorer/views/{page}.py").run()
assert not app.exception and any("us-sentence" in html.proto.body for html in app.get("html"))
print([name for name in ("torch", "torchvision", "captum") if name in sys.modules])
"""


def test_showing_every_page_imports_no_torch(made, tmp_path):
    runs = tmp_path / "runs"
    runs.mkdir()
    (runs / "demo.h5").symlink_to(made("full"))
    command = [sys.executable, "-c", SHOW_EVERY_PAGE]
    environment = {"UNITSCOPE_RUNS": str(runs), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("[]")
