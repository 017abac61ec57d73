import { openBrowser, type TestBrowser } from "@tms/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { FixtureServer } from "./fixture-server.ts";
import { BODY, CHAIN, event, STORY } from "./fixtures/chain.ts";
import { PRODUCTS, productList } from "./fixtures/portal-products.ts";
import { HOSTILE } from "./fixtures/values.ts";
import { openScreen, serveConsole } from "./open-console.ts";

/** As it must be read: markup as text, every control and bidirectional character as an escape. */
const SHOWN = "<img src=x onerror=alert(1)>\\u{202E}fdp.exe\\u{1B}[31m {{name}} $t(brand)\\u{200B}";

let browser: TestBrowser;
let server: FixtureServer;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

test("a product's hostile name, host and reason are drawn as text", async () => {
  server = await serveConsole("portal");
  const [row] = PRODUCTS;
  const hostile = { ...row, name: HOSTILE, host: HOSTILE, stateReason: HOSTILE, address: HOSTILE, version: HOSTILE };
  server.override({ listProducts: () => productList([hostile as never]) });

  const page = await openScreen(browser, server, "/products");

  await page.getByText(SHOWN, { exact: true }).first().waitFor();
  expect(await page.getByText(SHOWN).count()).toBeGreaterThanOrEqual(5);
  expect(await page.locator("table img").count()).toBe(0);
  expect(await page.getByText("\u202E").count()).toBe(0);
  await server.close();
});

test("a hostile threat, path and command line are drawn as text on the event page and in its graph", async () => {
  server = await serveConsole("mitigator");
  const hostile = event(14, HOSTILE, { threatName: HOSTILE, detail: HOSTILE });
  const nodes = CHAIN.nodes.map((node) => ({
    ...node,
    image: `/tmp/${HOSTILE}`,
    path: `/tmp/${HOSTILE}`,
    reason: HOSTILE,
  }));
  server.override({
    getEvent: () => ({
      event: hostile,
      body: BODY,
      chain: { ...CHAIN, nodes },
      chainMissingReason: null,
      story: [...STORY, hostile],
      case: null,
      deployment: null,
      atPortalSince: null,
    }),
  });

  const page = await openScreen(browser, server, "/events/00000000-0000-7004-8000-000000000014");
  await page.locator(".tms-node").first().waitFor();

  expect(await page.locator("h1").innerText()).toBe(SHOWN);
  expect(await page.locator("main img").count()).toBe(0);
  expect(await page.evaluate("document.body.innerText.includes('\\u202E')")).toBe(false);
  expect(await page.evaluate("document.body.innerText.includes('\\u001B')")).toBe(false);
  await server.close();
});
