"""The rules, each a pure function with a name that a values file can make an exception for."""

from infra.policy.model import Rule
from infra.policy.rules.data import CLOSED_BUCKETS, NO_PUBLIC_DATA
from infra.policy.rules.ingress import NO_OPEN_INGRESS
from infra.policy.rules.machines import ENCRYPTION, IMDS_V2
from infra.policy.rules.pods import NO_PRIVILEGED_PODS
from infra.policy.rules.spend import BUDGET_PRESENT, CAPACITY_BLOCK_PURCHASE, LIFETIME_PRESENT
from infra.policy.rules.tags import TAGS

RULES: tuple[Rule, ...] = (
    NO_OPEN_INGRESS,
    NO_PUBLIC_DATA,
    CLOSED_BUCKETS,
    ENCRYPTION,
    IMDS_V2,
    TAGS,
    BUDGET_PRESENT,
    LIFETIME_PRESENT,
    CAPACITY_BLOCK_PURCHASE,
    NO_PRIVILEGED_PODS,
)
NAMES: tuple[str, ...] = tuple(rule.name for rule in RULES)
