import { openBrowser, type TestBrowser } from "@tms/testkit";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FixtureServer } from "./fixture-server.ts";
import { type ConsoleName, expectSound, serveConsole, sidewaysPixels } from "./open-console.ts";

const EVENT = "00000000-0000-7004-8000-000000000014";
const ACME = "00000000-0000-7001-8000-000000000001";

const SCREENS: Record<ConsoleName, [string, string][]> = {
  portal: [
    ["/products", "Registered Products"],
    ["/products/00000000-0000-7002-8000-000000000007", "north-office"],
    ["/customers", "Customers"],
    [`/customers/${ACME}`, "acme"],
    [`/customers/${ACME}/connection-details`, "Connection details of acme"],
    [`/events?customer=${ACME}`, "Threat Event Log"],
    [`/customers/${ACME}/events/${EVENT}`, "Program that restores itself"],
    ["/cases", "Cases"],
    ["/cases/C-2042", "C-2042"],
    ["/patterns", "Patterns"],
    ["/patterns/CP-0417/1", "Removes upd-helper and its crontab line"],
    ["/compatibility", "Compatibility"],
    ["/incidents", "Incidents"],
    ["/incidents/I-0318", "A false invoice installed a program that restores itself"],
  ],
  mitigator: [
    ["/", "Threat Management"],
    ["/events", "Threat Event Log"],
    [`/events/${EVENT}`, "Program that restores itself"],
    ["/endpoints", "Endpoints"],
    ["/cases", "Cases"],
    ["/patterns", "Patterns"],
    ["/mitigation-settings", "Mitigation Settings"],
    ["/services/portal", "Threat Management Services Portal"],
    ["/services/portal/connection", "Threat Management Services Portal"],
    ["/services/portal/compatibility", "Threat Management Services Portal"],
    ["/services/proxy", "Proxy Settings"],
  ],
};

describe.each(["portal", "mitigator"] as const)("every screen of the %s console", (name) => {
  let browser: TestBrowser;
  let server: FixtureServer;
  // One page for all screens of a console: people do not load it anew for each either.
  let page: Page;
  beforeAll(async () => {
    browser = await openBrowser();
    server = await serveConsole(name);
    page = await browser.newPage();
  });
  afterAll(async () => {
    await browser.close();
    await server.close();
  });

  test.each(SCREENS[name])("%s satisfies axe in light and dark and fits 320 pixels", async (hash, title) => {
    await page.emulateMedia({ colorScheme: "light" });
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.goto(`${server.url}/#${hash}`);
    await page.locator("h1", { hasText: title }).waitFor();

    await expectSound(page, server);
    await page.emulateMedia({ colorScheme: "dark" });
    await expectSound(page, server, "colours");
    await page.setViewportSize({ width: 320, height: 900 });
    const sideways = await sidewaysPixels(page);

    expect(sideways).toBeLessThanOrEqual(0);
  });
});
