import { openBrowser, type TestBrowser } from "@tms/testkit";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { PRODUCTS } from "./fixtures/portal-products.ts";
import { expectSound, openScreen, serveConsole } from "./open-console.ts";

let browser: TestBrowser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

test("a product that two machines speak as shows both of them and the cure; any other shows neither", async () => {
  const server = await serveConsole("portal");
  onTestFinished(() => server.close());
  const textOf = async (state: string) => {
    const page = await openScreen(browser, server, `/products/${PRODUCTS.find((row) => row.state === state)?.id}`);
    await expectSound(page, server);
    return page.locator("main").innerText();
  };

  const cloned = await textOf("clone-suspected");
  const single = await textOf("online");

  expect(cloned).toContain("mit-clinic");
  expect(cloned).toContain("copied-vm");
  expect(cloned).toContain("Register both anew");
  expect(single).not.toContain("Register both anew");
});

test("an administrator removes an endpoint's agent by typing its host", async () => {
  const server = await serveConsole("mitigator");
  onTestFinished(() => server.close());
  const typed: unknown[] = [];
  server.override({
    removeAgent: ({ body }) => {
      typed.push(body);
      return { removed: true };
    },
  });
  const page = await openScreen(browser, server, "/endpoints");
  await expectSound(page, server);

  await page.getByRole("button", { name: "Remove the agent of ws-0201" }).click();
  const confirm = page.getByRole("button", { name: "Remove ws-0201" });
  await confirm.click();
  const before = typed.length;
  await page.getByRole("dialog").getByRole("textbox").fill("ws-0201");
  await confirm.click();
  await page.getByRole("dialog").waitFor({ state: "detached" });

  expect(before).toBe(0);
  expect(typed).toEqual([{ typedName: "ws-0201" }]);
});

test("an administrator asks a product to renew its certificate", async () => {
  const server = await serveConsole("portal");
  onTestFinished(() => server.close());
  const asked: string[] = [];
  server.override({
    renewProduct: ({ params }) => {
      asked.push(String(params.id));
      return { asked: true };
    },
  });
  const id = PRODUCTS.find((row) => row.state === "online")?.id ?? "";
  const page = await openScreen(browser, server, `/products/${id}`);

  await page.getByRole("button", { name: "Renew now" }).click();
  await page.getByText("Asked; it renews with its next heartbeat").waitFor();

  expect(asked).toEqual([id]);
});
