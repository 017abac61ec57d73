import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEmptyDatabase } from "@tms/testkit";
import { runCommand } from "../run-command.ts";
import type { CommandResult } from "../shell/command.ts";
import type { Check } from "./check.ts";

/** A portal's folder, database and configuration as the install page has them, on free ports; never started. */
export interface PortalForTest {
  directory: string;
  dataDir: string;
  config: Record<string, unknown>;
  ports: { console: number; statusServer: number; logServerSsl: number; logServerSsh: number };
  /** Runs `tms doctor` over the configuration as it is now. */
  examine(...more: string[]): Promise<CommandResult>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function portalForTest(): Promise<PortalForTest> {
  const directory = await mkdtemp(join(tmpdir(), "tms-doctor-"));
  const database = await createEmptyDatabase();
  const [console, statusServer, logServerSsl, logServerSsh] = await freePorts();
  const at = (port: number) => ({ host: "127.0.0.1", port });
  const dataDir = join(directory, "data");
  await mkdir(dataDir);
  const config = {
    dataDir,
    publicHost: "127.0.0.1",
    listen: {
      console: at(console),
      statusServer: at(statusServer),
      logServerSsl: at(logServerSsl),
      logServerSsh: at(logServerSsh),
    },
    database: { url: database.url },
  };
  return {
    directory,
    dataDir,
    config,
    ports: { console, statusServer, logServerSsl, logServerSsh },
    examine: async (...more) => {
      const file = join(directory, "portal.json");
      await writeFile(file, JSON.stringify(config));
      return tms("doctor", "--json", "--portal", file, ...more);
    },
    [Symbol.asyncDispose]: async () => {
      await database.drop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

export function tms(...argv: string[]): Promise<CommandResult> {
  const io = { say: () => undefined, now: () => new Date(), signal: new AbortController().signal };
  return runCommand(argv, io);
}

export function checksOf(result: CommandResult): Check[] {
  return (result.line.checks ?? []) as Check[];
}

export function firstWrong(result: CommandResult): Pick<Check, "id" | "code"> | null {
  const found = checksOf(result).find(({ ok }) => !ok);
  return found === undefined ? null : { id: found.id, code: found.code };
}

/** A program that is not ours, on a port of its own or on the named one. */
export async function stranger(port = 0): Promise<{ port: number; [Symbol.asyncDispose](): Promise<void> }> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.resume().end("220 mail.example.net ESMTP\r\n");
  });
  const bound = await listen(server, port);
  return { port: bound, [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) };
}

/** All four are held before the first is given back, so that they differ. */
async function freePorts(): Promise<[number, number, number, number]> {
  const servers = [createServer(), createServer(), createServer(), createServer()] as const;
  const [a, b, c, d] = await Promise.all([
    listen(servers[0], 0),
    listen(servers[1], 0),
    listen(servers[2], 0),
    listen(servers[3], 0),
  ]);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return [a, b, c, d];
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: "127.0.0.1", port }, () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
}
