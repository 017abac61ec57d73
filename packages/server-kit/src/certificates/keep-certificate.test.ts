import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { request } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DetailedPeerCertificate, TLSSocket } from "node:tls";
import { route } from "@tms/contracts";
import { AppError } from "@tms/records";
import { createTestCa, TestClock } from "@tms/testkit";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { createHttpServer } from "../http/create-http-server.ts";
import { implement } from "../http/implement.ts";
import { createLogger } from "../start/create-logger.ts";
import { type CertificateSource, keepCertificate } from "./keep-certificate.ts";

const DAY_MS = 86_400_000;
const NAME = "console.example.net";

/** A folder with an operator's CA, which issues pairs of 397 days into `cert.pem` and `key.pem`. */
async function operator(options: { now?: string } = {}) {
  const directory = await mkdtemp(join(tmpdir(), "tms-certificate-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const clock = new TestClock(options.now ?? "2026-11-24T09:00:00.000Z");
  const authority = await createTestCa({ name: "The operator's CA", clock });
  onTestFinished(() => authority[Symbol.asyncDispose]());
  const files = { certFile: join(directory, "cert.pem"), keyFile: join(directory, "key.pem") };
  const logFile = join(directory, "log");
  const put = async (hosts: string[] = [NAME]) => {
    const { certPem, keyPem } = await authority.issueServer({ hosts });
    await writeFile(files.certFile, certPem);
    await writeFile(files.keyFile, keyPem);
    return certPem;
  };
  await put();
  return {
    clock,
    authority,
    files,
    put,
    source: { kind: "operator", ...files, name: NAME } as CertificateSource,
    log: createLogger({ name: "test", file: logFile }),
    async logged(level: string): Promise<Record<string, unknown>[]> {
      const lines = (await readFile(logFile, "utf8")).trimEnd().split("\n").filter(Boolean);
      return lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter((line) => line.level === level);
    },
  };
}

async function kept(
  place: { source: CertificateSource } & Pick<Awaited<ReturnType<typeof operator>>, "clock" | "log">,
) {
  const certificate = await keepCertificate(place);
  onTestFinished(() => certificate.close());
  return certificate;
}

const whoAsks = route({
  method: "GET",
  path: "/who",
  operationId: "who",
  summary: "Which client certificate came.",
  identity: { kind: "public", why: "a test" },
  limit: { bodyBytes: 0, perMinute: 1000 },
  response: z.object({ client: z.string().nullable() }),
});

/** A server over the certificate; gives the serial number that a new connection is shown. */
async function served(certificate: Awaited<ReturnType<typeof keepCertificate>>, log: ReturnType<typeof createLogger>) {
  const tls = { ...certificate.pem(), askClientCertificate: true };
  const app = createHttpServer({ name: "test", log, tls });
  certificate.serve(app);
  implement(app, whoAsks, ({ request: { raw } }) => {
    const peer = raw.socket instanceof TLSSocket ? raw.socket.getPeerCertificate() : null;
    return { client: peer?.subject?.CN === undefined ? null : String(peer.subject.CN) };
  });
  await app.listen({ host: "127.0.0.1", port: 0 });
  onTestFinished(() => app.close());
  const { port } = app.server.address() as AddressInfo;
  return (client: { key?: string; cert?: string } = {}) =>
    new Promise<{ serial: string; client: unknown }>((resolve, reject) => {
      const asked = request(
        { host: "127.0.0.1", port, path: "/who", rejectUnauthorized: false, agent: false, ...client },
        (answer) => {
          const serial = ((answer.socket as TLSSocket).getPeerCertificate() as DetailedPeerCertificate).serialNumber;
          let text = "";
          answer.on("data", (part: Buffer) => {
            text += part.toString();
          });
          answer.on("end", () => resolve({ serial, client: (JSON.parse(text) as { client: unknown }).client }));
        },
      );
      asked.on("error", reject);
      asked.end();
    });
}

test("takes up a new pair without a restart, and goes on asking clients for theirs", async () => {
  const place = await operator();
  const certificate = await kept(place);
  const ask = await served(certificate, place.log);
  const before = await ask();
  await place.put();
  const client = await place.authority.issueServer({ hosts: ["client"] });

  const outcome = await certificate.look();
  const after = await ask({ key: client.keyPem, cert: client.certPem });

  expect(outcome).toBe("taken");
  expect(after.serial).not.toBe(before.serial);
  expect(after.client).toBe("client");
  expect(await certificate.look()).toBe("same");
});

const ATTACKS: { name: string; code: string; damage(place: Awaited<ReturnType<typeof operator>>): Promise<unknown> }[] =
  [
    {
      name: "a key of another certificate",
      code: "certificate.pair_mismatch",
      damage: async ({ authority, files }) =>
        writeFile(files.keyFile, (await authority.issueServer({ hosts: [NAME] })).keyPem),
    },
    {
      name: "a file that is no certificate",
      code: "certificate.unreadable",
      damage: ({ files }) => writeFile(files.certFile, "-----BEGIN CERTIFICATE-----\nhunter2\n"),
    },
    { name: "a file that is gone", code: "certificate.unreadable", damage: ({ files }) => rm(files.keyFile) },
    {
      name: "the certificate in place of the key",
      code: "certificate.unreadable",
      damage: ({ files }) => copyFile(files.certFile, files.keyFile),
    },
    { name: "another name", code: "certificate.name_missing", damage: ({ put }) => put(["other.example.net"]) },
    {
      name: "a pair that has expired",
      code: "certificate.expired",
      async damage({ clock, put }) {
        clock.advance(-500 * DAY_MS);
        await put();
        clock.advance(500 * DAY_MS);
      },
    },
    {
      name: "a pair of the future",
      code: "certificate.not_yet_valid",
      async damage({ clock, put }) {
        clock.advance(30 * DAY_MS);
        await put();
        clock.advance(-30 * DAY_MS);
      },
    },
  ];

test.each(ATTACKS)("refuses $name, says so once, and keeps what is in force", async ({ code, damage }) => {
  const place = await operator();
  const certificate = await kept(place);
  const ask = await served(certificate, place.log);
  const before = await ask();
  await damage(place);

  const outcomes = [await certificate.look(), await certificate.look()];
  const after = await ask();

  expect(outcomes).toEqual(["refused", "refused"]);
  expect(after.serial).toBe(before.serial);
  const errors = await place.logged("error");
  expect(errors.map((line) => line.code)).toEqual([code]);
  expect(JSON.stringify(errors)).not.toMatch(/hunter2|PRIVATE KEY/);
});

test.each(ATTACKS)("does not start with $name", async ({ code, damage }) => {
  const place = await operator();
  await damage(place);

  const started = keepCertificate(place);

  await expect(started).rejects.toMatchObject({ code });
  await expect(started).rejects.toBeInstanceOf(AppError);
});

test("warns 30, 7 and 1 days before the end, once each, and after it", async () => {
  const place = await operator();
  const certificate = await kept(place);
  const stages: unknown[] = [];

  for (const daysBefore of [31, 29.5, 20, 6.5, 3, 0.5, -1]) {
    place.clock.advance(
      397 * DAY_MS - daysBefore * DAY_MS - (place.clock.now().getTime() - Date.parse("2026-11-24T09:00:00.000Z")),
    );
    await certificate.look();
    stages.push(certificate.ending()?.stage ?? null);
  }

  expect(stages).toEqual([null, 30, 30, 7, 7, 1, "ended"]);
  expect((await place.logged("warn")).map((line) => line.msg)).toEqual(
    [30, 7, 1].map((days) => `the certificate ends within ${days} days`),
  );
  expect(await place.logged("error")).toHaveLength(1);
});

test("gets the successor of its own certificate by itself after two thirds of its life", async () => {
  const place = await operator();
  const source: CertificateSource = { kind: "own", issue: () => place.authority.issueServer({ hosts: [NAME] }) };
  const certificate = await kept({ ...place, source });
  const ask = await served(certificate, place.log);
  const before = await ask();

  place.clock.advance(260 * DAY_MS);
  const early = await certificate.look();
  place.clock.advance(10 * DAY_MS);
  const due = await certificate.look();

  expect([early, due]).toEqual(["same", "taken"]);
  expect((await ask()).serial).not.toBe(before.serial);
  expect(certificate.ending()).toBeNull();
});

test("gets a certificate by another CA at the first look after there is one, and not before", async () => {
  const place = await operator();
  const named = { issuer: "the first" };
  const source: CertificateSource = {
    kind: "own",
    issue: () => place.authority.issueServer({ hosts: [NAME] }),
    issuer: () => named.issuer,
  };
  const certificate = await kept({ ...place, source });
  const first = certificate.pem().certPem;

  const before = await certificate.look();
  named.issuer = "the next";
  const after = await certificate.look();
  const again = await certificate.look();

  expect([before, after, again]).toEqual(["same", "taken", "same"]);
  expect(certificate.pem().certPem).not.toBe(first);
});
