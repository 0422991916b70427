"""The error messages of `POST /users/merge`: Braze's, and ours for cases that Braze does not document.

They are literals and not imported from the product, because clients match on them.
"""

NOT_OBJECTS = "'merge_updates' must be an array of objects"
TOO_MANY = "a single request may not contain more than 50 merge updates"
WRONG_KEYS = "'merge_updates' must only have 'identifier_to_merge' and 'identifier_to_keep'"
WRONG_IDENTIFIER = (
    "identifiers must be objects with an 'external_id' property that is a string, 'user_alias' property that is an "
    "object, 'email' property that is a string, or 'phone' property that is a string"
)
BOTH_RECENCIES = (
    "Request can not contain both of 'most_recently_updated' and 'least_recently_updated' values in the "
    "'prioritization' array"
)
TOO_LONG = (
    "an identifier is too long: 'external_id' may have 987 bytes, 'alias_name' and 'alias_label' 236 each, 'email' and "
    "'phone' 320"
)
NO_PRIORITIZATION = "'prioritization' is required beside 'email' or 'phone'"
WRONG_PRIORITIZATION = "'prioritization' must be an array of strings"
EMPTY_PRIORITIZATION = "'prioritization' must have at least one value"
UNKNOWN_PRIORITY = (
    "'prioritization' may only contain 'identified', 'unidentified', 'most_recently_updated' and "
    "'least_recently_updated'"
)
BOTH_STANDINGS = "Request can not contain both of 'identified' and 'unidentified' values in the 'prioritization' array"
REPEATED_PRIORITY = "Request can not contain a value more than once in the 'prioritization' array"
