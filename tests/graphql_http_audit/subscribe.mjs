// Subscribes with graphql-sse's client, in distinct connections mode: one line of JSON for each thing that it is told.
import { createClient } from 'graphql-sse';

const [url, query] = process.argv.slice(2);
let attempts = 0;

function say(line) {
  console.log(JSON.stringify(line));
}

const client = createClient({ url, retryAttempts: 1, on: { connecting: () => (attempts += 1) } });
client.subscribe(
  { query },
  {
    next: (next) => say({ next }),
    error: (error) => say({ error: String(error) }),
    complete: () => say({ complete: { attempts } }),
  },
);
