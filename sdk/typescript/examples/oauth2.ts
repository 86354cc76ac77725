// Gets a token by OAuth 2 (client credentials), and asks who it is for.
// FERRULE_URL, FERRULE_CLIENT, FERRULE_SECRET, and NODE_EXTRA_CA_CERTS=ca.pem for Node.
import { authMe, authToken } from "ferrule-sdk";
import { createClient } from "ferrule-sdk/client";

const baseUrl = process.env.FERRULE_URL ?? "";
const given = await authToken({
  client: createClient({ baseUrl }),
  body: {
    grant_type: "client_credentials",
    client_id: process.env.FERRULE_CLIENT ?? "",
    client_secret: process.env.FERRULE_SECRET ?? "",
  },
  throwOnError: true,
});
const client = createClient({ baseUrl, auth: given.data.access_token });
const me = await authMe({ client, throwOnError: true });
console.log(me.data.data.id, given.data.scope);
