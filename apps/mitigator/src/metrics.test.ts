import { readFile } from "node:fs/promises";
import { FakePortal, makeThreatEvent } from "@tms/testkit";
import { expect, test } from "vitest";
import { enrolAgent, makeDatabase, register, startTestSite, until } from "./test-site.contract.ts";

const REFERENCE = new URL("../../../docs/reference/metrics.md", import.meta.url);

/** `name kind` of each row of the reference that this server answers. */
async function documented(server: string): Promise<string[]> {
  const rows = [...(await readFile(REFERENCE, "utf8")).matchAll(/^\| `(\w+)` \| (\w+) \| ([^|]+) \|/gm)];
  return rows.filter(([, , , servers]) => servers?.includes(server)).map(([, name, kind]) => `${name} ${kind}`);
}

test("the mitigator answers exactly the metrics that the reference lists, with link, spool and agents", async () => {
  const portal = await FakePortal.start();
  const site = await startTestSite({ database: await makeDatabase() });
  const ask = async () => (await site.console.inject("/metrics")).body;
  const before = await ask();
  await register(site, portal);
  const { token } = await site.api.makeEnrolmentToken({ body: { uses: 1, validHours: 1 } });
  const agent = await enrolAgent(token);
  await agent.spool.append("threat-events", [makeThreatEvent()]);
  await until(async () => (await site.api.listEvents({ query: {} })).total === 1);

  const after = await until(async () => {
    const text = await ask();
    return text.includes("tms_agents_connected 1") && text.includes('tms_link_state{state="connected"} 1')
      ? text
      : null;
  });
  await agent.stop();
  await site.remove();
  await portal.close();

  const answered = [...after.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name, kind]) => `${name} ${kind}`);
  expect(answered.sort()).toEqual((await documented("mitigator")).sort());
  expect(before).toContain('tms_link_state{state="awaited"} 1');
  expect(before).toContain("tms_agents_connected 0");
  expect(after).toMatch(/^tms_spool_records\{stream="threat-events"\} \d+$/m);
  expect(after).toMatch(/^tms_connections_open\{listener="agents"\} [1-9]/m);
});
