"""How long synth takes, and how that compares with the same constructs built from JavaScript.

    python benchmarks/synth.py [--runs 5]

Each round runs the platform's synth with validations off, with all of them on, and the JavaScript program of
`synth.mjs` over the construct tree that the platform's own synth wrote; ratios are of the medians of one run. The
JavaScript library is the one inside the Python package, so that both sides run the same release on the same Node.js.
The CDK command line is left out.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from plumbline.toolchain import NODE_FOLDER, tool_environment  # noqa: E402 - the checkout is not an installed package

# npm package → the folder of site-packages that carries it.
JAVASCRIPT = {
    "aws-cdk-lib": "aws_cdk/_jsii",
    "constructs": "constructs/_jsii",
    "@aws-cdk/asset-awscli-v1": "aws_cdk/asset_awscli_v1/_jsii",
    "@aws-cdk/asset-node-proxy-agent-v6": "aws_cdk/asset_node_proxy_agent_v6/_jsii",
    "@aws-cdk/cloud-assembly-schema": "aws_cdk/cloud_assembly_schema/_jsii",
}


def unpack(folder: Path) -> None:
    """Lays out `node_modules` in `folder` from the archives inside the Python packages."""
    site_packages = NODE_FOLDER.parents[1]
    for name, carrier in JAVASCRIPT.items():
        target = folder / "node_modules" / name
        target.mkdir(parents=True)
        with tarfile.open(next((site_packages / carrier).glob("*.tgz"))) as packed:
            packed.extractall(target, members=_inside(packed), filter="data")


def _inside(packed: tarfile.TarFile) -> list[tarfile.TarInfo]:
    members = packed.getmembers()
    for member in members:
        member.name = member.name.removeprefix("package/")
    return members


def timed(command: list[str], environment: Mapping[str, str]) -> float:
    """Runs a command to its end and returns the seconds it took; a failure ends the benchmark with its output."""
    began = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return seconds


def main() -> None:
    """Prints one line a figure: median, minimum and maximum in seconds, then the ratios."""
    parser = argparse.ArgumentParser(description="time the platform's synth")
    parser.add_argument("--runs", type=int, default=5, help="rounds to measure after one to warm up")
    runs: int = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        unpack(folder)
        program = folder / "synth.mjs"
        program.write_bytes((ROOT / "benchmarks" / "synth.mjs").read_bytes())
        # What the CDK command line hands to an app: where to write, and the feature flags of cdk.json.
        context = json.dumps(json.loads((ROOT / "cdk.json").read_text())["context"])
        base = tool_environment() | {"CDK_OUTDIR": str(folder / "python"), "CDK_CONTEXT_JSON": context}
        python = [sys.executable, "app.py"]
        tree = folder / "python" / "tree.json"
        javascript = [
            str(NODE_FOLDER / "node"),
            str(program),
            str(tree),
            str(folder / "javascript"),
            str(ROOT / "cdk.json"),
        ]
        off = base | {"CDK_VALIDATION": "false"}
        sides: dict[str, tuple[list[str], dict[str, str]]] = {
            "platform, validations off": (python, off),
            "platform, validations on": (python, base),
            "the same constructs from JavaScript, validations off": (javascript, off),
        }
        seconds: dict[str, list[float]] = {side: [] for side in sides}
        for round_number in range(runs + 1):
            for side, (command, environment) in sides.items():
                taken = timed(command, environment)
                if round_number:
                    seconds[side].append(taken)
        templates = list((folder / "python").rglob("*.template.json"))
        resources = sum(len(json.loads(path.read_text())["Resources"]) for path in templates)
    print(f"{len(templates)} templates, {resources} resources, {runs} runs, {os.cpu_count()} cores")
    for side, values in seconds.items():
        print(f"{side}: median {statistics.median(values):.2f} s, {min(values):.2f} to {max(values):.2f} s")
    off_s, on_s, javascript_s = (statistics.median(values) for values in seconds.values())
    print(f"validations on / off: {on_s / off_s:.2f}")
    print(f"Python / JavaScript, validations off: {off_s / javascript_s:.2f}")


if __name__ == "__main__":
    main()
