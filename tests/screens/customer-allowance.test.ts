import { openBrowser, type TestBrowser } from "@tms/testkit";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { portalAnswers } from "./fixtures/portal-answers.ts";
import { customerRef } from "./fixtures/portal-products.ts";
import { expectSound, openScreen, serveConsole, sidewaysPixels } from "./open-console.ts";

let browser: TestBrowser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

const ACME = `/customers/${customerRef("acme").id}`;
const flat = (text: string) => text.replace(/\s+/g, " ");

async function serve() {
  const server = await serveConsole("portal");
  onTestFinished(() => server.close());
  return server;
}

test.each(["light", "dark"] as const)(
  "limits and heartbeats say whose figure they are, and are changed, in %s",
  async (colorScheme) => {
    const server = await serve();
    const asked: unknown[] = [];
    const page = await openScreen(browser, server, ACME, { colorScheme });
    const panel = page.getByRole("region", { name: "What its products may send" });
    const text = flat(await panel.innerText());
    server.override({
      changeCustomer: (call) => {
        asked.push(call.body);
        return portalAnswers.getCustomer?.(call);
      },
    });

    await panel.getByRole("button", { name: "Change…" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Each product a day").fill("2");
    await dialog.getByLabel("Heartbeat every").fill("300");
    await expectSound(page, server);
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.waitFor({ state: "hidden" });

    expect(text).toContain("Each product a day 100 GiB the portal’s own figure");
    expect(text).toContain("A forensic package 512 MiB set for this customer");
    expect(text).toContain("Heartbeat every 1 min the portal’s own figure");
    expect(asked).toEqual([
      { limits: { bytesPerDay: 2 * 1024 ** 3, packageBytes: 512 * 1024 ** 2 }, heartbeat: { intervalSeconds: 300 } },
    ]);
  },
);

test("320 pixels are enough, also for the dialog", async () => {
  const server = await serve();
  const page = await openScreen(browser, server, ACME, { width: 320 });
  const onPage = await sidewaysPixels(page);

  await page.getByRole("button", { name: "Change…" }).click();
  await page.getByRole("dialog").getByLabel("Offline after").waitFor();

  expect([onPage, await sidewaysPixels(page)]).toEqual([0, 0]);
});
