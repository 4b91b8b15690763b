"""Functions that look up where things are kept: parameters, buckets, keys, the image registry."""

import base64
from typing import Final

from rehearsal.errors import BerthError
from rehearsal.providers.aws.errors import AwsError
from rehearsal.providers.aws.functions.request import Request, Values, given, rename, text

# https://docs.aws.amazon.com/general/latest/gr/s3.html, "Amazon S3 website endpoints"
S3_ZONES: Final = {
    "us-east-1": "Z3AQBSTGFYJSTF",
    "us-east-2": "Z2O1EMRO9K5GLX",
    "us-west-1": "Z2F56UZL2M1ACD",
    "us-west-2": "Z3BJ6K6RIION7M",
    "eu-central-1": "Z21DNDUVLTQW6Q",
    "eu-north-1": "Z3BAZG2TWCNX0D",
    "eu-west-1": "Z1BKCTXD74EZPE",
    "eu-west-2": "Z3GKZC51ZF0DB4",
    "eu-west-3": "Z3R1K369G5AVDG",
    "ap-northeast-1": "Z2M4EHUR26P7ZW",
    "ap-southeast-1": "Z3O0J2DXBE1FTB",
    "ap-southeast-2": "Z1WCIGYICN2BYD",
}


def parameter(request: Request) -> Values:
    """A parameter's value; `insecureValue` is the same where the parameter is no SecureString."""
    decrypt = request.get("withDecryption", True)
    found = request.api("ssm").call("get_parameter", Name=request.get("name"), WithDecryption=decrypt)[
        "Parameter"
    ]
    secure = found["Type"] == "SecureString"
    return {
        "id": found["Name"],
        "insecureValue": "" if secure else found["Value"],
        "withDecryption": decrypt,
        "version": found["Version"],
        **rename(found, {"arn": "ARN", "name": "Name", "type": "Type", "value": "Value"}),
    }


def bucket(request: Request) -> Values:
    """A bucket that exists and may be read."""
    name = request.get("bucket")
    api = request.api("s3")
    api.call("head_bucket", Bucket=name)
    region = api.call("get_bucket_location", Bucket=name).get("LocationConstraint") or "us-east-1"
    try:
        api.call("get_bucket_website", Bucket=name)
        domain = f"s3-website-{region}.amazonaws.com"
    except AwsError as error:
        if not error.gone:
            raise
        domain = ""  # it is no website
    return {
        "id": name,
        "arn": f"arn:aws:s3:::{name}",
        "bucketDomainName": f"{name}.s3.amazonaws.com",
        "bucketRegion": region,
        "bucketRegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
        "hostedZoneId": S3_ZONES.get(region, ""),
        "websiteDomain": domain,
        "websiteEndpoint": f"{name}.{domain}" if domain else "",
    }


def key(request: Request) -> Values:
    """A key by id, ARN or alias; `keyId` stays as it was asked."""
    found = request.api("kms").call(
        "describe_key", KeyId=request.get("keyId"), **given(GrantTokens=request.get("grantTokens"))
    )["KeyMetadata"]
    regions = found.get("MultiRegionConfiguration")
    external = found.get("XksKeyConfiguration")
    return {
        "id": found["KeyId"],
        "creationDate": _time(found["CreationDate"]),
        "deletionDate": _time(found.get("DeletionDate")),
        "validTo": _time(found.get("ValidTo")),
        "enabled": found.get("Enabled", False),
        "multiRegion": found.get("MultiRegion", False),
        "pendingDeletionWindowInDays": found.get("PendingDeletionWindowInDays", 0),
        "multiRegionConfigurations": [_regions(regions)] if regions else [],
        "xksKeyConfigurations": [{"id": external.get("Id", "")}] if external else [],
        **rename(
            found,
            {
                "arn": "Arn",
                "awsAccountId": "AWSAccountId",
                "cloudHsmClusterId": "CloudHsmClusterId",
                "customKeyStoreId": "CustomKeyStoreId",
                "customerMasterKeySpec": "CustomerMasterKeySpec",
                "description": "Description",
                "expirationModel": "ExpirationModel",
                "keyManager": "KeyManager",
                "keySpec": "KeySpec",
                "keyState": "KeyState",
                "keyUsage": "KeyUsage",
                "origin": "Origin",
            },
        ),
    }


def _time(moment: object) -> str:
    return moment.isoformat() if hasattr(moment, "isoformat") else text(moment)


def _regions(configuration: Values) -> Values:
    names = {"arn": "Arn", "region": "Region"}
    return {
        "multiRegionKeyType": configuration["MultiRegionKeyType"],
        "primaryKeys": [rename(configuration["PrimaryKey"], names)],
        "replicaKeys": [rename(item, names) for item in configuration.get("ReplicaKeys", ())],
    }


def alias(request: Request) -> Values:
    """An alias and the key behind it."""
    api = request.api("kms")
    name = request.get("name")
    found = next((item for item in api.all("list_aliases", "Aliases") if item["AliasName"] == name), None)
    if found is None:
        raise BerthError(f"reading KMS Alias ({name}): couldn't find resource", "A name begins with alias/.")
    behind = api.call("describe_key", KeyId=name)["KeyMetadata"]
    return {
        "id": found["AliasArn"],
        "arn": found["AliasArn"],
        "targetKeyArn": behind["Arn"],
        "targetKeyId": behind["KeyId"],
    }


def authorization_token(request: Request) -> Values:
    """What `docker login` needs for the account's registry; good for twelve hours."""
    identity = request.get("registryId")
    api = request.api("ecr")
    data = api.call("get_authorization_token", **given(registryIds=[identity] if identity else None))
    found = data["authorizationData"][0]
    user, _, password = base64.b64decode(found["authorizationToken"]).decode().partition(":")
    return {
        "id": request.region,
        "authorizationToken": found["authorizationToken"],
        "expiresAt": _time(found["expiresAt"]),
        "proxyEndpoint": found["proxyEndpoint"],
        "userName": user,
        "password": password,
    }
