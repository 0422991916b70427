"""What things look like on the wire: identifiers, states, outcomes, and marshmallow schemas in and out."""
