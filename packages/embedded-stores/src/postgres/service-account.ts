import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { AppError } from "@tms/records";

const NAME = "tms-store";

export interface ServiceAccount {
  name: string;
  uid: number;
  gid: number;
}

/**
 * The account that PostgreSQL runs under when we are root, because it refuses root: `tms-store`, made on first use,
 * without a shell, a home or a password. PostgreSQL looks its own account up, so a bare number is not enough.
 *
 * @throws {AppError} `start.account_missing` where none can be made.
 */
export async function serviceAccount(): Promise<ServiceAccount> {
  const there = await find(NAME);
  if (there !== null) return there;
  const failures: string[] = [];
  for (const [command, args] of MAKERS) {
    try {
      await promisify(execFile)(command, args, { timeout: 20_000 });
    } catch (error) {
      // Another start may have made it at the same moment, or this system has the other tool: looked up below.
      failures.push(`${command}: ${error instanceof Error ? error.message : String(error)}`);
    }
    const made = await find(NAME);
    if (made !== null) return made;
  }
  throw new AppError("start.account_missing", { account: NAME, failures });
}

const MAKERS: [string, string[]][] = [
  [
    "useradd",
    [
      "--system",
      "--user-group",
      "--no-create-home",
      "--home-dir",
      "/nonexistent",
      "--shell",
      "/usr/sbin/nologin",
      NAME,
    ],
  ],
  [
    "adduser",
    ["--system", "--group", "--no-create-home", "--home", "/nonexistent", "--shell", "/usr/sbin/nologin", NAME],
  ],
];

async function find(name: string): Promise<ServiceAccount | null> {
  for (const line of (await readFile("/etc/passwd", "utf8")).split("\n")) {
    const [found, , uid, gid] = line.split(":");
    if (found === name && Number(uid) > 0) return { name, uid: Number(uid), gid: Number(gid) };
  }
  return null;
}
