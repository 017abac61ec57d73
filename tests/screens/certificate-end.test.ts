import { openBrowser, type TestBrowser } from "@tms/testkit";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { session } from "./fixtures/session.ts";
import { NOW } from "./fixtures/values.ts";
import { type ConsoleName, expectSound, openScreen, serveConsole } from "./open-console.ts";

let browser: TestBrowser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

async function frameText(name: ConsoleName, certificateEndsAt: string | null): Promise<string> {
  const server = await serveConsole(name);
  onTestFinished(() => server.close());
  server.override({ whoAmI: () => ({ ...session(name), certificateEndsAt }) });
  const page = await openScreen(browser, server, "/");
  await expectSound(page, server);
  return page.locator("body").innerText();
}

const inDays = (days: number) => new Date(new Date(NOW).getTime() + (days + 0.5) * 86_400_000).toISOString();

test.each(["portal", "mitigator"] as const)(
  "%s: every screen says that the console's certificate ends soon",
  async (name) => {
    const texts = [
      await frameText(name, null),
      await frameText(name, inDays(20)),
      await frameText(name, inDays(1)),
      await frameText(name, inDays(-2)),
    ];

    expect(texts.map((text) => /The console's certificate [^\n]*/.exec(text)?.[0] ?? null)).toEqual([
      null,
      "The console's certificate ends in 20 days",
      "The console's certificate ends in 1 day",
      "The console's certificate has expired",
    ]);
  },
);
