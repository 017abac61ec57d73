import { readdir, readFile, readlink } from "node:fs/promises";

/**
 * What a run left running: processes that name the data directory in their arguments or work in it, and the TCP ports
 * they listen on. Read from /proc, so that it does not depend on what we believe to have started.
 */
export async function leftBehind(dataDir: string): Promise<{ processes: number; ports: number }> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const left: string[] = [];
  for (const pid of pids) if (await belongsTo(pid, dataDir)) left.push(pid);
  const listening = await listeningInodes();
  let ports = 0;
  for (const pid of left) for (const inode of await socketInodes(pid)) if (listening.has(inode)) ports += 1;
  return { processes: left.length, ports };
}

async function belongsTo(pid: string, dataDir: string): Promise<boolean> {
  const [command, directory] = await Promise.all([
    orNothing(readFile(`/proc/${pid}/cmdline`, "utf8")),
    orNothing(readlink(`/proc/${pid}/cwd`)),
  ]);
  // The command that started us names the directory too, as an environment or argument of our own ancestors.
  if (command.includes("--once") || command.includes("npm")) return false;
  return (
    command.split("\0").some((argument) => argument.includes(`${dataDir}/`)) || directory.startsWith(`${dataDir}/`)
  );
}

async function listeningInodes(): Promise<Set<string>> {
  const inodes = new Set<string>();
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const line of (await orNothing(readFile(table, "utf8"))).split("\n").slice(1)) {
      const fields = line.trim().split(/\s+/);
      if (fields[3] === "0A") inodes.add(fields[9] ?? "");
    }
  }
  return inodes;
}

async function socketInodes(pid: string): Promise<string[]> {
  const names = await readdir(`/proc/${pid}/fd`).catch((error: NodeJS.ErrnoException) =>
    nothingOf(error, [] as string[]),
  );
  const links = await Promise.all(names.map((name) => orNothing(readlink(`/proc/${pid}/fd/${name}`))));
  return links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []);
}

async function orNothing(read: Promise<string>): Promise<string> {
  return read.catch((error: NodeJS.ErrnoException) => nothingOf(error, ""));
}

/** A process that ended while we looked, or one of another account, has nothing to show. */
function nothingOf<T>(error: NodeJS.ErrnoException, nothing: T): T {
  if (["ENOENT", "ESRCH", "EACCES", "EPERM"].includes(error.code ?? "")) return nothing;
  throw error;
}
