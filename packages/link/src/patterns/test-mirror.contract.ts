import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError, type CustomerId, type ErrorCode, newId } from "@tms/records";
import {
  addTarget,
  describeRoleFile,
  type Ed25519Key,
  holdCeremony,
  makeEd25519,
  roleExpiry,
  signOnlineFiles,
  signRole,
} from "@tms/signing";
import { afterEach } from "vitest";
import { createPatternMirror, type PatternFetch } from "./index.ts";

export const AT = new Date("2026-11-24T08:00:00Z");
export const DAY_MS = 86_400_000;
const opened: string[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((directory) => rm(directory, { recursive: true, force: true })));
});

/** A portal's repository that a test may bend: files as served, and everything needed to sign the next state. */
export function repository() {
  const customer = newId<CustomerId>();
  const experts = ["anna", "ben"].map((name) => ({ name, key: makeEd25519() }));
  const online = { snapshot: makeEd25519(), timestamp: makeEd25519() };
  const offline = [makeEd25519(), makeEd25519(), makeEd25519()];
  const { metadata, targets, patternRoot } = holdCeremony({
    customer: { id: customer, name: "Example" },
    offline,
    experts,
    snapshot: online.snapshot.publicSpki,
    timestamp: online.timestamp.publicSpki,
    targets: { regular: [{ path: "regular/RP-regular.json", bytes: Buffer.from("regular") }] },
    at: AT,
  });
  const served = new Map<string, Buffer>(metadata);
  const bodies = new Map<string, Uint8Array>(targets);
  const asked: string[] = [];
  const roles = new Map([...metadata].map(([name, bytes]) => [name.split(".")[1] ?? "", bytes]));
  roles.delete("root");

  function publish(version: number, now = AT): void {
    const keys = { snapshot: online.snapshot.privatePkcs8Pem, timestamp: online.timestamp.privatePkcs8Pem };
    const { snapshot, timestamp } = signOnlineFiles(Object.fromEntries(roles), keys, { version, now });
    served.set(snapshot.name, snapshot.bytes).set(timestamp.name, timestamp.bytes);
    for (const [role, bytes] of roles) served.set(`${describeRoleFile(bytes).version}.${role}.json`, bytes);
  }

  function issue(path: string, body: string, signers: Ed25519Key[]): void {
    const role = path.split("/")[0] ?? "";
    const target = { path, bytes: Buffer.from(body) };
    const next = addTarget(roles.get(role) ?? null, target, { signedAt: AT, expires: roleExpiry(AT) });
    roles.set(
      role,
      signers.reduce((file, key) => signRole(file, key.privatePkcs8Pem), next),
    );
    bodies.set(path, target.bytes);
  }

  const fetch: PatternFetch = {
    metadata: (name) => {
      asked.push(name);
      return Promise.resolve(served.get(name) ?? null);
    },
    target: (path, { from, to }) => {
      asked.push(`${path} ${from}`);
      return Promise.resolve(Buffer.from(bodies.get(path) ?? "").subarray(from, to));
    },
    nextSlice: () => Promise.resolve(1_000_000),
  };
  publish(1);
  return { customer, patternRoot, experts, online, offline, served, bodies, roles, asked, fetch, publish, issue };
}

export async function mirrorOf(repo: ReturnType<typeof repository>, over: { directory?: string; now?: Date } = {}) {
  const directory = over.directory ?? (await mkdtemp(join(tmpdir(), "mirror-")));
  opened.push(directory);
  const mirror = createPatternMirror({
    directory,
    patternRoot: repo.patternRoot,
    customer: repo.customer,
    fetch: repo.fetch,
    clock: { now: () => over.now ?? AT },
  });
  return { mirror, directory };
}

export async function codeOf(work: Promise<unknown>): Promise<ErrorCode | null> {
  try {
    await work;
    return null;
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
}

export const keysOf = (repo: ReturnType<typeof repository>) => repo.experts.map((expert) => expert.key);
