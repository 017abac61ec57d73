import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAuthority } from "@tms/link";
import { createLowerKeys, makeCertificateRequest } from "@tms/link/lower";
import { newId, type ProductId } from "@tms/records";
import { makeEd25519, sealBytes, sha256Of } from "@tms/signing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCommand } from "../run-command.ts";
import {
  AT,
  type CertificateWorld,
  certificateWorld,
  chained,
  type ForgedParts,
} from "./completeness-file.contract.ts";

// Every row forges a certificate, mostly with the portal's own key: what it then claims must not pass.

let world: CertificateWorld & AsyncDisposable;
let directory: string;
beforeAll(async () => {
  world = await certificateWorld();
  directory = await mkdtemp(join(tmpdir(), "verify-"));
});
afterAll(async () => {
  await world[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

const io = { say: () => undefined, now: () => new Date(AT), signal: new AbortController().signal };

async function verify(text: string, ...more: string[]) {
  const file = join(directory, `${newId<ProductId>()}.jsonl`);
  await writeFile(file, text);
  return runCommand(["verify", file, ...more], io);
}
const pinned = (text: string) => verify(text, "--root", world.authority.spkiPin);

/** The good parts after a change; TypeScript's view of a clone stays the type. */
function forged(change: (parts: ForgedParts) => void): ForgedParts {
  const parts = structuredClone(world.good());
  change(parts);
  return parts;
}
const epochIn = ({ statement }: ForgedParts, stream = 0, epoch = 0) => {
  const found = statement.streams[stream]?.epochs[epoch];
  if (found === undefined) throw new Error("the good certificate has this epoch");
  return found;
};

test("a good certificate is true by the pinned CA alone, however the CA is named, and says all figures", async () => {
  const text = await world.fileOf(world.good());
  const caFile = join(directory, "ca.pem");
  await writeFile(caFile, world.authority.caPem);

  const byPin = await pinned(text);
  const byCertificate = await verify(text, "--root", caFile);

  expect(byPin).toMatchObject({
    exit: 0,
    line: {
      schema: "tms.verify/1",
      ok: true,
      kind: "completeness",
      subject: { product: world.product, from: "2026-11-01T00:00:00.000Z", to: AT },
      records: 46,
      firstBad: null,
      claims: { sealed: 56, received: 46, unreadable: 3, lost: 7, erased: 0, waiting: 3, complete: false },
    },
  });
  expect(byPin.line.signers).toMatchObject([{ role: "portal" }, { role: "product" }]);
  expect(byPin.line.claims).toMatchObject({
    losses: [
      { cause: "epoch-ended", first: 10, count: 2 },
      { cause: "spool-full", first: 60, count: 5, from: "2026-11-10T02:10:04.000Z", to: "2026-11-10T02:14:51.000Z" },
    ],
  });
  expect(byCertificate.exit).toBe(0);
});

test("without a pinned root it is never true, and false where it is false by itself", async () => {
  const text = await world.fileOf(world.good());
  const changed = text.replace('"count":12', '"count":13');

  expect(await verify(text)).toMatchObject({ exit: 3, line: { ok: false, code: "verify.root_missing" } });
  expect(await verify(text, "--expect-head", String((await verify(text)).line.head))).toMatchObject({ exit: 3 });
  expect(await verify(changed)).toMatchObject({ exit: 1, line: { ok: false } });
});

test("a head that was kept elsewhere is compared", async () => {
  const text = await world.fileOf(world.good());
  const head = String((await pinned(text)).line.head);
  const root = ["--root", world.authority.spkiPin];

  expect(await verify(text, ...root, "--expect-head", head)).toMatchObject({ exit: 0 });
  expect(await verify(text, ...root, "--expect-head", sha256Of("other"))).toMatchObject({ exit: 1 });
});

test("a cut tail is found by the signed head, wherever it is cut", async () => {
  const text = await world.fileOf(world.good());
  const lines = text.trimEnd().split("\n");

  const lineLess = await pinned(`${lines.slice(0, -1).join("\n")}\n`);
  const noLine = await pinned(`${lines[0]}\n`);
  const inLine = await pinned(text.slice(0, -40));
  const inFirst = await pinned(text.slice(0, 300));

  expect(lineLess).toMatchObject({ exit: 1, line: { firstBad: { index: 5, code: "verify.chain_broken" } } });
  expect(noLine).toMatchObject({ exit: 1, line: { firstBad: { index: 0, code: "verify.chain_broken" } } });
  expect(inLine).toMatchObject({ exit: 1, line: { firstBad: { index: 5, code: "verify.chain_broken" } } });
  expect(inFirst).toMatchObject({ exit: 1, line: { kind: "completeness", ok: false } });
});

test("one number changed in a line, and a line put in or left out, is found where it is", async () => {
  const lines = (await world.fileOf(world.good())).trimEnd().split("\n");
  const changed = lines.map((line, index) => (index === 3 ? line.replace('"count":5', '"count":4') : line));

  const bent = await pinned(changed.join("\n"));
  const leftOut = await pinned(lines.toSpliced(2, 1).join("\n"));
  const twice = await pinned([...lines, lines.at(-1)].join("\n"));

  expect(bent).toMatchObject({ exit: 1, line: { firstBad: { index: 2, code: "verify.chain_broken" } } });
  expect(leftOut).toMatchObject({ exit: 1, line: { firstBad: { index: 1, code: "verify.chain_broken" } } });
  expect(twice).toMatchObject({ exit: 1, line: { firstBad: { index: 6, code: "verify.chain_broken" } } });
});

test("one number changed in the statement breaks the portal's signature", async () => {
  const lines = (await world.fileOf(world.good())).split("\n");
  const first = JSON.parse(lines[0] ?? "");
  const text = Buffer.from(first.statement.bytes, "base64").toString("utf8").replace('"lost":7', '"lost":0');
  first.statement.bytes = Buffer.from(text, "utf8").toString("base64");

  const found = await pinned([JSON.stringify(first), ...lines.slice(1)].join("\n"));

  expect(found).toMatchObject({ exit: 1, line: { ok: false, code: "verify.signature_invalid" } });
});

test.each<[string, (parts: ForgedParts) => void, string]>([
  [
    "a sum that is not the sum of its parts",
    (parts) => {
      parts.statement.sums.received += 1;
    },
    "verify.sums_differ",
  ],
  [
    "losses left out of the sums",
    (parts) => {
      parts.statement.sums.lost = 0;
    },
    "verify.sums_differ",
  ],
  [
    "what waits, left out of the sums",
    (parts) => {
      parts.statement.sums.waiting = 0;
    },
    "verify.sums_differ",
  ],
  [
    "more received than its batches carry",
    (parts) => {
      epochIn(parts).received += 5;
      parts.statement.sums.received += 5;
      parts.statement.sums.sealed += 5;
    },
    "verify.sums_differ",
  ],
  [
    "an epoch left out, with its lines",
    (parts) => {
      const left = epochIn(parts);
      parts.statement.streams[0]?.epochs.shift();
      parts.lines.splice(0, left.batches);
    },
    "verify.sums_differ",
  ],
  [
    "an epoch left out, its lines left in",
    (parts) => void parts.statement.streams[0]?.epochs.shift(),
    "verify.sums_differ",
  ],
  [
    "a stream left out, another one twice",
    (parts) => {
      parts.statement.streams[1] = { stream: "audit", epochs: [] };
    },
    "verify.statement_malformed",
  ],
  [
    "a gap that no cause is told of",
    (parts) => {
      epochIn(parts, 0, 1).lost = [];
      parts.statement.sums.lost -= 5;
      parts.statement.sums.sealed -= 5;
    },
    "verify.sums_differ",
  ],
  [
    "a gap whose cause is dropped",
    (parts) => {
      for (const loss of epochIn(parts, 0, 1).lost) loss.cause = "";
    },
    "verify.statement_malformed",
  ],
  [
    "a gap that was another time",
    (parts) => {
      for (const loss of epochIn(parts, 0, 1).lost) loss.to = "2026-11-10T02:10:05.000Z";
    },
    "verify.sums_differ",
  ],
  [
    "a gap told as records",
    (parts) => {
      const line = parts.lines[2];
      if (line !== undefined) parts.lines[2] = { ...line, kind: "records" };
    },
    "verify.sums_differ",
  ],
  [
    "the last batch left out, as if the sender had sealed less",
    (parts) => {
      parts.lines.splice(4, 1);
      const told = epochIn(parts, 0, 1);
      Object.assign(told, { batches: 3, next: 68, received: 20, head: parts.lines[3]?.head });
      Object.assign(parts.statement.sums, { received: 34, sealed: 44 });
    },
    "verify.head_differs",
  ],
  [
    "another last batch of the same length",
    (parts) => {
      const [line, digest] = [parts.lines[4], sha256Of("forged")];
      if (line !== undefined) parts.lines[4] = { ...line, digest, head: digest };
      epochIn(parts, 0, 1).head = digest;
    },
    "verify.head_differs",
  ],
  [
    "what waits at the sender told as arrived",
    (parts) => {
      const { afterwards } = epochIn(parts, 2);
      Object.assign(afterwards, { arrived: 9, waiting: 0 });
      parts.statement.sums.waiting = 0;
    },
    "verify.head_differs",
  ],
  [
    "the loss at an epoch's end left out",
    (parts) => {
      epochIn(parts).lost = [];
      Object.assign(parts.statement.sums, { lost: 5, sealed: 54 });
    },
    "verify.head_differs",
  ],
  [
    "a position that the sender did not sign",
    (parts) => {
      epochIn(parts).sender.sealedTo = 10;
      epochIn(parts).lost = [];
      Object.assign(parts.statement.sums, { lost: 5, sealed: 54 });
    },
    "verify.signature_invalid",
  ],
  [
    "another product's figures under this product's name",
    (parts) => {
      parts.statement.product.id = newId<ProductId>();
    },
    "verify.signature_invalid",
  ],
])("refuses %s, though the portal's own key signed it", async (_what, change, code) => {
  const found = await pinned(await world.fileOf(forged(change)));

  expect(found).toMatchObject({ exit: 1, line: { ok: false, code } });
});

test("refuses a statement of a key that this CA did not certify for statements", async () => {
  const statement = world.good();
  const { texts, head } = chained(statement.lines);
  const bytes = Buffer.from(JSON.stringify({ ...statement.statement, head }), "utf8");
  const key = makeEd25519();
  const fileWith = (certificates: string[]) =>
    [
      JSON.stringify({ schema: "tms.completeness/1", statement: sealBytes(key.privatePkcs8Pem, bytes), certificates }),
      ...texts,
    ].join("\n");
  const clock = { now: () => new Date(AT) };
  const foreign = await createAuthority({ directory: join(directory, "foreign"), name: "Foreign", clock });
  const ofForeign = await foreign.issueSigner(key);
  const { authority } = world;
  const server = await authority.issueServer({ hosts: ["portal.example"] });
  const keys = await createLowerKeys(join(directory, "product"));
  const csrPem = await makeCertificateRequest(keys.tlsPrivatePem);
  const { customer } = statement.statement;
  const ofProduct = await authority.issueClient({ csrPem, customer: customer.id, product: world.product, days: 90 });

  const codes = await Promise.all(
    [
      [ofForeign, foreign.caPem],
      [ofForeign, authority.caPem],
      [server.certPem, authority.caPem],
      [ofProduct.certPem, authority.caPem],
      [authority.caPem, authority.caPem],
      ["", authority.caPem],
    ].map(async (certificates) => {
      const { exit, line } = await pinned(fileWith(certificates));
      return [exit, line.code];
    }),
  );
  const own = await pinned(fileWith([await authority.issueSigner(key), authority.caPem]));

  expect(codes).toEqual(codes.map(() => [1, "verify.signer_untrusted"]));
  expect(own.exit).toBe(0);
});

test("refuses a statement that is older or newer than its key's certificate", async () => {
  const late = await world.fileOf(
    forged((parts) => {
      parts.statement.madeAt = "2027-11-24T09:00:00.000Z";
    }),
  );

  expect(await pinned(late)).toMatchObject({ exit: 1, line: { code: "verify.signer_untrusted" } });
});

test("says that a root it cannot read is no root", async () => {
  const text = await world.fileOf(world.good());
  const noRoot = join(directory, "no-root");
  await writeFile(noRoot, "nothing");

  expect(await verify(text, "--root", noRoot)).toMatchObject({ exit: 2, line: { code: "cli.usage" } });
  expect(await verify(text, "--root", "/nonexistent")).toMatchObject({
    exit: 2,
    line: { code: "cli.input_unreadable" },
  });
});
