"""How fast the monitor's data-quality check is, beside what reads the file and beside other libraries.

    python benchmarks/monitor.py [--rows 1000000] [--runs 3] [--peers]

The table has 20 columns: ten of 64-bit and three of 32-bit floats, four of whole numbers, three of categories. Polars
reads it and keeps every column; ours summarizes it and checks it against a baseline. With `--peers`, whylogs profiles,
evidently reports its drift against 200,000 rows of it, and DuckDB summarizes it, in an environment that uv makes for
the run. Each side runs in processes of its own, on a warm cache, with as many threads as it likes; what is timed
leaves imports out. Ratios are of the medians of one run.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
PEERS = ("duckdb==2.0.1", "evidently==0.7.23", "pandas==2.3.3", "pyarrow==25.0.1", "whylogs==1.6.4")
_SAMPLE, _SAMPLE_NAME = 200_000, "sample.parquet"


def make_table(path: Path, rows: int) -> None:
    """Writes the table, a million rows at a time."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    random, writer = np.random.default_rng(0), None
    for first in range(0, rows, 1_000_000):
        count = min(1_000_000, rows - first)
        columns: dict[str, object] = {f"float{i}": random.normal(size=count) * (i + 1) for i in range(10)}
        columns |= {f"small{i}": random.exponential(size=count).astype(np.float32) for i in range(3)}
        columns |= {f"whole{i}": random.integers(0, 10 ** (i + 1), size=count) for i in range(4)}
        for i, size in enumerate((5, 40, 135)):
            names = np.array([f"category {number}" for number in range(size)])
            columns[f"text{i}"] = names[random.integers(0, size, size=count)]
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
        if first == 0:
            pq.write_table(table.slice(0, _SAMPLE), path.with_name(_SAMPLE_NAME))
    if writer:
        writer.close()


def read_with_polars(path: Path) -> Callable[[], object]:
    """Reads all columns."""
    import polars as pl

    return lambda: pl.read_parquet(path)


def check_with_ours(path: Path) -> Callable[[], object]:
    """Summarizes the table and checks it against a baseline of a fifth of a million of its rows."""
    from runtime.monitoring.constraints import suggested
    from runtime.monitoring.data_quality import check
    from runtime.monitoring.statistics import statistics_of
    from runtime.monitoring.tables import summarized

    baseline = statistics_of(summarized([path.with_name(_SAMPLE_NAME)]))

    def run() -> None:
        outcome = check(constraints=suggested(baseline), baseline=baseline, current=statistics_of(summarized([path])))
        if outcome.violations:
            sys.exit(f"the table drifts from its own first rows: {outcome.violations}")

    return run


def profile_with_whylogs(path: Path) -> Callable[[], object]:
    """Profiles the table."""
    import pandas as pd
    import whylogs

    return lambda: whylogs.log(pandas=pd.read_parquet(path)).view()


def report_with_evidently(path: Path) -> Callable[[], object]:
    """Reports the drift of the table against its first rows."""
    import pandas as pd
    from evidently import Dataset, Report
    from evidently.presets import DataDriftPreset

    def run() -> None:
        frame = pd.read_parquet(path)
        sides = (Dataset.from_pandas(frame), Dataset.from_pandas(frame.head(_SAMPLE)))
        Report([DataDriftPreset()]).run(*sides).dict()

    return run


def summarize_with_duckdb(path: Path) -> Callable[[], object]:
    """Summarizes the table."""
    import duckdb

    return lambda: duckdb.sql(f"summarize from '{path}'").fetchall()


OURS = {"Polars reads it": read_with_polars, "the monitor's check": check_with_ours}
OTHERS = {
    "DuckDB summarizes it": summarize_with_duckdb,
    "whylogs profiles it": profile_with_whylogs,
    "evidently reports its drift": report_with_evidently,
}


def _measured(side: str, path: Path, python: Path) -> tuple[float, float]:
    """Seconds and peak memory, in GB, of one run in a process of its own."""
    command = [str(python), __file__, "--side", side, "--table", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode != 0:
        sys.exit(f"{side} failed:\n{done.stdout}{done.stderr}")
    seconds, memory = json.loads(done.stdout.splitlines()[-1])
    return seconds, memory


def _run_side(side: str, path: Path) -> None:
    run = (OURS | OTHERS)[side](path)
    began = time.perf_counter()
    run()
    seconds = time.perf_counter() - began
    print(json.dumps([seconds, _peak()]))


def _peak() -> float:
    """The most memory that this process has had, in GB; what getrusage says begins with that of the parent."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1e6


def _environment(folder: Path) -> Path:
    """Python of an environment with the peers."""
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    python = folder / "bin" / "python"
    subprocess.run([*uv, "pip", "install", "--quiet", "--python", str(python), *PEERS], check=True)
    return python


def main() -> None:
    """Prints one line a side: median, minimum and maximum in seconds, peak memory, and the ratio to the first side."""
    parser = argparse.ArgumentParser(description="time the monitor's data-quality check")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the table")
    parser.add_argument("--runs", type=int, default=3, help="rounds to measure after one to warm up")
    parser.add_argument("--peers", action="store_true", help="measure other libraries too, once each")
    parser.add_argument("--side", choices=[*OURS, *OTHERS], help=argparse.SUPPRESS)
    parser.add_argument("--table", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        _run_side(arguments.side, arguments.table)
        return
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "table.parquet"
        make_table(path, arguments.rows)
        results: dict[str, list[tuple[float, float]]] = {}
        for number in range(arguments.runs + 1):
            for side in OURS:
                measured = _measured(side, path, Path(sys.executable))
                if number:
                    results.setdefault(side, []).append(measured)
        if arguments.peers:
            python = _environment(Path(name) / "peers")
            results |= {side: [_measured(side, path, python)] for side in OTHERS}
    print(f"{arguments.rows:,} rows, 20 columns, {os.cpu_count()} cores")
    first = statistics.median(seconds for seconds, _ in results[next(iter(OURS))])
    for side, values in results.items():
        seconds, memory = [one for one, _ in values], max(one for _, one in values)
        middle = statistics.median(seconds)
        spread = f"{min(seconds):.2f} to {max(seconds):.2f} s"
        print(f"{side}: median {middle:.2f} s, {spread}, {memory:.2f} GB, {middle / first:.1f} times the first")


if __name__ == "__main__":
    main()
