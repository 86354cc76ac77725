// kitsu and jsona, clients of JSON:API for JavaScript, against a real gateway: publish a plugin, read it, change it, list it.
// Arguments: URL, token. NODE_EXTRA_CA_CERTS names the gateway's ca.pem. Prints what came back as JSON.
"use strict";

const { Jsona } = require("jsona");

const [url, token] = process.argv.slice(2);

async function withKitsu() {
  const Kitsu = (await import("kitsu")).default;
  const Client = Kitsu.default || Kitsu;
  const api = new Client({
    baseURL: `${url}/v1`,
    camelCaseTypes: false,
    headers: { authorization: `Bearer ${token}` },
  });
  const made = await api.create("plugins", {
    name: "Scale Reader",
    version: "1.0.0",
    category: "integration",
    tags: ["serial"],
  });
  const changed = await api.update("plugins", { id: made.data.id, description: "reads a scale" });
  const one = await api.fetch(`plugins/${made.data.id}`);
  const listed = await api.fetch("plugins", {
    params: { filter: { category: "integration" }, page: { size: 1, number: 1 }, sort: "-name" },
  });
  return { made, changed, one, listed };
}

async function withJsona() {
  const jsona = new Jsona();
  const headers = { authorization: `Bearer ${token}`, accept: "application/vnd.api+json" };
  const response = await fetch(`${url}/v1/plugins/scale-reader`, { headers });
  const model = jsona.deserialize(await response.json());
  const sent = jsona.serialize({ stuff: { type: model.type, id: model.id, description: "weighs" } });
  const answer = await fetch(`${url}/v1/plugins/${model.id}`, {
    method: "PATCH",
    headers: { ...headers, "content-type": "application/vnd.api+json" },
    body: JSON.stringify(sent),
  });
  return { model, status: answer.status, changed: jsona.deserialize(await answer.json()) };
}

withKitsu()
  .then(async (kitsu) => console.log(JSON.stringify({ kitsu, jsona: await withJsona() })))
  .catch((error) => {
    console.error(error.response ? JSON.stringify(error.response.data) : error);
    process.exitCode = 1;
  });
