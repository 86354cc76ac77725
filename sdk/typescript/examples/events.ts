// Publishes an event, and follows events until it comes by.
// FERRULE_URL, FERRULE_TOKEN, and NODE_EXTRA_CA_CERTS=ca.pem for Node.
import { eventList, eventPublish, type EventRow } from "ferrule-sdk";
import { createClient } from "ferrule-sdk/client";

const client = createClient({ baseUrl: process.env.FERRULE_URL ?? "", auth: process.env.FERRULE_TOKEN ?? "" });

async function* follow(after: number): AsyncGenerator<EventRow> {
  for (;;) {
    const { data } = await eventList({ client, query: { after, limit: 100 }, throwOnError: true });
    for (const event of data.data) {
      after = event.seq;
      yield event;
    }
    if (data.data.length === 0) await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

const body = { data: { event_type: "user:greeting", payload: { words: "hello" } } };
const { data: accepted } = await eventPublish({ client, body, throwOnError: true });
for await (const event of follow(accepted.data.seq - 1)) {
  console.log(event.type, JSON.stringify(event.data));
  if (event.id === accepted.data.event_id) break;
}
