import pytest
from botocore.exceptions import ClientError

from rehearsal.providers.aws.errors import AwsError, from_botocore


@pytest.mark.parametrize(("code", "said"), [("400", "have expired"), ("403", "may not do this")])
def test_an_answer_without_a_body_still_names_a_cause(code: str, said: str) -> None:
    """To HEAD, S3 answers a status and nothing else."""
    answer = {"Error": {"Code": code, "Message": "?"}, "ResponseMetadata": {"HTTPStatusCode": int(code)}}
    found = from_botocore("s3", "HeadObject", ClientError(answer, "HeadObject"))  # type: ignore[arg-type]
    assert isinstance(found, AwsError)
    assert said in f"{found.message} {found.hint}"
    assert not found.gone
