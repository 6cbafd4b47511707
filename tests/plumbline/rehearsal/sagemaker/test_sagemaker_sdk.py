"""A pipeline that is not ours: the abalone example of the SageMaker SDK's documentation, on data of this machine."""

import os
import subprocess
import sys
import textwrap

import pytest

from tests.plumbline.rehearsal.sagemaker import tiny
from tests.plumbline.rehearsal.sagemaker.world import BUCKET, EXTERNAL_IMAGE, World

pytestmark = pytest.mark.rehearsal

PREPROCESS = """
import pathlib
import sklearn.preprocessing
rows = [line.split(",") for line in pathlib.Path("/opt/ml/processing/input/abalone.csv").read_text().split()]
scaled = sklearn.preprocessing.StandardScaler().fit_transform([[float(value) for value in row] for row in rows])
out = pathlib.Path("/opt/ml/processing/train")
out.mkdir(parents=True, exist_ok=True)
(out / "train.csv").write_text("\\n".join(",".join(map(str, row)) for row in scaled))
"""
TRAIN = """
import argparse, json, os, pathlib
import numpy
parser = argparse.ArgumentParser()
parser.add_argument("--ridge", type=float)
arguments, _ = parser.parse_known_args()
rows = numpy.loadtxt(pathlib.Path(os.environ["SM_CHANNEL_TRAIN"]) / "train.csv", delimiter=",")
x, y = rows[:, :-1], rows[:, -1]
weights = numpy.linalg.solve(x.T @ x + arguments.ridge * numpy.eye(x.shape[1]), x.T @ y)
(pathlib.Path(os.environ["SM_MODEL_DIR"]) / "weights.json").write_text(json.dumps(list(weights)))
"""
# Written as the SDK's documentation writes it; run in a process of its own, as its author would.
DEFINE = """
import sys
from sagemaker.core.telemetry import telemetry_logging
from sagemaker.core.processing import ScriptProcessor
from sagemaker.core.shapes import ProcessingInput, ProcessingOutput, ProcessingS3Input, ProcessingS3Output
from sagemaker.core.training.configs import Compute, InputData, SourceCode, StoppingCondition
from sagemaker.core.workflow.parameters import ParameterString
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import ProcessingStep, TrainingStep
from sagemaker.train import ModelTrainer

telemetry_logging._send_telemetry_request = lambda *arguments, **options: None  # it would leave the machine
role, bucket, folder, image = sys.argv[1:]
session = PipelineSession(default_bucket=bucket)
data = ParameterString("InputData", default_value=f"s3://{bucket}/abalone/raw/abalone.csv")
processor = ScriptProcessor(
    image_uri=image, command=["python3"], instance_type="ml.m5.large", instance_count=1, role=role,
    base_job_name="abalone", sagemaker_session=session,
)
preprocess = ProcessingStep(
    name="AbaloneProcess",
    step_args=processor.run(
        code=f"{folder}/preprocess.py",
        inputs=[ProcessingInput(input_name="raw", s3_input=ProcessingS3Input(
            s3_uri=data, local_path="/opt/ml/processing/input", s3_data_type="S3Prefix", s3_input_mode="File"))],
        outputs=[ProcessingOutput(output_name="train", s3_output=ProcessingS3Output(
            s3_uri=f"s3://{bucket}/abalone/train", local_path="/opt/ml/processing/train",
            s3_upload_mode="EndOfJob"))],
    ),
)
trainer = ModelTrainer(
    training_image=image, role=role, sagemaker_session=session, base_job_name="abalone",
    source_code=SourceCode(source_dir=f"{folder}/source", entry_script="train.py"),
    compute=Compute(instance_type="ml.m5.large", instance_count=1, volume_size_in_gb=1),
    stopping_condition=StoppingCondition(max_runtime_in_seconds=300),
    hyperparameters={"ridge": 0.1},
)
train = TrainingStep(
    name="AbaloneTrain",
    step_args=trainer.train(input_data_config=[InputData(
        channel_name="train",
        data_source=preprocess.properties.ProcessingOutputConfig.Outputs["train"].S3Output.S3Uri,
    )]),
)
pipeline = Pipeline(
    name="abalone", parameters=[data], steps=[preprocess, train], sagemaker_session=session,
)
pipeline.upsert(role_arn=role)
print("execution", pipeline.start().arn)
"""


def test_an_example_of_the_sdks_documentation_runs(world: World) -> None:
    folder = world.state / "abalone"
    (folder / "source").mkdir(parents=True)
    (folder / "preprocess.py").write_text(PREPROCESS)
    (folder / "source" / "train.py").write_text(TRAIN)
    (folder / "define.py").write_text(textwrap.dedent(DEFINE))
    world.put("abalone/raw/abalone.csv", "\n".join(f"{n % 7},{n % 5},{n}" for n in range(50)))
    trust = {"Service": "sagemaker.amazonaws.com"}
    role = world.role("abalone", [{"Effect": "Allow", "Action": "*", "Resource": "*"}], principal=trust)
    session = world.session()
    ran = subprocess.run(
        [sys.executable, str(folder / "define.py"), role, BUCKET, str(folder), EXTERNAL_IMAGE],
        env={"PATH": os.environ["PATH"], "SAGEMAKER_VALIDATE_ROLE": "false", **session.environment()},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-4000:]
    arn = ran.stdout.split("execution ")[-1].strip()
    execution, steps = tiny.finished(world, arn)
    assert execution["PipelineExecutionStatus"] == "Succeeded", steps
    job = world.client("sagemaker").describe_training_job(
        TrainingJobName=steps["AbaloneTrain"]["Metadata"]["TrainingJob"]["Arn"].rsplit("/", 1)[-1]
    )
    assert job["ModelArtifacts"]["S3ModelArtifacts"].endswith("/output/model.tar.gz")
