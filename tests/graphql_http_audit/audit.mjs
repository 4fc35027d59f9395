// Runs graphql-http's server audit against an address, with a cookie if one is given: one line of JSON for each check.
import { auditServer } from 'graphql-http';

const [url, cookie] = process.argv.slice(2);

function fetchAsked(input, init = {}) {
  return fetch(input, { ...init, headers: { ...init.headers, ...(cookie && { cookie }) } });
}

for (const { id, name, status, reason } of await auditServer({ url, fetchFn: fetchAsked })) {
  console.log(JSON.stringify({ id, name, status, reason }));
}
