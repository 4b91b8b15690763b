"""Functions about instance types: what they have, where they are offered, and spot prices."""

from datetime import UTC, datetime
from typing import Any, Final

from rehearsal.errors import BerthError
from rehearsal.providers.aws.functions.request import Request, Values, given, rename

_VALUES: Final = {  # result → path in the API's answer, and what an absent one is
    "autoRecoverySupported": ("AutoRecoverySupported", False),
    "bandwidthWeightings": ("NetworkInfo.BandwidthWeightings", []),
    "bareMetal": ("BareMetal", False),
    "bootModes": ("SupportedBootModes", []),
    "burstablePerformanceSupported": ("BurstablePerformanceSupported", False),
    "currentGeneration": ("CurrentGeneration", False),
    "dedicatedHostsSupported": ("DedicatedHostsSupported", False),
    "defaultCores": ("VCpuInfo.DefaultCores", 0),
    "defaultNetworkCardIndex": ("NetworkInfo.DefaultNetworkCardIndex", 0),
    "defaultThreadsPerCore": ("VCpuInfo.DefaultThreadsPerCore", 0),
    "defaultVcpus": ("VCpuInfo.DefaultVCpus", 0),
    "ebsEncryptionSupport": ("EbsInfo.EncryptionSupport", ""),
    "ebsNvmeSupport": ("EbsInfo.NvmeSupport", ""),
    "ebsOptimizedSupport": ("EbsInfo.EbsOptimizedSupport", ""),
    "ebsPerformanceBaselineBandwidth": ("EbsInfo.EbsOptimizedInfo.BaselineBandwidthInMbps", 0),
    "ebsPerformanceBaselineIops": ("EbsInfo.EbsOptimizedInfo.BaselineIops", 0),
    "ebsPerformanceBaselineThroughput": ("EbsInfo.EbsOptimizedInfo.BaselineThroughputInMBps", 0.0),
    "ebsPerformanceMaximumBandwidth": ("EbsInfo.EbsOptimizedInfo.MaximumBandwidthInMbps", 0),
    "ebsPerformanceMaximumIops": ("EbsInfo.EbsOptimizedInfo.MaximumIops", 0),
    "ebsPerformanceMaximumThroughput": ("EbsInfo.EbsOptimizedInfo.MaximumThroughputInMBps", 0.0),
    "efaMaximumInterfaces": ("NetworkInfo.EfaInfo.MaximumEfaInterfaces", 0),
    "efaSupported": ("NetworkInfo.EfaSupported", False),
    "enaSrdSupported": ("NetworkInfo.EnaSrdSupported", False),
    "enaSupport": ("NetworkInfo.EnaSupport", ""),
    "encryptionInTransitSupported": ("NetworkInfo.EncryptionInTransitSupported", False),
    "freeTierEligible": ("FreeTierEligible", False),
    "hibernationSupported": ("HibernationSupported", False),
    "hypervisor": ("Hypervisor", ""),
    "instanceStorageSupported": ("InstanceStorageSupported", False),
    "ipv6Supported": ("NetworkInfo.Ipv6Supported", False),
    "maximumIpv4AddressesPerInterface": ("NetworkInfo.Ipv4AddressesPerInterface", 0),
    "maximumIpv6AddressesPerInterface": ("NetworkInfo.Ipv6AddressesPerInterface", 0),
    "maximumNetworkCards": ("NetworkInfo.MaximumNetworkCards", 0),
    "maximumNetworkInterfaces": ("NetworkInfo.MaximumNetworkInterfaces", 0),
    "memorySize": ("MemoryInfo.SizeInMiB", 0),
    "networkPerformance": ("NetworkInfo.NetworkPerformance", ""),
    "nitroEnclavesSupport": ("NitroEnclavesSupport", ""),
    "nitroTpmSupport": ("NitroTpmSupport", ""),
    "nitroTpmSupportedVersions": ("NitroTpmInfo.SupportedVersions", []),
    "phcSupport": ("PhcSupport", ""),
    "supportedArchitectures": ("ProcessorInfo.SupportedArchitectures", []),
    "supportedCpuFeatures": ("ProcessorInfo.SupportedFeatures", []),
    "supportedPlacementStrategies": ("PlacementGroupInfo.SupportedStrategies", []),
    "supportedRootDeviceTypes": ("SupportedRootDeviceTypes", []),
    "supportedUsagesClasses": ("SupportedUsageClasses", []),
    "supportedVirtualizationTypes": ("SupportedVirtualizationTypes", []),
    "sustainedClockSpeed": ("ProcessorInfo.SustainedClockSpeedInGhz", 0.0),
    "totalFpgaMemory": ("FpgaInfo.TotalFpgaMemoryInMiB", 0),
    "totalGpuMemory": ("GpuInfo.TotalGpuMemoryInMiB", 0),
    "totalInferenceMemory": ("InferenceAcceleratorInfo.TotalInferenceMemoryInMiB", 0),
    "totalInstanceStorage": ("InstanceStorageInfo.TotalSizeInGB", 0),
    "totalMediaMemory": ("MediaAcceleratorInfo.TotalMediaMemoryInMiB", 0),
    "totalNeuronDeviceMemory": ("NeuronInfo.TotalNeuronDeviceMemoryInMiB", 0),
    "validCores": ("VCpuInfo.ValidCores", []),
    "validThreadsPerCores": ("VCpuInfo.ValidThreadsPerCore", []),
}
_DEVICE: Final = {
    "count": ("Count", 0),
    "manufacturer": ("Manufacturer", ""),
    "memorySize": ("MemoryInfo.SizeInMiB", 0),
    "name": ("Name", ""),
}
_LISTS: Final = {  # result → path of a list in the API's answer, and the values of each item
    "fpgas": ("FpgaInfo.Fpgas", _DEVICE),
    "gpuses": ("GpuInfo.Gpus", _DEVICE),
    "inferenceAccelerators": ("InferenceAcceleratorInfo.Accelerators", _DEVICE),
    "mediaAccelerators": ("MediaAcceleratorInfo.Accelerators", _DEVICE),
    "instanceDisks": (
        "InstanceStorageInfo.Disks",
        {"count": ("Count", 0), "size": ("SizeInGB", 0), "type": ("Type", "")},
    ),
    "networkCards": (
        "NetworkInfo.NetworkCards",
        {
            "baselineBandwidth": ("BaselineBandwidthInGbps", 0.0),
            "index": ("NetworkCardIndex", 0),
            "maximumInterfaces": ("MaximumNetworkInterfaces", 0),
            "peakBandwidth": ("PeakBandwidthInGbps", 0.0),
            "performance": ("NetworkPerformance", ""),
        },
    ),
    "neuronDevices": (
        "NeuronInfo.NeuronDevices",
        {
            "coreCount": ("CoreInfo.Count", 0),
            "coreVersion": ("CoreInfo.Version", 0),
            "count": ("Count", 0),
            "memorySize": ("MemoryInfo.SizeInMiB", 0),
            "name": ("Name", ""),
        },
    ),
}


def instance_type(request: Request) -> Values:
    """Everything that EC2 says of an instance type."""
    name = request.get("instanceType")
    found = request.api("ec2").call("describe_instance_types", InstanceTypes=[name])["InstanceTypes"][0]
    lists = {
        ours: [_read(item, values) for item in _at(found, path, [])]
        for ours, (path, values) in _LISTS.items()
    }
    return {"id": name, **_read(found, _VALUES), **lists}


def _read(item: Values, values: dict[str, tuple[str, Any]]) -> Values:
    return {ours: _at(item, path, default) for ours, (path, default) in values.items()}


def _at(item: Any, path: str, default: Any) -> Any:
    """The value at a dotted path."""
    for key in path.split("."):
        item = item.get(key) if isinstance(item, dict) else None
    return default if item is None else item


def offerings(request: Request) -> Values:
    """Which types are offered in which region or zone: three lists that belong together item by item."""
    found = request.api("ec2").all(
        "describe_instance_type_offerings",
        "InstanceTypeOfferings",
        **given(Filters=request.own_filters(), LocationType=request.get("locationType")),
    )
    return {
        "id": request.region,
        "instanceTypes": [item["InstanceType"] for item in found],
        "locations": [item["Location"] for item in found],
        "locationTypes": [item["LocationType"] for item in found],
    }


def spot_price(request: Request) -> Values:
    """The present price; exactly one must match, so a zone and a product description are usually needed."""
    found = request.api("ec2").all(
        "describe_spot_price_history",
        "SpotPriceHistory",
        StartTime=datetime.now(UTC),
        **given(
            InstanceTypes=[request.get("instanceType")] if request.get("instanceType") else None,
            AvailabilityZone=request.get("availabilityZone"),
            Filters=request.own_filters(),
        ),
    )
    if len(found) != 1:
        count = "multiple" if found else "no"
        raise BerthError(
            f"{count} EC2 Spot Price History results found matching criteria; try different search",
            'Give availabilityZone and the filter {"name": "product-description", "values": ["Linux/UNIX"]}.',
        )
    return {
        "id": request.region,
        "spotPriceTimestamp": found[0]["Timestamp"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        **rename(found[0], {"spotPrice": "SpotPrice"}),
    }
