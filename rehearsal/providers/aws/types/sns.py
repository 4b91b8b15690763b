"""Topics, their policies and their subscribers.

https://docs.aws.amazon.com/sns/latest/api/API_Operations.html
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from rehearsal.providers.aws.api import Api
from rehearsal.providers.aws.documents import kept, same_json, texts
from rehearsal.providers.aws.errors import AwsError
from rehearsal.providers.aws.shapes import capital
from rehearsal.providers.aws.table import Autoname, Change, Tagging, Type
from rehearsal.providers.aws.tagging import tag_list, tag_map
from rehearsal.providers.plugin.model import Values

_PENDING: Final = "pending confirmation"


def _attributes(*props: str) -> dict[str, str]:
    """The API's attributes have the properties' names with another first letter."""
    return {prop: capital(prop) for prop in props}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shown(props: Mapping[str, str], found: Mapping[str, str], known: Values) -> Values:
    """Attributes under the properties' names, of the properties' types; documents as they were stored."""
    return {
        prop: _typed(prop, found[name], known.get(prop)) for prop, name in props.items() if found.get(name)
    }


def _typed(prop: str, text: str, known: Any) -> Any:
    if prop in _NUMBERS:
        return int(text)
    if text in ("true", "false"):
        return text == "true"
    return kept(known, text) if prop in _DOCUMENTS else text


_NUMBERS: Final = frozenset(
    {"signatureVersion", "maximumMessageSize"}
    | {f"{kind}SuccessFeedbackSampleRate" for kind in ("application", "firehose", "http", "lambda", "sqs")}
)
_DOCUMENTS: Final = frozenset(
    {"policy", "deliveryPolicy", "archivePolicy", "filterPolicy", "redrivePolicy", "replayPolicy"}
)

# Topic

_FEEDBACK: Final = {
    f"{kind}{what}": f"{name}{what}"
    for kind, name in {
        "application": "Application",
        "firehose": "Firehose",
        "http": "HTTP",
        "lambda": "Lambda",
        "sqs": "SQS",
    }.items()
    for what in ("FailureFeedbackRoleArn", "SuccessFeedbackRoleArn", "SuccessFeedbackSampleRate")
}
_TOPIC: Final = {
    **_attributes(
        "archivePolicy",
        "contentBasedDeduplication",
        "deliveryPolicy",
        "displayName",
        "fifoThroughputScope",
        "kmsMasterKeyId",
        "maximumMessageSize",
        "policy",
        "signatureVersion",
        "tracingConfig",
    ),
    **_FEEDBACK,
}


def _create_topic(api: Api, new: Values) -> str:
    fifo = {"FifoTopic": "true"} if new.get("fifoTopic") else {}
    made = api.call(
        "create_topic",
        Name=new["name"],
        Tags=tag_list(new.get("tags")) or None,
        Attributes=fifo or None,
    )
    return str(made["TopicArn"])


def _topic_attribute(prop: str) -> Change:
    def change(api: Api, arn: str, old: Values, new: Values) -> None:
        del old
        value = new.get(prop)
        if prop == "policy" and not value:
            value = json.dumps(_default_policy(api, arn))
        api.call(
            "set_topic_attributes",
            TopicArn=arn,
            AttributeName=_TOPIC[prop],
            AttributeValue="" if value is None else _text(value),
        )

    return change


_TOPIC_CHANGES: Final = {prop: _topic_attribute(prop) for prop in _TOPIC}


def _set_topic(api: Api, arn: str, old: Values, new: Values) -> None:
    for prop, change in _TOPIC_CHANGES.items():
        if new.get(prop) not in (None, "", False):
            change(api, arn, old, new)


def _read_topic(api: Api, arn: str, known: Values) -> Values | None:
    found = api.call("get_topic_attributes", TopicArn=arn)["Attributes"]
    tags = api.call("list_tags_for_resource", ResourceArn=arn)["Tags"]
    return {
        "arn": found["TopicArn"],
        "fifoTopic": found.get("FifoTopic") == "true",
        "name": arn.rpartition(":")[2],
        "owner": found["Owner"],
        "tags": tag_map(tags),
        **_shown(_TOPIC, found, known),
    }


def _find_topic(api: Api, new: Values) -> list[str]:
    arns = [topic["TopicArn"] for topic in api.all("list_topics", "Topics")]
    return [arn for arn in arns if arn.rpartition(":")[2] == new["name"]]


def _default_policy(api: Api, arn: str) -> Values:
    """What a topic has from the beginning.

    https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html
    """
    actions = ("GetTopicAttributes", "SetTopicAttributes", "AddPermission", "RemovePermission")
    more = ("DeleteTopic", "Subscribe", "ListSubscriptionsByTopic", "Publish")
    return {
        "Version": "2008-10-17",
        "Id": "__default_policy_ID",
        "Statement": [
            {
                "Sid": "__default_statement_ID",
                "Effect": "Allow",
                "Principal": {"AWS": "*"},
                "Action": [f"SNS:{action}" for action in (*actions, *more)],
                "Resource": arn,
                "Condition": {"StringEquals": {"AWS:SourceOwner": api.account.id}},
            }
        ],
    }


def _write_tags(api: Api, arn: str, known: Values, tags: dict[str, str]) -> None:
    del known
    api.call("tag_resource", ResourceArn=arn, Tags=tag_list(tags))


def _remove_tags(api: Api, arn: str, known: Values, keys: list[str]) -> None:
    del known
    api.call("untag_resource", ResourceArn=arn, TagKeys=keys)


TOPIC: Final = Type(
    "aws:sns/topic:Topic",
    "sns",
    create=_create_topic,
    after=_set_topic,
    read=_read_topic,
    delete=lambda api, arn, _: api.call("delete_topic", TopicArn=arn),
    find=_find_topic,
    update=_TOPIC_CHANGES,
    replace_on=frozenset({"name", "namePrefix", "fifoTopic"}),
    tags=Tagging(write=_write_tags, remove=_remove_tags),
    autoname=Autoname(longest=256),
    computed=frozenset({"policy", "signatureVersion", "tracingConfig", "fifoThroughputScope"}),
    same=dict.fromkeys(("policy", "deliveryPolicy", "archivePolicy"), same_json),
    normalise=texts("policy", "deliveryPolicy", "archivePolicy"),
)

# Topic policy: the topic's attribute, as a resource of its own


def _put_policy(api: Api, arn: str, old: Values, new: Values) -> None:
    _TOPIC_CHANGES["policy"](api, arn, old, new)


def _create_policy(api: Api, new: Values) -> str:
    _put_policy(api, new["arn"], {}, new)
    return str(new["arn"])


def _read_policy(api: Api, arn: str, known: Values) -> Values | None:
    found = api.call("get_topic_attributes", TopicArn=arn)["Attributes"]
    return {"arn": arn, "owner": found["Owner"], "policy": kept(known.get("policy"), found["Policy"])}


def _reset_policy(api: Api, arn: str, known: Values) -> None:
    """A topic always has a policy: its first one comes back."""
    _put_policy(api, arn, known, {})


POLICY: Final = Type(
    "aws:sns/topicPolicy:TopicPolicy",
    "sns",
    create=_create_policy,
    read=_read_policy,
    delete=_reset_policy,
    lasting=True,
    update={"policy": _put_policy},
    replace_on=frozenset({"arn"}),
    same={"policy": same_json},
    normalise=texts("policy"),
)

# Subscription

_SUBSCRIPTION: Final = _attributes(
    "deliveryPolicy",
    "filterPolicy",
    "filterPolicyScope",
    "rawMessageDelivery",
    "redrivePolicy",
    "replayPolicy",
    "subscriptionRoleArn",
)


_NOT_TOLD: Final = {"confirmationTimeoutInMinutes": 1, "endpointAutoConfirms": False}


def _subscribe(api: Api, new: Values) -> str:
    """By e-mail it waits for a person's confirmation, and has an ARN already."""
    given = {name: _text(new[prop]) for prop, name in _SUBSCRIPTION.items() if new.get(prop)}
    made = api.call(
        "subscribe",
        TopicArn=new["topic"],
        Protocol=new["protocol"],
        Endpoint=new["endpoint"],
        Attributes=given or None,
        ReturnSubscriptionArn=True,
    )
    return str(made["SubscriptionArn"])


def _subscription_attribute(prop: str) -> Change:
    def change(api: Api, arn: str, old: Values, new: Values) -> None:
        del old
        value = new.get(prop)
        api.call(
            "set_subscription_attributes",
            SubscriptionArn=arn,
            AttributeName=_SUBSCRIPTION[prop],
            AttributeValue="" if value is None else _text(value),
        )

    return change


def _read_subscription(api: Api, arn: str, known: Values) -> Values | None:
    found = api.call("get_subscription_attributes", SubscriptionArn=arn)["Attributes"]
    pending = found.get("PendingConfirmation", "false") == "true"
    return {
        **{prop: known.get(prop, default) for prop, default in _NOT_TOLD.items()},
        "arn": found["SubscriptionArn"],
        "confirmationWasAuthenticated": found.get("ConfirmationWasAuthenticated") == "true",
        "endpoint": found["Endpoint"],
        "ownerId": found.get("Owner", ""),
        "pendingConfirmation": pending,
        "protocol": found["Protocol"],
        "topic": found["TopicArn"],
        **_shown(_SUBSCRIPTION, found, known),
    }


def _unsubscribe(api: Api, arn: str, known: Values) -> None:
    """One that nobody confirmed cannot be cancelled; AWS forgets it after some days.

    https://docs.aws.amazon.com/sns/latest/api/API_Unsubscribe.html
    """
    try:
        api.call("unsubscribe", SubscriptionArn=arn)
    except AwsError as error:
        if error.code != "InvalidParameter" or not known.get("pendingConfirmation"):
            raise


SUBSCRIPTION: Final = Type(
    "aws:sns/topicSubscription:TopicSubscription",
    "sns",
    create=_subscribe,
    read=_read_subscription,
    delete=_unsubscribe,
    lasting=True,
    update={prop: _subscription_attribute(prop) for prop in _SUBSCRIPTION},
    replace_on=frozenset({"endpoint", "protocol", "topic"}),
    local=frozenset(_NOT_TOLD),
    defaults={**_NOT_TOLD, "rawMessageDelivery": False},
    computed=frozenset({"filterPolicyScope"}),
    same=dict.fromkeys(_DOCUMENTS & set(_SUBSCRIPTION), same_json),
    normalise=texts("deliveryPolicy", "filterPolicy", "redrivePolicy", "replayPolicy"),
)

TYPES = [TOPIC, POLICY, SUBSCRIPTION]
