// The API documentation, from this server's own description and without asking any other host.
const api = document.getElementById("api");
SwaggerUIBundle({ url: api.dataset.openapi, domNode: api, validatorUrl: null, deepLinking: true });
