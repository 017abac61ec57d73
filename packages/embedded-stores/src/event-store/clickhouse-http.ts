import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import { type Engine, type EngineResult, TooManyStatements } from "./engine.ts";
import { declaredTypes, type ParameterValue, readParameter } from "./parameter.ts";
import { readStatement, type Statement, settingsOf } from "./statement.ts";

// The part of the ClickHouse HTTP interface that @clickhouse/client uses, over chDB. An answer is made whole before
// its first byte leaves, so an error always has a status of its own and none hides in the middle of rows.

/** A batch is at most 16 MiB of rows; a re-index sends a few of them at once. Compressed and plain alike. */
const BODY_BYTES = 64 * 1024 * 1024;

/** An error in ClickHouse's own words and numbers. */
class EngineRefusal extends Error {
  readonly code: number;
  readonly status: number;

  constructor(code: number, status: number, text: string) {
    super(text);
    this.code = code;
    this.status = status;
  }
}

export function createClickHouseHttp(deps: { engine: Engine; user: string; password: string }): Server {
  const server = createServer((request, response) => {
    void answer(deps, request, response);
  });
  // The client keeps connections; longer than its own idle time, so that it never writes into one that just closed.
  server.keepAliveTimeout = 65_000;
  return server;
}

async function answer(
  deps: { engine: Engine; user: string; password: string },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://127.0.0.1");
  try {
    if (url.pathname === "/ping") {
      response.writeHead(200, { "content-type": "text/plain" }).end("Ok.\n");
      return;
    }
    if (url.pathname !== "/") throw new EngineRefusal(404, 404, "There is nothing at this address.");
    if (!mayEnter(request, deps)) {
      throw new EngineRefusal(516, 403, `${deps.user}: Authentication failed. (AUTHENTICATION_FAILED)`);
    }
    const result = await execute(deps.engine, url.searchParams, await readBody(request));
    await sendResult(response, result, request);
  } catch (error) {
    sendError(response, error);
  }
}

/** Hashes of equal length are compared, so that neither length nor first difference shows in the time it takes. */
function mayEnter(request: IncomingMessage, deps: { user: string; password: string }): boolean {
  const [scheme, encoded] = (request.headers.authorization ?? "").split(" ");
  const given =
    scheme?.toLowerCase() === "basic" && encoded !== undefined
      ? Buffer.from(encoded, "base64").toString("utf8")
      : `${headerText(request, "x-clickhouse-user")}:${headerText(request, "x-clickhouse-key")}`;
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(`${deps.user}:${deps.password}`));
}

function headerText(request: IncomingMessage, name: string): string {
  const value = request.headers[name];
  return typeof value === "string" ? value : "";
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  if (request.headers["content-encoding"] !== "gzip" || body.length === 0) return body;
  try {
    return await promisify(gunzip)(body, { maxOutputLength: BODY_BYTES });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE") throw tooLarge();
    throw new EngineRefusal(354, 400, "The body is not valid gzip. (ZLIB_INFLATE_FAILED)");
  }
}

function tooLarge(): EngineRefusal {
  return new EngineRefusal(307, 413, `The body is over ${BODY_BYTES} bytes. (TOO_MANY_BYTES)`);
}

async function execute(engine: Engine, query: URLSearchParams, body: Buffer): Promise<EngineResult> {
  const settings = settingsOf(query);
  if (settings === null) throw new EngineRefusal(115, 400, "A setting has no plain name. (UNKNOWN_SETTING)");
  const database = query.get("database") ?? "default";
  if (database !== "default")
    throw new EngineRefusal(81, 404, `Database ${database} does not exist. (UNKNOWN_DATABASE)`);

  const inUrl = query.get("query");
  const sql = inUrl ?? body.toString("utf8");
  const withData = inUrl !== null && /^\s*insert\b/i.test(inUrl) && body.length > 0;
  const statement: Statement = readStatement(sql, withData, settings);
  const asked = { parameters: parametersOf(sql, query), format: query.get("default_format") ?? "TabSeparated" };
  switch (statement.kind) {
    case "refused":
      throw new EngineRefusal(48, 501, `${statement.reason}. (NOT_IMPLEMENTED)`);
    case "raw-insert":
      return engine.insert(statement, body);
    case "read":
      return engine.read(statement.sql, asked);
    case "write":
      return engine.write(statement.sql, asked);
  }
}

function parametersOf(sql: string, query: URLSearchParams): Record<string, ParameterValue> {
  const types = declaredTypes(sql);
  const parameters: Record<string, ParameterValue> = {};
  for (const [name, text] of query) {
    if (!name.startsWith("param_")) continue;
    const key = name.slice("param_".length);
    try {
      parameters[key] = readParameter(text, types.get(key) ?? "String");
    } catch (error) {
      throw new EngineRefusal(457, 400, `Parameter ${key}: ${String(error)}. (BAD_QUERY_PARAMETER)`);
    }
  }
  return parameters;
}

async function sendResult(response: ServerResponse, result: EngineResult, request: IncomingMessage): Promise<void> {
  const summary = { read_rows: String(result.readRows), written_rows: String(result.writtenRows) };
  const headers: Record<string, string> = {
    "content-type": "text/plain; charset=UTF-8",
    "x-clickhouse-summary": JSON.stringify(summary),
  };
  const zipped = /\bgzip\b/.test(headerText(request, "accept-encoding")) && result.bytes.length > 1024;
  const bytes = zipped ? await promisify(gzip)(result.bytes, { level: 1 }) : result.bytes;
  if (zipped) headers["content-encoding"] = "gzip";
  response.writeHead(200, { ...headers, "content-length": String(bytes.length) }).end(bytes);
}

function sendError(response: ServerResponse, error: unknown): void {
  const { code, status, text } = describe(error);
  response.writeHead(status, {
    "content-type": "text/plain; charset=UTF-8",
    "x-clickhouse-exception-code": String(code),
    // Whatever of the body was not read would be taken for the next request.
    connection: "close",
  });
  response.end(text);
}

function describe(error: unknown): { code: number; status: number; text: string } {
  if (error instanceof EngineRefusal) {
    return { code: error.code, status: error.status, text: `Code: ${error.code}. DB::Exception: ${error.message}\n` };
  }
  if (error instanceof TooManyStatements) {
    return {
      code: 202,
      status: 503,
      text: "Code: 202. DB::Exception: Too many statements wait. (TOO_MANY_SIMULTANEOUS_QUERIES)\n",
    };
  }
  const code = engineCode(error);
  const said = error instanceof Error ? error.message : String(error);
  const text = said.startsWith("Code: ") ? said : `Code: ${code}. DB::Exception: ${said} (UNKNOWN_EXCEPTION)`;
  return { code, status: 500, text: `${text.trim()}\n` };
}

function engineCode(error: unknown): number {
  if (typeof error === "object" && error !== null && "clickhouseCode" in error) {
    if (typeof error.clickhouseCode === "number") return error.clickhouseCode;
  }
  return 1002;
}
