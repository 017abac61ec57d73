import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CustomerKeys, customerKeysSchema, type PatternSigning } from "@tms/contracts/portal";
import { createAuthority, writeTar } from "@tms/link";
import { parsePattern, planDigest, targetPathOf } from "@tms/patterns";
import { type CaseId, type EndpointId, newId, type PackageId, systemClock, type ThreatId } from "@tms/records";
import { checkRoleFile, makeEd25519, sha256Of, signBytes } from "@tms/signing";
import { Encrypter } from "age-encryption";
import { runCommand } from "../run-command.ts";

// The expert's desk from end to end over TLS: keys, export, draft, check, import, two signatures, and what an agent says
// of the result. The portal here is a scripted one: it keeps what it is given and answers the contract's shapes, and may
// lie where a test tells it to.

const AT = "2026-11-24T08:00:00.000Z";
const opened: (() => Promise<unknown>)[] = [];

/** Ends what a test opened; each test file calls it after every test. */
export async function closeDesks(): Promise<void> {
  for (const close of opened.splice(0).reverse()) await close();
}

export const said: string[] = [];
const io = { say: (line: string) => void said.push(line), now: () => new Date(), signal: new AbortController().signal };

async function scratch(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "desk-"));
  opened.push(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

export async function tms(...argv: string[]) {
  const result = await runCommand(argv, io);
  return { exit: result.exit, line: result.line, code: result.line.code };
}

async function ceremony(directory: string): Promise<CustomerKeys> {
  const rule = join(directory, "marker.yar");
  await writeFile(
    rule,
    'rule marker { meta: \n title = "T"\n severity = "high"\n severity_reason = "why"\n condition: false }',
  );
  await writeFile(join(directory, "passphrase"), "a long passphrase");
  const result = await tms(
    "keys",
    "customer",
    "--demo",
    "--out",
    join(directory, "keys"),
    "--name",
    "Example",
    "--experts",
    "anna,ben",
    "--regular",
    rule,
    "--passphrase-file",
    join(directory, "passphrase"),
  );
  if (result.exit !== 0) throw new Error(JSON.stringify(result.line));
  return customerKeysSchema.parse(JSON.parse(await readFile(join(directory, "keys", "customer.public.json"), "utf8")));
}

export const THREAT = Buffer.from('#!/bin/sh\necho "waiting"\n# TMS-HARMLESS-0123456789ABCDEF\nsleep 900\n');
const BYSTANDER = Buffer.from("#!/bin/sh\necho bystander script of the chain\n");
const PATH = "/srv/box/tmp/upd-helper";

/** A package as an agent makes it: the threat, a file that merely stands in the chain, a listing of each kind. */
async function packageOf(bundle: CustomerKeys, ids: { case: CaseId; endpoint: EndpointId }, recipients: string[]) {
  const agent = makeEd25519();
  const event = {
    kind: "detection",
    body: { file: { path: PATH, sha256: sha256Of(THREAT), sizeBytes: THREAT.length } },
  };
  const contents = [
    { kind: "file", asked: PATH, bytes: THREAT },
    { kind: "file", asked: "/srv/box/tmp/stage", bytes: BYSTANDER },
    { kind: "process", asked: "412", bytes: Buffer.from(JSON.stringify({ pid: 412, open: [PATH] })) },
    { kind: "persistence", asked: "/srv/box/etc/crontab", bytes: Buffer.from(`* * * * * root ${PATH}\n`) },
    { kind: "event", asked: "event", bytes: Buffer.from(JSON.stringify(event)) },
  ];
  const manifest = Buffer.from(
    JSON.stringify({
      schema: "tms.package/1",
      id: newId<PackageId>(),
      case: ids.case,
      customer: bundle.customer.id,
      endpoint: ids.endpoint,
      host: "ep-1",
      threats: [newId<ThreatId>()],
      collectedAt: AT,
      agentVersion: "1.0.0",
      items: contents.map(({ kind, asked, bytes }, index) => ({
        name: `items/000${index + 1}`,
        kind,
        asked,
        got: "whole",
        sizeBytes: bytes.length,
        sha256: sha256Of(bytes),
      })),
    }),
  );
  const signature = Buffer.from(signBytes(agent.privatePkcs8Pem, manifest).toString("base64"));
  const files = [
    { name: "manifest.json", bytes: manifest },
    { name: "manifest.sig", bytes: signature },
    ...contents.map(({ bytes }, index) => ({ name: `items/000${index + 1}`, bytes })),
  ];
  const inputs = files.map(({ name, bytes }) => ({ name, sizeBytes: bytes.length, content: [bytes] }));
  const plain = Buffer.concat(await Array.fromAsync(writeTar(inputs)));
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  return {
    plain,
    encrypted: Buffer.from(await encrypter.encrypt(plain)),
    agentKey: agent.publicSpki.toString("base64"),
  };
}

export interface Desk {
  directory: string;
  bundle: CustomerKeys;
  case: CaseId;
  endpoint: EndpointId;
  plain: Buffer;
  agentKey: string;
  /** What the portal would serve; a test may put lies in. */
  portal: {
    encrypted: Buffer;
    roleFile: Buffer | null;
    draft: Buffer | null;
    lie: (signing: PatternSigning) => PatternSigning;
  };
  at: (expert: string) => string[];
}

export async function desk(): Promise<Desk> {
  const directory = await scratch();
  const bundle = await ceremony(directory);
  const ids = { case: newId<CaseId>(), endpoint: newId<EndpointId>() };
  const expert = async (name: string) =>
    JSON.parse(await readFile(join(directory, "keys", "experts", name, "expert.json"), "utf8")) as {
      recipient: string;
    };
  const made = await packageOf(bundle, ids, [(await expert("anna")).recipient, (await expert("ben")).recipient]);
  const portal: Desk["portal"] = { encrypted: made.encrypted, roleFile: null, draft: null, lie: (signing) => signing };
  const view = { id: newId<PackageId>(), sha256: sha256Of(made.encrypted) };
  const authority = await createAuthority({ directory: join(directory, "ca"), name: "test", clock: systemClock });
  await writeFile(join(directory, "ca.pem"), authority.caPem);
  await writeFile(join(directory, "password"), "expert's password");
  const { keyPem, certPem } = await authority.issueServer({ hosts: ["127.0.0.1"] });
  const server = createTlsServer({ key: keyPem, cert: certPem }, (request, response) => {
    void bodyOf(request).then((body) => {
      const answer = answerTo(`${request.method} ${request.url?.split("?")[0]}`, body, { bundle, ids, portal, view });
      response.writeHead(answer === null ? 404 : 200);
      response.end(Buffer.isBuffer(answer) ? answer : JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  opened.push(() => new Promise((resolve) => server.close(resolve)));
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const at = (name: string) => [
    ...[
      "--portal",
      url,
      "--ca",
      join(directory, "ca.pem"),
      "--user",
      name,
      "--password-file",
      join(directory, "password"),
    ],
    ...["--keys", join(directory, "keys", "experts", name), "--passphrase-file", join(directory, "passphrase")],
  ];
  return {
    directory,
    bundle,
    case: ids.case,
    endpoint: ids.endpoint,
    plain: made.plain,
    agentKey: made.agentKey,
    portal,
    at,
  };
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  const text = Buffer.concat(await Array.fromAsync(request)).toString("utf8");
  return text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
}

interface PortalWorld {
  bundle: CustomerKeys;
  ids: { case: CaseId; endpoint: EndpointId };
  portal: Desk["portal"];
  view: { id: PackageId; sha256: string };
}

function answerTo(asked: string, body: Record<string, unknown>, world: PortalWorld): unknown {
  const { portal, ids, view } = world;
  if (asked === "POST /api/v1/tokens") return { token: "t".repeat(40), expiresAt: AT };
  if (asked === `GET /api/v1/cases/${ids.case}` || asked === "GET /api/v1/cases/C-1") return caseDetail(world);
  if (asked === `GET /api/v1/cases/${ids.case}/packages/${view.id}/content`) return portal.encrypted;
  if (asked === `POST /api/v1/cases/${ids.case}/patterns`) {
    portal.draft = Buffer.from(String(body.bytes), "base64");
    return row(world);
  }
  if (portal.draft === null) return null;
  const { id } = parsePattern(portal.draft);
  if (asked === "GET /api/v1/patterns") return { rows: [row(world)], total: 1, asOf: AT, counts: {} };
  if (asked === `GET /api/v1/patterns/${id}/1/signing`) return portal.lie(signingOf(world, portal.draft));
  if (asked === `POST /api/v1/patterns/${id}/1/signatures`) {
    portal.roleFile = Buffer.from(String(body.roleFile), "base64");
    return row(world);
  }
  return null;
}

function caseDetail({ bundle, ids, view, portal }: PortalWorld) {
  return {
    id: ids.case,
    shortId: "C-1",
    customer: bundle.customer,
    product: { id: newId(), name: "mitigator" },
    endpoint: ids.endpoint,
    host: "ep-1",
    state: "new",
    stateSince: AT,
    turn: "you",
    threatName: "Program that restores itself",
    openedAt: AT,
    openedBy: "admin",
    note: "",
    events: [],
    timeline: [],
    packages: [
      {
        id: view.id,
        sizeBytes: portal.encrypted.length,
        receivedBytes: 1,
        sha256: view.sha256,
        state: "complete",
        recipients: [],
        uploadedAt: AT,
        custody: [],
      },
    ],
    patterns: [],
    commands: [],
  };
}

function row({ bundle, ids, portal }: PortalWorld) {
  const manifest = parsePattern(portal.draft ?? Buffer.alloc(0));
  const given =
    portal.roleFile === null
      ? 0
      : checkRoleFile(portal.roleFile, "custom-act", metadata(bundle, "1.targets.json"), "one").signers.length;
  return {
    customer: bundle.customer,
    id: manifest.id,
    version: 1,
    title: manifest.title,
    role: "custom-act",
    case: { id: ids.case, shortId: "C-1" },
    state: ["waits-for-first-signature", "waits-for-second-signature", "issued"][given],
    stateSince: AT,
    digest: sha256Of(portal.draft ?? ""),
    planDigest: planDigest(manifest),
    signaturesGiven: given,
    signaturesNeeded: 2,
    endpoints: 1,
  };
}

function signingOf({ bundle, portal }: PortalWorld, draft: Buffer): PatternSigning {
  const manifest = parsePattern(draft);
  return {
    customer: bundle.customer.id,
    id: manifest.id,
    version: manifest.version,
    role: "custom-act",
    target: { path: targetPathOf(manifest, "custom-act"), bytes: draft.toString("base64") },
    proposed: portal.roleFile?.toString("base64") ?? null,
    inForce: {
      root: bundle.metadata["1.root.json"] ?? "",
      targets: bundle.metadata["1.targets.json"] ?? "",
      role: bundle.metadata["1.custom-act.json"] ?? null,
    },
  };
}

export function metadata(bundle: CustomerKeys, name: string): Buffer {
  return Buffer.from(bundle.metadata[name] ?? "", "base64");
}
