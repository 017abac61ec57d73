import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { createTestCa } from "@tms/testkit";
import { expect, onTestFinished, test } from "vitest";
import { PortalUnderTest } from "./portal-under-test.contract.ts";

/** Whether a TLS server's chain and name are good to somebody who trusts this CA alone. */
function isTrusted(at: { port: number }, ca: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port: at.port, ca }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

test("the operator's pair is for the console alone: products go on seeing the CA that they pinned", async () => {
  const directory = await mkdtemp(join(tmpdir(), "tms-pair-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  await using operator = await createTestCa({ name: "The operator's CA" });
  const { certPem, keyPem } = await operator.issueServer({ hosts: ["127.0.0.1"] });
  const consoleCertificate = { certFile: join(directory, "cert.pem"), keyFile: join(directory, "key.pem") };
  await writeFile(consoleCertificate.certFile, certPem);
  await writeFile(consoleCertificate.keyFile, keyPem);

  const portal = await PortalUnderTest.start({ consoleCertificate });
  onTestFinished(() => portal.close());

  const { statusServer, logServer } = portal.ready;
  const consolePort = Number(new URL(portal.ready.console ?? "").port);
  const ports = [consolePort, statusServer?.port ?? 0, logServer?.ssl.port ?? 0];
  const byOperator = await Promise.all(ports.map((port) => isTrusted({ port }, operator.caPem)));
  const byPortal = await Promise.all(ports.map((port) => isTrusted({ port }, portal.caPem)));
  expect({ byOperator, byPortal }).toEqual({ byOperator: [true, false, false], byPortal: [false, true, true] });
});
