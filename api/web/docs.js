// Shows the API of this server, and lets a reader try it with a key that stays in the page.
// All addresses are relative: a proxy may serve the API under a path of its own.
SwaggerUIBundle({
  url: new URL("v1/openapi.json", document.baseURI).href,
  dom_id: "#operations",
  deepLinking: true,
  persistAuthorization: false,
  validatorUrl: null,
});
