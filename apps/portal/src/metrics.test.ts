import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { request } from "node:https";
import { connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { PortalUnderTest } from "./portal-under-test.contract.ts";

const REFERENCE = new URL("../../../docs/reference/metrics.md", import.meta.url);

/** `name kind` of each row of the reference that this server answers. */
async function documented(server: string): Promise<string[]> {
  const rows = [...(await readFile(REFERENCE, "utf8")).matchAll(/^\| `(\w+)` \| (\w+) \| ([^|]+) \|/gm)];
  return rows.filter(([, , , servers]) => servers?.includes(server)).map(([, name, kind]) => `${name} ${kind}`);
}

test("the portal answers exactly the metrics that the reference lists, and counts what happened", async () => {
  const portal = await PortalUnderTest.start();
  onTestFinished(() => portal.close());
  const { statusServer, logServer } = portal.ready;
  await portal.setUp();
  await portal.raw("/api/v1/session", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ userName: "admin", password: "guessed and wrong" }),
  });
  const listeners = [`https://127.0.0.1:${statusServer?.port}`, `https://127.0.0.1:${logServer?.ssl.port}`];
  const headers = { "content-type": "application/json" };
  for (const path of ["heartbeat", "unregister"]) {
    await portal.raw(`${listeners[0]}/link/v1/${path}`, { method: "POST", headers, body: '{"v":"link/1"}' });
  }
  const silent = connect(logServer?.ssh.port ?? 0, "127.0.0.1");
  onTestFinished(() => void silent.destroy());
  await once(silent, "data");

  const { body } = await portal.raw("/metrics", { method: "GET", headers: {} });
  const elsewhere = await Promise.all(
    listeners.map((at) => portal.raw(`${at}/metrics`, { method: "GET", headers: {} })),
  );

  const text = body.toString("utf8");
  const answered = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name, kind]) => `${name} ${kind}`);
  expect(answered.sort()).toEqual((await documented("portal")).sort());
  expect(elsewhere.map(({ status }) => status)).toEqual([200, 200]);
  expect(text).toContain('tms_log_ons_refused_total{listener="console"} 1');
  expect(text).toMatch(/^tms_log_ons_refused_total\{listener="status-server"\} [12]$/m);
  expect(text).toContain('tms_connections_unfinished{listener="log-server-ssh"} 1');
  expect(text).toContain('tms_heartbeats_total{outcome="refused"} 1');
  expect(text).toContain('tms_index_backlog_records{stream="threat-events"} 0');
  expect(text).toContain('tms_batches_total{stream="threat-events",outcome="fork"} 0');
  expect(text).toMatch(/^tms_certificate_days_left\{certificate="own"\} [1-9]/m);
  expect(text).toMatch(/^tms_disk_free_ratio 0\.\d/m);
  expect(text).toContain("tms_metric_reads_failed_total 0");
});

test("from another address than those of the configuration there are no metrics", async () => {
  const portal = await PortalUnderTest.start();
  onTestFinished(() => portal.close());

  const status = await new Promise((resolve, reject) => {
    const asked = request(
      `${portal.ready.console}/metrics`,
      { ca: portal.caPem, localAddress: "127.0.0.9" },
      (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      },
    );
    asked.on("error", reject);
    asked.end();
  });

  expect(status).toBe(404);
});
