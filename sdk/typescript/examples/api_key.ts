// Calls with an API key in the place of a token.
// FERRULE_URL, FERRULE_API_KEY, and NODE_EXTRA_CA_CERTS=ca.pem for Node.
import { authMe } from "ferrule-sdk";
import { createClient } from "ferrule-sdk/client";

const headers = { "X-API-Key": process.env.FERRULE_API_KEY ?? "" };
const client = createClient({ baseUrl: process.env.FERRULE_URL ?? "", headers });
const me = await authMe({ client, throwOnError: true });
console.log(me.data.data.type, me.data.data.id);
