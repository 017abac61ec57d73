import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAccounts, createAudit } from "@tms/server-kit";
import { createTestDatabase } from "@tms/testkit";
import { expect, onTestFinished, test } from "vitest";
import { runCommand } from "../run-command.ts";

const APPS = join(import.meta.dirname, "..", "..", "..");
const PASSWORD = "correct horse battery";
const NEW_PASSWORD = "staple battery horse";

function tms(...argv: string[]) {
  const said: string[] = [];
  const io = { say: (line: string) => said.push(line), now: () => new Date(), signal: new AbortController().signal };
  return runCommand(argv, io).then((result) => ({ ...result, said }));
}

async function scratch(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "tms-account-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** The real mitigator with its embedded database, in a process of its own. */
async function mitigator(file: string) {
  const child = spawn(process.execPath, [join(APPS, "mitigator", "src", "main.ts"), "--config", file], {
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  onTestFinished(() => stop(child));
  const [ready] = (await once(child, "message")) as [{ console: string; setUpLink: string | null; caPem: string }];
  const ca = await readFile(ready.caPem, "utf8");
  const call = (method: string, path: string, sent: { body?: object; cookie?: string } = {}) =>
    new Promise<{ status: number; cookie: string }>((resolve, reject) => {
      const headers = { "content-type": "application/json", ...(sent.cookie ? { cookie: sent.cookie } : {}) };
      const asked = request(`${ready.console}${path}`, { method, ca, headers, agent: false }, (answer) => {
        answer.resume().on("end", () => {
          const cookie = String(answer.headers["set-cookie"]).split(";")[0] ?? "";
          resolve({ status: answer.statusCode ?? 0, cookie });
        });
      });
      asked.on("error", reject);
      asked.end(sent.body === undefined ? undefined : JSON.stringify(sent.body));
    });
  const setUp = (link: unknown, password: string) => {
    const token = /token=(.+)$/.exec(String(link))?.[1] ?? "";
    return call("POST", "/api/v1/setup", { body: { token, userName: "admin.owl", password } });
  };
  const logOn = (password: string) => call("POST", "/api/v1/session", { body: { userName: "admin.owl", password } });
  const whoAmI = async (cookie: string) => (await call("GET", "/api/v1/session", { cookie })).status;
  return { ready, setUp, logOn, whoAmI, stop: () => stop(child) };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "exit");
}

test("beside a running mitigator: the old password and every session end, and the link lets in once", async () => {
  const directory = await scratch();
  const file = join(directory, "mitigator.json");
  const anywhere = { host: "127.0.0.1", port: 0 };
  const listen = { console: anywhere, agents: anywhere };
  await writeFile(file, JSON.stringify({ dataDir: join(directory, "data"), listen }));
  const never = await tms("account", "reset", "admin.owl", "--mitigator", file);
  const server = await mitigator(file);
  const { cookie } = await server.setUp(server.ready.setUpLink, PASSWORD);
  const before = await server.whoAmI(cookie);

  const reset = await tms("account", "reset", "Admin.Owl", "--mitigator", file);

  expect({ exit: never.exit, code: never.line.code }).toEqual({ exit: 3, code: "store.never_made" });
  expect(reset.line).toMatchObject({
    schema: "tms.account-reset/1",
    ok: true,
    userName: "admin.owl",
    sessionsEnded: 1,
  });
  expect([before, await server.whoAmI(cookie)]).toEqual([200, 401]);
  expect((await server.logOn(PASSWORD)).status).toBe(401);
  expect((await server.setUp(reset.line.link, NEW_PASSWORD)).status).toBe(200);
  expect((await server.setUp(reset.line.link, PASSWORD)).status).toBe(410);
  expect((await server.logOn(NEW_PASSWORD)).status).toBe(200);

  // Stopped, the command starts the database for itself, and the server takes the link later.
  await server.stop();
  const stopped = await tms("account", "reset", "admin.owl", "--mitigator", file);
  const again = await mitigator(file);
  expect(stopped.exit).toBe(0);
  expect((await again.setUp(stopped.line.link, PASSWORD)).status).toBe(200);
});

test("of a portal the link leads to its console, and the audit log says who did it", async () => {
  const directory = await scratch();
  await using database = await createTestDatabase({ migrations: [join(APPS, "portal", "migrations")] });
  const accounts = await createAccounts({ db: database.databases });
  await accounts.add({ userName: "expert.wren", password: PASSWORD, role: "expert" });
  await accounts.issueToken({ userName: "expert.wren", password: PASSWORD, address: "127.0.0.1" });
  const file = join(directory, "portal.json");
  const publicHost = "portal.example.net";
  await writeFile(file, JSON.stringify({ dataDir: directory, publicHost, database: { url: database.url } }));

  const reset = await tms("account", "reset", "expert.wren", "--portal", file);
  const unknown = await tms("account", "reset", "nobody", "--portal", file);

  expect(reset.line.link).toMatch(/^https:\/\/portal\.example\.net:8440\/#\/setup\?token=[\w-]{43}$/);
  expect(reset.line.sessionsEnded).toBe(1);
  expect(unknown).toMatchObject({ exit: 1, line: { ok: false, code: "account.unknown" } });
  const audit = createAudit({ db: database.databases });
  const { rows } = await audit.list({ page: 1, pageSize: 10 });
  expect(rows).toMatchObject([{ action: "account.reset", subject: "expert.wren", detail: { sessionsEnded: 1 } }]);
  expect(rows[0]?.actor).toMatch(/^host ./);
  expect(JSON.stringify(rows)).not.toContain(String(reset.line.link).slice(-43));
  expect(await audit.verify()).toMatchObject({ ok: true });
});

test("neither or both servers named is a wrong call", async () => {
  const ends = [
    await tms("account", "reset", "anna"),
    await tms("account", "reset", "anna", "--portal", "a", "--mitigator", "b"),
    await tms("account", "reset", "--portal", "a"),
  ];

  expect(ends.map(({ exit, line }) => [exit, line.code])).toEqual([
    [2, "cli.usage"],
    [2, "cli.usage"],
    [2, "cli.usage"],
  ]);
});
