import { execFile, fork } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { readTar } from "@tms/link";
import { type PatternManifest, sealConsent, verifyPattern } from "@tms/patterns";
import {
  type CaseId,
  type CustomerId,
  type DirectiveId,
  type EndpointId,
  newId,
  type PackageId,
  type PatternId,
  type ProductId,
  type ThreatEventRecord,
} from "@tms/records";
import {
  type Ed25519Key,
  holdCeremony,
  makeEd25519,
  makeRoleFile,
  signOnlineFiles,
  signRole,
  verifyBytes,
} from "@tms/signing";
import { FakePortal } from "@tms/testkit";
import { Decrypter, generateX25519Identity, identityToRecipient } from "age-encryption";
import { afterAll, beforeAll, expect, test } from "vitest";

// The assembled agent as a process of its own, against a real server that speaks the real protocol, with patterns signed
// by real keys: from the file to the finished cleanup, and back.

const MARKER = "made-up-marker-0815";
const HELD_LINE = "@reboot /bin/sh";

interface Stage {
  portal: FakePortal;
  root: string;
  sandbox: string;
  agent: { endpoint: EndpointId; stop(): Promise<void> };
  product: ProductId;
  experts: Ed25519Key[];
  consent: Ed25519Key;
  online: { snapshot: Ed25519Key; timestamp: Ed25519Key };
  expertIdentity: string;
  roleFiles: Record<string, Buffer>;
}
const stages: Stage[] = [];
const holders: number[] = [];

beforeAll(async () => {
  stages.push(await openStage());
}, 60_000);
afterAll(async () => {
  for (const pid of holders) execFile("kill", ["-9", String(pid)]);
  for (const stage of stages) {
    await stage.agent.stop();
    await stage.portal.close();
    rmSync(stage.root, { recursive: true, force: true });
  }
}, 30_000);

test("finds, explains, collects, cleans and undoes, and tells each step once", async () => {
  const [stage] = stages;
  if (stage === undefined) throw new Error("no stage");
  const { portal, sandbox, product } = stage;
  const events = async () => (await portal.records(product, "threat-events")) as ThreatEventRecord[];
  const kinds = async () =>
    (await events()).map((event) => [event.kind, event.body.status, event.body.deployment?.state]);

  const payload = join(sandbox, "payload");
  const crontab = join(sandbox, "crontab");
  writeFileSync(crontab, `# jobs\n${HELD_LINE} ${payload}\n0 1 * * * true\n`);
  holders.push(await plant(sandbox));
  await portal.until(async () => (await events()).some((event) => event.kind === "assessment"));

  const [detection, assessment] = await events();
  expect(detection).toMatchObject({
    endpoint: stage.agent.endpoint,
    kind: "detection",
    body: { status: "assessing", host: "ws-e2e" },
  });
  expect(assessment?.body).toMatchObject({ status: "unresolved-threats-remain", parts: { files: 1, persistence: 1 } });
  // The chain travels in a stream of its own, which nothing orders before or after the events.
  await portal.until(async () => (await portal.records(product, "root-cause")).length > 3);
  const threat = detection?.body.threatId;
  if (threat === undefined) throw new Error("no threat");

  const caseId = newId<CaseId>();
  const packageId = newId<PackageId>();
  order(stage, "collect", { case: caseId, package: packageId, threats: [threat], maxBytes: 10_000_000 });
  await portal.until(() => portal.packages.length === 1);
  const manifest = await openPackage(stage);
  expect(manifest.items.find((item) => item.kind === "file")).toMatchObject({ asked: payload, got: "whole" });

  const pattern = await publishCustom(stage, caseId);
  const undoOrder = { pattern: pattern.manifest.id, version: 1 };
  const consent = sealConsent(stage.consent.privatePkcs8Pem, pattern, {
    customer: portal.customer,
    endpoints: [stage.agent.endpoint],
    expiresAt: new Date(Date.now() + 3_600_000),
  });
  const applyOrder = { pattern: pattern.manifest.id, version: 1, target: pattern.targetPath, consent };
  const forged = { ...consent, signature: Buffer.alloc(64).toString("base64") };
  const refused = order(stage, "apply-pattern", { ...applyOrder, consent: forged });
  await portal.until(() => portal.outcomes.some((outcome) => outcome.id === refused));
  expect(portal.outcomes.find((outcome) => outcome.id === refused)).toMatchObject({
    ok: false,
    code: "consent.invalid",
  });
  expect(readFileSync(crontab, "utf8")).toContain(payload);

  order(stage, "apply-pattern", applyOrder);
  await portal.until(async () => (await events()).some((event) => event.kind === "cleanup"));
  const cleanup = (await events()).find((event) => event.kind === "cleanup");
  expect(cleanup?.body).toMatchObject({ threatId: threat, case: caseId, status: "all-threats-resolved" });
  expect(cleanup?.body.deployment?.steps.map((step) => [step.verb, step.outcome])).toEqual([
    ["persist.removeLine", "done"],
    ["process.kill", "done"],
    ["file.quarantine", "done"],
    ["verify", "done"],
  ]);
  expect(readFileSync(crontab, "utf8")).toBe("# jobs\n0 1 * * * true\n");

  order(stage, "undo", undoOrder);
  await portal.until(async () => (await events()).some((event) => event.kind === "rollback"));
  expect(readFileSync(crontab, "utf8")).toContain(payload);
  expect(readFileSync(payload, "utf8")).toBe(MARKER);
  expect(await kinds()).toEqual([
    ["detection", "assessing", undefined],
    ["assessment", "unresolved-threats-remain", undefined],
    ["forensics", "unresolved-threats-remain", undefined],
    ["deployment", "pattern-corrupted", "failed"],
    ["deployment", "cleaning", "verified-by-agent"],
    ["deployment", "cleaning", "cleanup-running"],
    ["cleanup", "all-threats-resolved", "succeeded"],
    ["rollback", "rollback-successful", "rolled-back"],
  ]);

  await stage.agent.stop();
  stage.agent = await startAgent(join(stage.root, "agent.json"));
  const scanned = order(stage, "scan", { paths: [] });
  await portal.until(() => portal.outcomes.some((outcome) => outcome.id === scanned));
  expect(portal.outcomes.find((outcome) => outcome.id === scanned)).toMatchObject({
    ok: true,
    detail: "2 files, 1 found",
  });
  expect(stage.agent.endpoint).toBe(detection?.endpoint);
  expect(portal.products.size).toBe(1);
  expect(await kinds()).toHaveLength(8);
}, 180_000);

async function openStage(): Promise<Stage> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "tms-agent-")));
  const sandbox = join(root, "sandbox");
  mkdirSync(sandbox);
  const customer = newId<CustomerId>();
  const [experts, offline] = [2, 3].map((count) => Array.from({ length: count }, makeEd25519));
  if (experts === undefined || offline === undefined) throw new Error("no keys");
  const online = { snapshot: makeEd25519(), timestamp: makeEd25519() };
  const expertIdentity = await generateX25519Identity();
  const recipients = { schema: "tms.recipients/1", recipients: [await identityToRecipient(expertIdentity)] };
  const repository = holdCeremony({
    customer: { id: customer, name: "Acme" },
    offline,
    experts: experts.map((key, index) => ({ name: `expert ${index}`, key })),
    snapshot: online.snapshot.publicSpki,
    timestamp: online.timestamp.publicSpki,
    targets: {
      regular: [{ path: "regular/RP-regular.json", bytes: bytesOf(regularPattern()) }],
      recipients: [{ path: "recipients/recipients.json", bytes: bytesOf(recipients) }],
    },
    at: new Date(),
  });
  const portal = await FakePortal.start({ customer, patternRoot: repository.patternRoot });
  const roleFiles: Record<string, Buffer> = {};
  for (const [name, bytes] of repository.metadata) {
    portal.patternFiles.set(name, bytes);
    const role = name.split(".")[1] ?? "";
    if (role !== "root") roleFiles[role] = bytes;
  }
  for (const [path, bytes] of repository.targets) portal.patternFiles.set(`targets/${path}`, Buffer.from(bytes));
  publishOnline(portal, { roleFiles, online }, 1);
  const consent = makeEd25519();
  const token = tokenFor(portal, consent);
  const config = {
    dataDir: join(root, "data"),
    token,
    host: "ws-e2e",
    sandbox: { root: sandbox },
    watch: [sandbox],
    crontabs: [join(sandbox, "crontab")],
    pollMs: 100,
  };
  writeFileSync(join(root, "agent.json"), JSON.stringify(config));
  const agent = await startAgent(join(root, "agent.json"));
  const [product] = portal.products.keys();
  if (product === undefined) throw new Error("the agent did not register");
  return { portal, root, sandbox, agent, product, experts, consent, online, expertIdentity, roleFiles };
}

async function startAgent(config: string): Promise<Stage["agent"]> {
  const child = fork(new URL("./main.ts", import.meta.url), ["--config", config], {
    stdio: ["ignore", "ignore", process.env.TMS_TEST_LOG ? "inherit" : "ignore", "ipc"],
    execArgv: [],
  });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const ready = await new Promise<{ endpoint: EndpointId }>((resolve, reject) => {
    child.once("message", (message) => resolve(message as { endpoint: EndpointId }));
    child.once("exit", (code) => reject(new Error(`the agent ended with ${code}`)));
  });
  return {
    endpoint: ready.endpoint,
    stop: async () => {
      child.kill("SIGTERM");
      await exited;
    },
  };
}

function tokenFor(portal: FakePortal, consent: Ed25519Key): string {
  const id = randomUUID();
  const secret = "s".repeat(43);
  portal.enrolments.set(id, secret);
  const token = {
    addresses: [{ host: "127.0.0.1", port: portal.ports.status }],
    caPin: portal.authority.spkiPin,
    id,
    secret,
    customer: portal.customer,
    patternRoot: portal.patternRoot,
    consentKey: consent.publicSpki.toString("base64"),
    recoveryRecipient: null,
    allow: ["scan", "collect", "cleanup", "undo"],
    expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
    uses: 1,
  };
  return `tms1.${Buffer.from(JSON.stringify(token)).toString("base64url")}`;
}

/** A sleeper that holds the payload, orphaned; the marker stands in no command line. */
async function plant(sandbox: string): Promise<number> {
  const script = `
    const fs = require("node:fs");
    const fd = fs.openSync("payload", "w");
    fs.writeSync(fd, Buffer.from("${Buffer.from(MARKER).toString("hex")}", "hex"));
    const child = require("node:child_process").spawn("/bin/sleep", ["60"], { detached: true, stdio: ["ignore", "ignore", "ignore", fd] });
    child.unref();
    console.log(child.pid);`;
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  execFile(process.execPath, ["-e", script], { cwd: sandbox }, (error, stdout) =>
    error === null ? resolve(Number(stdout)) : reject(error),
  );
  return promise;
}

function order(
  stage: Stage,
  kind: "collect" | "apply-pattern" | "undo" | "scan",
  payload: Record<string, unknown>,
): DirectiveId {
  const id = newId<DirectiveId>();
  const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
  stage.portal.order(stage.product, { id, kind, expiresAt, payload });
  return id;
}

async function openPackage(stage: Stage) {
  const [received] = stage.portal.packages;
  if (received === undefined) throw new Error("no package");
  const decrypter = new Decrypter();
  decrypter.addIdentity(stage.expertIdentity);
  const plain = await decrypter.decrypt(readFileSync(received.file));
  const entries = new Map<string, Buffer>();
  const limits = { maxEntries: 1000, maxEntryBytes: 1e8, maxTotalBytes: 1e9 };
  for await (const entry of readTar(Readable.from([Buffer.from(plain)]), limits)) {
    entries.set(entry.name, Buffer.concat(await Array.fromAsync(entry.content)));
  }
  const manifest = entries.get("manifest.json") ?? Buffer.alloc(0);
  const signature = Buffer.from(entries.get("manifest.sig")?.toString("latin1") ?? "", "base64");
  const signingKey = stage.portal.products.get(stage.product)?.peer.signingKeySpki ?? Buffer.alloc(0);
  expect(verifyBytes(signingKey, manifest, signature)).toBe(true);
  return JSON.parse(manifest.toString()) as { items: { kind: string; asked: string; got: string }[] };
}

async function publishCustom(stage: Stage, caseId: CaseId) {
  const { portal, agent, experts } = stage;
  const step = (name: string, verb: string, from: string) => ({
    step: name,
    verb,
    detection: "made_up",
    target: { from },
  });
  const manifest = {
    ...regularPattern(),
    id: "CP-e2e" as PatternId,
    customer: portal.customer,
    case: { id: caseId, shortId: "C-1" },
    endpoints: [agent.endpoint],
    cleanup: [
      step("kill", "process.kill", "processes-holding-detected"),
      step("line", "persist.removeLine", "persistence-naming-detected"),
      step("file", "file.quarantine", "detected-file"),
      step("look", "verify", "detected-file"),
    ],
  };
  const bytes = bytesOf(manifest);
  const path = "custom-act/CP-e2e.json";
  const unsigned = makeRoleFile([{ path, bytes }], {
    version: 2,
    signedAt: new Date(),
    expires: new Date(Date.now() + 1e10),
  });
  const file = experts.reduce((signed, key) => signRole(signed, key.privatePkcs8Pem), unsigned);
  portal.patternFiles.set("2.custom-act.json", file);
  portal.patternFiles.set(`targets/${path}`, bytes);
  stage.roleFiles["custom-act"] = file;
  publishOnline(portal, stage, 2);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const target = { path, sha256, sizeBytes: bytes.length, role: "custom-act" } as never;
  return verifyPattern({ bytes, target, customer: portal.customer, endpoint: agent.endpoint, now: new Date() });
}

function publishOnline(portal: FakePortal, stage: Pick<Stage, "roleFiles" | "online">, version: number): void {
  const keys = { snapshot: stage.online.snapshot.privatePkcs8Pem, timestamp: stage.online.timestamp.privatePkcs8Pem };
  const { snapshot, timestamp } = signOnlineFiles(stage.roleFiles, keys, { version, now: new Date() });
  for (const { name, bytes } of [snapshot, timestamp]) portal.patternFiles.set(name, bytes);
}

function regularPattern(): PatternManifest {
  return {
    schema: "tms.pattern/1",
    id: "RP-regular" as PatternId,
    version: 1,
    title: "Regular pattern",
    customer: "*",
    case: null,
    severity: "high",
    expires: "2099-01-01T00:00:00Z",
    endpoints: [],
    limits: { maxKills: 5, maxFiles: 5, maxBytes: 1_000_000, deadlineSeconds: 60 },
    rules: [
      {
        id: "made_up",
        kind: "yara",
        title: "A made-up marker",
        severity: "high",
        severityReason: "It is made up.",
        source: `rule made_up { strings: $a = "${MARKER}" condition: $a }`,
      },
    ],
    cleanup: [],
  };
}

function bytesOf(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
