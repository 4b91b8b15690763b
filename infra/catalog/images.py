"""Machine images of AWS by distribution: where they are found, who logs in, and what they hold.

The Deep Learning AMIs have the driver's open kernel modules, which do not drive Volta.
Debian: https://wiki.debian.org/Cloud/AmazonEC2Image/Trixie
Ubuntu: https://documentation.ubuntu.com/aws/aws-how-to/instances/find-ubuntu-images/
Deep Learning AMIs: https://docs.aws.amazon.com/dlami/latest/devguide/find-dlami-id.html
Amazon Linux: https://docs.aws.amazon.com/linux/al2023/ug/ec2.html
"""

from dataclasses import dataclass

DEEP_LEARNING = "/aws/service/deeplearning/ami/x86_64"


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """An operating system. root_device: its name in the image. plain, nvidia: where its image is found.

    plain is an owner and a name pattern, or an SSM parameter; nvidia is the SSM parameter of the image that
    has driver, docker and container toolkit; empty where there is none.
    """

    user: str
    root_device: str
    owner: str = ""
    name: str = ""
    parameter: str = ""
    nvidia_parameter: str = ""


DISTRIBUTIONS = {
    "debian-13": Distribution(
        user="admin", root_device="/dev/xvda", owner="136693071363", name="debian-13-amd64-*"
    ),
    "ubuntu-24.04": Distribution(
        user="ubuntu",
        root_device="/dev/sda1",
        owner="099720109477",
        name="ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-*",
        nvidia_parameter=f"{DEEP_LEARNING}/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id",
    ),
    "al2023": Distribution(
        user="ec2-user",
        root_device="/dev/xvda",
        parameter="/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
        nvidia_parameter=f"{DEEP_LEARNING}/base-oss-nvidia-driver-gpu-amazon-linux-2023/latest/ami-id",
    ),
}
