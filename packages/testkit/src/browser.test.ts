import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { axeViolations, openBrowser, pageComplaints, type TestBrowser } from "./browser.ts";

const PAGES: Record<string, string> = {
  "/good":
    '<!doctype html><html lang="en"><head><title>Good</title></head><body><main><h1>Good</h1></main></body></html>',
  "/bad": "<!doctype html><html><body><img src='data:,'><script>throw new Error('planted')</script></body></html>",
};
const server = createServer((request, response) => {
  response.setHeader("content-type", "text/html").end(PAGES[request.url ?? ""] ?? "");
});
const opened: { browser: TestBrowser | null; base: string } = { browser: null, base: "" };

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  opened.base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  opened.browser = await openBrowser();
});

afterAll(async () => {
  await opened.browser?.close();
  server.close();
});

async function pageAt(path: string) {
  if (opened.browser === null) throw new Error("The browser is not open.");
  const page = await opened.browser.newPage();
  await page.goto(opened.base + path);
  return page;
}

test("axe finds nothing on a page that is right", async () => {
  const page = await pageAt("/good");

  expect(await axeViolations(page)).toEqual([]);
  expect(pageComplaints(page)).toEqual([]);
});

test("axe and the page's own complaints find what is wrong", async () => {
  const page = await pageAt("/bad");

  const found = (await axeViolations(page)).map(({ id }) => id);
  expect(found).toContain("image-alt");
  expect(found).toContain("html-has-lang");
  expect(pageComplaints(page).join()).toContain("planted");
});

test("no page reaches beyond loopback", async () => {
  const page = await pageAt("/good");

  await expect(page.goto("http://example.com/")).rejects.toThrow("ERR_NAME_NOT_RESOLVED");
});
