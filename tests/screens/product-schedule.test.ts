import { openBrowser, type TestBrowser } from "@tms/testkit";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { PRODUCTS } from "./fixtures/portal-products.ts";
import { expectSound, openScreen, serveConsole } from "./open-console.ts";

let browser: TestBrowser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

async function openProduct(state: string) {
  const server = await serveConsole("portal");
  onTestFinished(() => server.close());
  const id = PRODUCTS.find((row) => row.state === state)?.id ?? "";
  return { server, id, page: await openScreen(browser, server, `/products/${id}`) };
}

test("a product's page says how often its logs leave, when next, and how the last run went", async () => {
  const online = await openProduct("online");
  const offline = await openProduct("offline");

  const panels = await Promise.all(
    [online, offline].map(({ page }) => page.getByRole("region", { name: "When logs leave" }).innerText()),
  );

  expect(await online.page.locator(".tms-facts").innerText()).toContain("over SSL, every 15 min");
  expect(panels[0]).toContain("10:00:04");
  expect(panels[0]).toContain("Sent");
  expect(panels[1]).toContain("Held up");
  expect(panels[1]).toContain("link.unreachable");
  await expectSound(offline.page, offline.server);
});

test("an administrator asks a product for its logs; one that sends nothing is not asked", async () => {
  const { server, id, page } = await openProduct("online");
  const disabled = await openProduct("sending-disabled");

  await page.getByRole("button", { name: "Ask for logs now" }).click();
  await page.getByText("Asked; they leave with its next heartbeat").waitFor();

  expect(server.calls.filter((call) => call.route === "askForLogs").map((call) => call.params.id)).toEqual([id]);
  expect(await disabled.page.getByRole("button", { name: "Ask for logs now" }).count()).toBe(0);
});
