// A lower party of link/1 as of version 1.0. It says what conversation.json holds and checks what it hears against what
// was heard when that file was recorded. Usage: node client.mjs PLACE.json
//
// PLACE.json: { "statusServer": {host, port}, "logServer": { "ssl": {…}, "ssh": {…} }, "caPins", "sshHostKeys",
// "patternRoot", "userName", "password" }: the connection details, with the password that goes with them.
//
// It prints one line of JSON a step: { "step", "problems": [], "heard" }, and ends with 0 if no step has a problem.
// It imports nothing of the product and never changes: see ../README.md.

import { createHash, createPublicKey, sign, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { request as httpsRequest } from "node:https";
import { setTimeout as pause } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import ssh2 from "ssh2";
import { sameProblems, shapeProblems } from "./shape.mjs";

const { Client } = ssh2;
const read = (name) => readFileSync(new URL(name, import.meta.url), "utf8");
const place = JSON.parse(readFileSync(process.argv[2], "utf8"));
const { steps } = JSON.parse(read("conversation.json"));

/** The keys of this installation before and after its renewal, and what their registration answered. */
const parties = {
  first: { tls: read("lower/tls-key.pem"), ssh: read("lower/ssh-key"), certificate: null },
  renewed: { tls: read("lower/renewed-tls-key.pem"), ssh: read("lower/renewed-ssh-key"), certificate: null },
};
const signingKey = read("lower/signing-key.pem");
/** What {{name}} stands for in what is said. */
const known = {
  userName: place.userName,
  password: place.password,
  patternRoot: place.patternRoot,
  firstRequest: read("lower/request.pem"),
  firstSshKey: read("lower/ssh-key.pub").trim(),
  renewedRequest: read("lower/renewed-request.pem"),
  renewedSshKey: read("lower/renewed-ssh-key.pub").trim(),
  signingKey: createPublicKey(signingKey).export({ format: "der", type: "spki" }).toString("base64"),
};
const HEADERS = ["location", "upload-offset", "upload-length", "content-range", "tus-resumable"];
let counter = 0;
let ca = null;

const SPEAK = { status: overHttps, ssl: overHttps, sftp: overSftp, exec: overExec };
let failed = 0;
ca = await pinnedAuthority(place.statusServer);
for (const step of steps) {
  const { problems, heard } = await play(step);
  failed += problems.length;
  process.stdout.write(`${JSON.stringify({ step: step.name, problems, heard })}\n`);
}
process.exit(failed === 0 ? 0 : 1);

async function play(step) {
  try {
    const heard = await SPEAK[step.over](fill(step.say), step);
    keep(step, heard);
    return { problems: problemsOf(step, heard), heard };
  } catch (error) {
    return { problems: [`no answer: ${error.message}`], heard: null };
  }
}

/** The CA that the pins name, out of the chain that the server shows; nothing else is trusted from here on. */
function pinnedAuthority({ host, port }) {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host, port, rejectUnauthorized: false }, () => {
      const chain = [];
      let one = socket.getPeerCertificate(true);
      while (one?.raw !== undefined && !chain.some((seen) => seen.raw.equals(one.raw))) {
        chain.push(one);
        one = one.issuerCertificate;
      }
      socket.destroy();
      const pem = chain
        .map(({ raw }) => new X509Certificate(raw))
        .find((it) => it.ca && place.caPins.includes(sha256(it.publicKey.export({ format: "der", type: "spki" }))));
      if (pem === undefined) reject(new Error("link.pin_mismatch"));
      else resolve(pem.toString());
    });
    socket.on("error", reject);
  });
}

async function overHttps(say, step) {
  for (;;) {
    const heard = heardOf(await callOnce(say, step));
    if (step.until === undefined || heard.status !== 200) return heard;
    const directive = heard.json.directives.find(({ kind }) => kind === step.until);
    if (directive !== undefined) return { ...heard, directive };
    // A long poll that ended without what it waits for is begun again.
    await pause(heard.json.nextSeconds * 1000);
  }
}

function callOnce(say, step) {
  const { host, port } = step.over === "ssl" ? place.logServer.ssl : place.statusServer;
  const { pathname, search } = new URL(say.path, "https://portal");
  const party = parties[step.as];
  const body = bodyOf(say, step);
  const isJson = say.json !== undefined;
  return new Promise((resolve, reject) => {
    const asked = httpsRequest(
      {
        ...{ host, port, ca, method: say.method, path: pathname + search, agent: false },
        headers: { ...(isJson ? { "content-type": "application/json" } : {}), ...say.headers },
        ...(party === undefined ? {} : { cert: party.certificate, key: party.tls }),
      },
      (answer) => {
        const parts = [];
        answer.on("data", (part) => parts.push(part));
        answer.on("end", () => resolve({ answer, bytes: Buffer.concat(parts) }));
        answer.on("error", reject);
      },
    );
    asked.on("error", reject);
    asked.end(body);
  });
}

function heardOf({ answer, bytes }) {
  const headers = Object.fromEntries(
    HEADERS.filter((name) => name in answer.headers).map((name) => [name, answer.headers[name]]),
  );
  const type = String(answer.headers["content-type"]);
  const heard = { status: answer.statusCode, headers };
  if (/^application\/(problem\+)?json/.test(type)) return { ...heard, type: type.split(";")[0], ...jsonOf(bytes) };
  // A refused upload answers a problem whose type is not said.
  if (answer.statusCode >= 400) return { ...heard, ...jsonOf(bytes) };
  return { ...heard, bytes: bytes.length };
}

function jsonOf(bytes) {
  const json = JSON.parse(bytes);
  if (json.positions === undefined) return { json };
  return { json, positions: Object.fromEntries(json.positions.map(({ stream, ...rest }) => [stream, rest])) };
}

/** Puts, renames and reads what was answered, in one channel. */
async function overSftp(say, step) {
  const client = await sshClient({ username: known.product, privateKey: parties[step.as].ssh });
  try {
    const sftp = await promised((done) => client.sftp(done));
    await promised((done) => sftp.writeFile("/in/upload.part", Buffer.from(say.bytes, "base64"), done));
    const status = await new Promise((resolve) =>
      sftp.rename("/in/upload.part", `/in/${say.name}`, (error) => resolve(error?.code ?? 0)),
    );
    const json = JSON.parse(await promised((done) => sftp.readFile("/out/position.json", done)));
    return { status, json };
  } finally {
    client.end();
  }
}

/** Runs one command, says all of `bytes`, and hears its lines and its exit status. */
async function overExec(say, step) {
  const logOn =
    step.as === "nobody"
      ? { username: `test.${known.userName}`, password: known.password }
      : { username: known.product, privateKey: parties[step.as].ssh };
  const client = await sshClient(logOn);
  try {
    const channel = await promised((done) => client.exec(say.command, done));
    let text = "";
    let status = null;
    const ended = new Promise((resolve) => channel.once("close", resolve));
    channel.on("data", (part) => {
      text += part;
    });
    channel.once("exit", (code) => {
      status = code;
    });
    channel.end(Buffer.from(say.bytes ?? "", "base64"));
    await ended;
    const lines = text.split("\n").filter((line) => line !== "");
    return { status, json: { lines: lines.map((line) => JSON.parse(line)) } };
  } finally {
    client.end();
  }
}

function sshClient(logOn) {
  const { host, port } = place.logServer.ssh;
  const isPinned = (key) =>
    place.sshHostKeys.includes(`SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`);
  return new Promise((resolve, reject) => {
    const client = new Client();
    client.once("ready", () => resolve(client));
    client.once("error", reject);
    client.connect({ host, port, ...logOn, hostVerifier: isPinned });
  });
}

function promised(call) {
  return new Promise((resolve, reject) => call((error, value) => (error ? reject(error) : resolve(value))));
}

/** Heartbeats get the next counter and their signatures; everything else is said as it was recorded. */
function bodyOf(say, step) {
  if (say.bytes !== undefined) return Buffer.from(say.bytes, "base64");
  if (say.json === undefined) return undefined;
  if (step.heartbeat !== true) return JSON.stringify(say.json);
  counter = say.json.counter ?? counter + 1;
  const streams = say.json.streams.map((one) => ({ signature: signed(one), ...one }));
  return JSON.stringify({ ...say.json, counter, streams });
}

function signed({ stream, epoch, sealedTo, head }) {
  const lines = [
    "tms.position/1",
    `product ${known.product}`,
    `stream ${stream}`,
    `epoch ${epoch}`,
    `sealedTo ${sealedTo}`,
    `head ${head ?? "-"}`,
  ];
  return sign(null, Buffer.from(`${lines.join("\n")}\n`), signingKey).toString("base64");
}

/** Remembers what later steps need: ids, certificates, addresses. */
function keep(step, heard) {
  for (const [name, path] of Object.entries(step.keep ?? {})) {
    known[name] = path.split("/").reduce((inner, key) => inner?.[key], heard);
    if (name in parties) parties[name].certificate = known[name];
  }
}

function problemsOf({ heard: recorded, same = [] }, heard) {
  const isSame = recorded.status === null || recorded.status === heard.status;
  const status = isSame ? [] : [`the status is ${heard.status} instead of ${recorded.status}`];
  const type = recorded.type === heard.type ? [] : [`the type is ${heard.type} instead of ${recorded.type}`];
  const always = recorded.type === "application/problem+json" ? ["json.code", "json.status", "json.type"] : [];
  return [
    ...status,
    ...type,
    ...shapeProblems(recorded.json ?? {}, heard.json ?? {}, "json"),
    ...shapeProblems(recorded.headers ?? {}, heard.headers ?? {}, "headers"),
    ...shapeProblems(recorded.directive ?? {}, heard.directive ?? {}, "directive"),
    ...sameProblems([...always, ...same], recorded, heard),
  ];
}

/** {{name}} in texts becomes what is known under that name; {{name|base64}} its base64. */
function fill(value) {
  if (typeof value === "string") {
    return value.replace(/\{\{([A-Za-z]+)(\|base64)?\}\}/g, (_, name, encoded) =>
      encoded === undefined ? known[name] : Buffer.from(known[name]).toString("base64"),
    );
  }
  if (Array.isArray(value)) return value.map(fill);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fill(inner)]));
}

function sha256(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}
