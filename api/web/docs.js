// Shows the API of this server, and lets a reader try it with a key that stays in the page.
SwaggerUIBundle({
  url: "/v1/openapi.json",
  dom_id: "#operations",
  deepLinking: true,
  persistAuthorization: false,
  validatorUrl: null,
});
