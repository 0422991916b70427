"""The attributes objects of `/users/track`: standard attributes by name; any other key is a custom attribute."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from marshmallow import INCLUDE, ValidationError, post_load, pre_load

from schemas.base import RequestSchema
from schemas.custom import CustomAttributes, load_custom_attributes
from schemas.fields import Choice, Day, ListOf, Moment, Nested, Number, Object, Switch, Text
from schemas.identifiers import DeviceId, Email, Phone, Target
from schemas.lenient import Lenient, settle_invalid
from schemas.locale_fields import CountryText, LanguageText, TimeZoneText
from schemas.nesting import MAX_NESTED_BYTES, size
from schemas.targets import TargetSchema, may_create, target_of

#: Maximum elements of an array of a standard attribute.
MAX_LISTED = 100
#: Keys that identify the profile or control the update; they are no attributes.
INSTRUCTIONS = frozenset(
    {
        "external_id",
        "user_alias",
        "braze_id",
        "device_id",
        "_update_existing_only",
        "_merge_objects",
        "push_token_import",
    }
)
#: The vendor's flat form of a user alias.
FLAT_ALIAS = ("alias_name", "alias_label")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """A loaded attributes object."""

    target: Target
    may_create: bool
    #: Standard attributes by their name on the wire; None clears one.
    standard: Mapping[str, Any]
    custom: CustomAttributes
    #: A sentence for each standard attribute that was invalid and left out, or stored as null.
    warnings: Sequence[str] = field(default_factory=tuple)


class DeviceSchema(RequestSchema):
    """A device. Unknown keys are ignored."""

    device_id = Text(required=True, least=1)
    model = Text(allow_none=True)
    os = Text(allow_none=True)
    carrier = Text(allow_none=True)
    idfv = Text(allow_none=True)
    idfa = Text(allow_none=True)
    ad_tracking_enabled = Switch(allow_none=True)


class PushTokenSchema(RequestSchema):
    """A token of an app for push messages."""

    app_id = Text(required=True, least=1)
    token = Text(required=True, least=1, most=4096)
    device_id = Text(allow_none=True)
    platform = Text(allow_none=True)
    notifications_enabled = Switch(allow_none=True)
    provisionally_opted_in = Switch(allow_none=True)


class SubscriptionGroupSchema(RequestSchema):
    """The state of one subscription group. Unknown keys are ignored, such as `use_double_opt_in_logic`."""

    subscription_group_id = Text(required=True, least=1)
    subscription_state = Choice("subscribed", "unsubscribed", required=True)


class LocationSchema(RequestSchema):
    """A position in degrees."""

    longitude = Number(required=True, least=-180, most=180)
    latitude = Number(required=True, least=-90, most=90)


def _check_size(value: Mapping[str, Any]) -> None:
    if size(value) > MAX_NESTED_BYTES:
        raise ValidationError(f"may not take more than {MAX_NESTED_BYTES:,} bytes")


class AttributesSchema(TargetSchema):
    """Attributes of one profile. Unknown keys are custom attributes.

    An invalid attribute is left out with a warning. An invalid identifier, subscription state, tracking flag, spam mark
    or guard refuses the object, because no opt-out may get lost. A time in the future is taken as now, except in
    `marked_for_deletion_at` and in custom attributes.
    """

    class Meta:
        unknown = INCLUDE

    first_name = Lenient(Text(allow_none=True))
    last_name = Lenient(Text(allow_none=True))
    gender = Lenient(Choice("M", "F", "O", "N", "P", upper=True, allow_none=True))
    dob = Lenient(Day(allow_none=True))
    home_city = Lenient(Text(allow_none=True))
    country = Lenient(CountryText(allow_none=True))
    language = Lenient(LanguageText(allow_none=True))
    time_zone = Lenient(TimeZoneText(allow_none=True))
    facebook = Lenient(Object(validate=_check_size, allow_none=True))
    twitter = Lenient(Object(validate=_check_size, allow_none=True))
    current_location = Lenient(Nested(LocationSchema, allow_none=True))
    date_of_first_session = Lenient(Moment(allow_none=True))
    date_of_last_session = Lenient(Moment(allow_none=True))
    email_encrypted = Switch(allow_none=True)
    email_subscribe = Choice("opted_in", "subscribed", "unsubscribed", allow_none=True)
    push_subscribe = Choice("opted_in", "subscribed", "unsubscribed", allow_none=True)
    email_open_tracking_disabled = Switch(allow_none=True)
    email_click_tracking_disabled = Switch(allow_none=True)
    marked_email_as_spam_at = Moment(allow_none=True)
    push_tokens = Lenient(ListOf(Lenient(Nested(PushTokenSchema)), most=MAX_LISTED, allow_none=True))
    devices = Lenient(ListOf(Lenient(Nested(DeviceSchema)), most=MAX_LISTED, allow_none=True))
    subscription_groups = ListOf(Nested(SubscriptionGroupSchema), most=MAX_LISTED, allow_none=True)
    test_user = Lenient(Switch(allow_none=True))
    control_group = Switch(allow_none=True)
    marked_for_deletion_at = Moment(allow_none=True)
    push_token_import = Switch(allow_none=True)
    _merge_objects = Switch(allow_none=True)

    @pre_load
    def _trim_names(self, given: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Trim the names of attributes, and convert a flat alias to an object."""
        trimmed = {name.strip(): value for name, value in given.items()}
        flat = {name: trimmed.pop(name, None) for name in FLAT_ALIAS}
        if None not in flat.values() and not any(trimmed.get(name) for name in ("external_id", "braze_id")):
            trimmed.setdefault("user_alias", flat)
        return trimmed

    @post_load
    def _to_attributes(self, given: dict[str, Any], **_: Any) -> Attributes:
        given, warnings = settle_invalid(given, names=self.fields)
        target = target_of(given)
        lookup = {Email: "email", Phone: "phone"}.get(type(target))
        standard = [name for name in self.fields if name in given and name not in INSTRUCTIONS and name != lookup]
        # Beside another identifier, `device_id` is a custom attribute, as at the vendor.
        known = self.fields.keys() - (set() if isinstance(target, DeviceId) else {"device_id"})
        # marshmallow passes unknown keys in no order; sorted, the same request always gets the same response.
        custom = {name: given[name] for name in sorted(given.keys() - known)}
        return Attributes(
            target=target,
            may_create=may_create(target, update_existing_only=given.get("_update_existing_only")),
            standard={name: given[name] for name in standard},
            custom=load_custom_attributes(custom, merge=bool(given.get("_merge_objects"))),
            warnings=warnings,
        )
