import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { request } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { createTestCa } from "@tms/testkit";
import { expect, onTestFinished, test, vi } from "vitest";
import { createLogger } from "../start/create-logger.ts";
import type { ConnectionLimits } from "./connection-gate.ts";
import { CONNECTIONS, createHttpServer } from "./create-http-server.ts";

const log = createLogger({ name: "test", level: "error" });
/** No test may wait for a bound that it does not attack. */
const NEVER_MS = 60_000;

/** A TLS listener whose bounds are those given, and attackers and clients of it by loopback address. */
async function listener(limits: Partial<ConnectionLimits>, into = log) {
  const authority = await createTestCa({ name: "The server's CA" });
  onTestFinished(() => authority[Symbol.asyncDispose]());
  const app = createHttpServer({
    name: "gated",
    log: into,
    tls: await authority.issueServer({ hosts: ["127.0.0.1"] }),
    limits: { firstRequestMs: NEVER_MS, bodyWindowMs: NEVER_MS, ...limits },
  });
  const config = {
    identity: { kind: "public", why: "a test" },
    limit: { bodyBytes: 100_000, perMinute: 10_000 },
  } as const;
  app.get("/ask", { config }, () => "ok");
  app.post("/take", { config }, () => "taken");
  await app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const sockets: Socket[] = [];
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await app.close();
  });
  return {
    counts: () => app[CONNECTIONS].counts(),
    /** Resolves once connected; `cut` once the other side has ended it. */
    async silent(localAddress: string) {
      const socket = connect({ port, host: "127.0.0.1", localAddress });
      sockets.push(socket);
      const cut = new Promise<void>((resolve) => socket.once("close", () => resolve()));
      socket.on("error", () => socket.destroy());
      socket.resume();
      await Promise.race([once(socket, "connect"), cut]);
      return { socket, cut };
    },
    async secure() {
      const socket = connectTls({ port, host: "127.0.0.1", ca: authority.caPem });
      sockets.push(socket);
      let got = "";
      socket.on("data", (chunk: Buffer) => {
        got += chunk.toString("latin1");
      });
      socket.on("error", () => socket.destroy());
      const cut = new Promise<string>((resolve) => socket.once("close", () => resolve(got)));
      await once(socket, "secureConnect");
      return { socket, cut };
    },
    async ask(localAddress: string): Promise<number> {
      const asked = request({ port, host: "127.0.0.1", path: "/ask", localAddress, ca: authority.caPem, agent: false });
      asked.end();
      const [answer] = (await once(asked, "response")) as [{ statusCode: number; resume(): void }];
      answer.resume();
      return answer.statusCode;
    },
  };
}

/** Writes a piece of this text every few milliseconds, until the other side has had enough. */
function dribble(socket: Socket, text: string): void {
  let at = 0;
  const timer = setInterval(() => {
    socket.write(text[at % text.length] ?? "");
    at += 1;
  }, 5);
  socket.once("close", () => clearInterval(timer));
}

test("of 60 silent sockets those over the bound are cut at once, and the others at the deadline", async () => {
  const place = await listener({ maxUnfinishedPerAddress: 20, firstRequestMs: 1_000 });

  const sockets = await Promise.all(Array.from({ length: 60 }, () => place.silent("127.0.0.1")));
  await vi.waitFor(() => expect(place.counts().cut["address-taken"]).toBe(40), { interval: 2, timeout: 990 });
  const before = place.counts();
  await Promise.all(sockets.map(({ cut }) => cut));

  expect(before).toMatchObject({ open: 20, unfinished: 20, cut: { "no-request": 0 } });
  await vi.waitFor(() => expect(place.counts()).toMatchObject({ open: 0, unfinished: 0, cut: { "no-request": 20 } }));
});

test("a flood of handshakes from one address does not hinder a client at another", async () => {
  const place = await listener({ maxUnfinishedPerAddress: 10, maxUnfinished: 1_000 });
  await Promise.all(Array.from({ length: 200 }, () => place.silent("127.0.0.2")));

  const status = await place.ask("127.0.0.3");

  expect(status).toBe(200);
  expect(place.counts().cut["address-taken"]).toBe(190);
});

test("a flood from many addresses takes every place, and still gives way to a client from elsewhere", async () => {
  const place = await listener({ maxUnfinishedPerAddress: 10, maxUnfinished: 30 });
  const addresses = Array.from({ length: 60 }, (_, index) => `127.0.1.${1 + (index % 6)}`);
  for (const address of addresses) await place.silent(address);

  const statuses = await Promise.all([1, 2, 3].map((last) => place.ask(`127.0.2.${last}`)));

  expect(statuses).toEqual([200, 200, 200]);
  const { unfinished, cut } = place.counts();
  expect(unfinished).toBeLessThanOrEqual(30);
  expect(cut["gave-way"]).toBeGreaterThanOrEqual(30);
});

test("connections that have asked once do not count against their address", async () => {
  const place = await listener({ maxUnfinishedPerAddress: 2 });

  for (let index = 0; index < 10; index += 1) {
    const { socket } = await place.secure();
    socket.write("GET /ask HTTP/1.1\r\nHost: x\r\n\r\n");
    await once(socket, "data");
  }

  expect(place.counts()).toMatchObject({ open: 10, unfinished: 0, cut: { "address-taken": 0 } });
});

test("no more connections than the bound are open, whatever they have asked", async () => {
  const place = await listener({ maxConnections: 3 });
  const first = await Promise.all([place.secure(), place.secure(), place.secure()]);
  for (const { socket } of first) socket.write("GET /ask HTTP/1.1\r\nHost: x\r\n\r\n");
  await Promise.all(first.map(({ socket }) => once(socket, "data")));

  await (await place.silent("127.0.0.1")).cut;

  expect(place.counts()).toMatchObject({ open: 3, cut: { "all-taken": 1 } });
});

test("a finished handshake without a request is cut at the deadline", async () => {
  const place = await listener({ firstRequestMs: 800 });

  const got = await (await place.secure()).cut;

  expect(got).toBe("");
  expect(place.counts().cut["no-request"]).toBe(1);
});

test("headers that dribble a byte at a time are cut, in the first request and in a later one", async () => {
  const place = await listener({ firstRequestMs: 800 });
  const fresh = await place.secure();
  const known = await place.secure();
  known.socket.write("GET /ask HTTP/1.1\r\nHost: x\r\n\r\n");
  await once(known.socket, "data");

  for (const { socket } of [fresh, known]) {
    socket.write("GET /ask HTTP/1.1\r\nX-Slow: ");
    dribble(socket, "a");
  }
  const [gotFresh, gotKnown] = await Promise.all([fresh.cut, known.cut]);

  expect(gotFresh).not.toContain("200 OK");
  expect(gotKnown.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 400"]);
});

test("a body that dribbles is cut without an alarm, and one that is only slow is taken", async () => {
  const directory = await mkdtemp(join(tmpdir(), "tms-gate-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const file = join(directory, "log");
  const quiet = createLogger({ name: "test", file });
  const place = await listener({ bodyWindowMs: 200, minBodyBytes: 1_000 }, quiet);
  const [dribbling, slow] = await Promise.all([place.secure(), place.secure()]);
  const head =
    "POST /take HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: 20000\r\n\r\n";
  dribbling.socket.write(head);
  dribble(dribbling.socket, "a");
  slow.socket.write(head);
  let sent = 0;
  const timer = setInterval(() => {
    if (sent >= 20_000) return clearInterval(timer);
    slow.socket.write("a".repeat(200));
    sent += 200;
  }, 5);

  const [gotDribbling, gotSlow] = await Promise.all([dribbling.cut, slow.cut]);

  expect(gotDribbling).toBe("");
  expect(gotSlow).toContain("taken");
  expect(place.counts().cut["slow-body"]).toBe(1);
  await vi.waitFor(async () => expect(await readFile(file, "utf8")).toContain("request.malformed"));
  expect(await readFile(file, "utf8")).not.toContain('"level":"error"');
});

test("a body that we do not read is not its sender's slowness", async () => {
  const place = await unreadListener();

  expect(await place.answer).toContain("20000");
  expect(place.counts().cut["slow-body"]).toBe(0);
});

/** A listener whose handler lets a body lie for five windows before it reads it. */
async function unreadListener() {
  const app = createHttpServer({ name: "unread", log, limits: { bodyWindowMs: 20, minBodyBytes: 1_000 } });
  onTestFinished(() => app.close());
  app.addContentTypeParser("text/plain", (_request, _payload, done) => done(null));
  const config = { identity: { kind: "public", why: "a test" }, limit: { bodyBytes: 100_000, perMinute: 10 } } as const;
  app.post("/later", { config }, async ({ raw }) => {
    // The window is real time, because it is a socket's.
    await new Promise((resolve) => setTimeout(resolve, 100));
    let bytes = 0;
    for await (const chunk of raw) bytes += (chunk as Buffer).length;
    return String(bytes);
  });
  await app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const socket = connect(port, "127.0.0.1");
  onTestFinished(() => {
    socket.destroy();
  });
  let got = "";
  socket.on("data", (chunk: Buffer) => {
    got += chunk.toString("latin1");
  });
  const answer = once(socket, "close").then(() => got);
  const head =
    "POST /later HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: 20000\r\n\r\n";
  socket.write(head + "a".repeat(20_000));
  return { answer, counts: () => app[CONNECTIONS].counts() };
}
