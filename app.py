"""The CDK app: configuration, stacks, validations, synth."""

import sys
from pathlib import Path

from aws_cdk import App

ROOT = Path(__file__).resolve().parent
sys.path.append(str(ROOT / "constructs"))

from plumbline.audit import add_rules, refuse_stale_waivers  # noqa: E402
from plumbline.configuration import load_models, load_platform, runtime_tag  # noqa: E402
from plumbline.errors import PlumblineError  # noqa: E402
from stacks.composition import compose  # noqa: E402


def main() -> None:
    """Writes the cloud assembly of every account."""
    platform, models = load_platform(ROOT), load_models(ROOT)
    app = App()
    compose(app, platform=platform, models=models, runtime_tag=runtime_tag(ROOT))
    add_rules(app)
    app.synth()
    refuse_stale_waivers(app)


if __name__ == "__main__":
    try:
        main()
    except PlumblineError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
