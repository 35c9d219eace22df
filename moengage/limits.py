"""MoEngage's documented limits and names, as constants.

Sources, read in November 2026: the Data API reference (Bulk Import, Track User, Track Event), Data
Tracking Policies, Data Overview, Rate Limits. MoEngage writes sizes in KB without saying which; the
smaller reading, 1,000 bytes, is safe under both.
"""

from __future__ import annotations

#: The ``dc`` in ``https://api-{dc}.moengage.com`` (source: Data API introduction).
DATA_CENTERS = ("01", "02", "03", "04", "05", "06", "101")

#: Body of ``POST /transition``, in bytes: "100 KB" (source: Bulk Import).
MAX_BULK_BYTES = 100_000
#: Body of every other call, in bytes: "128 KB" (source: Track User, Track Event).
MAX_BODY_BYTES = 128_000
#: No maximum is documented for a bulk request; the partner framework suggests 100 to 500.
DEFAULT_BULK_ELEMENTS = 100

#: Per workspace and minute, bulk (source: Bulk Import; an older page says 10,000 and 30,000).
BULK_USERS_PER_MINUTE = 60_000
BULK_EVENTS_PER_MINUTE = 60_000
#: Of one user, from all server sources; above it that user's data is dropped silently for an hour
#: (source: Fair Usage Policy).
CUSTOMER_PER_MINUTE = 5_000

#: Characters; longer ones are cut off silently (source: Data Tracking Policies).
MAX_NAME_CHARS = 200
MAX_VALUE_CHARS = 512
#: Attributes of one event, the rest being dropped; elements of a list (same source).
MAX_EVENT_ATTRIBUTES = 100
MAX_LIST_ELEMENTS = 50
#: Distinct names per workspace, further ones being dropped silently (same source).
MAX_EVENT_NAMES = 512
MAX_USER_ATTRIBUTES = 256
#: Pairs in one merge call (source: Merge Users).
MAX_MERGES = 50

#: Attribute names that MoEngage drops (source: Data Overview); compared without case.
RESERVED_ATTRIBUTES = frozenset({"", "id", "_id", "status", "user_id", "source", "install", "update"})
RESERVED_PREFIXES = ("moe_", "user_attribute_")

#: User attributes that begin with ``moe_`` and are documented nevertheless (source: Track User).
DOCUMENTED_MOE_ATTRIBUTES = frozenset(
    {
        "moe_unsubscribe", "moe_hard_bounce", "moe_spam", "moe_sms_subscription", "moe_wa_subscription",
        "moe_em_unsub_categories", "moe_sub_w", "moe_email_optin_status", "moe_gaid",
    }
)  # fmt: skip

#: Standard user attributes that must be strings (source: Track User).
STANDARD_STRING_ATTRIBUTES = frozenset({"u_n", "u_fn", "u_ln", "u_em", "u_mb", "u_gd", "u_bd", "uid"})

#: Standard user attributes that the first write sets for good (source: Track User).
CREATE_ONLY_ATTRIBUTES = frozenset(
    {"cr_t", "u_l_a", "publisher_name", "campaign_name", "moe_gaid", "advertising_identifier"}
)

#: What does not count towards MAX_USER_ATTRIBUTES.
STANDARD_ATTRIBUTES = (
    STANDARD_STRING_ATTRIBUTES
    | DOCUMENTED_MOE_ATTRIBUTES
    | CREATE_ONLY_ATTRIBUTES
    | {"geo", "push_preference"}
)
