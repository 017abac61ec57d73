import { openBrowser, type TestBrowser } from "@tms/testkit";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { productHistory } from "./fixtures/portal-history.ts";
import { PRODUCTS } from "./fixtures/portal-products.ts";
import { HOSTILE } from "./fixtures/values.ts";
import { expectSound, openScreen, serveConsole, sidewaysPixels } from "./open-console.ts";

let browser: TestBrowser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

const NORTH = `/products/${PRODUCTS.find((row) => row.name === "north-office")?.id}`;

async function serve() {
  const server = await serveConsole("portal");
  onTestFinished(() => server.close());
  return server;
}

test("the bands differ by height, say their sums to a screen reader, and stand as sentences below", async () => {
  const server = await serve();
  const page = await openScreen(browser, server, NORTH);
  const panel = page.getByRole("region", { name: "State" });
  const band = panel.getByRole("img", { name: /^Heartbeat: / });

  const named = await band.getAttribute("aria-label");
  const heights = await band
    .locator("span")
    .evaluateAll((parts) => [
      ...new Set(parts.map((part) => `${part.getAttribute("data-tone")} ${part.clientHeight}`)),
    ]);
  const text = (await panel.innerText()).replace(/\s+/g, " ");

  expect(named).toContain("offline for 2 h 38 min");
  expect(heights.sort()).toEqual(["fail 5", "gap 20", "ok 20", "wait 10"]);
  expect(text).toContain("No heartbeat for 3 h 8 min. Last known before: ready");
  expect(text).toContain("Came back with the same start, so this was an outage and not a restore.");
  expect(text).toContain("The portal itself was away. This time counts for nobody.");
  expect(text).toContain("Online, but could not start mitigation tasks. Its reason: its database does not answer");
});

test.each(["light", "dark"] as const)("the page is sound in %s, and 320 pixels are enough", async (colorScheme) => {
  const server = await serve();
  const wide = await openScreen(browser, server, NORTH, { colorScheme });
  await wide.getByText("counts for nobody").waitFor();
  await expectSound(wide, server);

  const narrow = await openScreen(browser, server, NORTH, { colorScheme, width: 320 });
  await narrow.getByText("counts for nobody").waitFor();

  expect(await sidewaysPixels(narrow)).toBeLessThanOrEqual(0);
});

test("of a product that is silent nothing is said to be so now: what it said last stands as last known", async () => {
  const server = await serve();
  const id = PRODUCTS.find((row) => row.state === "offline")?.id;
  const page = await openScreen(browser, server, `/products/${id}`);

  const known = (await page.getByRole("region", { name: "What is known" }).innerText()).replace(/\s+/g, " ");

  expect(known).toContain(
    "Last known ready, version 1.4.2 at 198.51.100.23, 73.2 MiB waiting in its spool, said 08:58:12",
  );
  expect(await page.locator("main").innerText()).not.toContain("ready to start mitigation tasks");
  await expectSound(page, server);
});

test("many incidents stand back behind one press, and foreign reasons are only text", async () => {
  const server = await serve();
  const one = productHistory().incidents.find((incident) => incident.kind === "not-ready");
  if (one === undefined) throw new Error("the fixture tells of one that could not mitigate");
  const lastKnown = { version: HOSTILE, host: HOSTILE, address: HOSTILE };
  const ready = { ok: false, reasons: [{ code: "x", text: HOSTILE }] };
  const incidents = Array.from({ length: 9 }, (_, hour) => ({
    ...one,
    kind: hour % 2 === 0 ? "not-ready" : "offline",
    from: `2026-11-20T0${hour}:00:00.000Z`,
    lastKnown: { ...lastKnown, ready },
  }));
  server.override({ productHistory: () => ({ ...productHistory(), incidents }) });
  const page = await openScreen(browser, server, NORTH);

  await page.getByRole("button", { name: "Show 4 older" }).click();

  expect(await page.locator(".tms-incidents > li").count()).toBe(9);
  expect(await page.locator("main img[src]").count()).toBe(0);
  await expectSound(page, server);
});
