import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createLowerKeys, createLowerLink, openSpool, registerLower } from "@tms/link/lower";
import {
  type CaseId,
  type EndpointId,
  newId,
  type PackageId,
  type Sha256,
  STREAMS,
  systemClock,
  type ThreatId,
} from "@tms/records";
import { sha256Of } from "@tms/signing";
import { makeThreatEvent } from "@tms/testkit";
import { expect, onTestFinished, test } from "vitest";

// The lower party of today at the portal of every version that was ever released (tests/frozen): with the answers that
// were recorded then, and with fields in them that nobody knows yet. The keys are the files that the old version left.

const FROZEN = join(import.meta.dirname, "..", "frozen");
const VERSIONS = (await readdir(FROZEN, { withFileTypes: true })).filter((one) => one.isDirectory());

interface Line {
  method?: string;
  path?: string;
  json?: Record<string, unknown>;
  records?: { id: string }[];
}

/** Runs the recorded portal; `heard` grows, and `until` resolves once it holds what is asked for. */
async function recordedPortal(version: string, args: string[]) {
  const child = spawn(process.execPath, [join(FROZEN, version, "portal.mjs"), ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  onTestFinished(async () => {
    child.stdin.end();
    await ended;
  });
  const heard: Line[] = [];
  let wake = () => {};
  const lines = createInterface({ input: child.stdout });
  const [first] = (await once(lines, "line")) as [string];
  lines.on("line", (line: string) => {
    heard.push(JSON.parse(line) as Line);
    wake();
  });
  const until = async (isSo: () => boolean) => {
    while (!isSo()) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { ...(JSON.parse(first) as { port: number; caPin: Sha256; patternRoot: Sha256 }), heard, until };
}

async function openLower(version: string) {
  const directory = await mkdtemp(join(tmpdir(), "tms-frozen-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const keysDirectory = join(directory, "keys");
  await mkdir(keysDirectory);
  for (const file of ["tls-key.pem", "ssh-key", "signing-key.pem", "renewal.json"]) {
    await copyFile(join(FROZEN, version, "lower", file), join(keysDirectory, file));
  }
  const spool = await openSpool({ directory: join(directory, "spool"), streams: STREAMS, clock: systemClock });
  onTestFinished(() => spool.close());
  return { directory, keys: await createLowerKeys(keysDirectory), spool };
}

const CASES = VERSIONS.flatMap(({ name }) => [
  [name, "as they were recorded", []],
  [name, "with fields that it does not know", ["--unknown-fields"]],
]) as [string, string, string[]][];

test.each(CASES)("the answers of a portal of %s are understood, %s", async (version, _how, args) => {
  const portal = await recordedPortal(version, args);
  const { directory, keys, spool } = await openLower(version);
  const instanceId = crypto.randomUUID();
  const address = { host: "127.0.0.1", port: portal.port };
  const identity = await registerLower({
    keys,
    statusServer: address,
    caPins: [portal.caPin],
    patternRoot: portal.patternRoot,
    request: {
      credentials: { kind: "password", userName: "acme", password: "an example, not a secret" },
      ...{ kind: "mitigator", version: "1.0.0", host: "today", instanceId },
    },
  });
  const firstKey = keys.tlsPrivatePem;
  const link = createLowerLink({
    ...{ keys, identity, spool, statusServer: address, logServer: { ...address, protocol: "ssl" as const } },
    describe: () => ({ version: "1.0.0", host: "today", instanceId, ready: { ok: true, reasons: [] }, sending: "on" }),
    onDirective: async ({ id }) => ({ id, ok: true }),
    clock: systemClock,
    log: { info: () => {}, warn: () => {} },
    random: () => 0.05,
    maxWaitSeconds: 1,
  });
  onTestFinished(() => link.stop());
  const records = [makeThreatEvent(), makeThreatEvent()];
  await spool.append("threat-events", records);

  link.start();
  await portal.until(() => portal.heard.some((one) => one.records?.length === 2));
  await portal.until(() =>
    portal.heard.some(({ json }) => (json?.outcomes as { ok: boolean }[] | undefined)?.some(({ ok }) => ok)),
  );
  await portal.until(() => portal.heard.filter(({ path }) => path === "/link/v1/renew").length === 1);
  const opened = await link.request.putCase(newId<CaseId>(), {
    ...{ endpoint: newId<EndpointId>(), host: "today", threats: [newId<ThreatId>()], events: [], note: "" },
    ...{ openedBy: "admin", openedAt: "2026-11-24T09:00:00Z", state: "submitted" as const },
  });
  const listed = await link.request.listCases(0);
  const absent = await link.request.patternMetadata("2.root.json");
  const root = await link.request.patternMetadata("1.root.json");
  const file = join(directory, "package.age");
  await writeFile(file, "no package that anybody could open");
  const meta = { case: opened.id, package: newId<PackageId>(), endpoint: opened.endpoint, recipients: "age1x" };
  await link.request.uploadPackage({ file, meta: { ...meta, sha256: sha256Of(Buffer.from("recorded")) } });
  await link.request.unregister();
  const afterwards = link.request.listCases(0);

  await expect(afterwards).rejects.toMatchObject({ code: "link.identity_revoked" });
  expect(portal.heard.flatMap((one) => one.records ?? []).map(({ id }) => id)).toEqual(records.map(({ id }) => id));
  expect([opened.state, listed.length, absent, root?.length]).toEqual(["submitted", 1, null, 13]);
  expect(keys.tlsPrivatePem).not.toBe(firstKey);
});
