import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Epoch, newId } from "@tms/records";
import { FakeAgent, FakePortal, makeThreatEvent } from "@tms/testkit";
import { expect, onTestFinished, test } from "vitest";
import { batchName } from "./batch/batch-header.ts";
import { sealBatch } from "./batch/seal-batch.ts";

// Deliveries by programs that are not ours, with nothing but what docs/protocol.md says.

const run = promisify(execFile);
const has = (tool: string) => spawnSync("sh", ["-c", `command -v ${tool}`]).status === 0;
const STREAM = "threat-events" as const;

async function vendor(portal: FakePortal) {
  const agent = await FakeAgent.create({ portal });
  const directory = await mkdtemp(join(tmpdir(), "tms-vendor-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const epoch = newId<Epoch>();
  portal.store.announce(agent.identity.product, STREAM, epoch);
  const records = [makeThreatEvent(), makeThreatEvent()];
  const sealed = sealBatch(
    { stream: STREAM, epoch, first: 0, previous: null },
    records.map((one) => JSON.stringify(one)),
  );
  const file = join(directory, "batch");
  await writeFile(file, sealed.bytes);
  return { agent, directory, records, sealed, file, product: agent.identity.product };
}

test("curl delivers a batch over HTTPS", async ({ skip }) => {
  if (!has("curl")) skip("curl is not installed");
  await using portal = await FakePortal.start();
  const { agent, directory, records, sealed, file, product } = await vendor(portal);
  await writeFile(join(directory, "ca.pem"), agent.identity.caPem);
  await writeFile(join(directory, "cert.pem"), agent.identity.certificatePem);
  await writeFile(join(directory, "key.pem"), agent.keys.tlsPrivatePem);
  const digest = Buffer.from(sealed.digest, "hex").toString("base64");

  const { stdout } = await run("curl", [
    ...["--silent", "--cacert", join(directory, "ca.pem")],
    ...["--cert", join(directory, "cert.pem"), "--key", join(directory, "key.pem")],
    ...["--header", "Content-Type: application/vnd.tms.batch", "--header", `Repr-Digest: sha-256=:${digest}:`],
    ...["--data-binary", `@${file}`, `https://127.0.0.1:${portal.ports.ssl}/link/v1/logs/${STREAM}`],
  ]);
  await agent.close();

  expect(JSON.parse(stdout)).toMatchObject({ outcome: "accepted", position: { next: 2, head: sealed.digest } });
  expect(await portal.records(product, STREAM)).toEqual(records);
});

test("OpenSSH sftp delivers a batch and ends", async ({ skip }) => {
  if (!has("sftp")) skip("sftp is not installed");
  await using portal = await FakePortal.start();
  const { agent, directory, records, sealed, file, product } = await vendor(portal);
  const key = join(directory, "key");
  await writeFile(key, agent.keys.sshPrivateKey, { mode: 0o600 });
  const name = batchName(sealed.header, sealed.digest);
  const answerFile = join(directory, "position.json");
  const commands = `put ${file} /in/batch.part\nrename /in/batch.part /in/${name}\nget /out/position.json ${answerFile}\n`;
  await writeFile(join(directory, "commands"), commands);

  await run(
    "sftp",
    [
      ...["-b", join(directory, "commands"), "-i", key, "-P", String(portal.ports.ssh)],
      ...["-o", "StrictHostKeyChecking=no", "-o", `UserKnownHostsFile=${join(directory, "known")}`],
      ...["-o", "IdentitiesOnly=yes", `${product}@127.0.0.1`],
    ],
    { timeout: 20_000 },
  );
  await agent.close();

  expect(JSON.parse(await readFile(answerFile, "utf8"))).toMatchObject({ name, answer: { outcome: "accepted" } });
  expect(await portal.records(product, STREAM)).toEqual(records);
});

test("OpenSSH ssh delivers framed batches to tms-ingest and ends with its status", async ({ skip }) => {
  if (!has("ssh")) skip("ssh is not installed");
  await using portal = await FakePortal.start();
  const { agent, directory, records, sealed, product } = await vendor(portal);
  const key = join(directory, "key");
  await writeFile(key, agent.keys.sshPrivateKey, { mode: 0o600 });
  const frame = Buffer.concat([Buffer.from(`${sealed.digest} ${STREAM} ${sealed.bytes.length}\n`), sealed.bytes]);
  const ingest = async (bytes: Buffer) => {
    const running = run(
      "ssh",
      [
        ...["-i", key, "-p", String(portal.ports.ssh), "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no"],
        ...["-o", `UserKnownHostsFile=${join(directory, "known")}`, "-o", "IdentitiesOnly=yes"],
        ...[`${product}@127.0.0.1`, "tms-ingest"],
      ],
      { timeout: 20_000 },
    );
    running.child.stdin?.end(bytes);
    const { stdout, code } = await running.then(
      (done) => ({ stdout: done.stdout, code: 0 }),
      // A refused frame ends with a status of its own; that is what is asked for here.
      (error: { stdout: string; code: number }) => error,
    );
    const lines = stdout.split("\n").filter((line) => line !== "");
    return { code, answers: lines.map((line) => JSON.parse(line) as object) };
  };

  const twice = await ingest(Buffer.concat([frame, frame]));
  const malformed = await ingest(Buffer.from("no frame\n"));
  await agent.close();

  expect(twice).toMatchObject({ code: 0, answers: [{ outcome: "accepted" }, { outcome: "duplicate" }] });
  expect(malformed).toMatchObject({ code: 1, answers: [{ code: "batch.length_malformed" }] });
  expect(await portal.records(product, STREAM)).toEqual(records);
});

test("OpenSSH scp puts a file with exit status 0, and delivers nothing, because it cannot rename", async ({ skip }) => {
  if (!has("scp")) skip("scp is not installed");
  await using portal = await FakePortal.start();
  const { agent, directory, file, product } = await vendor(portal);
  const key = join(directory, "key");
  await writeFile(key, agent.keys.sshPrivateKey, { mode: 0o600 });

  const copied = run(
    "scp",
    [
      ...["-s", "-i", key, "-P", String(portal.ports.ssh)],
      ...["-o", "StrictHostKeyChecking=no", "-o", `UserKnownHostsFile=${join(directory, "known")}`],
      ...["-o", "IdentitiesOnly=yes", file, `${product}@127.0.0.1:/in/batch.part`],
    ],
    { timeout: 20_000 },
  );

  await expect(copied).resolves.toBeDefined();
  await agent.close();
  expect(portal.store.batches(product, STREAM)).toEqual([]);
});
