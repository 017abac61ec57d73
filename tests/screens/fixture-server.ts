import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import type { AnyRoute } from "@tms/contracts";
import { ERRORS, type ErrorCode } from "@tms/records";

// A server that holds a built console and answers its routes from fixtures. Every answer passes the contract's own
// schema before it leaves, so that a screen is never tested against an answer that no server may give.

export interface FixtureCall {
  route: string;
  params: Record<string, string>;
  query: Record<string, string>;
  body: unknown;
}

/** What a fixture answers instead of a body: an error of the table. */
export class FixtureProblem {
  readonly code: ErrorCode;
  constructor(code: ErrorCode) {
    this.code = code;
  }
}

export type FixtureAnswers = Record<string, (call: FixtureCall) => unknown>;

export interface FixtureServer {
  url: string;
  calls: FixtureCall[];
  /** Answers that broke the contract, or routes that nobody answers; a test fails when there are any. */
  broken: string[];
  /** Replaces answers for one test. */
  override(answers: FixtureAnswers): void;
  /** Ends all answers until `resume`, as a dead server would. */
  silence(on: boolean): void;
  close(): Promise<void>;
}

const MIME: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".woff2": "font/woff2",
};

export async function startFixtureServer(parts: {
  routes: Record<string, AnyRoute>;
  answers: FixtureAnswers;
  dist: string;
}): Promise<FixtureServer> {
  const calls: FixtureCall[] = [];
  const broken: string[] = [];
  let overrides: FixtureAnswers = {};
  let silent = false;
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      broken.push(String(error));
      response.writeHead(500).end();
    });
  });
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://fixture");
    if (!url.pathname.startsWith("/api/")) return serveFile(parts.dist, url.pathname, response);
    if (silent) {
      response.destroy();
      return;
    }
    const found = matchRoute(parts.routes, request.method ?? "GET", url.pathname);
    if (found === null) {
      broken.push(`${request.method} ${url.pathname} is no route`);
      response.writeHead(404).end();
      return;
    }
    const text = await readBody(request);
    const call = {
      route: found.name,
      params: found.params,
      query: Object.fromEntries(url.searchParams),
      body: text === "" ? undefined : JSON.parse(text),
    };
    if (found.route.query !== undefined) found.route.query.parse(call.query);
    if (found.route.body !== undefined) found.route.body.parse(call.body);
    calls.push(call);
    const give = overrides[found.name] ?? parts.answers[found.name];
    if (give === undefined) broken.push(`${found.name} has no fixture`);
    const given = give?.(call);
    if (given instanceof FixtureProblem) return sendProblem(response, given.code);
    const checked = found.route.response?.safeParse(given);
    if (checked?.success === false) broken.push(`${found.name}: ${checked.error.message}`);
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(given));
  }
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    broken,
    override: (answers) => {
      overrides = answers;
    },
    silence: (on) => {
      silent = on;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function matchRoute(routes: Record<string, AnyRoute>, method: string, pathname: string) {
  for (const [name, route] of Object.entries(routes)) {
    if (route.method !== method) continue;
    const names: string[] = [];
    const pattern = route.path.replace(/:([A-Za-z]+)/g, (_whole, key: string) => {
      names.push(key);
      return "([^/]+)";
    });
    const match = new RegExp(`^${pattern}$`).exec(pathname);
    if (match === null) continue;
    const params = Object.fromEntries(names.map((key, index) => [key, decodeURIComponent(match[index + 1] ?? "")]));
    return { name, route, params };
  }
  return null;
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

async function serveFile(dist: string, pathname: string, response: ServerResponse): Promise<void> {
  const path = normalize(join(dist, pathname === "/" ? "index.html" : pathname));
  try {
    const bytes = await readFile(path);
    response.writeHead(200, { "content-type": MIME[extname(path)] ?? "application/octet-stream" }).end(bytes);
  } catch (error) {
    // The browser asks for what the console names; a missing file is seen as a failed screen.
    response.writeHead(404).end(String(error));
  }
}

function sendProblem(response: ServerResponse, code: ErrorCode): void {
  const row = ERRORS[code];
  response.writeHead(row.status, { "content-type": "application/problem+json" }).end(
    JSON.stringify({
      type: "about:blank",
      title: row.text,
      status: row.status,
      code,
      cure: row.cure,
      requestId: "7f3a-91c2",
    }),
  );
}
