import { fileURLToPath } from "node:url";
import { mitigatorRoutes } from "@tms/contracts/mitigator";
import { portalRoutes } from "@tms/contracts/portal";
import { axeViolations, pageComplaints, type TestBrowser } from "@tms/testkit";
import type { Page } from "playwright-core";
import { expect } from "vitest";
import { type FixtureServer, startFixtureServer } from "./fixture-server.ts";
import { mitigatorAnswers } from "./fixtures/mitigator-answers.ts";
import { portalAnswers } from "./fixtures/portal-answers.ts";

export type ConsoleName = "portal" | "mitigator";

/** The built console behind fixtures; `npm test` builds it first. */
export function serveConsole(name: ConsoleName): Promise<FixtureServer> {
  const dist = fileURLToPath(new URL(`../../apps/${name}-console/dist`, import.meta.url));
  return name === "portal"
    ? startFixtureServer({ routes: portalRoutes, answers: portalAnswers, dist })
    : startFixtureServer({ routes: mitigatorRoutes, answers: mitigatorAnswers, dist });
}

export interface OpenOptions {
  colorScheme?: "light" | "dark";
  width?: number;
  /** Part of the title to wait for, where a page has another one before its answer. */
  title?: string;
}

/** Opens a screen and waits until its title stands. */
export async function openScreen(
  browser: TestBrowser,
  server: FixtureServer,
  hash: string,
  options: OpenOptions = {},
): Promise<Page> {
  const page = await browser.newPage({
    colorScheme: options.colorScheme ?? "light",
    viewport: { width: options.width ?? 1440, height: 900 },
  });
  await page.goto(`${server.url}/#${hash}`);
  await page.locator("h1", options.title === undefined ? {} : { hasText: options.title }).waitFor();
  return page;
}

/** What every screen owes its readers: nothing in the console, nothing axe finds, no broken answer. */
export async function expectSound(page: Page, server: FixtureServer, judge: "all" | "colours" = "all"): Promise<void> {
  expect(await axeViolations(page, judge)).toEqual([]);
  expect(pageComplaints(page)).toEqual([]);
  expect(server.broken).toEqual([]);
}

/** How far the page can be moved sideways, in pixels; only tables and the graph may. */
export function sidewaysPixels(page: Page): Promise<number> {
  return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
}
