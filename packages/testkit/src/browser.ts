import { AxeBuilder } from "@axe-core/playwright";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { chromiumBinary } from "./browser-binary.ts";

/**
 * Chromium's arguments. Never the list of @sparticuz/chromium: it switches web security off. Without a sandbox,
 * because containers allow none; the rest keeps it from calling home: no name but loopback resolves.
 */
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-domain-reliability",
  "--disable-sync",
  "--no-pings",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
];

/** The levels that the consoles promise. */
const AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

export interface TestBrowser {
  /** A page in a context (cookies, storage) of its own. */
  newPage(options?: PageOptions): Promise<Page>;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface PageOptions {
  colorScheme?: "light" | "dark";
  viewport?: { width: number; height: number };
  locale?: string;
  timezoneId?: string;
}

/**
 * Opens Chromium from npm, no apt needed. The first run of a checkout unpacks it (2–4 s); a start takes about 1 s.
 *
 * ```ts
 * const browser = await openBrowser();                       // beforeAll
 * const page = await browser.newPage({ colorScheme: "dark" });
 * await page.goto(`${console}/#/products`);
 * expect(await axeViolations(page)).toEqual([]);
 * await browser.close();                                     // afterAll
 * ```
 *
 * Certificates of our own CAs are accepted; motion is reduced, so that axe never judges half a transition.
 * What a page complains about in its console, and its uncaught errors, are on `pageComplaints(page)`.
 */
export async function openBrowser(): Promise<TestBrowser> {
  const binary = await chromiumBinary();
  const browser = await chromium.launch({
    executablePath: binary.executable,
    headless: true,
    args: ARGUMENTS,
    env: { ...process.env, ...binary.env },
  });
  const close = () => browser.close();
  return { newPage: (options = {}) => newPage(browser, options), close, [Symbol.asyncDispose]: close };
}

async function newPage(browser: Browser, options: PageOptions): Promise<Page> {
  const context: BrowserContext = await browser.newContext({
    ignoreHTTPSErrors: true,
    reducedMotion: "reduce",
    viewport: { width: 1440, height: 900 },
    timezoneId: "UTC",
    ...options,
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  complaintsOf.set(page, complaints);
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  return page;
}

const complaintsOf = new WeakMap<Page, string[]>();

/** Errors and warnings that the page wrote into the browser's console since it was opened. */
export function pageComplaints(page: Page): readonly string[] {
  return complaintsOf.get(page) ?? [];
}

export interface AxeViolation {
  id: string;
  help: string;
  /** Selectors of at most five elements. */
  where: string[];
}

/**
 * What axe finds against WCAG 2.2 A and AA on the page as it stands; an empty list is what a test wants.
 *
 * @param judge `colours` looks at contrast alone: all that a second colour scheme of the same page can change.
 */
export async function axeViolations(page: Page, judge: "all" | "colours" = "all"): Promise<AxeViolation[]> {
  const axe = new AxeBuilder({ page });
  const { violations } = await (judge === "all" ? axe.withTags(AXE_TAGS) : axe.withRules(["color-contrast"])).analyze();
  return violations.map(({ id, help, nodes }) => ({
    id,
    help,
    where: nodes.slice(0, 5).map((node) => node.target.join(" ")),
  }));
}
