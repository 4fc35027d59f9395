// Runs the server audit of graphql-http against the address given, and prints one JSON object a check.
import { auditServer } from 'graphql-http';

const [url] = process.argv.slice(2);

const withAddress = (input, init = {}) => fetch(input, { ...init, redirect: 'error' });

const results = await auditServer({ url, fetchFn: withAddress });
for (const { id, name, status, reason } of results) {
  console.log(JSON.stringify({ id, name, status, reason }));
}
