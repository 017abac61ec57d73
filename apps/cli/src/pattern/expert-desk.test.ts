import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createAuthority } from "@tms/link";
import { type PatternManifest, parsePattern, verifyPattern } from "@tms/patterns";
import { systemClock } from "@tms/records";
import { NOTHING_SEEN, rootFingerprint, sha256Of, signOnlineFiles, verifyRepository } from "@tms/signing";
import { afterEach, expect, test } from "vitest";
import { closeDesks, type Desk, desk, metadata, said, THREAT, tms } from "./expert-desk.contract.ts";

afterEach(closeDesks);

async function goodware(directory: string): Promise<string> {
  const good = join(directory, "good");
  await mkdir(good);
  await Promise.all(Array.from({ length: 1000 }, (_, index) => writeFile(join(good, `f${index}`), `good ${index}`)));
  return good;
}

/** Export and draft; the portal has the draft, as after an import. */
async function drafted(at: Desk): Promise<PatternManifest> {
  const draft = join(at.directory, "draft");
  await tms("case", "export", "C-1", ...at.at("anna"), "--out", join(at.directory, "package"));
  await tms("pattern", "draft", "--from-package", join(at.directory, "package"), "--out", draft);
  at.portal.draft = await readFile(join(draft, "manifest.json"));
  return parsePattern(at.portal.draft);
}

async function checked(at: Desk) {
  const good = await goodware(at.directory);
  const args = ["--package", join(at.directory, "package"), "--goodware", good];
  return tms("pattern", "check", join(at.directory, "draft"), ...args);
}

test("leads from the key ceremony to a pattern that the endpoint's agent verifies", async () => {
  const at = await desk();
  const manifest = await drafted(at);
  const check = await checked(at);
  at.portal.draft = null;
  const portal = at.at("anna").slice(0, 8);
  const imported = await tms("pattern", "import", join(at.directory, "draft"), "--case", at.case, ...portal);

  const first = await tms("pattern", "sign", manifest.id, ...at.at("anna"));
  const second = await tms("pattern", "sign", manifest.id, ...at.at("ben"));

  expect([check.exit, imported.exit]).toEqual([0, 0]);
  expect(first).toMatchObject({ exit: 0, line: { signaturesGiven: 1, state: "waits-for-second-signature" } });
  expect(second).toMatchObject({ exit: 0, line: { signaturesGiven: 2, state: "issued" } });
  expect(verifyAsAgent(at).manifest).toEqual(manifest);
  expect(said.join("\n")).toContain("process.kill processes-holding-detected");
});

function verifyAsAgent({ bundle, portal, endpoint }: Desk) {
  const roles: Record<string, Buffer> = { "custom-act": portal.roleFile ?? Buffer.alloc(0) };
  for (const role of ["targets", "regular", "advisories", "custom-detect", "recipients"])
    roles[role] = metadata(bundle, `1.${role}.json`);
  const now = new Date();
  const online = signOnlineFiles(roles, bundle.onlineKeys, { version: 1, now });
  const files = new Map(
    Object.entries(roles).map(([role, bytes]) => [`${role === "custom-act" ? 2 : 1}.${role}.json`, bytes]),
  );
  files.set("1.root.json", metadata(bundle, "1.root.json"));
  files.set(online.snapshot.name, online.snapshot.bytes).set(online.timestamp.name, online.timestamp.bytes);
  const pin = { patternRoot: rootFingerprint(metadata(bundle, "1.root.json")), customer: bundle.customer.id };
  const { targets } = verifyRepository(pin, files, { now, highest: NOTHING_SEEN });
  const target = targets.find(({ role }) => role === "custom-act");
  if (target === undefined || portal.draft === null) throw new Error("nothing issued");
  return verifyPattern({ bytes: portal.draft, target, customer: bundle.customer.id, endpoint, now });
}

test("exports a package whose plain bytes are the collected ones, and judges the agent's key when it is named", async () => {
  const at = await desk();
  const out = join(at.directory, "package");

  const { exit, line } = await tms("case", "export", "C-1", ...at.at("anna"), "--agent-key", at.agentKey, "--out", out);

  expect(exit).toBe(0);
  expect(line).toMatchObject({ plainSha256: sha256Of(at.plain), manifestSignature: "valid", items: 5 });
  expect(
    createHash("sha256")
      .update(await readFile(String(line.path)))
      .digest("hex"),
  ).toBe(line.plainSha256);
  expect(await readFile(join(out, "items", "0001"))).toEqual(THREAT);
});

test("drafts for the detected file alone and finds all of it in the dry run", async () => {
  const at = await desk();
  const manifest = await drafted(at);

  const { exit, line } = await checked(at);

  expect(manifest.endpoints).toEqual([at.endpoint]);
  expect(manifest.rules).toHaveLength(1);
  expect(manifest.rules[0]?.source).toContain(sha256Of(THREAT));
  expect(exit).toBe(0);
  expect(line).toMatchObject({
    goodware: { files: 1000, hits: 0 },
    dryRun: ["persist.removeLine", "process.kill", "file.quarantine", "verify"].map((verb) => ({ verb, found: true })),
  });
});

test("keeps nothing of a package that arrived changed or opens with nobody's key", async () => {
  const at = await desk();
  at.portal.encrypted = Buffer.concat([at.portal.encrypted, Buffer.from("x")]);
  const changed = await tms("case", "export", "C-1", ...at.at("anna"), "--out", join(at.directory, "changed"));

  expect(changed).toMatchObject({ exit: 1, code: "package.hash_mismatch" });
});

test("does not let one expert sign twice", async () => {
  const at = await desk();
  const { id } = await drafted(at);
  await tms("pattern", "sign", id, ...at.at("anna"));

  expect(await tms("pattern", "sign", id, ...at.at("anna"))).toMatchObject({ exit: 1, code: "pattern.key_repeated" });
});

test("signs nothing for a portal that lies", async () => {
  const at = await desk();
  const stranger = await desk();
  const { id } = await drafted(at);
  const wider = Buffer.from(String(at.portal.draft).replace('"maxKills": 20', '"maxKills": 90')).toString("base64");
  const asked = (lie: Desk["portal"]["lie"]) => {
    at.portal.lie = lie;
    return tms("pattern", "sign", id, ...at.at("anna"));
  };

  const otherRoot = await asked((s) => ({
    ...s,
    inForce: { ...s.inForce, root: stranger.bundle.metadata["1.root.json"] ?? "" },
  }));
  const otherTargets = await asked((s) => ({
    ...s,
    inForce: { ...s.inForce, targets: stranger.bundle.metadata["1.targets.json"] ?? "" },
  }));
  const otherPath = await asked((s) => ({ ...s, target: { ...s.target, path: "custom-act/CP-x.json" } }));
  const otherRole = await asked((s) => ({ ...s, role: "custom-detect" }));
  const first = await asked((s) => s);
  at.portal.lie = (s) => ({ ...s, target: { ...s.target, bytes: wider } });
  const swappedAfterFirst = await tms("pattern", "sign", id, ...at.at("ben"));

  expect([otherRoot, otherTargets, otherPath, otherRole].map(({ code }) => code)).toEqual([
    "pattern.root_differs",
    "pattern.key_foreign",
    "pattern.role_wrong",
    "pattern.role_wrong",
  ]);
  expect(first.exit).toBe(0);
  expect(swappedAfterFirst).toMatchObject({ exit: 1, code: "pattern.digest_mismatch" });
});

test("refuses a wrong passphrase, a used directory and a portal of another authority", async () => {
  const at = await desk();
  await writeFile(join(at.directory, "wrong"), "another passphrase");
  const anna = at.at("anna");
  const withWrong = [...anna.slice(0, -1), join(at.directory, "wrong")];
  const other = await createAuthority({ directory: join(at.directory, "ca-2"), name: "other", clock: systemClock });
  await writeFile(join(at.directory, "ca-2.pem"), other.caPem);
  const withOtherCa = anna.map((part) => (part.endsWith("ca.pem") ? join(at.directory, "ca-2.pem") : part));

  expect(await tms("case", "export", "C-1", ...withWrong, "--out", join(at.directory, "a"))).toMatchObject({
    exit: 2,
    code: "keys.passphrase_wrong",
  });
  expect(await tms("case", "export", "C-1", ...anna, "--out", join(at.directory, "keys"))).toMatchObject({
    exit: 2,
    code: "cli.output_exists",
  });
  expect(await tms("case", "export", "C-1", ...withOtherCa, "--out", join(at.directory, "b"))).toMatchObject({
    exit: 3,
    code: "link.unreachable",
  });
});
