import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { expect, onTestFinished, test } from "vitest";
import { loopbackPort } from "../loopback-port.ts";
import { findPostgres } from "./find-postgres.ts";
import { findPackage, postgresBinaries } from "./postgres-binaries.ts";
import { type EmbeddedPostgres, type PostgresOptions, startPostgres } from "./start-postgres.ts";

/** A 0700 folder above the data, as a checkout in root's home is. */
async function privateFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "tms-pg-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o700);
  return folder;
}

async function started(options: Partial<PostgresOptions> & { directory: string }): Promise<EmbeddedPostgres> {
  const postgres = await startPostgres({ databases: ["portal"], ...options });
  onTestFinished(() => postgres.remove());
  return postgres;
}

async function connected(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  return client;
}

async function insertMark(url: string): Promise<void> {
  const client = await connected(url);
  await client.query("create table if not exists marks (at timestamptz default now())");
  await client.query("insert into marks default values");
  await client.end();
}

async function countMarks(url: string): Promise<number> {
  const client = await connected(url);
  const { rows } = await client.query<{ n: number }>("select count(*)::int as n from marks");
  await client.end();
  return rows[0]?.n ?? -1;
}

async function roleAndSettings(url: string) {
  const client = await connected(url);
  const { rows } = await client.query<{ listen: string; encryption: string; sockets: string; hba: string[] }>(
    `select current_setting('listen_addresses') as listen, current_setting('password_encryption') as encryption,
      current_setting('unix_socket_directories') as sockets,
      (select array_agg(distinct auth_method) from pg_hba_file_rules) as hba`,
  );
  await client.end();
  return rows[0];
}

test("starts below a folder that only we may enter, on loopback, with a password for everybody", async () => {
  const directory = join(await privateFolder(), "data", "postgres");

  const postgres = await started({ directory });

  expect(await roleAndSettings(postgres.url("portal"))).toEqual({
    listen: "127.0.0.1",
    encryption: "scram-sha-256",
    sockets: "",
    hba: ["scram-sha-256"],
  });
  expect((await stat(join(directory, "postgres-password"))).mode & 0o777).toBe(0o600);
  // The owner of the process is what its folder in /proc belongs to: never root.
  expect((await stat(`/proc/${postgres.pid}`)).uid).not.toBe(0);
  expect(await readdir(postgres.place)).not.toContain("initdb-password");
});

test("refuses a wrong password and every address but loopback", async () => {
  const postgres = await started({ directory: join(await privateFolder(), "pg") });
  const wrong = new URL(postgres.url("portal"));
  wrong.password = "guess";
  const outside = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === "IPv4" && !internal);
  const elsewhere = new URL(postgres.url("portal"));
  elsewhere.hostname = outside?.address ?? "127.0.0.2";

  await expect(connected(wrong.toString())).rejects.toMatchObject({ code: "28P01" });
  await expect(connected(elsewhere.toString())).rejects.toMatchObject({ code: "ECONNREFUSED" });
});

test("keeps its rows over a stop and a second start", async () => {
  const directory = join(await privateFolder(), "pg");
  const first = await startPostgres({ directory, databases: ["portal"] });
  await insertMark(first.url("portal"));
  await first.stop();

  const second = await started({ directory, databases: ["portal", "mitigator"] });

  expect(await countMarks(second.url("portal"))).toBe(1);
  await insertMark(second.url("mitigator"));
});

test("a kill -9 during use costs nothing that was committed, and the server comes back by itself", async () => {
  const postgres = await started({ directory: join(await privateFolder(), "pg") });
  await insertMark(postgres.url("portal"));
  const busy = await connected(postgres.url("portal"));
  const cut = expect(busy.query("select pg_sleep(60)")).rejects.toThrow();

  const killed = postgres.pid;
  process.kill(killed, "SIGKILL");
  await cut;
  await expect.poll(() => postgres.pid, { timeout: 30_000 }).not.toBe(killed);
  await postgres.settled();

  expect(await countMarks(postgres.url("portal"))).toBe(1);
});

test("a second start over the same directory is refused, by us or by another program, and disturbs nothing", async () => {
  const directory = join(await privateFolder(), "pg");
  const postgres = await started({ directory });
  const { pid } = postgres;

  const again = () => startPostgres({ directory, databases: ["portal"] });
  await expect(again()).rejects.toMatchObject({ code: "start.directory_locked" });
  // As another program would have left it: alive, and not us.
  const startTicks = (await readFile(`/proc/${process.ppid}/stat`, "utf8")).split(") ")[1]?.split(" ")[19];
  await writeFile(join(directory, "owner.json"), JSON.stringify({ pid: process.ppid, startTicks }));
  await expect(again()).rejects.toMatchObject({ code: "start.directory_locked" });

  expect(postgres.pid).toBe(pid);
  await insertMark(postgres.url("portal"));
});

test("a start that failed can be tried again by the same program", async () => {
  const directory = join(await privateFolder(), "pg");
  const server = createServer();
  const port = await loopbackPort(0);
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const attempt = () => startPostgres({ directory, port, databases: ["portal"] });
  await expect(attempt()).rejects.toMatchObject({ code: "start.port_in_use" });
  await new Promise((resolve) => server.close(resolve));

  const postgres = await attempt();
  onTestFinished(() => postgres.remove());

  expect(postgres.port).toBe(port);
});

test("a port in use is named, not stolen", async () => {
  const server = createServer();
  const port = await loopbackPort(0);
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());

  const directory = join(await privateFolder(), "pg");
  const start = startPostgres({ directory, port, databases: [] });

  await expect(start).rejects.toMatchObject({ code: "start.port_in_use", details: { port } });
  await startPostgres({ directory, databases: [] }).then((postgres) => postgres.remove());
});

test("a directory that cannot be made is unwritable", async () => {
  const folder = await privateFolder();
  await writeFile(join(folder, "file"), "not a folder");

  const start = startPostgres({ directory: join(folder, "file", "pg"), databases: [] });

  await expect(start).rejects.toMatchObject({ code: "start.directory_unwritable" });
});

test("a database name that would need quoting is refused", async () => {
  const start = startPostgres({ directory: join(await privateFolder(), "pg"), databases: ['x"; drop table y; --'] });

  await expect(start).rejects.toMatchObject({ code: "start.config_invalid" });
});

test("a place that leads elsewhere is not believed", async () => {
  const directory = join(await privateFolder(), "pg");
  await mkdir(directory);
  await writeFile(join(directory, "postgres-place.json"), JSON.stringify({ name: "../../etc" }));

  const start = startPostgres({ directory, databases: [] });

  if (process.getuid?.() === 0) await expect(start).rejects.toMatchObject({ code: "start.store_failed" });
  else await (await start).remove();
});

test("names an unsupported platform and a missing package", async () => {
  await expect(findPackage({ platform: "darwin", arch: "arm64" })).rejects.toMatchObject({
    code: "start.platform_unsupported",
  });
  const absent = process.arch === "x64" ? "arm64" : "x64";
  await expect(findPackage({ platform: "linux", arch: absent })).rejects.toMatchObject({
    code: "start.package_missing",
  });
});

test("a copy of the binaries is readable by all and writable by its owner alone", async () => {
  const folder = await privateFolder();

  const { postgres } = await postgresBinaries({ directory: folder, always: true });

  expect((await stat(postgres)).mode & 0o777).toBe(0o755);
  const library = join(postgres, "..", "..", "lib");
  expect(await readdir(library)).toContain("libpq.so.5");
  expect((await stat(library)).mode & 0o777).toBe(0o755);
});

test("is found by another program while it runs and after it stopped, and what never was is not", async () => {
  const directory = join(await privateFolder(), "postgres");
  const never = await findPostgres(directory);
  const postgres = await started({ directory });
  await insertMark(postgres.url("portal"));

  const running = await findPostgres(directory);
  const marks = running.state === "running" ? await countMarks(running.url("portal")) : -1;
  await postgres.stop();
  const stopped = await findPostgres(directory);

  expect([never.state, running.state, marks, stopped.state]).toEqual(["absent", "running", 1, "stopped"]);
});
