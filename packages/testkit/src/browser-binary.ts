import { execFile } from "node:child_process";
import { access, constants, mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** Git ignores it; it lives as long as the checkout. */
const CACHE = fileURLToPath(new URL("../../../.cache/chromium/", import.meta.url));
const UNPACK_WITHIN_MS = 110_000;

export interface ChromiumBinary {
  executable: string;
  env: Record<string, string>;
}

/**
 * Unpacks @sparticuz/chromium once per checkout and version. The package unpacks under fixed names into the temporary
 * folder and trusts whatever lies there: so it works in a private one, in a process of its own, and the complete folder
 * gets its final name by one rename.
 */
export async function chromiumBinary(): Promise<ChromiumBinary> {
  const version = versionOf();
  const directory = join(CACHE, version);
  if (!(await isUnpacked(directory))) await unpack(directory);
  const config = join(directory, "fonts.conf");
  return { executable: join(directory, "chromium"), env: { FONTCONFIG_FILE: config, HOME: directory } };
}

function versionOf(): string {
  const entry = createRequire(import.meta.url).resolve("@sparticuz/chromium");
  const described: unknown = createRequire(import.meta.url)(join(entry, "..", "..", "package.json"));
  return typeof described === "object" && described !== null && "version" in described
    ? String(described.version)
    : "0";
}

async function unpack(directory: string): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  const draft = `${directory}.${process.pid}.draft`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { mode: 0o700 });
  try {
    const script =
      'const { default: chromium } = await import("@sparticuz/chromium"); await chromium.executablePath();';
    await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], {
      cwd: fileURLToPath(new URL(".", import.meta.url)),
      env: { PATH: process.env.PATH, TMPDIR: draft, HOME: draft },
      timeout: UNPACK_WITHIN_MS,
    });
    await access(join(draft, "chromium"), constants.X_OK);
    await writeFile(join(draft, "fonts.conf"), fontsConfig(await readdir(draft), directory));
    await rename(draft, directory);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    // Two test files unpacked at once: the other one's folder is the same.
    if (!(await isUnpacked(directory))) throw error;
  }
}

function fontsConfig(unpacked: string[], directory: string): string {
  const own = unpacked.includes("fonts") ? `<dir>${join(directory, "fonts")}</dir>` : "";
  return `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>${own}
<dir>/usr/share/fonts</dir><cachedir>${join(directory, "fontcache")}</cachedir></fontconfig>\n`;
}

async function isUnpacked(directory: string): Promise<boolean> {
  try {
    await access(join(directory, "fonts.conf"));
    return true;
  } catch {
    // Not yet: then it is unpacked, and that says what is wrong.
    return false;
  }
}
