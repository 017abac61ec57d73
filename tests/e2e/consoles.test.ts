import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { axeViolations, openBrowser, pageComplaints, type TestBrowser } from "@tms/testkit";
import type { Locator, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ANY_PORTS, type Installation, startInstallation } from "../../apps/cli/src/demo/installation.ts";
import type { LoopContext } from "../../apps/cli/src/demo/loop-context.ts";
import { demoCeremony } from "../../apps/cli/src/demo/once.ts";
import { endPlanted } from "../../apps/cli/src/demo/plant/plant.ts";
import { createSealedTruth } from "../../apps/cli/src/demo/sealed-truth.ts";
import { assess, detect, explain, report } from "../../apps/cli/src/demo/steps-threat.ts";
import { until } from "../../apps/cli/src/demo/until.ts";

// A person goes through the demo by hand, in a browser, on the real product, without a mouse on the main path.

const WALK_MS = 240_000;
/** No single wait on a page is longer; the walk as a whole is bounded by the test. */
const PAGE_MS = 40_000;
const PASSWORD = "a long enough password";

let directory: string;
let installation: Installation;
let browser: TestBrowser;
const planting: LoopContext["planting"] = [];

beforeAll(async () => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "tms-consoles-")));
  mkdirSync(join(directory, "out"));
  browser = await openBrowser();
});

afterAll(async () => {
  await browser?.close();
  await endPlanted(planting);
  await installation?.stop();
  rmSync(directory, { recursive: true, force: true });
});

test("a person sets up, registers, sees the threat, submits a case and follows it", { timeout: WALK_MS }, async () => {
  const said: string[] = [];
  const ceremony = await demoCeremony(directory);
  installation = await startInstallation(directory, ANY_PORTS, (line) => said.push(line));
  const [atPortal, atMitigator] = [await openConsole("light"), await openConsole("light")];

  await setUp(atPortal, String(installation.portal.ready().setUpLink), installation.portalConsole, "admin.owl");
  const password = await addCustomer(atPortal, JSON.stringify(ceremony.bundle));
  const details = await connectionDetails(atPortal);
  await setUp(
    atMitigator,
    String(installation.mitigator.ready().setUpLink),
    installation.mitigatorConsole,
    "admin.finch",
  );
  await registerByHand(atMitigator, details, password);
  const context = await letTheThreatHappen(ceremony);
  await seeTheThreat(atMitigator);
  await submitTheCase(atMitigator);
  await followAtThePortal(atPortal, context);

  expect([...serious(pageComplaints(atPortal)), ...serious(pageComplaints(atMitigator))]).toEqual([]);
});

/** The browser itself notes the one question that everybody asks before they are logged on. */
function serious(complaints: readonly string[]): string[] {
  return complaints.filter((text) => !text.includes("status of 401"));
}

async function openConsole(colorScheme: "light" | "dark"): Promise<Page> {
  const page = await browser.newPage({ colorScheme });
  page.setDefaultTimeout(PAGE_MS);
  return page;
}

async function expectSound(page: Page): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    expect(await axeViolations(page, colorScheme === "light" ? "all" : "colours")).toEqual([]);
  }
  await page.emulateMedia({ colorScheme: "light" });
}

/** Presses Tab until the element has the focus: what cannot be reached this way is not there for everybody. */
async function tabTo(page: Page, wanted: Locator): Promise<void> {
  await wanted.waitFor();
  for (let presses = 0; presses < 60; presses += 1) {
    if (await wanted.evaluate((element) => element === element.ownerDocument.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`Tab does not reach ${wanted}`);
}

async function pressed(page: Page, role: "button" | "link", name: string): Promise<void> {
  await tabTo(page, page.getByRole(role, { name, exact: true }).first());
  await page.keyboard.press("Enter");
}

async function typed(page: Page, label: string, text: string): Promise<void> {
  await tabTo(page, page.getByLabel(label, { exact: true }));
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type(text);
}

/** Chooses from a list by the arrow keys. */
async function chosen(page: Page, label: string, option: string): Promise<void> {
  await tabTo(page, page.getByRole("combobox", { name: label }));
  await page.keyboard.press("ArrowDown");
  await page.getByRole("option", { name: option, exact: true }).waitFor();
  for (let presses = 0; presses < 20; presses += 1) {
    const active = await page.locator("[data-combobox-selected]").first().innerText();
    if (active.trim() === option) return page.keyboard.press("Enter");
    await page.keyboard.press("ArrowUp");
  }
  throw new Error(`the arrow keys do not reach ${option}`);
}

async function titleIs(page: Page, title: string): Promise<void> {
  await page.locator("h1", { hasText: title }).waitFor();
}

async function setUp(page: Page, link: string, console: string, userName: string): Promise<void> {
  await page.goto(new URL(link, console).href);
  await titleIs(page, "Make the first administrator");
  await typed(page, "User name", userName);
  await typed(page, "Password", PASSWORD);
  await typed(page, "Password again", PASSWORD);
  await page.keyboard.press("Enter");
  await page.getByRole("navigation").first().waitFor();
}

async function addCustomer(page: Page, bundle: string): Promise<string> {
  await pressed(page, "link", "Customers");
  await titleIs(page, "Customers");
  await pressed(page, "button", "Add a customer");
  await page.getByLabel("Or paste customer.public.json").fill(bundle);
  await page.getByLabel("Service valid until").fill(`${new Date().getFullYear() + 2}-01-31`);
  await pressed(page, "button", "Add customer");
  const once = page.locator(".tms-secret-once");
  await once.waitFor();
  const password = await once.evaluate((element) => element.firstChild?.textContent ?? "");
  await pressed(page, "button", "Done");
  return password;
}

async function connectionDetails(page: Page): Promise<string> {
  await pressed(page, "link", "Example Works");
  await pressed(page, "link", "Connection details");
  await titleIs(page, "Connection details of Example Works");
  await expectSound(page);
  return (await page.locator("pre").innerText()).trim();
}

async function registerByHand(page: Page, details: string, password: string): Promise<void> {
  await pressed(page, "link", "Threat Management Services Portal");
  await titleIs(page, "Threat Management Services Portal");
  await pressed(page, "button", "Paste connection details");
  await page.getByLabel("Connection details (JSON)").fill(details);
  await pressed(page, "button", "Fill the form");
  await typed(page, "Password", password);
  await typed(page, "Registration email address", "security@example.com");
  await typed(page, "Name of this mitigator", "north-office");
  // The walk does not wait a quarter of an hour for the logs.
  await chosen(page, "Frequency", "Immediately");
  await pressed(page, "button", "Test Connection");
  await page.getByRole("button", { name: "Save", exact: true }).waitFor();
  await expectSound(page);
  await pressed(page, "button", "Save");
  await page.getByText("Registered, online").first().waitFor();
}

async function letTheThreatHappen(ceremony: LoopContext["ceremony"]): Promise<LoopContext> {
  await installation.atPortal.logOn({ body: { userName: "admin.owl", password: PASSWORD } });
  await installation.atMitigator.logOn({ body: { userName: "admin.finch", password: PASSWORD } });
  const truth = createSealedTruth(join(directory, "planter.sealed"));
  const context: LoopContext = { protocol: "ssl", seed: 7, installation, ceremony, truth, planting, found: {} };
  context.found.customer = ceremony.bundle.customer.id;
  await installation.enrolAgents();
  const { rows } = await until("the product", 20, async () => {
    const list = await installation.atPortal.listProducts({ query: {} });
    return list.rows.some(({ state }) => state === "online") ? list : null;
  });
  const [product] = rows;
  if (product !== undefined) context.found.product = product.id;
  for (const step of [detect, explain, assess, report]) await step(context);
  return context;
}

async function seeTheThreat(page: Page): Promise<void> {
  await pressed(page, "link", "Threat Event Log");
  await titleIs(page, "Threat Event Log");
  const row = page.getByRole("row").filter({ hasText: "Unresolved threats remain" }).first();
  await row.waitFor();
  await row.getByRole("link").first().focus();
  await page.keyboard.press("Enter");
  await titleIs(page, "Program that restores itself");
  await page.getByText("Waits for you").first().waitFor();
  const graph = page.getByRole("application", { name: "Root cause chain as a graph" });
  await page.locator(".tms-node").first().waitFor();
  await graph.focus();
  await page.keyboard.press("Home");
  await graph.getByText("first cause", { exact: false }).first().waitFor({ state: "attached" });
  await page.keyboard.press("End");
  await graph.getByText("detected here", { exact: false }).first().waitFor({ state: "attached" });
  await expectSound(page);
}

async function submitTheCase(page: Page): Promise<void> {
  await pressed(page, "button", "Submit a Case…");
  const dialog = page.getByRole("dialog", { name: "Submit a Case" });
  await dialog.waitFor();
  await dialog.getByLabel("Note for the experts").focus();
  await page.keyboard.type("It starts itself again.");
  await expectSound(page);
  await dialog.getByRole("button", { name: "Submit a Case" }).focus();
  await page.keyboard.press("Enter");
  await dialog.waitFor({ state: "hidden" });
  await page.getByText(/C-1 since/).waitFor();
}

async function followAtThePortal(page: Page, context: LoopContext): Promise<void> {
  await pressed(page, "link", "Registered Products");
  await titleIs(page, "Registered Products");
  await page.getByRole("row").filter({ hasText: "north-office" }).getByText("Online").waitFor();
  await expectSound(page);
  await page.goto(`${installation.portalConsole}/#/cases`);
  await titleIs(page, "Cases");
  await pressed(page, "link", "C-1");
  await page.getByText("The package arrived whole.", { exact: false }).waitFor();
  await page.getByText("tms case export", { exact: false }).first().waitFor();
  await expectSound(page);
  await page.goto(`${installation.portalConsole}/#/incidents`);
  await titleIs(page, "Incidents");
  await page
    .getByRole("link", { name: /Program that restores itself/ })
    .first()
    .focus();
  await page.keyboard.press("Enter");
  await page.getByText("What happened").waitFor();
  await page.getByText(/and is still there/).waitFor();
  await page.getByRole("button", { name: "Evidence 1", exact: true }).focus();
  await page.keyboard.press("Enter");
  await page
    .getByText(`path: ${context.found.planted?.payload.path ?? ""}`, { exact: false })
    .first()
    .waitFor();
  await expectSound(page);
}
