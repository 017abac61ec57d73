import { openBrowser, type TestBrowser } from "@tms/testkit";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { FixtureProblem, type FixtureServer } from "./fixture-server.ts";
import { CONNECTION } from "./fixtures/mitigator-answers.ts";
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
const choose = async (page: Page, label: string, option: string) => {
  await page.getByRole("combobox", { name: label }).click();
  await page.getByRole("option", { name: option, exact: true }).click();
};
const bodyOf = (route: string) => server.calls.find((call) => call.route === route)?.body as Record<string, unknown>;

describe("frequency and bandwidth", () => {
  test("are chosen from the list, or typed, and saved in kbit/s", async () => {
    const page = await openScreen(browser, server, "/services/portal");

    await choose(page, "Frequency", "4 h");
    await choose(page, "Upload bandwidth", "Unlimited");
    await choose(page, "Download bandwidth", "Custom…");
    await page.getByLabel("Download bandwidth in kbit/s").fill("640");
    await page.getByText("saved: 15 min").waitFor();
    await page.getByText("saved: 2 Mbit/s").waitFor();
    await expectSound(page, server);
    await button(page, "Test Connection").click();
    await button(page, "Save").click();

    await expect
      .poll(() => bodyOf("savePortalConnection"))
      .toMatchObject({ settings: { frequencyMinutes: 240, uploadKbits: null, downloadKbits: 640 } });
  });

  test("a bandwidth that is none is told at its field", async () => {
    const page = await openScreen(browser, server, "/services/portal");
    await choose(page, "Upload bandwidth", "Custom…");
    await page.getByLabel("Upload bandwidth in kbit/s").fill("7");

    await button(page, "Test Connection").click();

    await page.getByText("Type 8 to 10000000 kbit/s.").waitFor();
    expect(bodyOf("testPortalConnection")).toBeUndefined();
    await expectSound(page, server);
  });

  test("Send now sends, and says so while it goes on", async () => {
    const page = await openScreen(browser, server, "/services/portal");
    // What it says from now on is another answer than the one that the page is opened with.
    await button(page, "Send now").waitFor();
    const last = CONNECTION.schedule?.lastRun;
    server.override({
      getPortalConnection: () => ({
        ...CONNECTION,
        schedule: { everyMinutes: 15, nextAt: null, lastRun: last == null ? null : { ...last, endedAt: null } },
      }),
    });

    await button(page, "Send now").click();

    await page.getByText("Sending…").waitFor();
    expect(server.calls.some((call) => call.route === "sendNow")).toBe(true);
  });

  test("enabling again asks what becomes of the time when sending was off", async () => {
    server.override({
      getPortalConnection: () => ({
        ...CONNECTION,
        settings: CONNECTION.settings === null ? null : { ...CONNECTION.settings, sending: false },
        state: "sending-disabled",
        schedule: null,
        disabled: { since: "2026-11-19T08:00:00.000Z", records: 14208 },
      }),
    });
    const page = await openScreen(browser, server, "/services/portal");

    await page.getByLabel("Send logs and data to Threat Management Services Portal").click({ force: true });
    await page.getByLabel(/^Send the 14208 records/).check();
    await expectSound(page, server);
    await button(page, "Test Connection").click();
    await button(page, "Save").click();

    await expect
      .poll(() => bodyOf("savePortalConnection"))
      .toMatchObject({ sendMeanwhile: true, settings: { sending: true } });
  });
});

describe("Proxy Settings", () => {
  const open = (colorScheme: "light" | "dark" = "light") =>
    openScreen(browser, server, "/services/proxy", { colorScheme });

  test("the password never comes to the browser, and stays as it is unless it is typed", async () => {
    const page = await open();
    await page.getByPlaceholder("Kept since 3 Mar 2026, never shown").waitFor();

    await page.getByLabel("Port", { exact: true }).fill("8080");
    await page.getByText("saved: 3128").waitFor();
    await expectSound(page, server);
    await button(page, "Save").click();

    await expect
      .poll(() => bodyOf("saveProxySettings"))
      .toEqual({ kind: "http", host: "proxy.acme.example", port: 8080, userName: "mitigator" });
  });

  test("a test goes through the typed values, and a refusal is shown", async () => {
    const page = await open("dark");
    await button(page, "SOCKS5").click();
    await button(page, "Test Connection").click();
    await page.getByText("Passed", { exact: true }).waitFor();
    expect(bodyOf("testProxySettings")).toMatchObject({ kind: "socks5", port: 3128 });
    await expectSound(page, server);

    server.override({ saveProxySettings: () => new FixtureProblem("proxy.password_again") });
    await button(page, "Save").click();

    await page.getByText("The stored password belongs to the saved proxy and user name.").waitFor();
  });

  test("none needs no other field, SOCKS4 has no password, and what is wrong is told at its field", async () => {
    const page = await open();
    await button(page, "SOCKS4").click();
    expect(await page.getByLabel("Password", { exact: true }).count()).toBe(0);
    await page.getByLabel("Port", { exact: true }).fill("99999");
    await button(page, "Save").click();
    await page.getByText("Type a port from 1 to 65535.").waitFor();
    await expectSound(page, server);

    await button(page, "None").click();
    expect(await page.getByLabel("Address").count()).toBe(0);
    await button(page, "Save").click();
    await expect.poll(() => bodyOf("saveProxySettings")).toEqual({ kind: "none" });
  });
});

test("the connection page says what is going on, what waits, and what went wrong with its cure", async () => {
  const page = await openScreen(browser, server, "/services/portal/connection");

  await page.getByText("Records wait for the next run").waitFor();
  const text = await page.locator("main").innerText();

  for (const part of [
    "proxy.acme.example:3128",
    "2000 kbit/s",
    "Threat events",
    "Root cause",
    "23 times since",
    "proxy.refused_target",
    "Ask whoever runs the proxy",
  ]) {
    expect(text).toContain(part);
  }
});
