import { openBrowser, type TestBrowser } from "@tms/testkit";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { FixtureProblem, type FixtureServer } from "./fixture-server.ts";
import { openScreen, serveConsole } from "./open-console.ts";

let browser: TestBrowser;
let server: FixtureServer;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());
afterEach(() => server.close());

test("the chain is one tab stop: arrows follow it, Home finds the first cause, T shows the table", async () => {
  server = await serveConsole("mitigator");
  const page = await openScreen(browser, server, "/events/00000000-0000-7004-8000-000000000014", {
    title: "Program that restores itself",
  });
  const graph = page.getByRole("application", { name: "Root cause chain as a graph" });
  await page.locator(".tms-node").first().waitFor();
  await graph.focus();

  await page.keyboard.press("Home");
  await graph.getByText("invoice-open.sh, process", { exact: false }).waitFor({ state: "attached" });
  await page.keyboard.press("ArrowDown");
  await graph.getByText("fetch-tool, process, started by invoice-open.sh").waitFor({ state: "attached" });
  await page.keyboard.press("ArrowRight");
  await graph.getByText("203.0.113.77:443, network connection").waitFor({ state: "attached" });
  await page.keyboard.press("End");
  await graph.getByText("detected here", { exact: false }).first().waitFor({ state: "attached" });
  await page.keyboard.press("Enter");
  await page.waitForFunction("document.activeElement?.id === 'evidence'");
  await graph.focus();
  await page.keyboard.press("t");

  await page.getByRole("table").first().waitFor();
  expect(await graph.count()).toBe(0);
});

test("log-on works by keyboard alone and says what the server refused", async () => {
  server = await serveConsole("portal");
  server.override({
    whoAmI: () => new FixtureProblem("session.required"),
    logOn: () => new FixtureProblem("session.credentials_wrong"),
  });
  const page = await openScreen(browser, server, "/", { title: "Log on" });

  await page.getByLabel("User name").focus();
  await page.keyboard.type("operator.wren");
  await page.keyboard.press("Tab");
  await page.keyboard.type("not the password");
  await page.keyboard.press("Enter");

  await page.getByText("The user name and password do not belong together.").waitFor();
});

test("the set-up link asks for a long password twice and sends the token as text", async () => {
  server = await serveConsole("mitigator");
  const page = await openScreen(browser, server, "/setup?token=12345678901234567890", { title: "first administrator" });
  await page.getByLabel("User name").fill("admin.finch");
  await page.getByLabel("Password", { exact: true }).fill("long enough 42");
  await page.getByLabel("Password again").fill("long enough 42");

  await page.keyboard.press("Enter");

  await page.locator("h1", { hasText: "Threat Management" }).waitFor();
  const sent = server.calls.find((call) => call.route === "setUp");
  expect(sent?.body).toMatchObject({ token: "12345678901234567890", userName: "admin.finch" });
});

test("a dead server leaves the rows, and both the line and the top bar say so", async () => {
  server = await serveConsole("portal");
  const page = await openScreen(browser, server, "/products", { title: "Registered Products" });
  await page.getByText("depot-3", { exact: true }).waitFor();

  server.silence(true);
  await page.getByText(/^Not live since /).waitFor();
  await page.getByText(/The server does not answer\. Trying again/).waitFor();

  expect(await page.getByText("depot-3", { exact: true }).count()).toBe(1);
  server.silence(false);
  await page.getByText("Live", { exact: true }).waitFor();
});

test("no row enters or moves while the pointer is in the table; the newer ones wait above", async () => {
  server = await serveConsole("portal");
  const page = await openScreen(browser, server, "/cases", { title: "Cases" });
  await page.getByText("C-2042").hover();
  const { listCases } = await import("./fixtures/portal-answers.ts").then((file) => file.portalAnswers);
  server.override({
    listCases: (call) => {
      const list = listCases?.(call) as { rows: { id: string; shortId: string }[] };
      const [first] = list.rows;
      return {
        ...list,
        rows: [{ ...first, id: "00000000-0000-7006-8000-000000000077", shortId: "C-2077" }, ...list.rows],
      };
    },
  });

  await page.getByText("1 newer.").waitFor();
  expect(await page.getByText("C-2077").count()).toBe(0);
  await page.getByRole("button", { name: "Show", exact: true }).click();

  await page.getByText("C-2077").waitFor();
});
