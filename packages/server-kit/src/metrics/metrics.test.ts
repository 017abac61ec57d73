import { expect, onTestFinished, test } from "vitest";
import { createHttpServer } from "../http/create-http-server.ts";
import { createLogger } from "../start/create-logger.ts";
import { createMetrics, type Metrics } from "./create-metrics.ts";
import { registerMetricsRoute } from "./metrics-routes.ts";

const log = createLogger({ name: "test", level: "error" });

function serve(metrics: Metrics, from: string[]) {
  const app = createHttpServer({ name: "metered", log });
  onTestFinished(() => app.close());
  registerMetricsRoute(app, { metrics, from });
  return (remoteAddress: string, url = "/metrics") =>
    app.inject({ url, remoteAddress, headers: { "x-forwarded-for": "127.0.0.1", forwarded: "for=127.0.0.1" } });
}

test("only the named addresses are answered; to all others the page does not exist, whatever they say they are", async () => {
  const ask = serve(createMetrics(), ["127.0.0.1", "2001:db8::7"]);

  const allowed = await Promise.all(["127.0.0.1", "::ffff:127.0.0.1", "2001:db8:0::7"].map((from) => ask(from)));
  const refused = await Promise.all(["127.0.0.2", "192.0.2.1", "::1", "2001:db8::8"].map((from) => ask(from)));
  const unknown = await ask("192.0.2.1", "/nothing");

  expect(allowed.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200]);
  expect(allowed[0]?.headers["content-type"]).toContain("text/plain; version=0.0.4");
  expect(refused.map(({ statusCode }) => statusCode)).toEqual([404, 404, 404, 404]);
  expect({ ...refused[0]?.json(), requestId: "" }).toEqual({ ...unknown.json(), requestId: "" });
});

test("with no address named, nobody is answered", async () => {
  const ask = serve(createMetrics(), []);

  expect((await ask("127.0.0.1")).statusCode).toBe(404);
});

test("a label takes its declared values only, and begins with each of them at 0", async () => {
  const metrics = createMetrics();
  const count = metrics.counter({ name: "tms_fruit_total", help: "Fruit.", labels: { kind: ["apple", "pear"] } });
  metrics.read({ name: "tms_bowl", help: "Bowl.", labels: { kind: ["apple"] }, kind: "now" }, () => [
    { labels: { kind: "<script>" as "apple" }, value: 1 },
  ]);

  count({ kind: "apple" }, 2);
  const smuggle = () => count({ kind: "customer-clinic-main" as "apple" });

  expect(smuggle).toThrow(/not its own/);
  await expect(metrics.text()).rejects.toThrow(/not its own/);
});

test("a figure that cannot be read, or not in time, is left out and counted, and the others are answered", async () => {
  const metrics = createMetrics({ readWithinMs: 20 });
  const labels = {};
  metrics.read({ name: "tms_good", help: "Good.", labels, kind: "now" }, () => [{ labels, value: 7 }]);
  metrics.read({ name: "tms_grows_total", help: "Grows.", labels, kind: "total" }, () => [{ labels, value: 9 }]);
  metrics.read({ name: "tms_bad", help: "Bad.", labels, kind: "now" }, () => {
    throw new Error("postgres://owner:hunter2@db is away");
  });
  metrics.read({ name: "tms_hung", help: "Hung.", labels, kind: "now" }, () => new Promise(() => undefined));

  await metrics.text();
  const second = await metrics.text();

  expect(second).toContain("\ntms_good 7\n");
  expect(second).toContain("\ntms_grows_total 9\n");
  expect(second).not.toMatch(/^tms_(bad|hung) /m);
  expect(second).toMatch(/^tms_metric_reads_failed_total [2-4]$/m);
  expect(second).not.toContain("hunter2");
});
