import { expect, onTestFinished, test } from "vitest";
import { PortalUnderTest } from "./portal-under-test.contract.ts";

test("every HTTPS listener says that the portal lives and that both stores answer, to a caller without log-on", async () => {
  const portal = await PortalUnderTest.start();
  onTestFinished(() => portal.close());
  const { console, statusServer, logServer } = portal.ready;
  const listeners = [console, `https://127.0.0.1:${statusServer?.port}`, `https://127.0.0.1:${logServer?.ssl.port}`];

  const answers = await Promise.all(
    listeners.flatMap((at) =>
      ["/livez", "/readyz"].map((path) => portal.raw(`${at}${path}`, { method: "GET", headers: {} })),
    ),
  );

  const parts = [
    { name: "postgresql", ok: true },
    { name: "event-store", ok: true },
  ];
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
  expect(answers.map(({ body }) => JSON.parse(body.toString("utf8")) as unknown)).toEqual(
    listeners.flatMap(() => [{ ok: true }, { ok: true, parts }]),
  );
});
