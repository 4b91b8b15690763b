"""getPolicyDocument: the JSON is the one that Terraform's AWS provider writes."""

import json
from typing import Any

import pytest

from rehearsal.errors import BerthError
from rehearsal.providers.aws import functions
from rehearsal.providers.aws.account import Account, Settings

TOKEN = "aws:iam/getPolicyDocument:getPolicyDocument"


def document(**args: Any) -> dict[str, Any]:
    answer: dict[str, Any] = functions.call(TOKEN, args, Account(Settings(region="us-east-1")))
    assert json.loads(answer["json"]) == json.loads(answer["minifiedJson"])
    return answer


def statement(**args: Any) -> Any:
    return json.loads(document(statements=[args])["json"])["Statement"][0]


def test_the_text_is_indented_by_two_and_begins_with_the_version() -> None:
    answer = document(
        statements=[
            {
                "sid": "Read",
                "actions": ["s3:GetObject", "s3:ListBucket"],
                "resources": ["arn:aws:s3:::b"],
                "principals": [{"type": "Service", "identifiers": ["ec2.amazonaws.com"]}],
                "conditions": [{"test": "Bool", "variable": "aws:SecureTransport", "values": ["true"]}],
            }
        ]
    )
    assert answer["json"] == (
        '{\n  "Version": "2012-10-17",\n  "Statement": [\n    {\n      "Sid": "Read",\n'
        '      "Effect": "Allow",\n      "Action": [\n        "s3:ListBucket",\n        "s3:GetObject"\n'
        '      ],\n      "Resource": "arn:aws:s3:::b",\n      "Principal": {\n'
        '        "Service": "ec2.amazonaws.com"\n      },\n      "Condition": {\n        "Bool": {\n'
        '          "aws:SecureTransport": "true"\n        }\n      }\n    }\n  ]\n}'
    )
    assert answer["minifiedJson"].startswith('{"Version":"2012-10-17","Statement":[{"Sid":"Read","Effect"')
    assert answer["statements"][0]["effect"] == "Allow"


def test_an_empty_document_has_only_a_version() -> None:
    assert document()["minifiedJson"] == '{"Version":"2012-10-17"}'


def test_characters_that_matter_in_html_are_escaped() -> None:
    answer = document(statements=[{"actions": ["a:*"], "resources": ["a<b>&é"]}])
    assert "a\\u003cb\\u003e\\u0026é" in answer["json"]


@pytest.mark.parametrize(
    ("principals", "expected"),
    [
        ([{"type": "*", "identifiers": ["*"]}], "*"),
        ([{"type": "AWS", "identifiers": ["*"]}], {"AWS": "*"}),
        ([{"type": "AWS", "identifiers": ["1", "2"]}], {"AWS": ["2", "1"]}),
        (
            [{"type": "Service", "identifiers": ["s"]}, {"type": "AWS", "identifiers": ["1"]}],
            {"AWS": "1", "Service": "s"},
        ),
        ([{"type": "AWS", "identifiers": ["1"]}, {"type": "AWS", "identifiers": ["2"]}], {"AWS": ["2", "1"]}),
    ],
)
def test_principals(principals: Any, expected: Any) -> None:
    assert statement(actions=["sts:AssumeRole"], principals=principals)["Principal"] == expected
    assert statement(actions=["sts:AssumeRole"], notPrincipals=principals)["NotPrincipal"] == expected


def test_values_of_a_condition_keep_their_order_and_come_together() -> None:
    conditions = [
        {"test": "StringLike", "variable": "v", "values": ["b", "a"]},
        {"test": "StringLike", "variable": "v", "values": ["c"]},
        {"test": "Bool", "variable": "w", "values": ["true"]},
    ]
    made = statement(actions=["a:b"], conditions=conditions)["Condition"]
    assert made == {"Bool": {"w": "true"}, "StringLike": {"v": ["b", "a", "c"]}}
    assert list(made) == ["Bool", "StringLike"]


def test_policy_variables_are_written_with_an_ampersand() -> None:
    resources = ["arn:aws:s3:::b/&{aws:username}"]
    assert statement(actions=["s3:*"], resources=resources)["Resource"] == "arn:aws:s3:::b/${aws:username}"
    with pytest.raises(BerthError, match="not supported in document version 2008-10-17"):
        document(version="2008-10-17", statements=[{"actions": ["s3:*"], "resources": resources}])


def test_the_rest_of_a_statement() -> None:
    made = statement(effect="Deny", notActions=["a:b", "a:b"], notResources=["x", "y"])
    assert made == {"Effect": "Deny", "NotAction": "a:b", "NotResource": ["y", "x"]}


def test_sources_are_merged_and_overrides_win() -> None:
    source = {"Version": "2008-10-17", "Id": "old", "Statement": [{"Sid": "A", "Effect": "Allow"}]}
    override = {"Statement": [{"Sid": "B", "Effect": "Deny", "Action": ["x", "w"]}, {"Effect": "Deny"}]}
    made = json.loads(
        document(
            policyId="new",
            statements=[{"sid": "B", "actions": ["x"]}],
            sourcePolicyDocuments=[json.dumps(source)],
            overridePolicyDocuments=[json.dumps(override)],
        )["json"]
    )
    assert made == {
        "Version": "2012-10-17",
        "Id": "new",
        "Statement": [
            {"Sid": "A", "Effect": "Allow"},
            {"Sid": "B", "Effect": "Deny", "Action": ["x", "w"]},
            {"Effect": "Deny"},
        ],
    }


def test_a_statement_of_our_own_takes_the_place_of_the_source_with_its_sid() -> None:
    source = json.dumps({"Statement": [{"Sid": "A", "Effect": "Deny"}, {"Effect": "Allow"}]})
    made = json.loads(
        document(statements=[{"sid": "A", "actions": ["x"]}], sourcePolicyDocuments=[source])["json"]
    )
    assert made["Statement"] == [{"Sid": "A", "Effect": "Allow", "Action": "x"}, {"Effect": "Allow"}]


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        ({"version": "2020-01-01"}, "version: expected one of"),
        ({"statements": [{"effect": "Maybe"}]}, "expected Allow or Deny"),
        ({"statements": [{"sid": "no-hyphen"}]}, "alphanumeric"),
        ({"statements": [{"sid": "A"}, {"sid": "A"}]}, "duplicate Sid"),
        ({"sourcePolicyDocuments": ["{"]}, "merging source document 0"),
        ({"sourcePolicyDocuments": ['{"Statement": {}}']}, "Statement must be a list"),
        (
            {"sourcePolicyDocuments": ['{"Statement": [{"Sid": "A"}]}', '{"Statement": [{"Sid": "A"}]}']},
            "source document 1: duplicate Sid",
        ),
        ({"sourceJson": "{}"}, "no longer supported"),
    ],
)
def test_what_is_refused(args: dict[str, Any], problem: str) -> None:
    with pytest.raises(BerthError, match=problem):
        document(**args)
