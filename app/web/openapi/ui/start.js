"use strict";

// The validator is off: it would send requests to another server.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#ui",
  layout: "BaseLayout",
  presets: [SwaggerUIBundle.presets.apis],
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
});
