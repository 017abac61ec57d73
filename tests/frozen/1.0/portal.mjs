// The upper party of link/1 as of version 1.0, on a free port of loopback: it answers what conversation.json recorded.
// Usage: node portal.mjs [--unknown-fields]; with it every object that it answers has a field that 1.0 did not have.
//
// Its first line is { "port", "caPin", "patternRoot" }; then it prints one line a request: { "method", "path", … }.
// It ends when its standard input does. It imports nothing of the product and never changes: see ../README.md.

import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { zstdDecompressSync } from "node:zlib";

const read = (name) => readFileSync(new URL(name, import.meta.url), "utf8");
const { steps } = JSON.parse(read("conversation.json"));
const unknownFields = process.argv.includes("--unknown-fields");
const heardAt = (name) => structuredClone(steps.find((step) => step.name === name).heard);

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const spkiOf = (certificate) => sha256(certificate.publicKey.export({ format: "der", type: "spki" }));
const ca = read("upper/ca.pem");
const keys = {
  first: spkiOf(new X509Certificate(read("upper/first.pem"))),
  renewed: spkiOf(new X509Certificate(read("upper/renewed.pem"))),
};
const registered = { ...heardAt("register").json, certificate: read("upper/first.pem"), ca };
const renewed = { ...heardAt("renewal").json, certificate: read("upper/renewed.pem"), ca };
const { directive } = heardAt("heartbeat that waits for the hint to renew");
/** What a batch hears before it is taken, one after the other. */
const troubles = ["batch of an epoch that no heartbeat announced", "batch with another digest than its own"];

const state = { inForce: null, ended: false, positions: new Map(), outcomes: new Set(), uploads: [] };

const server = createServer(
  {
    key: read("upper/server-key.pem"),
    cert: read("upper/server.pem") + ca,
    requestCert: true,
    rejectUnauthorized: false,
  },
  async (asked, answer) => {
    const parts = [];
    for await (const part of asked) parts.push(part);
    const bytes = Buffer.concat(parts);
    const path = asked.url.split("?")[0];
    const said = isJson(asked) && bytes.length > 0 ? { json: JSON.parse(bytes) } : { bytes: bytes.length };
    process.stdout.write(`${JSON.stringify({ method: asked.method, path, ...said })}\n`);
    const { status, headers = {}, type, json, body } = answerTo(asked, path, bytes);
    if (json !== undefined) headers["content-type"] = type ?? "application/json";
    answer.writeHead(status, headers);
    answer.end(json === undefined ? body : JSON.stringify(unknownFields ? withUnknownFields(json) : json));
  },
);
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address();
  const caPin = spkiOf(new X509Certificate(ca));
  process.stdout.write(`${JSON.stringify({ port, caPin, patternRoot: registered.patternRoot })}\n`);
});
process.stdin.resume();
process.stdin.once("end", () => process.exit(0));

function answerTo(asked, path, bytes) {
  if (path === "/link/v1/register") {
    state.inForce = keys.first;
    return { ...heardAt("register"), json: registered };
  }
  const refused = refusalOf(asked);
  if (refused !== null) return refused;
  if (path === "/link/v1/heartbeat") return heartbeat(JSON.parse(bytes));
  if (path === "/link/v1/renew") return { ...heardAt("renewal"), json: renewed };
  if (path === "/link/v1/unregister") {
    state.ended = true;
    return heardAt("unregister");
  }
  if (path.startsWith("/link/v1/logs/")) return batch(asked, bytes);
  if (path === "/link/v1/cases") return heardAt("cases that changed");
  if (path.startsWith("/link/v1/cases/")) return heardAt("case");
  if (path.startsWith("/link/v1/forensics")) return upload(asked, path, bytes);
  if (path.endsWith("/metadata/1.root.json")) return { status: 200, body: '{"signed":{}}' };
  return heardAt("pattern metadata that there is not");
}

/** Who comes with the renewed key ends the first one. */
function refusalOf(asked) {
  const { raw } = asked.socket.getPeerCertificate();
  if (raw === undefined) return heardAt("heartbeat without a certificate");
  const key = spkiOf(new X509Certificate(raw));
  if (key === keys.renewed) state.inForce = key;
  if (state.ended) return heardAt("heartbeat after the end");
  return key === state.inForce ? null : heardAt("the old key");
}

function heartbeat(said) {
  for (const { id } of said.outcomes) state.outcomes.add(id);
  const { status, type, json } = heardAt("heartbeat that says what was sealed and hears where it stands");
  const directives = state.outcomes.has(directive.id) ? [] : [directive];
  return { status, type, json: { ...json, directives, positions: [...state.positions.values()] } };
}

function batch(asked, bytes) {
  const trouble = troubles.shift();
  if (trouble !== undefined) return heardAt(trouble);
  const end = bytes.indexOf(10);
  const { stream, epoch, first, count, gap } = JSON.parse(bytes.subarray(0, end));
  const head = sha256(bytes);
  const stated = `sha-256=:${Buffer.from(head, "hex").toString("base64")}:`;
  if (asked.headers["repr-digest"] !== stated) return heardAt("batch with another digest than its own");
  const lines =
    gap === undefined
      ? zstdDecompressSync(bytes.subarray(end + 1))
          .toString()
          .split("\n")
      : [];
  process.stdout.write(
    `${JSON.stringify({ records: lines.filter((line) => line !== "").map((line) => JSON.parse(line)) })}\n`,
  );
  const position = { stream, epoch, next: first + count, head };
  state.positions.set(stream, position);
  const { status, type, json } = heardAt("batch");
  return { status, type, json: { ...json, position } };
}

/** tus, as far as section 7 of the protocol goes. */
function upload(asked, path, bytes) {
  const headers = { "tus-resumable": "1.0.0" };
  if (asked.method === "POST") {
    state.uploads.push({ length: Number(asked.headers["upload-length"]), bytes: Buffer.alloc(0) });
    return { status: 201, headers: { ...headers, location: `/link/v1/forensics/${state.uploads.length - 1}` } };
  }
  const one = state.uploads[Number(path.split("/").at(-1))];
  if (asked.method === "PATCH") {
    // The first half alone, as a cut leaves it; the answer says where it stands.
    one.bytes = Buffer.concat([one.bytes, bytes.subarray(0, Math.max(1, Math.ceil(one.length / 2)))]);
    return { status: 204, headers: { ...headers, "upload-offset": String(one.bytes.length) } };
  }
  const stands = { "upload-offset": String(one.bytes.length), "upload-length": String(one.length) };
  return { status: 200, headers: { ...headers, ...stands } };
}

function isJson(asked) {
  return String(asked.headers["content-type"]).startsWith("application/json");
}

function withUnknownFields(value) {
  if (Array.isArray(value)) return value.map(withUnknownFields);
  if (value === null || typeof value !== "object") return value;
  const inner = Object.entries(value).map(([key, one]) => [key, withUnknownFields(one)]);
  return { ...Object.fromEntries(inner), addedLater: { by: "a later version", list: [1, null] } };
}
