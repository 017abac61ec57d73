import { readFile } from "node:fs/promises";
import { openBrowser, type TestBrowser } from "@tms/testkit";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { PRODUCTS } from "./fixtures/portal-products.ts";
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

const flat = (text: string) => text.replace(/\s+/g, " ");

test("the certificate says how long it is valid, when it renews, and the keys that the product is known by", async () => {
  const server = await serve();
  const page = await openScreen(browser, server, NORTH);
  const panel = page.getByRole("region", { name: "Certificate" });

  const text = flat(await panel.innerText());

  expect(text).toContain("Valid 64 more days");
  expect(text).toMatch(/today .*renews 28 Dec 2026 29 Oct 2026 27 Jan 2027/);
  expect(text).toMatch(/TLS key .* SSH key .* Signing key 30aa97…449f00 /);
  expect(text).toContain("Portal’s CA pinned from connection details, confirmed Renewed 4 times without anyone’s help");
  expect(await panel.getByRole("img", { name: "Valid from 29 Oct 2026 to 27 Jan 2027" }).count()).toBe(1);
  expect(await panel.getByRole("button", { name: /Copy/ }).count()).toBe(3);
});

test("a product that nobody pinned says that its CA is not confirmed", async () => {
  const server = await serve();
  const id = PRODUCTS.find((row) => row.state === "unconfirmed")?.id;
  const page = await openScreen(browser, server, `/products/${id}`);

  const text = flat(await page.getByRole("region", { name: "Certificate" }).innerText());

  expect(text).toContain("not pinned: nobody confirmed its fingerprint");
});

test("completeness names epochs, bridged outages and what waits at the product, each with its time", async () => {
  const server = await serve();
  const page = await openScreen(browser, server, NORTH);
  await page.getByText("outages bridged").waitFor();

  const text = flat(await page.getByRole("region", { name: "Completeness" }).first().innerText());
  const facts = flat(await page.locator(".tms-facts").innerText());

  expect(text).toMatch(/2 outages bridged since Tue 17 Nov/);
  expect(text).toMatch(/threat-events epoch [0-9a-f]{4}…[0-9a-f]{4}/);
  expect(text).toContain("Sealed up to");
  expect(text).toContain("7 records of root-cause lost Sat 21 Nov 02:10:04 to 02:14:51 Cause: spool-full");
  expect(facts).toMatch(/Waiting at the product 214 records oldest 09:45:13, 73.2 MiB in its spool/);
  expect(facts).toMatch(/Agents 212 counted by the product at 09:46:21/);
});

test.each(["light", "dark"] as const)(
  "a signed certificate is downloaded, and the command judges it, in %s",
  async (colorScheme) => {
    const server = await serve();
    const asked: unknown[] = [];
    server.override({
      certifyCompleteness: ({ body }) => {
        asked.push(body);
        return {
          fileName: "completeness.jsonl",
          content: "signed lines\n",
          head: "4f".repeat(32),
          caPin: "9c".repeat(32),
          sums: { sealed: 48_217, received: 48_210, unreadable: 0, lost: 7, erased: 0, waiting: 0 },
        };
      },
    });
    const page = await openScreen(browser, server, NORTH, { colorScheme });

    await page.getByRole("button", { name: "Signed certificate for a period…" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("First day").fill("2026-11-24");
    await dialog.getByLabel("Last day").fill("2026-11-01");
    await dialog.getByText("Choose a first day that is not after the last one.").waitFor();
    await expectSound(page, server);
    await dialog.getByRole("button", { name: "Sign and download" }).click();
    await dialog.getByLabel("First day").fill("2026-11-01");
    await dialog.getByLabel("Last day").fill("2026-11-24");
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      dialog.getByRole("button", { name: "Sign and download" }).click(),
    ]);
    await dialog.getByRole("status").waitFor();
    const said = flat(await dialog.innerText());

    expect(asked).toEqual([{ from: "2026-11-01T00:00:00.000Z", to: "2026-11-25T00:00:00.000Z" }]);
    expect(download.suggestedFilename()).toBe("completeness.jsonl");
    expect(await readFile(await download.path(), "utf8")).toBe("signed lines\n");
    expect(said).toContain("48,210 of 48,217 records received, 7 lost, 0 unreadable, 0 erased by retention.");
    expect(said).toContain(`npx --no tms verify completeness.jsonl --root ${"9c".repeat(32)}`);
    await expectSound(page, server);
  },
);

test.each([320, 400])("%i pixels are enough for the page and for the dialog", async (width) => {
  const server = await serve();
  const page = await openScreen(browser, server, NORTH, { width });
  await page.getByText("outages bridged").waitFor();
  const onPage = await sidewaysPixels(page);

  await page.getByRole("button", { name: "Signed certificate for a period…" }).click();
  await page.getByRole("dialog").getByLabel("First day").waitFor();

  expect([onPage, await sidewaysPixels(page)]).toEqual([0, 0]);
});
