import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createLogger } from "../start/create-logger.ts";
import { createHttpServer } from "./create-http-server.ts";
import { serveConsole } from "./serve-console.ts";

async function openConsole() {
  const root = await mkdtemp(join(tmpdir(), "tms-console-"));
  const dist = join(root, "dist");
  await mkdir(join(dist, "assets"), { recursive: true });
  await writeFile(join(root, "secret.txt"), "outside");
  await writeFile(join(dist, "index.html"), "<!doctype html><title>Console</title>");
  await writeFile(join(dist, "favicon.svg"), "<svg xmlns='http://www.w3.org/2000/svg'/>");
  await writeFile(join(dist, "assets", "index-Ab12.js"), "export {};");
  await writeFile(join(dist, ".env"), "hidden");
  await symlink(join(root, "secret.txt"), join(dist, "link.txt"));
  const app = createHttpServer({ name: "console", log: createLogger({ name: "test", level: "error" }) });
  serveConsole(app, dist);
  return {
    app,
    dist,
    root,
    async [Symbol.asyncDispose]() {
      await app.close();
      await rm(root, { recursive: true });
    },
  };
}

test("the page is never cached, hashed files are for ever, and both carry the policy", async () => {
  await using console = await openConsole();

  const page = await console.app.inject("/");
  const script = await console.app.inject("/assets/index-Ab12.js");
  const icon = await console.app.inject("/favicon.svg");

  expect(page.body).toContain("<title>Console</title>");
  expect(page.headers["cache-control"]).toBe("no-cache");
  expect(page.headers["content-security-policy"]).toContain("script-src 'self'");
  expect(page.headers["content-security-policy"]).not.toMatch(/script-src[^;]*unsafe/);
  expect(script.headers["cache-control"]).toBe("public, max-age=31536000, immutable");
  expect(script.headers["content-type"]).toContain("javascript");
  expect(icon.statusCode).toBe(200);
});

test("what is not there is a problem that nobody caches", async () => {
  await using console = await openConsole();

  const answers = await Promise.all(
    ["/assets/index-Old1.js", "/api/v1/nothing", "/link/v1/nothing", "/some/page"].map((url) =>
      console.app.inject(url),
    ),
  );

  for (const answer of answers) {
    expect(answer.json().code).toBe("request.not_found");
    expect(answer.headers["cache-control"]).toBe("no-store");
  }
});

test("no path leads out of the folder or to hidden files", async () => {
  await using console = await openConsole();
  const paths = [
    "/../secret.txt",
    "/..%2fsecret.txt",
    "/%2e%2e/secret.txt",
    "/assets/../../secret.txt",
    "/assets/..%5c..%5csecret.txt",
    "/.env",
    "/link.txt",
    "//etc/passwd",
    "/%00",
    "/assets/%",
  ];

  const answers = await Promise.all(paths.map((url) => console.app.inject(url)));

  for (const answer of answers) {
    expect(answer.statusCode).toBeGreaterThanOrEqual(400);
    expect(answer.statusCode).toBeLessThan(500);
    expect(answer.body).not.toMatch(/outside|hidden|root:/);
  }
});

test("a console that was not built refuses the start", async () => {
  await using console = await openConsole();

  expect(() => serveConsole(console.app, join(console.root, "nowhere"))).toThrow(
    expect.objectContaining({ code: "start.package_missing" }),
  );
});
