"use strict";

// Nothing outside this server is asked: the validator, which would be, is switched off.
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
