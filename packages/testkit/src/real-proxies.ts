import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

// Proxies that are not ours, as a customer's network has them, each with a configuration of its own.

/** What their log-ons take. */
export const REAL_PROXY_LOG_ON = { userName: "mill", password: "between the mill and its proxy" };
const REALM = "proxy";
const START_MS = 20_000;
const LOOK_EVERY_MS = 50;

export interface RealProxy {
  host: string;
  port: number;
  close(): Promise<void>;
}

/** Whether a program can be started here. */
export function isInstalled(program: string): boolean {
  return spawnSync("sh", ["-c", `command -v ${program} || test -x ${program}`]).status === 0;
}

/** Nothing listens there in this moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts a program from a configuration of its own, and waits until it takes connections. */
async function start(
  program: string,
  make: (at: { port: number; directory: string }) => { arguments: string[]; files: Record<string, string> },
): Promise<RealProxy> {
  const directory = await mkdtemp(join(tmpdir(), "tms-proxy-"));
  // Proxies give up root and read their files as somebody else.
  await chmod(directory, 0o777);
  const port = await freePort();
  const plan = make({ port, directory });
  for (const [name, text] of Object.entries(plan.files)) {
    await writeFile(join(directory, name), text, { mode: 0o644 });
  }
  const child = spawn(program, plan.arguments, { stdio: "ignore" });
  const close = async () => {
    await ended(child);
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  const until = performance.now() + START_MS;
  while (!(await isOpen(port))) {
    if (performance.now() > until) {
      await close();
      throw new Error(`${program} takes no connections`);
    }
    await pause(LOOK_EVERY_MS);
  }
  return { host: "127.0.0.1", port, close };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

/** @param rules Access rules behind the log-on. */
export function startSquid(logOn: "none" | "basic" | "digest", rules = "http_access allow all"): Promise<RealProxy> {
  const md5 = (text: string) => createHash("md5").update(text).digest("hex");
  const { userName, password } = REAL_PROXY_LOG_ON;
  const programs = {
    none: "",
    basic: `auth_param basic program /usr/lib/squid/basic_ncsa_auth DIR/passwd\nauth_param basic realm ${REALM}\n`,
    digest: `auth_param digest program /usr/lib/squid/digest_file_auth -c DIR/passwd\nauth_param digest realm ${REALM}\n`,
  };
  const passwords = {
    none: "",
    basic: `${userName}:${md5(password)}\n`,
    digest: `${userName}:${REALM}:${md5(`${userName}:${REALM}:${password}`)}\n`,
  };
  const guard = logOn === "none" ? "" : "acl known proxy_auth REQUIRED\nhttp_access deny !known\n";
  return start("squid", ({ port, directory }) => ({
    arguments: ["-N", "-f", join(directory, "squid.conf")],
    files: {
      passwd: passwords[logOn],
      "squid.conf": [
        `http_port 127.0.0.1:${port}`,
        programs[logOn].replaceAll("DIR", directory),
        guard,
        rules,
        "cache deny all",
        "access_log none",
        "cache_store_log none",
        `cache_log ${directory}/cache.log`,
        `pid_filename ${directory}/squid.pid`,
        `coredump_dir ${directory}`,
        "shutdown_lifetime 0 seconds",
        "visible_hostname proxy.test",
        "",
      ].join("\n"),
    },
  }));
}

export function startTinyproxy(logOn: boolean): Promise<RealProxy> {
  return start("tinyproxy", ({ port, directory }) => ({
    arguments: ["-d", "-c", join(directory, "tinyproxy.conf")],
    files: {
      "tinyproxy.conf": [
        `Port ${port}`,
        "Listen 127.0.0.1",
        "Allow 127.0.0.1",
        "Timeout 60",
        `PidFile "${directory}/pid"`,
        // Its configuration knows no blanks in a password.
        ...(logOn
          ? [`BasicAuth ${REAL_PROXY_LOG_ON.userName} ${REAL_PROXY_LOG_ON.password.replaceAll(" ", "-")}`]
          : []),
        "",
      ].join("\n"),
    },
  }));
}

export function startDante(): Promise<RealProxy> {
  return start("danted", ({ port, directory }) => ({
    arguments: ["-f", join(directory, "danted.conf")],
    files: {
      "danted.conf": [
        `logoutput: ${directory}/log`,
        `internal: 127.0.0.1 port = ${port}`,
        "external: 127.0.0.1",
        "clientmethod: none",
        "socksmethod: none",
        "client pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }",
        "socks pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }",
        "",
      ].join("\n"),
    },
  }));
}
