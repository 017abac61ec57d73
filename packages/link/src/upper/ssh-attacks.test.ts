import { once } from "node:events";
import { connect } from "node:net";
import { type Epoch, newId } from "@tms/records";
import { FakeAgent, FakePortal, makeThreatEvent } from "@tms/testkit";
import type { Client, SFTPWrapper } from "ssh2";
import { describe, expect, test } from "vitest";
import { batchName } from "../batch/batch-header.ts";
import { type BatchPlace, sealBatch } from "../batch/seal-batch.ts";
import { dialSsh } from "../lower/dial-ssh.ts";
import { LineReader } from "../lower/line-reader.ts";
import { openChannel } from "../lower/ssh-batch-transport.ts";

const STREAM = "threat-events" as const;

async function speaker(portal: FakePortal) {
  const agent = await FakeAgent.create({ portal });
  const { product } = agent.identity;
  const epoch = newId<Epoch>();
  portal.store.announce(product, STREAM, epoch);
  const place: BatchPlace = { stream: STREAM, epoch, first: 0, previous: null };
  const to = { host: portal.host, port: portal.ports.ssh };
  const hostKeys = [portal.sshHostKey.fingerprint];
  const logOn = { username: product, privateKey: agent.keys.sshPrivateKey, hostKeys };
  const client = await dialSsh(to, logOn);
  return {
    agent,
    product,
    place,
    to,
    logOn,
    client,
    async [Symbol.asyncDispose]() {
      client.end();
      await agent.close();
    },
  };
}

function sftpOf(client: Client): Promise<SFTPWrapper> {
  return new Promise((resolve, reject) => client.sftp((error, sftp) => (error ? reject(error) : resolve(sftp))));
}

/** Runs one SFTP request; the status code of a refusal, 0 if it worked. */
function status(run: (done: (error?: Error | null) => void) => void): Promise<number> {
  return new Promise((resolve) => run((error) => resolve((error as { code?: number } | null | undefined)?.code ?? 0)));
}

function put(sftp: SFTPWrapper, path: string, bytes: Buffer): Promise<number> {
  return status((done) => sftp.writeFile(path, bytes, done));
}

function batch(place: BatchPlace) {
  return sealBatch(place, [JSON.stringify(makeThreatEvent()), JSON.stringify(makeThreatEvent())]);
}

test("put and rename deliver a batch; the answer stands in /out/position.json", async () => {
  await using portal = await FakePortal.start();
  await using by = await speaker(portal);
  const sftp = await sftpOf(by.client);
  const sealed = batch(by.place);
  const name = batchName(sealed.header, sealed.digest);

  await put(sftp, "/in/upload.part", sealed.bytes);
  const renamed = await status((done) => sftp.rename("/in/upload.part", `/in/${name}`, done));
  await put(sftp, "/in/again.part", sealed.bytes);
  const again = await status((done) => sftp.rename("/in/again.part", `/in/${name}`, done));
  const text = await new Promise<Buffer>((resolve, reject) =>
    sftp.readFile("/out/position.json", (error, bytes) => (error ? reject(error) : resolve(bytes))),
  );

  expect([renamed, again]).toEqual([0, 0]);
  expect(JSON.parse(text.toString())).toMatchObject({
    name,
    answer: { outcome: "duplicate", position: { next: 2, head: sealed.digest } },
  });
  expect(portal.store.batches(by.product, STREAM)).toHaveLength(1);
});

test("no SFTP name leads anywhere, and nothing can be read, listed or removed", async () => {
  await using portal = await FakePortal.start();
  await using by = await speaker(portal);
  const sftp = await sftpOf(by.client);
  const sealed = batch(by.place);
  const PERMISSION_DENIED = 3;
  const FAILURE = 4;
  await put(sftp, "/in/ok.part", sealed.bytes);

  const puts = [];
  for (const path of [
    "/in/../escape",
    "/etc/passwd",
    "/in/a/b",
    "/in/.hidden",
    "/out/position.json",
    "/in/\u0000x",
    "../../x",
  ]) {
    puts.push(await put(sftp, path, Buffer.from("x")));
  }
  const renames = [];
  for (const to of ["/etc/cron.d/x", "/in/../../x", "/out/x"]) {
    renames.push(await status((done) => sftp.rename("/in/ok.part", to, done)));
  }
  const noBatchName = await status((done) => sftp.rename("/in/ok.part", "/in/some-name", done));
  const read = await status((done) => sftp.readFile("/in/ok.part", (error) => done(error)));
  const removed = await status((done) => sftp.unlink("/in/ok.part", done));
  const listed = await new Promise<string[]>((resolve, reject) =>
    sftp.readdir("/in", (error, list) => (error ? reject(error) : resolve(list.map((one) => one.filename)))),
  );

  expect(new Set(puts)).toEqual(new Set([PERMISSION_DENIED]));
  expect(new Set(renames)).toEqual(new Set([PERMISSION_DENIED]));
  expect([noBatchName, read, removed]).toEqual([FAILURE, PERMISSION_DENIED, PERMISSION_DENIED]);
  expect(listed).toEqual([]);
  expect(portal.store.batches(by.product, STREAM)).toEqual([]);
});

test("a name that states another digest or place than the file is refused", async () => {
  await using portal = await FakePortal.start();
  await using by = await speaker(portal);
  const sftp = await sftpOf(by.client);
  const sealed = batch(by.place);
  const { header } = sealed;
  const FAILURE = 4;

  const refused = [];
  for (const name of [
    batchName(header, "0".repeat(64)),
    `${STREAM}.${header.epoch}.7.${sealed.digest}`,
    `audit.${header.epoch}.0.${sealed.digest}`,
  ]) {
    await put(sftp, "/in/x.part", sealed.bytes);
    refused.push(await status((done) => sftp.rename("/in/x.part", `/in/${name}`, done)));
  }

  expect(refused).toEqual([FAILURE, FAILURE, FAILURE]);
  expect(portal.store.batches(by.product, STREAM)).toEqual([]);
});

describe("exec", () => {
  test.each([
    ["no digest", "hello\n"],
    ["a length of 0", `${"0".repeat(64)} threat-events 0\n`],
    ["a length beyond the bound", `${"0".repeat(64)} threat-events 99999999999\n`],
    ["an unknown stream", `${"0".repeat(64)} mail 10\n`],
    ["a prefix without end", "x".repeat(300)],
  ])("a malformed frame prefix closes the channel: %s", async (_name, prefix) => {
    await using portal = await FakePortal.start();
    await using by = await speaker(portal);
    const channel = await openChannel(by.client, "tms-ingest");
    const lines = new LineReader(channel);
    const exited = once(channel, "exit");

    channel.write(prefix);
    const answer = JSON.parse(await lines.next(AbortSignal.timeout(10_000)));

    expect(answer.code).toBe("batch.length_malformed");
    expect((await exited)[0]).toBe(1);
  });

  test("a frame cut short is damaged, and nothing is stored", async () => {
    await using portal = await FakePortal.start();
    await using by = await speaker(portal);
    const channel = await openChannel(by.client, "tms-ingest");
    const lines = new LineReader(channel);
    const sealed = batch(by.place);

    channel.write(`${sealed.digest} ${STREAM} ${sealed.bytes.length}\n`);
    channel.end(sealed.bytes.subarray(0, 50));
    const answer = JSON.parse(await lines.next(AbortSignal.timeout(10_000)));

    expect(answer).toMatchObject({ outcome: "damaged", code: "batch.damaged" });
    expect(portal.store.batches(by.product, STREAM)).toEqual([]);
  });

  test.each(["/bin/sh", "tms-ingest; id", "scp -t /in", ""])("no other command runs: %s", async (command) => {
    await using portal = await FakePortal.start();
    await using by = await speaker(portal);

    await expect(openChannel(by.client, command)).rejects.toMatchObject({ code: "link.refused" });
  });

  test("a product revoked while connected is refused at its next batch", async () => {
    await using portal = await FakePortal.start();
    await using by = await speaker(portal);
    const channel = await openChannel(by.client, "tms-ingest");
    const lines = new LineReader(channel);
    const sealed = batch(by.place);
    portal.setRegistration(by.product, "revoked");

    channel.write(`${sealed.digest} ${STREAM} ${sealed.bytes.length}\n`);
    channel.write(sealed.bytes);
    const answer = JSON.parse(await lines.next(AbortSignal.timeout(10_000)));

    expect(answer.code).toBe("link.identity_revoked");
    expect(portal.store.batches(by.product, STREAM)).toEqual([]);
  });
});

describe("log-on", () => {
  test("an unknown key, a foreign user name and a shell are refused", async () => {
    await using portal = await FakePortal.start({ sshLimits: { refusalDelayMs: 1 } });
    await using by = await speaker(portal);
    await using other = await FakeAgent.create({ portal });

    const foreignKey = dialSsh(by.to, { ...by.logOn, privateKey: other.keys.sshPrivateKey });
    await expect(foreignKey).rejects.toMatchObject({ code: "link.identity_unknown" });
    const password = dialSsh(by.to, { username: by.product, password: "x", hostKeys: by.logOn.hostKeys });
    await expect(password).rejects.toMatchObject({ code: "link.credentials_wrong" });
    const shell = new Promise((resolve, reject) =>
      by.client.shell((error) => (error ? reject(error) : resolve("a shell"))),
    );

    await expect(shell).rejects.toBeInstanceOf(Error);
  });

  test("a test log-on may test and nothing else", async () => {
    await using portal = await FakePortal.start({ sshLimits: { refusalDelayMs: 1 } });
    const to = { host: portal.host, port: portal.ports.ssh };
    const hostKeys = [portal.sshHostKey.fingerprint];
    const logOn = { username: `test.${portal.userName}`, password: portal.password, hostKeys };
    const client = await dialSsh(to, logOn);

    const lines = new LineReader(await openChannel(client, "tms-test"));
    const answer = JSON.parse(await lines.next(AbortSignal.timeout(10_000)));
    const ingest = openChannel(client, "tms-ingest");
    await expect(ingest).rejects.toMatchObject({ code: "link.refused" });
    const wrong = dialSsh(to, { ...logOn, password: "guess" });
    await expect(wrong).rejects.toMatchObject({ code: "link.credentials_wrong" });
    client.end();

    expect(answer).toMatchObject({ accepts: true, role: "log-server" });
  });

  test("a foreign host key is refused before anything is sent", async () => {
    await using portal = await FakePortal.start();
    await using by = await speaker(portal);

    const dialled = dialSsh(by.to, { ...by.logOn, hostKeys: [`SHA256:${"A".repeat(43)}`] });

    await expect(dialled).rejects.toMatchObject({ code: "link.pin_mismatch" });
  });

  test("silent sockets beyond the bound are cut at once, the others at the deadline", async () => {
    await using portal = await FakePortal.start({ sshLimits: { maxUnauthenticatedPerAddress: 3, preAuthMs: 2000 } });
    const greeted = { count: 0 };
    const sockets = Array.from({ length: 8 }, () => connect(portal.ports.ssh, portal.host));
    const closed = sockets.map((socket) => {
      socket.on("error", () => undefined);
      socket.once("data", () => {
        greeted.count += 1;
      });
      return once(socket, "close");
    });

    await Promise.all(closed);

    expect(greeted.count).toBe(3);
  });
});
