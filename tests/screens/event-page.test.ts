import { openBrowser, type TestBrowser } from "@tms/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { FixtureServer } from "./fixture-server.ts";
import { expectSound, openScreen, serveConsole } from "./open-console.ts";

const PAGE = "/customers/00000000-0000-7001-8000-000000000001/events/00000000-0000-7004-8000-000000000014";

let browser: TestBrowser;
let server: FixtureServer;

beforeAll(async () => {
  browser = await openBrowser();
  server = await serveConsole("portal");
});
afterAll(async () => {
  await browser.close();
  await server.close();
});

test("a failure with an open case recommends no second one", async () => {
  const page = await openScreen(browser, server, PAGE);

  const recommended = page.locator(".tms-panel", { hasText: "Recommended action" });

  await recommended.getByRole("link", { name: "C-2042" }).waitFor();
  expect(await recommended.innerText()).not.toContain("Submit a case");
  await expectSound(page, server);
});

test("the graph leads from an entry back to what it would start again, and its table says the same", async () => {
  const page = await openScreen(browser, server, PAGE);

  await page.locator(".tms-edge-label", { hasText: "would start it again at every boot" }).waitFor();
  await page.getByRole("button", { name: "Table" }).click();

  await page.getByRole("cell", { name: "would start upd-helper again at every boot" }).waitFor();
  await expectSound(page, server);
});
