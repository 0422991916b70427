"""JSON Schema from marshmallow schemas: titles, descriptions, unions, and the `json_schema` of our own fields."""

import inspect
from collections.abc import Mapping
from typing import Any

from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.common import make_schema_key
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import Schema, fields

from app.web.openapi.describe import Json
from schemas.lenient import Lenient

UNIONS = {"one_of": "oneOf", "any_of": "anyOf"}


class SchemaConverter(OpenAPIConverter):
    """apispec's converter; every schema becomes a component with its own title."""

    def field2property(self, field: fields.Field[Any]) -> Json:
        """Return the JSON Schema of *field*; that of a lenient field is the one of the field within."""
        inner = field.inner if isinstance(field, Lenient) else field
        made: Json = super().field2property(inner)
        return made

    def field2type_and_format(self, field: fields.Field[Any], **kwargs: Any) -> Json:
        """Return the type of *field*, and its own `json_schema`."""
        return {**super().field2type_and_format(field, **kwargs), **self.resolved(getattr(field, "json_schema", {}))}

    def metadata2properties(self, field: fields.Field[Any], **kwargs: Any) -> Json:
        """Return the metadata of *field* with references to schemas."""
        resolved: Json = self.resolved(super().metadata2properties(field, **kwargs))
        return resolved

    def schema2jsonschema(self, schema: Schema) -> Json:
        """Return the component of *schema*: its union, or an object with its fields."""
        title = self.refs[make_schema_key(schema)]
        made: Json = {
            keyword: [self.resolved(each) for each in getattr(schema, attribute)]
            for attribute, keyword in UNIONS.items()
            if hasattr(schema, attribute)
        } or super().schema2jsonschema(schema)  # type: ignore[no-untyped-call]
        for name, member in made.get("properties", {}).items():
            _title_objects(member, title + name.title().replace("_", ""))
        return {
            "title": title,
            "description": description_of(type(schema)),
            **made,
            **getattr(schema, "json_schema", {}),
        }

    def resolved(self, part: Any) -> Any:
        """Return *part* of the document with references instead of schema classes."""
        if isinstance(part, type) and issubclass(part, Schema):
            return self.resolve_nested_schema(part)  # type: ignore[no-untyped-call]
        if isinstance(part, Mapping):
            # A field whose whole JSON Schema is another schema has it under "shape".
            return self.resolved(part["shape"]) if "shape" in part else {k: self.resolved(v) for k, v in part.items()}
        return [self.resolved(each) for each in part] if isinstance(part, list | tuple) else part


class SchemaPlugin(MarshmallowPlugin):
    """apispec's plugin with our converter; a component has the name of its class without "Schema"."""

    Converter = SchemaConverter
    converter: SchemaConverter

    def __init__(self) -> None:
        super().__init__(schema_name_resolver=_component_name)


def description_of(schema: type[Schema]) -> str:
    """Return the docstring of *schema* in one line."""
    return " ".join((inspect.getdoc(schema) or "").split())


def _component_name(schema: type[Schema] | Schema) -> str:
    kind = schema if isinstance(schema, type) else type(schema)
    return kind.__name__.removesuffix("Schema")


def _title_objects(shape: Json, title: str) -> None:
    """Give every object within *shape* a title, so that generated models have unique names."""
    if "object" in (shape.get("type"), *(shape["type"] if isinstance(shape.get("type"), list) else ())):
        shape.setdefault("title", title)
    for inner, suffix in (("items", "Item"), ("additionalProperties", "Value")):
        if isinstance(shape.get(inner), dict):
            _title_objects(shape[inner], title + suffix)
