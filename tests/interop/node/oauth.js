// openid-client gets a token for a program: node oauth.js URL ID SECRET post|basic. It finds everything out by itself; the
// authority is named in NODE_EXTRA_CA_CERTS. Prints what it was told as JSON.
"use strict";

const [url, id, secret, method] = process.argv.slice(2);

async function main() {
  const client = await import("openid-client");
  const shows = method === "post" ? client.ClientSecretPost(secret) : client.ClientSecretBasic(secret);
  const config = await client.discovery(new URL(url), id, secret, shows, { algorithm: "oauth2" });
  const told = { issuer: config.serverMetadata().issuer };
  const tokens = await client.clientCredentialsGrant(config, { scope: "system:read", resource: `${url}/v1` });
  told.scope = tokens.scope;
  told.lives = tokens.expiresIn();
  const ask = (path) => client.fetchProtectedResource(config, tokens.access_token, new URL(path, url), "GET");
  told.me = (await (await ask("/v1/auth/me")).json()).data;
  told.looked = await client.tokenIntrospection(config, tokens.access_token);
  await client.tokenRevocation(config, tokens.access_token);
  const refused = (error) => error.cause?.map?.((one) => [one.scheme, one.parameters.resource_metadata ?? null]);
  told.revoked = await ask("/v1/auth/me").then(() => null, refused);
  told.wrong = await client
    .clientCredentialsGrant(config, { scope: "made:up" })
    .then(() => null, (error) => [error.status, error.error]);
  console.log(JSON.stringify(told));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
