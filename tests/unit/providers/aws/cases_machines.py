"""Samples of machines, their volumes, templates, groups and fleets."""

import base64
from typing import Any

from aws_plugin import Case
from cases_network import GROUP, OTHER_GROUP, SUBNET, VPC

Values = dict[str, Any]
IMAGE = "${image}"
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJrdjpHLbvHXdvgEIBTLs+rjWUZ5OIvz0ODkcuALmBEU"
MACHINE: tuple[str, Values] = (
    "aws:ec2/instance:Instance",
    {"ami": IMAGE, "instanceType": "t3.nano", "subnetId": "${subnet}"},
)
TEMPLATE: tuple[str, Values] = (
    "aws:ec2/launchTemplate:LaunchTemplate",
    {"imageId": IMAGE, "instanceType": "t3.nano"},
)
VOLUME: tuple[str, Values] = (
    "aws:ebs/volume:Volume",
    {"availabilityZone": "us-east-1a", "size": 4, "type": "gp3"},
)
SCALING: tuple[str, Values] = (
    "aws:autoscaling/group:Group",
    {
        "minSize": 0,
        "maxSize": 1,
        "desiredCapacity": 0,
        "vpcZoneIdentifiers": ["${subnet}"],
        "launchTemplate": {"id": "${template}", "version": "1"},
    },
)
NET = {"vpc": VPC, "subnet": SUBNET}


def text(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


CASES = [
    Case(
        "aws:ec2/keyPair:KeyPair",
        {"publicKey": f"{PUBLIC_KEY} me@here"},
        change={"tags": {"a": "b"}},
        replace={"keyName": "other"},
        unread=("publicKey",),
    ),
    Case(
        "aws:ec2/launchTemplate:LaunchTemplate",
        {
            "name": "machine",
            "description": "first",
            "imageId": IMAGE,
            "updateDefaultVersion": True,
            "ebsOptimized": "true",
            "instanceInitiatedShutdownBehavior": "terminate",
            "userData": text("#!/bin/sh\n"),
            "iamInstanceProfile": {"arn": "arn:aws:iam::123456789012:instance-profile/p"},
            "metadataOptions": {
                "httpEndpoint": "enabled",
                "httpTokens": "required",
                "httpPutResponseHopLimit": 2,
            },
            "monitoring": {"enabled": True},
            "networkInterfaces": [
                {
                    "deviceIndex": 0,
                    "associatePublicIpAddress": "false",
                    "deleteOnTermination": "true",
                    "securityGroups": ["${group}"],
                }
            ],
            "blockDeviceMappings": [
                {
                    "deviceName": "/dev/xvda",
                    "ebs": {"volumeType": "gp3", "volumeSize": 20, "encrypted": "true"},
                }
            ],
            "tagSpecifications": [{"resourceType": "instance", "tags": {"a": "b"}}],
            "tags": {"Name": "machine"},
        },
        change={"userData": text("#!/bin/bash\n"), "description": "second", "tags": {"Name": "two"}},
        replace={"name": "other"},
        needs={"vpc": VPC, "group": GROUP},
        unread=("updateDefaultVersion",),
    ),
    Case(
        "aws:ec2/instance:Instance",
        {
            "ami": IMAGE,
            "instanceType": "t3.nano",
            "subnetId": "${subnet}",
            "vpcSecurityGroupIds": ["${group}"],
            "userData": "#!/bin/sh\necho hello\n",
            "userDataReplaceOnChange": True,
            "metadataOptions": {
                "httpEndpoint": "enabled",
                "httpTokens": "required",
                "httpPutResponseHopLimit": 1,
            },
            "rootBlockDevice": {
                "volumeType": "gp3",
                "volumeSize": 8,
                "encrypted": True,
                "tags": {"Name": "root"},
            },
            "tags": {"Name": "bastion"},
        },
        change={
            "tags": {"Name": "other"},
            "vpcSecurityGroupIds": ["${other}"],
            "rootBlockDevice": {
                "volumeType": "gp3",
                "volumeSize": 9,
                "encrypted": True,
                "tags": {"Name": "r"},
            },
            "monitoring": True,
        },
        replace={"userData": "#!/bin/bash\n", "subnetId": "subnet-1", "ami": "ami-1"},
        needs={**NET, "group": GROUP, "other": OTHER_GROUP},
        unread=("userDataReplaceOnChange",),
    ),
    Case(
        *MACHINE,
        change={"instanceType": "t3.micro", "disableApiTermination": False},
        needs=NET,
        name="Instance-plain",
    ),
    Case(*VOLUME, change={"size": 5, "tags": {"a": "b"}}, replace={"availabilityZone": "us-east-1b"}),
    Case(
        "aws:ec2/volumeAttachment:VolumeAttachment",
        {"deviceName": "/dev/sdf", "instanceId": "${machine}", "volumeId": "${volume}"},
        replace={"deviceName": "/dev/sdg"},
        needs={**NET, "machine": MACHINE, "volume": VOLUME},
    ),
    Case(
        "aws:ebs/snapshot:Snapshot",
        {"volumeId": "${volume}", "description": "kept"},
        change={"tags": {"a": "b"}},
        replace={"description": "else"},
        needs={"volume": VOLUME},
    ),
    Case("aws:ebs/encryptionByDefault:EncryptionByDefault", {}, change={"enabled": False}),
    Case(
        "aws:ec2/amiFromInstance:AmiFromInstance",
        {"sourceInstanceId": "${machine}", "snapshotWithoutReboot": True, "tags": {"a": "b"}},
        change={"description": "made here", "tags": {"a": "c"}},
        replace={"name": "other"},
        needs={**NET, "machine": MACHINE},
        unread=("snapshotWithoutReboot",),
    ),
    Case(
        "aws:ec2/fleet:Fleet",
        {
            "launchTemplateConfigs": [
                {
                    "launchTemplateSpecification": {"launchTemplateId": "${template}", "version": "1"},
                    "overrides": [{"instanceType": "t3.nano", "subnetId": "${subnet}"}],
                }
            ],
            "targetCapacitySpecification": {"defaultTargetCapacityType": "spot", "totalTargetCapacity": 1},
            "type": "instant",
            "terminateInstances": True,
        },
        change={"tags": {"a": "b"}},
        replace={"type": "maintain"},
        needs={**NET, "template": TEMPLATE},
        imported=False,
    ),
    Case(
        "aws:autoscaling/group:Group",
        {
            "name": "machines",
            "minSize": 0,
            "maxSize": 1,
            "desiredCapacity": 1,
            "vpcZoneIdentifiers": ["${subnet}"],
            "mixedInstancesPolicy": {
                "instancesDistribution": {
                    "onDemandBaseCapacity": 0,
                    "onDemandPercentageAboveBaseCapacity": 0,
                    "spotAllocationStrategy": "price-capacity-optimized",
                },
                "launchTemplate": {
                    "launchTemplateSpecification": {"launchTemplateId": "${template}", "version": "1"},
                    "overrides": [{"instanceType": "t3.nano"}, {"instanceType": "t3.micro"}],
                },
            },
            "healthCheckType": "EC2",
            "waitForCapacityTimeout": "1m",
            "enabledMetrics": ["GroupDesiredCapacity", "GroupInServiceInstances"],
            "tags": [{"key": "Name", "value": "machine", "propagateAtLaunch": True}],
        },
        change={
            "desiredCapacity": 0,
            "enabledMetrics": ["GroupDesiredCapacity"],
            "suspendedProcesses": ["AZRebalance"],
            "tags": [{"key": "Name", "value": "other", "propagateAtLaunch": True}],
        },
        replace={"name": "others"},
        needs={**NET, "template": TEMPLATE},
        unread=("waitForCapacityTimeout",),
    ),
    Case(
        *SCALING,
        change={"maxSize": 2, "capacityRebalance": True},
        needs={**NET, "template": TEMPLATE},
        name="Group-with-a-template",
    ),
    Case(
        "aws:autoscaling/lifecycleHook:LifecycleHook",
        {
            "autoscalingGroupName": "${group}",
            "lifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
            "heartbeatTimeout": 60,
        },
        change={"heartbeatTimeout": 90, "defaultResult": "CONTINUE"},
        replace={"autoscalingGroupName": "other"},
        needs={**NET, "template": TEMPLATE, "group": SCALING},
        import_id="${group}/${it}",
    ),
    Case(
        "aws:autoscaling/schedule:Schedule",
        {
            "autoscalingGroupName": "${group}",
            "scheduledActionName": "end",
            "startTime": "2099-01-31T12:00:00Z",
            "minSize": 0,
            "maxSize": 0,
            "desiredCapacity": 0,
        },
        change={"startTime": "2099-02-28T12:00:00Z"},
        replace={"scheduledActionName": "other"},
        needs={**NET, "template": TEMPLATE, "group": SCALING},
        import_id="${group}/${it}",
    ),
    Case(
        "aws:autoscaling/policy:Policy",
        {
            "autoscalingGroupName": "${group}",
            "policyType": "SimpleScaling",
            "adjustmentType": "ExactCapacity",
            "scalingAdjustment": 0,
        },
        change={"scalingAdjustment": 1, "cooldown": 60},
        replace={"name": "other", "autoscalingGroupName": "other"},
        needs={**NET, "template": TEMPLATE, "group": SCALING},
        import_id="${group}/${it}",
    ),
    Case(
        "aws:autoscaling/policy:Policy",
        {
            "name": "steps",
            "autoscalingGroupName": "${group}",
            "policyType": "StepScaling",
            "adjustmentType": "ChangeInCapacity",
            "metricAggregationType": "Maximum",
            "stepAdjustments": [{"metricIntervalLowerBound": "0", "scalingAdjustment": 1}],
        },
        change={"enabled": False, "estimatedInstanceWarmup": 60},
        needs={**NET, "template": TEMPLATE, "group": SCALING},
        import_id="${group}/${it}",
        name="Policy-in-steps",
    ),
    Case(
        "aws:autoscaling/policy:Policy",
        {
            "name": "target",
            "autoscalingGroupName": "${group}",
            "policyType": "TargetTrackingScaling",
            "targetTrackingConfiguration": {
                "targetValue": 40.0,
                "customizedMetricSpecification": {
                    "metricDimensions": [{"name": "queue", "value": "q"}],
                    "metricName": "waiting",
                    "namespace": "berth",
                    "statistic": "Average",
                },
            },
        },
        change={
            "targetTrackingConfiguration": {
                "targetValue": 50.0,
                "predefinedMetricSpecification": {"predefinedMetricType": "ASGAverageCPUUtilization"},
            }
        },
        needs={**NET, "template": TEMPLATE, "group": SCALING},
        import_id="${group}/${it}",
        name="Policy-towards-a-target",
    ),
]
