"""Jobs, end to end: data, isolation, limits, ends."""

from tests.plumbline.rehearsal.sagemaker.world import World, processing_input


def test_a_job_reads_its_input_and_writes_its_output(world: World, job_role: str) -> None:
    raw = world.put("jobs/raw/numbers.csv", "1\n2\n")
    code = """
import pathlib
total = sum(map(int, pathlib.Path("/opt/ml/processing/input/raw/numbers.csv").read_text().split()))
pathlib.Path("/opt/ml/processing/out/total").write_text(str(total))
print("the total is", total)
"""
    job = world.processing(
        code,
        role=job_role,
        inputs=[processing_input("raw", raw.rsplit("/", 1)[0])],
        outputs={"out": "jobs/total"},
    )
    assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
    assert world.get(f"s3://tiny-111111111111/jobs/total/total") == b"3"
    assert "the total is 3" in world.log("/aws/sagemaker/ProcessingJobs", job["ProcessingJobName"])
