import { spawn } from "node:child_process";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import type { Installation } from "@tms/contracts";
import { makeDataDirectory } from "@tms/link";
import { AppError, errorFromCode } from "@tms/records";
import { parseCertificatePair } from "@tms/server-kit";
import { Decrypter, Encrypter } from "age-encryption";
import { z } from "zod";
import { readInstallation } from "../installation/read-installation.ts";
import { withDatabase } from "../installation/with-database.ts";
import { exists, readInput, writeNew } from "../shell/files.ts";

// What makes a portal the one that its products know: CA, SSH host key, sealing key, the key of its statements, and the
// customers' online keys.
// M1  In the clear they are in memory and in pipes to our own processes only; the file is age, by a passphrase.
// M2  An import writes no key over another one: a portal that already has its own stays what it is.
// M3  An import writes nothing before everything in the file has been judged.

const MIN_PASSPHRASE_CHARACTERS = 12;
const LIMITS = { maxBytes: 64 * 1024 * 1024 };
const KEY_LIMITS = { maxBytes: 64 * 1024 };

const portalKeysSchema = z.strictObject({
  schema: z.literal("tms.portal-keys/1"),
  createdAt: z.iso.datetime(),
  publicHost: z.string(),
  files: z.array(z.strictObject({ name: z.string(), base64: z.base64() })).max(64),
  onlineKeys: z.array(z.strictObject({ customer: z.string(), snapshot: z.string(), timestamp: z.string() })),
});
type PortalKeys = z.infer<typeof portalKeysSchema>;

const answerSchema = z.union([
  z.object({ ok: z.literal(true), onlineKeys: portalKeysSchema.shape.onlineKeys }),
  z.object({ ok: z.literal(true), good: z.int(), restored: z.int(), no_customer: z.int() }),
  z.object({ ok: z.literal(false), code: z.string(), details: z.record(z.string(), z.unknown()) }),
]);

export interface KeysMove {
  /** The portal's configuration. */
  config: string;
  /** The encrypted file. */
  file: string;
  passphrase: string;
}

/** Writes a portal's keys into one encrypted file. */
export async function exportPortalKeys(move: KeysMove & { now: Date }) {
  demandPassphrase(move.passphrase);
  if (await exists(move.file)) throw new AppError("cli.output_exists", { path: move.file });
  const installation = await readInstallation("portal", move.config);
  const files: PortalKeys["files"] = [];
  for (const { name, path, mayBeMissing } of installation.keyFiles) {
    if (!(await exists(path))) {
      if (mayBeMissing) continue;
      throw new AppError("store.never_made", { missing: path });
    }
    files.push({ name, base64: (await readInput(path, KEY_LIMITS)).toString("base64") });
  }
  const answer = await withDatabase(installation, (url) => askPortal({ ...move, url, verb: "export", input: "" }));
  if (!("onlineKeys" in answer)) throw new AppError("start.process_failed", { process: "portal" });
  const keys: PortalKeys = {
    schema: "tms.portal-keys/1",
    createdAt: move.now.toISOString(),
    publicHost: installation.publicHost ?? "",
    files,
    onlineKeys: answer.onlineKeys,
  };
  const encrypter = new Encrypter();
  encrypter.setPassphrase(move.passphrase);
  await writeNew(move.file, await encrypter.encrypt(JSON.stringify(keys)));
  return { out: move.file, files: files.map(({ name }) => name), customers: answer.onlineKeys.length };
}

/** Puts the keys of such a file into a portal's empty data directory; a second time it changes nothing. */
export async function importPortalKeys(move: KeysMove) {
  const keys = await openKeys(move);
  const installation = await readInstallation("portal", move.config);
  const writes = await planWrites(keys, installation);
  makeDataDirectory(installation.dataDir);
  for (const { path, bytes } of writes) await writeNew(path, bytes);
  return {
    written: writes.map(({ path }) => path),
    publicHost: keys.publicHost,
    sameHost: keys.publicHost === installation.publicHost,
    onlineKeys: await restoreOnlineKeys(installation, keys, move),
  };
}

async function openKeys({ file, passphrase }: KeysMove): Promise<PortalKeys> {
  const sealed = await readInput(file, LIMITS);
  let plain: string;
  try {
    const decrypter = new Decrypter();
    decrypter.addPassphrase(passphrase);
    plain = await decrypter.decrypt(sealed, "text");
  } catch (error) {
    throw new AppError("keys.passphrase_wrong", { path: file }, { cause: error });
  }
  try {
    return portalKeysSchema.parse(JSON.parse(plain));
  } catch (error) {
    // Its cause would quote the keys.
    throw new AppError("keys.unreadable", { path: file, reason: (error as Error).name });
  }
}

async function planWrites(keys: PortalKeys, installation: Installation): Promise<{ path: string; bytes: Buffer }[]> {
  const found = new Map(keys.files.map(({ name, base64 }) => [name, Buffer.from(base64, "base64")]));
  const pem = (name: string) => found.get(name)?.toString("utf8") ?? "";
  parseCertificatePair(
    { certPem: pem("ca.pem"), keyPem: pem("ca-key.pem") },
    { certFile: "ca.pem", keyFile: "ca-key.pem" },
  );
  const writes: { path: string; bytes: Buffer }[] = [];
  for (const { name, path, mayBeMissing } of installation.keyFiles) {
    const bytes = found.get(name);
    if (bytes === undefined && mayBeMissing) continue;
    if (bytes === undefined) throw new AppError("keys.unreadable", { missing: name });
    if (!(await exists(path))) writes.push({ path, bytes });
    else if (!bytes.equals(await readInput(path, KEY_LIMITS))) throw new AppError("keys.exists", { path });
  }
  return writes;
}

/** The database may come before the keys or after them: without one the keys wait in the file. */
async function restoreOnlineKeys(installation: Installation, keys: PortalKeys, move: KeysMove) {
  const none = { good: 0, restored: 0, noCustomer: 0, waiting: keys.onlineKeys.length };
  try {
    const input = JSON.stringify(keys.onlineKeys);
    const answer = await withDatabase(installation, (url) => askPortal({ ...move, url, verb: "restore", input }));
    if (!("restored" in answer)) throw new AppError("start.process_failed", { process: "portal" });
    return { good: answer.good, restored: answer.restored, noCustomer: answer.no_customer, waiting: 0 };
  } catch (error) {
    if (error instanceof AppError && error.code === "store.never_made") return none;
    throw error;
  }
}

/** The portal's own program reads and writes its tables; it gets the address, because an embedded one has none in the file. */
async function askPortal(ask: { config: string; url: string; verb: "export" | "restore"; input: string }) {
  const main = join(import.meta.dirname, "..", "..", "..", "portal", "src", "online-keys-main.ts");
  const child = spawn(process.execPath, [main, "--config", resolve(ask.config), ask.verb], {
    stdio: ["pipe", "pipe", "ignore"],
    env: { ...process.env, TMS_DATABASE_URL: ask.url },
  });
  child.stdin.on("error", () => undefined);
  child.stdin.end(ask.input);
  const line = (await text(child.stdout)).trimEnd().split("\n").at(-1) ?? "";
  const answer = answerSchema.safeParse(jsonOf(line));
  if (!answer.success) throw new AppError("start.process_failed", { process: "portal" });
  if (!answer.data.ok) throw errorFromCode(answer.data.code, answer.data.details);
  return answer.data;
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    // Told as a process that failed: whatever it said instead may hold a key.
    return null;
  }
}

function demandPassphrase(passphrase: string): void {
  if (passphrase.length >= MIN_PASSPHRASE_CHARACTERS) return;
  throw new AppError("cli.usage", { reason: `a passphrase of at least ${MIN_PASSPHRASE_CHARACTERS} characters` });
}
