"""The host names that machines reach the rehearsal by."""

AWS = ".amazonaws.com"
CHECK_IP = "checkip.amazonaws.com"
PACKAGE_HOSTS = ("developer.download.nvidia.com", "nvidia.github.io")
REGION = "us-east-1"
# A wildcard stands for one label only.
NAMES = (
    "*.amazonaws.com",
    f"*.{REGION}.amazonaws.com",
    "*.s3.amazonaws.com",
    f"*.s3.{REGION}.amazonaws.com",
    f"*.ecr.{REGION}.amazonaws.com",
    f"*.dkr.ecr.{REGION}.amazonaws.com",
    *PACKAGE_HOSTS,
)
