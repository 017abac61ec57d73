import { existsSync, readdirSync } from "node:fs";
import { join, relative, sep } from "node:path";
import fastifyStatic from "@fastify/static";
import { AppError } from "@tms/records";
import type { FastifyInstance } from "fastify";
import { CONSOLE_POLICY } from "./security-headers.ts";

const FILE_ROUTE = {
  identity: { kind: "public", why: "the console's files hold no data; everything behind them asks for a session" },
  limit: { bodyBytes: 0, perMinute: 1200 },
} as const;

/** Vite puts a hash of the content into the names below this folder. */
const IMMUTABLE_FOLDER = "assets/";

/**
 * Serves a built console: `/` is the page (never cached), `/assets/…` are hashed files (cached for ever).
 * The consoles route by the fragment, so every other address is a file or nothing. The files are listed once, at the
 * start: no request can name anything else, whatever dots, slashes or escapes it holds.
 *
 * @throws {AppError} `start.package_missing` when the console was not built.
 */
export function serveConsole(app: FastifyInstance, distDirectory: string): void {
  if (!existsSync(join(distDirectory, "index.html"))) {
    throw new AppError("start.package_missing", { missing: join(distDirectory, "index.html"), build: "npm run build" });
  }
  void app.register(fastifyStatic, {
    root: distDirectory,
    serve: false,
    dotfiles: "deny",
    index: false,
    cacheControl: false,
  });
  app.get("/", { config: FILE_ROUTE }, (_request, reply) =>
    reply.header("content-security-policy", CONSOLE_POLICY).header("cache-control", "no-cache").sendFile("index.html"),
  );
  const files = filesOf(distDirectory);
  app.get("/*", { config: FILE_ROUTE }, (request, reply) => {
    const path = (request.params as { "*": string })["*"];
    if (!files.has(path)) throw new AppError("request.not_found");
    reply.header("content-security-policy", CONSOLE_POLICY);
    reply.header(
      "cache-control",
      path.startsWith(IMMUTABLE_FOLDER) ? "public, max-age=31536000, immutable" : "no-cache",
    );
    return reply.sendFile(path);
  });
}

/** Regular files only: a link could lead anywhere, and a hidden file is nobody's to read. */
function filesOf(directory: string): ReadonlySet<string> {
  const found = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)).split(sep).join("/"));
  return new Set(found.filter((path) => !path.split("/").some((part) => part.startsWith("."))));
}
