"""The description of the wire in OpenAPI 3.1, made from the marshmallow schemas that read and show what is on it.

The routes say which URLs and methods there are and the doors which permission they ask for; `operations` adds what
neither of them knows, and `components`, `fields` and `shown` what a marshmallow schema does not tell.
"""
