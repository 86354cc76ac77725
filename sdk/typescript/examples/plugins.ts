// Lists the plugins, page by page, and shows how a refusal reads.
// FERRULE_URL, FERRULE_TOKEN, and NODE_EXTRA_CA_CERTS=ca.pem for Node.
import { pluginGet, pluginList } from "ferrule-sdk";
import { createClient } from "ferrule-sdk/client";

const client = createClient({ baseUrl: process.env.FERRULE_URL ?? "", auth: process.env.FERRULE_TOKEN ?? "" });

for (let page = 1, more = true; more; page++) {
  const { data, error } = await pluginList({ client, query: { "page[number]": page, "page[size]": 2, sort: "name" } });
  if (!data) throw new Error(`refused: ${error?.detail}`);
  for (const plugin of data.data) console.log(plugin.id, plugin.attributes.version);
  more = data.links?.next !== undefined;
}

const { error: refused } = await pluginGet({ client, path: { plugin_id: "no-such-plugin" } });
if (refused) console.log(refused.status, refused.errors[0]?.code, refused.detail);
