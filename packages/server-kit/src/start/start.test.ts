import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { AppError } from "@tms/records";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { createClosing } from "./closing.ts";
import { createLogger } from "./create-logger.ts";
import { loadConfig } from "./load-config.ts";
import { startSentence } from "./run-main.ts";

async function withDirectory() {
  const directory = await mkdtemp(join(tmpdir(), "tms-start-"));
  return { directory, [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) };
}

const schema = z.strictObject({
  dataDir: z.string(),
  database: z.object({ url: z.string() }),
  password: z.string().max(5).optional(),
});

describe("configuration", () => {
  test("comes from the file, and the environment wins", async () => {
    await using place = await withDirectory();
    const file = join(place.directory, "portal.json");
    await writeFile(file, JSON.stringify({ dataDir: "/a", database: { url: "postgres://file" } }));

    const config = loadConfig(schema, {
      file,
      env: { TMS_DATABASE_URL: "postgres://env", OTHER: "x" },
      fromEnv: { TMS_DATABASE_URL: "database.url", TMS_DATA_DIR: "dataDir" },
    });

    expect(config).toEqual({ dataDir: "/a", database: { url: "postgres://env" } });
  });

  test.each([
    { name: "no JSON", text: '{"password": "hunter2" oops' },
    { name: "no object", text: '["hunter2"]' },
    { name: "an unknown key", text: '{"dataDir":"/a","database":{"url":"x"},"hunter":"hunter2"}' },
    { name: "a wrong value", text: '{"dataDir":"/a","database":{"url":"x"},"password":"hunter2"}' },
  ])("with $name is refused by name of the file and key, never by value", async ({ text }) => {
    await using place = await withDirectory();
    const file = join(place.directory, "portal.json");
    await writeFile(file, text);

    let thrown: unknown;
    try {
      loadConfig(schema, { file, env: {} });
    } catch (error) {
      // Looked at below: its text is the point of the test.
      thrown = error;
    }

    expect(thrown).toMatchObject({ code: "start.config_invalid", details: { file } });
    expect(String(thrown)).not.toContain("hunter2");
  });
});

test("the log holds no secret, is private, and gives a line a message whatever the message holds", async () => {
  await using place = await withDirectory();
  const file = join(place.directory, "portal.log");
  const log = createLogger({ name: "portal", file });

  log.info(
    { password: "hunter2", deep: { token: "hunter2" }, req: { headers: { cookie: "hunter2" } } },
    "logged\non \u001b[31m",
  );
  log.error({ err: new AppError("customer.unknown", { id: 1 }, { cause: new Error("the cause") }) }, "failed");

  const text = await readFile(file, "utf8");
  const lines = text.trim().split("\n");
  expect(text).not.toContain("hunter2");
  expect(text).not.toContain("\u001b");
  expect(lines).toHaveLength(2);
  expect(JSON.parse(lines[1] ?? "")).toMatchObject({
    level: "error",
    name: "portal",
    err: { code: "customer.unknown", cause: { message: "the cause" } },
  });
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

test("what was opened is closed in reverse, and a failure keeps nothing open", async () => {
  const closed: string[] = [];
  const opened = createClosing();
  for (const name of ["database", "server"]) opened.add(() => void closed.push(name));
  opened.add(() => Promise.reject(new Error("stuck")));

  const failures = await opened.closeAll();

  expect(closed).toEqual(["server", "database"]);
  expect(failures).toHaveLength(1);
  expect(await opened.closeAll()).toEqual([]);
});

test.each([
  { error: Object.assign(new Error("listen"), { code: "EADDRINUSE", port: 8440 }), text: "A port is in use" },
  { error: Object.assign(new Error("mkdir"), { code: "EROFS", path: "/data" }), text: "cannot be written" },
  { error: Object.assign(new Error("write"), { code: "ENOSPC" }), text: "is full" },
])("a start that fails says in one sentence: $text", ({ error, text }) => {
  const sentence = startSentence("portal", error);

  expect(sentence).toContain(text);
  expect(sentence).not.toContain("\n");
});

describe("runMain", () => {
  const index = fileURLToPath(new URL("./run-main.ts", import.meta.url));

  async function run(place: { directory: string }, body: string) {
    const file = join(place.directory, "main.ts");
    const records = import.meta.resolve("@tms/records");
    await writeFile(
      file,
      `import { runMain } from ${JSON.stringify(index)};
       import { AppError } from ${JSON.stringify(records)};
       void AppError;
       const stay = setInterval(() => {}, 1000);
       await runMain("test", async (stop, opened) => {
         opened.add(() => { clearInterval(stay); process.stdout.write("closed first\\n"); });
         opened.add(() => { process.stdout.write("closed second\\n"); });
         ${body}
       });`,
    );
    const child = spawn(process.execPath, [file], { stdio: ["ignore", "pipe", "pipe", "ipc"] });
    const output = { out: "", err: "" };
    child.stdout?.on("data", (chunk) => {
      output.out += chunk;
    });
    child.stderr?.on("data", (chunk) => {
      output.err += chunk;
    });
    // Not `close`: it never comes after the parent itself has disconnected.
    const ended = Promise.all([
      once(child, "exit"),
      once(child.stdout ?? child, "end"),
      once(child.stderr ?? child, "end"),
    ]);
    return { child, output, ended: ended.then(([[code]]) => code as number | null) };
  }
  const READY = `return { ready: { console: "https://127.0.0.1:1" }, close: async () => { process.stdout.write("closed last\\n"); } };`;

  test.each(["SIGTERM", "SIGINT", "disconnect"] as const)(
    "tells that it is ready and ends orderly on %s",
    async (how) => {
      await using place = await withDirectory();
      const { child, output, ended } = await run(place, READY);
      const [message] = await once(child, "message");

      if (how === "disconnect") child.disconnect();
      else child.kill(how);
      const code = await ended;

      expect(message).toEqual({ type: "ready", console: "https://127.0.0.1:1" });
      expect(code).toBe(0);
      expect(output.out.split("\n")).toEqual([
        '{"ready":{"console":"https://127.0.0.1:1"}}',
        "closed last",
        "closed second",
        "closed first",
        "",
      ]);
    },
  );

  test("a start that fails half-way closes what it opened, says one sentence, ends in one line and with 1", async () => {
    await using place = await withDirectory();
    const { output, ended } = await run(place, `throw new AppError("start.port_in_use", { port: 8440 });`);

    const code = await ended;

    expect(code).toBe(1);
    const lines = output.out.trimEnd().split("\n");
    expect(lines.slice(0, -1)).toEqual(["closed second", "closed first"]);
    expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({
      schema: "tms.process/1",
      ok: false,
      code: "start.port_in_use",
      details: { port: 8440 },
    });
    expect(output.err).toBe(
      "A port is in use by another program. End that program, or set another port. A demo takes free ones: npm start -- --fresh --any-ports. (port: 8440)\n",
    );
  });
});
