import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TrustAnnouncement } from "@tms/contracts/link";
import { systemClock } from "@tms/records";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { createAuthority } from "../authority/authority.ts";
import { makeCa, makeNextCa } from "../authority/issue-certificates.ts";
import { spkiOfCertificate } from "../authority/spki.ts";
import { announcedTrust, trustToTell } from "../upper/announce-trust.ts";
import { judgeTrust, MAX_AUTHORITIES, type Trusted, trustOf } from "./trust.ts";

const HOST_KEY = `SHA256:${"a".repeat(43)}`;
const NEXT_HOST_KEY = `SHA256:${"b".repeat(43)}`;

interface Cas {
  old: { keyPem: string; caPem: string };
  next: { keyPem: string; caPem: string; crossPem: string };
  foreign: { keyPem: string; caPem: string };
}
const made: { cas: Cas | null } = { cas: null };

beforeAll(async () => {
  const old = await makeCa({ commonName: "Portal CA" }, systemClock);
  const next = await makeNextCa(old, systemClock);
  made.cas = { old, next, foreign: await makeCa({ commonName: "Portal CA" }, systemClock) };
});

function cas(): Cas {
  if (made.cas === null) throw new Error("not made");
  return made.cas;
}

function trusting(...pems: string[]): Trusted {
  return { caPem: pems.join(""), sshHostKeys: [HOST_KEY] };
}

function announcing(change: Partial<TrustAnnouncement> = {}): TrustAnnouncement {
  const { old, next } = cas();
  const authorities = [{ certificate: old.caPem }, { certificate: next.caPem, crossSigned: next.crossPem }];
  return { authorities, sshHostKeys: [HOST_KEY], ...change };
}

test("a next CA that the trusted one has signed is trusted beside it", () => {
  const { old, next } = cas();

  const judged = judgeTrust(trusting(old.caPem), announcing());

  expect(judged).toMatchObject({ kind: "changed", narrowedCaPem: null });
  const pins = judged.kind === "changed" ? trustOf(judged.widened).caPins : [];
  expect(pins).toEqual([spkiOfCertificate(old.caPem), spkiOfCertificate(next.caPem)]);
});

test("what is trusted already is no change", () => {
  const { old, next } = cas();

  expect(judgeTrust(trusting(old.caPem, next.caPem), announcing())).toEqual({ kind: "same" });
});

test("a CA that is announced no longer is not dropped by the announcement", () => {
  const { old, next } = cas();
  const announced = announcing({ authorities: [{ certificate: next.caPem }] });

  const judged = judgeTrust(trusting(old.caPem, next.caPem), announced);

  expect(judged.kind === "changed" && trustOf(judged.widened).caPins).toHaveLength(2);
  expect(judged).toMatchObject({ narrowedCaPem: expect.stringContaining("BEGIN CERTIFICATE") });
});

test("another certificate for a trusted key does not take the place of the trusted one", async () => {
  const { old } = cas();
  const again = announcing({ authorities: [{ certificate: old.caPem }] });

  expect(judgeTrust(trusting(old.caPem), again)).toEqual({ kind: "same" });
});

test.each<[string, (now: Cas) => Partial<TrustAnnouncement>]>([
  ["no CA at all", () => ({ authorities: [] })],
  [
    "more CAs than the bound",
    ({ old }) => ({ authorities: Array(MAX_AUTHORITIES + 1).fill({ certificate: old.caPem }) }),
  ],
  ["text that is no certificate", () => ({ authorities: [{ certificate: "-----BEGIN CERTIFICATE-----" }] })],
  ["a next CA without a signature", ({ next }) => ({ authorities: [{ certificate: next.caPem }] })],
  [
    "a next CA that vouches for itself",
    ({ next }) => ({ authorities: [{ certificate: next.caPem, crossSigned: next.caPem }] }),
  ],
  [
    "a foreign CA of the same name with the signature of another key",
    ({ foreign, next }) => ({ authorities: [{ certificate: foreign.caPem, crossSigned: next.crossPem }] }),
  ],
  [
    "the signature in place of the CA's own certificate",
    ({ next }) => ({ authorities: [{ certificate: next.crossPem, crossSigned: next.crossPem }] }),
  ],
  ["no host key, which would let every one pass", () => ({ sshHostKeys: [] })],
  ["a host key that is no fingerprint", () => ({ sshHostKeys: [HOST_KEY, "SHA256:short"] })],
  ["more host keys than the bound", () => ({ sshHostKeys: Array(9).fill(HOST_KEY) })],
])("nothing is taken of an announcement with %s", (_, change) => {
  const { old } = cas();

  expect(judgeTrust(trusting(old.caPem), announcing(change(cas())))).toMatchObject({ kind: "refused" });
});

test("a server's own certificate vouches for no CA", async () => {
  const directory = await mkdtemp(join(tmpdir(), "tms-trust-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const authority = await createAuthority({ directory, name: "Portal CA", clock: systemClock });
  const { keyPem, certPem } = await authority.issueServer({ hosts: ["localhost"] });
  const planted = await makeNextCa({ keyPem, caPem: certPem }, systemClock);
  const authorities = [{ certificate: authority.caPem }, { certificate: planted.caPem, crossSigned: planted.crossPem }];

  expect(judgeTrust(trusting(authority.caPem), announcing({ authorities })).kind).toBe("refused");
});

test("one CA after another adds no more than the bound", async () => {
  let trusted = trusting(cas().old.caPem);
  let last: { keyPem: string; caPem: string } = cas().old;
  const kinds: string[] = [];
  for (let count = 0; count < MAX_AUTHORITIES; count += 1) {
    const next = await makeNextCa(last, systemClock);
    const judged = judgeTrust(
      trusted,
      announcing({ authorities: [{ certificate: next.caPem, crossSigned: next.crossPem }] }),
    );
    kinds.push(judged.kind);
    if (judged.kind === "changed") trusted = judged.widened;
    last = next;
  }

  expect(kinds).toEqual(["changed", "changed", "changed", "refused"]);
});

test("SSH host keys are those that were announced last", () => {
  const judged = judgeTrust(trusting(cas().old.caPem), announcing({ sshHostKeys: [NEXT_HOST_KEY] }));

  expect(judged).toMatchObject({ kind: "changed", widened: { sshHostKeys: [NEXT_HOST_KEY] } });
});

test("who has confirmed is told nothing, who has not is told, and who says nothing is told only during a roll-over", async () => {
  const directory = await mkdtemp(join(tmpdir(), "tms-trust-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const trust = announcedTrust(await createAuthority({ directory, name: "Portal CA", clock: systemClock }), null);
  const rolling = { ...trust, confirmed: { ...trust.confirmed, caPins: [...trust.confirmed.caPins, "0".repeat(64)] } };
  const other = { ...trust.confirmed, caPins: [] };

  const told = (reported: Parameters<typeof trustToTell>[0], now: typeof trust) => trustToTell(reported, now) !== null;

  expect(told(trust.confirmed, trust)).toBe(false);
  expect(told(other, trust)).toBe(true);
  expect([told(undefined, trust), told(undefined, rolling as typeof trust)]).toEqual([false, true]);
});
