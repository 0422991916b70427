"""The attributes objects of `/users/track`: standard attributes by name, and whatever else the client calls its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

from marshmallow import EXCLUDE, INCLUDE, Schema, ValidationError, fields, post_load, pre_load

from schemas.countries import COUNTRIES
from schemas.custom import CustomAttributes, read_custom
from schemas.fields import Choice, Day, ListOf, Moment, Nested, Number, Object, Text, Truth
from schemas.identifiers import Email, Phone, Target
from schemas.nesting import MAX_NESTED_BYTES, size
from schemas.targets import TargetSchema, may_create, target_of

#: Elements that the array of one standard attribute may have.
MAX_LISTED = 100
#: Keys that say whom an object means and how to treat it, not what is known of the person.
INSTRUCTIONS = frozenset(
    {"external_id", "user_alias", "braze_id", "_update_existing_only", "_merge_objects", "push_token_import"}
)
#: The vendor's flat way of writing a user alias.
FLAT_ALIAS = ("alias_name", "alias_label")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """What one attributes object asks for."""

    target: Target
    may_create: bool
    #: Standard attributes by their name on the wire; None clears one.
    standard: Mapping[str, Any]
    custom: CustomAttributes


class Switch(Truth):
    """true or false, or either as text, in which connectors send it."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        """Return *value*."""
        return super()._deserialize(
            {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value
        )


class Country(fields.Field[str | None]):
    """A country code of ISO 3166-1 alpha-2; as at the vendor, any other text is stored as no country."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str | None:
        """Return *value* in capitals, or None when it is no country."""
        if not isinstance(value, str):
            raise ValidationError("must be a string")
        code = value.strip().upper()
        return code if code in COUNTRIES else None


class DeviceSchema(Schema):
    """A device that a person uses."""

    class Meta:
        """Further keys are not kept."""

        unknown = EXCLUDE

    device_id = Text(required=True, least=1)
    model = Text(allow_none=True)
    os = Text(allow_none=True)
    carrier = Text(allow_none=True)
    idfv = Text(allow_none=True)
    idfa = Text(allow_none=True)
    ad_tracking_enabled = Truth(allow_none=True)


class PushTokenSchema(Schema):
    """An app's token for push messages."""

    class Meta:
        """Further keys are not kept."""

        unknown = EXCLUDE

    app_id = Text(required=True, least=1)
    token = Text(required=True, least=1, most=4096)
    device_id = Text(allow_none=True)
    platform = Text(allow_none=True)
    notifications_enabled = Truth(allow_none=True)
    provisionally_opted_in = Truth(allow_none=True)


class SubscriptionGroupSchema(Schema):
    """What a person chose in one subscription group."""

    class Meta:
        """Further keys, such as `use_double_opt_in_logic`, are not kept."""

        unknown = EXCLUDE

    subscription_group_id = Text(required=True, least=1)
    subscription_state = Choice("subscribed", "unsubscribed", required=True)


class LocationSchema(Schema):
    """A place on Earth, in degrees."""

    class Meta:
        """Further keys are not kept."""

        unknown = EXCLUDE

    longitude = Number(required=True, least=-180, most=180)
    latitude = Number(required=True, least=-90, most=90)


def _check_time_zone(name: str) -> None:
    """Raise ValidationError unless *name* stands in the IANA database, or there is no database to look in."""
    if _time_zones() and name not in _time_zones():
        raise ValidationError("must be a name of the IANA time zone database")


def _check_size(value: Mapping[str, Any]) -> None:
    """Raise ValidationError when *value* is too large to keep."""
    if size(value) > MAX_NESTED_BYTES:
        raise ValidationError(f"may not take more than {MAX_NESTED_BYTES:,} bytes")


class AttributesSchema(TargetSchema):
    """An attributes object. Keys that no field names are custom attributes."""

    class Meta:
        """Further keys are custom attributes."""

        unknown = INCLUDE

    first_name = Text(allow_none=True)
    last_name = Text(allow_none=True)
    gender = Choice("M", "F", "O", "N", "P", upper=True, allow_none=True)
    dob = Day(allow_none=True)
    home_city = Text(allow_none=True)
    country = Country(allow_none=True)
    language = Text(allow_none=True)
    time_zone = Text(validate=[_check_time_zone], allow_none=True)
    facebook = Object(validate=_check_size, allow_none=True)
    twitter = Object(validate=_check_size, allow_none=True)
    current_location = Nested(LocationSchema, allow_none=True)
    date_of_first_session = Moment(allow_none=True)
    date_of_last_session = Moment(allow_none=True)
    email_encrypted = Truth(allow_none=True)
    email_subscribe = Choice("opted_in", "subscribed", "unsubscribed", allow_none=True)
    push_subscribe = Choice("opted_in", "subscribed", "unsubscribed", allow_none=True)
    email_open_tracking_disabled = Truth(allow_none=True)
    email_click_tracking_disabled = Truth(allow_none=True)
    marked_email_as_spam_at = Moment(allow_none=True)
    push_tokens = ListOf(Nested(PushTokenSchema), most=MAX_LISTED, allow_none=True)
    devices = ListOf(Nested(DeviceSchema), most=MAX_LISTED, allow_none=True)
    subscription_groups = ListOf(Nested(SubscriptionGroupSchema), most=MAX_LISTED, allow_none=True)
    test_user = Truth(allow_none=True)
    control_group = Truth(allow_none=True)
    marked_for_deletion_at = Moment(allow_none=True)
    push_token_import = Truth(allow_none=True)
    _merge_objects = Switch(allow_none=True)

    @pre_load
    def _trim_names(self, given: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return *given* with the names of attributes trimmed, and a flat alias as the object that it stands for."""
        trimmed = {name.strip(): value for name, value in given.items()}
        flat = {name: trimmed.pop(name, None) for name in FLAT_ALIAS}
        if None not in flat.values() and not any(trimmed.get(name) for name in ("external_id", "braze_id")):
            trimmed.setdefault("user_alias", flat)
        return trimmed

    @post_load
    def _to_attributes(self, given: dict[str, Any], **_: Any) -> Attributes:
        """Return what *given*, whose standard attributes are sound, asks for."""
        target = target_of(given)
        lookup = {Email: "email", Phone: "phone"}.get(type(target))
        standard = [name for name in self.fields if name in given and name not in INSTRUCTIONS and name != lookup]
        # Marshmallow hands unknown keys over in no order; sorted, the same request always gets the same answer.
        custom = {name: given[name] for name in sorted(given.keys() - self.fields.keys())}
        return Attributes(
            target=target,
            may_create=may_create(target, update_existing_only=given.get("_update_existing_only"), alias_creates=True),
            standard={name: given[name] for name in standard},
            custom=read_custom(custom, merge=bool(given.get("_merge_objects"))),
        )


@lru_cache(maxsize=1)
def _time_zones() -> frozenset[str]:
    """Return the names of the IANA time zone database."""
    return frozenset(available_timezones())
