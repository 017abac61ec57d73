import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { customerKeysSchema } from "@tms/contracts/portal";
import { parsePattern, verifyConsent, verifyPattern } from "@tms/patterns";
import { AppError, type EndpointId, newId } from "@tms/records";
import {
  makeEd25519,
  NOTHING_SEEN,
  rootFingerprint,
  type SignedBytes,
  signOnlineFiles,
  verifyRepository,
} from "@tms/signing";
import { afterEach, expect, test } from "vitest";
import { runCommand } from "../run-command.ts";
import { openKey, parseKeyFile, sealKey } from "./key-file.ts";

const opened: string[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((directory) => rm(directory, { recursive: true, force: true })));
});

const io = { say: () => undefined, now: () => new Date(), signal: new AbortController().signal };
const tms = (...argv: string[]) => runCommand(argv, io);

async function scratch(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "keys-"));
  opened.push(directory);
  return directory;
}

const RULE = `rule marker {
  meta:
    id = "R-1"
    title = "Program that restores itself"
    severity = "high"
    severity_reason = "it starts itself again"
    technique = "T1053.003"
  condition: false
}`;

async function ceremony(experts = "anna,ben,cleo") {
  const directory = await scratch();
  await writeFile(join(directory, "marker.yar"), RULE);
  await writeFile(join(directory, "passphrase"), "a long passphrase\n");
  const keys = join(directory, "keys");
  const options = ["--name", "Example", "--experts", experts, "--regular", join(directory, "marker.yar"), "--demo"];
  const passphrase = ["--passphrase-file", join(directory, "passphrase")];
  const result = await tms("keys", "customer", "--out", keys, ...options, ...passphrase);
  return {
    directory,
    keys,
    passphrase,
    result,
    again: () => tms("keys", "customer", "--out", keys, ...options, ...passphrase),
  };
}

async function bundleOf(keys: string, name = "customer.public.json") {
  return customerKeysSchema.parse(JSON.parse(await readFile(join(keys, name), "utf8")));
}

/** Everything an endpoint would verify of a bundle, freshly signed by its online keys. */
function verified(bundle: Awaited<ReturnType<typeof bundleOf>>) {
  const files = new Map<string, Buffer>(
    Object.entries(bundle.metadata).map(([name, text]) => [name, Buffer.from(text, "base64")]),
  );
  const newest = new Map(
    [...files].filter(([name]) => !name.includes("root")).map(([name, file]) => [name.split(".")[1] ?? "", file]),
  );
  const online = signOnlineFiles(Object.fromEntries(newest), bundle.onlineKeys, { version: 1, now: new Date() });
  files.set(online.snapshot.name, online.snapshot.bytes).set(online.timestamp.name, online.timestamp.bytes);
  const patternRoot = rootFingerprint(files.get("1.root.json") ?? Buffer.alloc(0));
  return verifyRepository({ patternRoot, customer: bundle.customer.id }, files, {
    now: new Date(),
    highest: NOTHING_SEEN,
  });
}

test("makes a repository that verifies from its root, with the regular pattern of the rules", async () => {
  const { keys, result } = await ceremony();
  const bundle = await bundleOf(keys);

  const { targets } = verified(bundle);
  const regular = targets.find(({ role }) => role === "regular");
  const bytes = Buffer.from(bundle.targets["regular/RP-regular.json"] ?? "", "base64");

  expect(result.exit).toBe(0);
  expect(targets.map(({ path }) => path)).toEqual(["regular/RP-regular.json", "recipients/recipients.json"]);
  expect(parsePattern(bytes).rules).toMatchObject([{ id: "R-1", severity: "high", techniques: ["T1053.003"] }]);
  if (regular === undefined) throw new Error("no regular pattern");
  const verdict = {
    bytes,
    target: regular,
    customer: bundle.customer.id,
    endpoint: newId<EndpointId>(),
    now: new Date(),
  };
  expect(verifyPattern(verdict).role).toBe("regular");
});

test("keeps each expert's keys encrypted in a directory of their own, and no secret elsewhere", async () => {
  const { keys } = await ceremony();
  const directories = await readdir(join(keys, "experts"));
  const modes = await Promise.all(
    directories.map(async (name) => (await stat(join(keys, "experts", name))).mode & 0o777),
  );
  const files = await readdir(keys, { recursive: true, withFileTypes: true });
  const texts = await Promise.all(
    files
      .filter((entry) => entry.isFile() && entry.name !== "customer.public.json")
      .map((entry) => readFile(join(entry.parentPath, entry.name), "utf8")),
  );

  expect(directories.sort()).toEqual(["anna", "ben", "cleo"]);
  expect(modes).toEqual([0o700, 0o700, 0o700]);
  expect(texts.filter((text) => /PRIVATE KEY|AGE-SECRET/.test(text))).toEqual([]);
});

test("never makes keys over others, nor with one expert alone or twice", async () => {
  const { keys, again } = await ceremony();

  expect(await again()).toMatchObject({ exit: 2, line: { code: "keys.exists" } });
  expect((await ceremony("anna")).result).toMatchObject({ exit: 2, line: { code: "cli.usage" } });
  expect((await ceremony("anna,anna")).result).toMatchObject({ exit: 2, line: { code: "cli.usage" } });
  expect((await ceremony("anna,../ben")).result).toMatchObject({ exit: 2, line: { code: "cli.usage" } });
  expect(await stat(keys)).toBeTruthy();
});

test("opens a key with its passphrase alone, and refuses a file passed off as another's", async () => {
  const plain = { kind: "ed25519", name: "anna", publicKey: "AAAA", secret: "secret" } as const;
  const file = parseKeyFile(JSON.parse(await sealKey(plain, "right", "demo")), "f");
  const attempt = async (work: Promise<unknown>) =>
    work.then(
      () => null,
      (error: unknown) => (error instanceof AppError ? error.code : error),
    );

  expect((await openKey(file, "right")).secret).toBe("secret");
  expect(await attempt(openKey(file, "wrong"))).toBe("keys.passphrase_wrong");
  expect(await attempt(openKey({ ...file, name: "ben" }, "right"))).toBe("keys.passphrase_wrong");
  expect(await attempt(openKey({ ...file, publicKey: "BBBB" }, "right"))).toBe("keys.passphrase_wrong");
  expect(() => parseKeyFile({ ...file, kdf: { ...file.kdf, n: 2 ** 40 } }, "f")).toThrow("keys.unreadable");
});

test("lists the recipients, and changes them with two experts' signatures only", async () => {
  const { keys, passphrase, result } = await ceremony();
  const bundle = join(keys, "customer.public.json");
  const experts = result.line.experts as { recipient: string; directory: string }[];
  const [anna, ben] = experts;
  if (anna === undefined || ben === undefined) throw new Error("no experts");
  const wanted = `${anna.recipient},${ben.recipient}`;
  const out = join(keys, "next.json");
  const set = ["keys", "recipients", "--bundle", bundle, "--set", wanted, "--out", out, ...passphrase];

  const listed = await tms("keys", "recipients", "--bundle", bundle);
  const alone = await tms(...set, "--keys", anna.directory);
  const twice = await tms(...set, "--keys", anna.directory, "--keys", anna.directory);
  const both = await tms(...set, "--keys", anna.directory, "--keys", ben.directory);

  expect(listed).toMatchObject({
    exit: 0,
    line: { version: 1, recipients: experts.map(({ recipient }) => recipient) },
  });
  expect([alone, twice].map(({ line }) => line.code)).toEqual([
    "pattern.signature_missing",
    "pattern.signature_missing",
  ]);
  expect(both).toMatchObject({ exit: 0, line: { version: 2, signers: ["anna", "ben"] } });
  expect(verified(await bundleOf(keys, "next.json")).highest.roles.recipients).toBe(2);
});

test("gives a consent offline that an agent takes, for no endpoint beyond the pattern's", async () => {
  const directory = await scratch();
  const [mitigator, endpoint] = [makeEd25519(), newId<EndpointId>()];
  const { keys } = await ceremony();
  const bundle = await bundleOf(keys);
  const target = verified(bundle).targets.find(({ role }) => role === "regular");
  const bytes = Buffer.from(bundle.targets["regular/RP-regular.json"] ?? "", "base64");
  await mkdir(join(directory, "pattern"));
  await writeFile(join(directory, "pattern", "manifest.json"), bytes);
  await writeFile(join(directory, "consent.pem"), mitigator.privatePkcs8Pem);
  const common = [
    "consent",
    "--pattern",
    join(directory, "pattern"),
    "--customer",
    bundle.customer.id,
    "--key",
    join(directory, "consent.pem"),
  ];

  const without = await tms(...common, "--out", join(directory, "a.json"));
  const given = await tms(...common, "--endpoints", endpoint, "--out", join(directory, "b.json"));
  const foreign = await tms(
    ...common.with(4, newId()),
    "--endpoints",
    endpoint,
    "--hours",
    "0",
    "--out",
    join(directory, "c.json"),
  );

  expect(without).toMatchObject({ exit: 2, line: { code: "cli.usage" } });
  expect(foreign).toMatchObject({ exit: 2, line: { code: "cli.usage" } });
  expect(given).toMatchObject({ exit: 0, line: { ok: true, endpoints: [endpoint] } });
  const signed = JSON.parse(await readFile(join(directory, "b.json"), "utf8")) as SignedBytes;
  if (target === undefined) throw new Error("no target");
  const now = new Date();
  const pattern = verifyPattern({ bytes, target, customer: bundle.customer.id, endpoint, now });
  expect(() =>
    verifyConsent(signed, mitigator.publicSpki, { pattern, customer: bundle.customer.id, endpoint, now }),
  ).not.toThrow();
});

test("says how it is used, and refuses what it does not know", async () => {
  expect(await tms("help")).toMatchObject({ exit: 0, line: { schema: "tms.help/1", ok: true } });
  expect(await tms("keys", "nonsense")).toMatchObject({ exit: 2, line: { ok: false, code: "cli.command_unknown" } });
  expect(await tms("keys", "customer", "--typo", "x")).toMatchObject({ exit: 2, line: { code: "cli.usage" } });
  expect(await tms("pattern", "check", "/nonexistent")).toMatchObject({
    exit: 2,
    line: { code: "cli.input_unreadable" },
  });
});
