"""Alarms on metrics, billing among them.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
"""

from collections.abc import Iterator
from typing import Any, Final

from rehearsal.providers.aws.api import Api
from rehearsal.providers.aws.table import Autoname, Tagging, Type
from rehearsal.providers.aws.tagging import tag_list, tag_map
from rehearsal.providers.plugin.model import Failure, Values

_SAME: Final = {  # property → the API's parameter
    "actionsEnabled": "ActionsEnabled",
    "alarmActions": "AlarmActions",
    "alarmDescription": "AlarmDescription",
    "comparisonOperator": "ComparisonOperator",
    "datapointsToAlarm": "DatapointsToAlarm",
    "evaluateLowSampleCountPercentiles": "EvaluateLowSampleCountPercentile",
    "evaluationPeriods": "EvaluationPeriods",
    "extendedStatistic": "ExtendedStatistic",
    "insufficientDataActions": "InsufficientDataActions",
    "metricName": "MetricName",
    "namespace": "Namespace",
    "okActions": "OKActions",
    "period": "Period",
    "statistic": "Statistic",
    "threshold": "Threshold",
    "thresholdMetricId": "ThresholdMetricId",
    "treatMissingData": "TreatMissingData",
    "unit": "Unit",
}
_METRIC: Final = {
    "metricName": "MetricName",
    "namespace": "Namespace",
}
_STAT: Final = {"period": "Period", "stat": "Stat", "unit": "Unit"}
_QUERY: Final = {
    "accountId": "AccountId",
    "expression": "Expression",
    "id": "Id",
    "label": "Label",
    "period": "Period",
    "returnData": "ReturnData",
}
_ABSENT: Final[dict[str, Any]] = {"okActions": [], "alarmActions": [], "insufficientDataActions": []}


def _put(api: Api, name: str, old: Values, new: Values) -> None:
    """An alarm is always put as a whole."""
    del old
    given = {theirs: new[ours] for ours, theirs in _SAME.items() if new.get(ours) not in (None, "", [])}
    if not new.get("metricQueries"):
        given["Dimensions"] = _dimensions(new.get("dimensions"))
    else:
        given["Metrics"] = [_query(query) for query in new["metricQueries"]]
    api.call("put_metric_alarm", AlarmName=name, Tags=tag_list(new.get("tags")) or None, **given)


def _dimensions(values: Values | None) -> list[Values]:
    return [{"Name": name, "Value": value} for name, value in sorted((values or {}).items())]


def _query(query: Values) -> Values:
    made = {theirs: query[ours] for ours, theirs in _QUERY.items() if query.get(ours) not in (None, "")}
    if metric := query.get("metric"):
        named = {theirs: metric[ours] for ours, theirs in _METRIC.items() if metric.get(ours)}
        stat = {theirs: metric[ours] for ours, theirs in _STAT.items() if metric.get(ours)}
        made["MetricStat"] = {
            "Metric": {**named, "Dimensions": _dimensions(metric.get("dimensions"))},
            **stat,
        }
    return made


def _shown_query(query: Values) -> Values:
    made = {ours: query[theirs] for ours, theirs in _QUERY.items() if theirs in query}
    if stat := query.get("MetricStat"):
        made["metric"] = {
            **{ours: stat["Metric"][theirs] for ours, theirs in _METRIC.items() if theirs in stat["Metric"]},
            **{ours: stat[theirs] for ours, theirs in _STAT.items() if theirs in stat},
            "dimensions": _shown_dimensions(stat["Metric"]),
        }
    return made


def _shown_dimensions(holder: Values) -> dict[str, str]:
    return {item["Name"]: item["Value"] for item in holder.get("Dimensions", ())}


def _create(api: Api, new: Values) -> str:
    _put(api, new["name"], {}, new)
    return str(new["name"])


def _read(api: Api, name: str, known: Values) -> Values | None:
    del known
    found = api.one("describe_alarms", "MetricAlarms", AlarmNames=[name], AlarmTypes=["MetricAlarm"])
    if found is None:
        return None
    tags = api.call("list_tags_for_resource", ResourceARN=found["AlarmArn"])["Tags"]
    return {
        **_ABSENT,
        **{ours: found[theirs] for ours, theirs in _SAME.items() if found.get(theirs) is not None},
        "arn": found["AlarmArn"],
        "dimensions": _shown_dimensions(found),
        "metricQueries": [_shown_query(query) for query in found.get("Metrics") or ()],
        "name": found["AlarmName"],
        "tags": tag_map(tags),
    }


def _delete(api: Api, name: str, known: Values) -> None:
    del known
    api.call("delete_alarms", AlarmNames=[name])


def _write_tags(api: Api, name: str, known: Values, tags: dict[str, str]) -> None:
    del name
    api.call("tag_resource", ResourceARN=known["arn"], Tags=tag_list(tags))


def _remove_tags(api: Api, name: str, known: Values, keys: list[str]) -> None:
    del name
    api.call("untag_resource", ResourceARN=known["arn"], TagKeys=keys)


def _check(values: Values) -> Iterator[Failure]:
    if values.get("metricName") is None and not values.get("metricQueries"):
        yield Failure("metricName", "give this or metricQueries")
    if values.get("metricName") is not None and values.get("metricQueries"):
        yield Failure("metricQueries", "conflicts with metricName")
    for prop in ("comparisonOperator", "evaluationPeriods"):
        if values.get(prop) is None:
            yield Failure(prop, "is required")


TYPES = [
    Type(
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        "cloudwatch",
        create=_create,
        read=_read,
        delete=_delete,
        update=dict.fromkeys([*_SAME, "dimensions", "metricQueries"], _put),
        replace_on=frozenset({"name"}),
        tags=Tagging(write=_write_tags, remove=_remove_tags),
        autoname=Autoname(prefix="", longest=255),
        defaults={"actionsEnabled": True, "treatMissingData": "missing"},
        computed=frozenset({"evaluateLowSampleCountPercentiles"}),
        choices={
            "statistic": ("SampleCount", "Average", "Sum", "Minimum", "Maximum"),
            "treatMissingData": ("missing", "ignore", "breaching", "notBreaching"),
        },
        check=_check,
    )
]
