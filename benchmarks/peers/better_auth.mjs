// Serves better-auth's api-key plugin with keys to try. Its rate limit is on, with a limit that is never reached.
// usage: node better_auth.mjs PORT DATABASE_URL NUMBER KEYS_FILE
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { apiKey } from "@better-auth/api-key";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import pg from "pg";

const [port, database, number, file] = process.argv.slice(2);
const options = {
  baseURL: `http://127.0.0.1:${port}`,
  secret: "a secret of a benchmark, which protects nothing",
  database: new pg.Pool({ connectionString: database, max: 10 }),
  emailAndPassword: { enabled: true },
  logger: { level: "error" },
  plugins: [apiKey({ rateLimit: { enabled: true, timeWindow: 60_000, maxRequests: 2_000_000_000 } })],
};
await (await getMigrations(options)).runMigrations();
const auth = betterAuth(options);
const person = { name: "Ada", email: "ada@example.com", password: "a long passphrase of Ada's" };
const { user } = await auth.api.signUpEmail({ body: person });
const keys = [];
for (let place = 0; place < Number(number); place++) {
  keys.push((await auth.api.createApiKey({ body: { name: `key ${place}`, userId: user.id } })).key);
}
writeFileSync(file, keys.join("\n"));

createServer(async (request, response) => {
  const key = request.headers.authorization?.slice("Bearer ".length) ?? "";
  const verdict = await auth.api.verifyApiKey({ body: { key } });
  const body = JSON.stringify(verdict.valid ? { keyId: verdict.key.id } : { error: verdict.error });
  const headers = { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) };
  response.writeHead(verdict.valid ? 200 : 401, headers).end(body);
}).listen(Number(port), "127.0.0.1");
