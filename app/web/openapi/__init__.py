"""The OpenAPI 3.1 document of the API, generated from routes, views and marshmallow schemas.

A view declares its endpoint with `@describe`. Its route adds the URL, its permission the errors 401, 403, 429 and 503,
and its schemas the bodies, parameters and responses.
"""
