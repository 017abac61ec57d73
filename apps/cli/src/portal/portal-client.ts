import { type ApiClient, createApiClient } from "@tms/contracts";
import { portalRoutes } from "@tms/contracts/portal";
import { AppError } from "@tms/records";
import { Agent, type Dispatcher, request } from "undici";
import type { ReadArguments } from "../shell/arguments.ts";
import { readInput, readSecret } from "../shell/files.ts";

/** Options of every command that speaks with a portal. */
export const PORTAL_OPTIONS = {
  portal: { type: "string" },
  ca: { type: "string" },
  user: { type: "string" },
  "password-file": { type: "string" },
} as const;
export const PORTAL_USAGE = "--portal URL --ca FILE --user NAME --password-file F";

export interface PortalClient {
  api: ApiClient<typeof portalRoutes>;
  /** The body of a GET as it comes; whoever asks reads it to its end or destroys it. */
  download(path: string): Promise<Dispatcher.ResponseData["body"]>;
  close(): Promise<void>;
}

const ANSWER_MS = 60_000;
/** No JSON answer of the portal is near this. */
const MAX_ANSWER_BYTES = 16_000_000;

/**
 * Logs on with a token for 12 hours that reaches an Expert's routes only. The portal's certificate is judged by the
 * given CA alone. No signature relies on what this client is told.
 *
 * @throws {AppError} `link.unreachable`, `cli.usage`, `cli.input_unreadable`; {ApiError} for what the portal refuses.
 */
export async function openPortal(args: ReadArguments): Promise<PortalClient> {
  const baseUrl = portalUrl(args.need("portal"));
  const ca = args.text("ca");
  const dispatcher = new Agent({
    connect: ca === undefined ? {} : { ca: await readInput(ca, { maxBytes: 1_000_000 }) },
    headersTimeout: ANSWER_MS,
    bodyTimeout: ANSWER_MS,
  });
  try {
    const anonymous = apiOf(baseUrl, dispatcher, {});
    const password = await readSecret(args.need("password-file"));
    const { token } = await anonymous.issueToken({ body: { userName: args.need("user"), password } });
    const headers = { authorization: `Bearer ${token}` };
    return {
      api: apiOf(baseUrl, dispatcher, headers),
      download: (path) => download(baseUrl + path, dispatcher, headers),
      close: () => dispatcher.close(),
    };
  } catch (error) {
    await dispatcher.close();
    throw error;
  }
}

function portalUrl(text: string): string {
  if (!URL.canParse(text) || new URL(text).protocol !== "https:") throw new AppError("cli.usage", { portal: text });
  return new URL(text).origin;
}

function apiOf(baseUrl: string, dispatcher: Dispatcher, headers: Record<string, string>) {
  return createApiClient(portalRoutes, {
    baseUrl,
    headers,
    fetch: async (url, init) => {
      const { statusCode, body } = await reach(url, {
        dispatcher,
        method: init.method as Dispatcher.HttpMethod,
        headers: init.headers,
        ...(init.body === undefined ? {} : { body: init.body }),
      });
      return { status: statusCode, text: () => textOf(body) };
    },
  });
}

async function download(url: string, dispatcher: Dispatcher, headers: Record<string, string>) {
  const { statusCode, body } = await reach(url, { dispatcher, method: "GET", headers });
  if (statusCode === 200) return body;
  await textOf(body);
  throw new AppError("package.unknown", { status: statusCode });
}

async function reach(
  url: string,
  options: Parameters<typeof request>[1],
): Promise<Pick<Dispatcher.ResponseData, "statusCode" | "body">> {
  try {
    return await request(url, options);
  } catch (error) {
    throw new AppError("link.unreachable", { url }, { cause: error });
  }
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw new AppError("link.unreachable", { reason: "the answer is too long" });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
