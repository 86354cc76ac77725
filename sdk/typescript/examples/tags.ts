// Reads every tag by the agent API, which is JSON-RPC.
// FERRULE_URL, FERRULE_TOKEN (devices:read), and NODE_EXTRA_CA_CERTS=ca.pem for Node.
import { tagList, tagRead } from "ferrule-sdk";
import { createClient } from "ferrule-sdk/client";

const client = createClient({ baseUrl: process.env.FERRULE_URL ?? "", auth: process.env.FERRULE_TOKEN ?? "" });

const listed = await tagList({ client, body: { jsonrpc: "2.0", method: "tag.list", id: 1 }, throwOnError: true });
const tags = (listed.data.result?.tags ?? []).map((row) => row.tag);
const read = await tagRead({
  client,
  body: { jsonrpc: "2.0", method: "tag.read", params: { tags }, id: 2 },
  throwOnError: true,
});
for (const reading of read.data.result?.readings ?? []) console.log(reading.tag, reading.value, reading.quality);

const wrong = await tagRead({
  client,
  body: { jsonrpc: "2.0", method: "tag.read", params: { tags: ["no/such/tag"] }, id: 3 },
  throwOnError: true,
});
if (wrong.data.error) console.log(wrong.data.error.code, wrong.data.error.message);
