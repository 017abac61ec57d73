import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Epoch, newId } from "@tms/records";
import { FakeAgent, FakePortal, makeThreatEvent } from "@tms/testkit";
import ssh2, { type Client, type SFTPWrapper } from "ssh2";
import { expect, onTestFinished, test } from "vitest";
import { batchName } from "../batch/batch-header.ts";
import { sealBatch } from "../batch/seal-batch.ts";
import { dialSsh } from "../lower/dial-ssh.ts";
import { SftpUploads } from "./sftp-uploads.ts";
import { SSH_LIMITS, type SshSession } from "./ssh-session.ts";

// Too much, too slow, too many, too long: what an SSH listener must stand.

const STREAM = "threat-events" as const;
const PERMISSION_DENIED = 3;
const FAILURE = 4;

async function logOnOf(portal: FakePortal) {
  const agent = await FakeAgent.create({ portal });
  onTestFinished(() => agent.close());
  const to = { host: portal.host, port: portal.ports.ssh };
  const hostKeys = [portal.sshHostKey.fingerprint];
  return { agent, to, logOn: { username: agent.identity.product, privateKey: agent.keys.sshPrivateKey, hostKeys } };
}

async function sftpOf(portal: FakePortal): Promise<{ agent: FakeAgent; sftp: SFTPWrapper }> {
  const { agent, to, logOn } = await logOnOf(portal);
  const client: Client = await dialSsh(to, logOn);
  onTestFinished(() => void client.end());
  const sftp = await new Promise<SFTPWrapper>((resolve, reject) =>
    client.sftp((error, opened) => (error ? reject(error) : resolve(opened))),
  );
  return { agent, sftp };
}

/** Runs one SFTP request; the status code of a refusal, 0 if it worked. */
function status(run: (done: (error?: Error | null) => void) => void): Promise<number> {
  return new Promise((resolve) => run((error) => resolve((error as { code?: number } | null | undefined)?.code ?? 0)));
}

/** Its end, whether by a close or a reset. */
function closeOf(socket: Socket): Promise<void> {
  socket.on("error", () => undefined);
  return new Promise((resolve) => socket.once("close", () => resolve()));
}

test("writes that come faster than the disk takes them pause the sender, and go on when it has caught up", async () => {
  const directory = await mkdtemp(join(tmpdir(), "tms-sftp-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const said: string[] = [];
  const session = {
    socket: { pause: () => said.push("pause"), resume: () => said.push("resume") },
    deps: { intake: { incoming: directory }, limits: { ...SSH_LIMITS, inFlightBytes: 65_536 } },
  } as unknown as SshSession;
  const uploads = new SftpUploads(session);
  await uploads.open("x.part", { truncate: true });
  const data = Buffer.alloc(32_768, "x");

  // None of them is on disk yet when the last one comes.
  const writes = Array.from({ length: 8 }, (_, at) => uploads.write("x.part", { offset: at * data.length, data }));
  const beforeTheDisk = [...said];
  await Promise.all(writes);
  await uploads.discard();

  expect(beforeTheDisk).toEqual(Array(6).fill("pause"));
  expect(said.at(-1)).toBe("resume");
  expect(await readdir(directory)).toEqual([]);
});

test("writes in one go, far beyond what may wait for the disk, arrive whole", async () => {
  await using portal = await FakePortal.start({ sshLimits: { inFlightBytes: 65_536 } });
  const { sftp } = await sftpOf(portal);
  const handle = await new Promise<Buffer>((resolve, reject) =>
    sftp.open("/in/x.part", "w", (error, opened) => (error ? reject(error) : resolve(opened))),
  );
  const part = Buffer.alloc(30_000, "x");

  const written = await Promise.all(
    Array.from({ length: 100 }, (_, at) =>
      status((done) => sftp.write(handle, part, 0, part.length, at * part.length, done)),
    ),
  );
  const size = await new Promise((resolve) => sftp.stat("/in/x.part", (_error, found) => resolve(found?.size)));

  expect(new Set(written)).toEqual(new Set([0]));
  expect(size).toBe(3_000_000);
});

test("names that are too long, links and a second batch under a taken name lead nowhere", async () => {
  await using portal = await FakePortal.start();
  const { agent, sftp } = await sftpOf(portal);
  const { product } = agent.identity;
  const epoch = newId<Epoch>();
  portal.store.announce(product, STREAM, epoch);
  const [first, second] = [0, 1].map(() =>
    sealBatch({ stream: STREAM, epoch, first: 0, previous: null }, [JSON.stringify(makeThreatEvent())]),
  );
  if (first === undefined || second === undefined) throw new Error("no batches");
  const put = (path: string, bytes: Buffer) => status((done) => sftp.writeFile(path, bytes, done));
  const name = `/in/${batchName(first.header, first.digest)}`;

  const long = [];
  for (const length of [201, 5_000, 60_000]) long.push(await put(`/in/${"a".repeat(length)}`, Buffer.from("x")));
  await put("/in/a.part", first.bytes);
  const linked = [
    await status((done) => sftp.symlink("/etc/passwd", "/in/link", done)),
    await status((done) => sftp.symlink("/in/a.part", "/in/link", done)),
    await status((done) => sftp.readlink("/in/a.part", (error) => done(error))),
  ];
  const committed = await status((done) => sftp.rename("/in/a.part", name, done));
  await put("/in/b.part", second.bytes);
  const overwritten = await status((done) => sftp.rename("/in/b.part", name, done));

  expect(long).toEqual(Array(3).fill(PERMISSION_DENIED));
  expect(linked).toEqual(Array(3).fill(PERMISSION_DENIED));
  expect([committed, overwritten]).toEqual([0, FAILURE]);
  expect(portal.store.batches(product, STREAM).map((one) => one.digest)).toEqual([first.digest]);
});

test("an ident line that comes a byte at a time is cut at the deadline", async () => {
  await using portal = await FakePortal.start({ sshLimits: { preAuthMs: 500 } });
  const socket = connect(portal.ports.ssh, portal.host);
  const closed = closeOf(socket);
  const line = [..."SSH-2.0-slow"];
  const dribble = setInterval(() => socket.write(line.shift() ?? "x"), 20);
  onTestFinished(() => clearInterval(dribble));

  // It never ends its line; without the deadline this would wait for ever.
  await closed;

  expect(socket.destroyed).toBe(true);
});

test("a flood of sockets from one address does not keep a product at another one out", async () => {
  await using portal = await FakePortal.start({ sshLimits: { maxUnauthenticatedPerAddress: 3 } });
  const { to, logOn } = await logOnOf(portal);
  const flood = Array.from({ length: 40 }, () => {
    const socket = connect({ port: portal.ports.ssh, host: portal.host, localAddress: "127.0.0.2" });
    onTestFinished(() => void socket.destroy());
    return closeOf(socket);
  });

  // All beyond the three that the address may have are cut at once.
  await Promise.race(flood);
  const client = await dialSsh(to, logOn);
  client.end();

  await expect(once(client, "close")).resolves.toBeDefined();
});

test("passwords of a test log-on cannot be tried beyond the bound of a connection, the right one neither", async () => {
  await using portal = await FakePortal.start({ sshLimits: { maxTries: 3, refusalDelayMs: 1 } });
  const client = new ssh2.Client();
  const tried: string[] = [];
  const guesses = ["guess 1", "guess 2", "guess 3", portal.password];
  let isReady = false;
  client.on("ready", () => {
    isReady = true;
    client.end();
  });
  client.on("error", () => undefined);
  client.connect({
    host: portal.host,
    port: portal.ports.ssh,
    username: `test.${portal.userName}`,
    authHandler: (_left, _partial, next) => {
      const password = guesses.shift();
      if (password === undefined) return next(false as never);
      tried.push(password);
      next({ type: "password", username: `test.${portal.userName}`, password });
    },
  });

  await once(client, "close");

  expect(isReady).toBe(false);
  expect(tried.slice(0, 3)).toEqual(["guess 1", "guess 2", "guess 3"]);
});
