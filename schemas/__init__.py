"""The data of requests and responses: identifiers, states, outcomes, and marshmallow schemas."""
