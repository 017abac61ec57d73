import { openBrowser, type TestBrowser } from "@tms/testkit";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { FixtureProblem, type FixtureServer } from "./fixture-server.ts";
import { CONNECTION, SSH, SSL, TEST_FAILED } from "./fixtures/mitigator-answers.ts";
import { expectSound, openScreen, serveConsole } from "./open-console.ts";

let browser: TestBrowser;
let server: FixtureServer;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());
beforeEach(async () => {
  server = await serveConsole("mitigator");
});
afterEach(() => server.close());

const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });
const open = (colorScheme: "light" | "dark" = "light") =>
  openScreen(browser, server, "/services/portal", { colorScheme });

test("Save is offered only for exactly the values that passed, and sends their proof", async () => {
  const page = await open();
  expect(await button(page, "Save").count()).toBe(0);

  await button(page, "Test Connection").click();
  await button(page, "Save").waitFor();
  await page.getByLabel("Registration email address").fill("soc@acme.example");
  await button(page, "Save").waitFor({ state: "detached" });
  await page.getByText("for other values").waitFor();
  await page.getByLabel("Registration email address").fill("security@acme.example");
  await button(page, "Save").click();
  await page.getByText(/^Saved /).waitFor();

  const saved = server.calls.find((call) => call.route === "savePortalConnection");
  expect(saved?.body).toMatchObject({ testToken: "proof-of-these-values", settings: { protocol: "ssl" } });
  expect(saved?.body).not.toHaveProperty("confirmUntested");
  await expectSound(page, server);
});

test("a changed field says what is saved, and Discard brings it back", async () => {
  const page = await open();

  await page.getByRole("button", { name: "SSH" }).click();
  await page.getByLabel("Port", { exact: true }).first().fill("22");

  await page.getByText("saved: 443").waitFor();
  await page.getByText("saved: SSL").waitFor();
  await button(page, "Discard 2 changes").click();
  expect(await page.getByLabel("Port", { exact: true }).first().inputValue()).toBe("443");
});

test("pasted connection details fill the form, and the protocol chooses its own address", async () => {
  server.override({
    getPortalConnection: () => ({
      ...CONNECTION,
      settings: null,
      registration: null,
      passwordKeptSince: null,
      state: "not-registered",
    }),
  });
  const page = await open();
  await button(page, "Paste connection details").click();
  await page.getByLabel("Connection details (JSON)").fill(detailsText());
  await button(page, "Fill the form").click();

  await page.getByText("Certificate authority").waitFor();

  expect(await page.getByLabel("Address").first().inputValue()).toBe(SSL.logServer.host);
  expect(await page.getByLabel("User name").inputValue()).toBe("acme-products");
  await page.getByRole("button", { name: "SSH" }).click();
  expect(await page.getByLabel("Port", { exact: true }).first().inputValue()).toBe(String(SSH.logServer.port));
});

test("a failed step opens with its cure, and nothing can be saved as tested", async () => {
  server.override({ testPortalConnection: () => TEST_FAILED, getConnectionTest: () => TEST_FAILED });
  const page = await open("dark");

  await button(page, "Test Connection").click();

  await page.getByText("The server does not answer.").waitFor();
  await page.getByText("Check address and port, and that the server runs.").waitFor();
  await page.getByText("Not run: TCP failed").first().waitFor();
  expect(await button(page, "Save").count()).toBe(0);
  await button(page, "Cancel test").waitFor();
  await expectSound(page, server);
});

test("saving changed values untested asks, says that it is audited, and begins on Cancel", async () => {
  const page = await open();
  expect(await button(page, "Save untested…").count()).toBe(0);

  await page.getByLabel("Port", { exact: true }).first().fill("22");
  await button(page, "Save untested…").click();
  const dialog = page.getByRole("dialog", { name: "Save untested values" });
  await dialog.waitFor();

  expect(await dialog.innerText()).toContain("audit log");
  await page.waitForFunction("document.activeElement?.textContent === 'Cancel'");
  await expectSound(page, server);
  await button(page, "Save untested values").click();
  await dialog.waitFor({ state: "detached" });
  const saved = server.calls.find((call) => call.route === "savePortalConnection");
  expect(saved?.body).toMatchObject({ confirmUntested: true });
});

test("turning sending off asks first and says what stops", async () => {
  const page = await open();

  await page.getByLabel("Send logs and data to Threat Management Services Portal").click({ force: true });
  await button(page, "Turn sending off…").click();
  const dialog = page.getByRole("dialog", { name: "Turn sending off" });
  await dialog.waitFor();

  expect(await dialog.innerText()).toContain("no logs leave");
  await expectSound(page, server);
});

test("Unregister needs the typed name and shows what the server refuses", async () => {
  server.override({ unregister: () => new FixtureProblem("link.unreachable") });
  const page = await open();
  await button(page, "Unregister…").click();
  const dialog = page.getByRole("dialog", { name: "Unregister north-office" });

  await button(page, "Unregister north-office").click();
  await dialog.getByText("This is not the name above.").waitFor();
  await expectSound(page, server);
  expect(server.calls.some((call) => call.route === "unregister")).toBe(false);
  await dialog.getByLabel("Type north-office to confirm").fill("north-office");
  await button(page, "Unregister north-office").click();

  await dialog.getByText("The server does not answer.").waitFor();
});

test("a form in error names each field, focuses the first and satisfies axe in light and dark", async () => {
  for (const colorScheme of ["light", "dark"] as const) {
    const page = await open(colorScheme);
    await page.getByLabel("Port", { exact: true }).first().fill("99999");
    await page.getByLabel("Registration email address").fill("nobody");

    await button(page, "Test Connection").click();

    await page.getByText("Type a port from 1 to 65535.").waitFor();
    await page.getByText("Type an email address.").waitFor();
    await page.waitForFunction("document.activeElement?.value === '99999'");
    await expectSound(page, server);
    await page.context().close();
  }
});

function detailsText(): string {
  return JSON.stringify({
    schema: "tms.connection/1",
    customer: { id: "00000000-0000-7001-8000-000000000001", name: "acme" },
    statusServer: SSL.statusServer,
    logServer: { ssl: SSL.logServer, ssh: SSH.logServer },
    caPins: SSL.caPins,
    sshHostKeys: SSL.sshHostKeys,
    patternRoot: SSL.patternRoot,
    userName: SSL.userName,
  });
}
