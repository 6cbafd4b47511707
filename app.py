"""The CDK app: configuration, stacks, validations, synth."""

import gc
import sys
from pathlib import Path

gc.disable()  # a process of two seconds that only allocates; collecting takes a fifth of them
ROOT = Path(__file__).resolve().parent
sys.path.append(str(ROOT / "constructs"))

from aws_cdk import App  # noqa: E402

from plumbline.audit.gate import add_rules, synthesize  # noqa: E402
from plumbline.configuration import command_line_version, load_models, load_platform, runtime_tag  # noqa: E402
from plumbline.errors import PlumblineError  # noqa: E402
from stacks.composition import compose  # noqa: E402


def main() -> None:
    """Writes the cloud assembly of every account."""
    platform, models = load_platform(ROOT), load_models(ROOT)
    app = App(builtin_cloud_formation_validation=False)  # `add_rules` brings the same rules, faster
    compose(
        app,
        platform=platform,
        models=models,
        runtime_tag=runtime_tag(ROOT),
        command_line_version=command_line_version(ROOT),
    )
    add_rules(app)
    synthesize(app)


if __name__ == "__main__":
    try:
        main()
    except PlumblineError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
