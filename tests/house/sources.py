"""`platform.toml` with the sources that its template does not name."""

import re

from tests.house.assembly import ROOT


def with_source(source: str) -> str:
    """`platform.toml` with another table `source`."""
    text = (ROOT / "platform.toml").read_text(encoding="utf-8")
    changed, count = re.subn(r"(?<=\[source\]\n)(?:\w+ = .*\n)+", source, text)
    assert count == 1, "platform.toml has no table source"
    return changed


IN_S3 = with_source('provider = "s3"\n')
IN_CODECOMMIT = with_source('provider = "codecommit"\nrepository = "platform"\nbranch = "main"\n')
