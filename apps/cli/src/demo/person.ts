import { readFile } from "node:fs/promises";
import { type AnyRoute, type ApiClient, createApiClient } from "@tms/contracts";
import { mitigatorRoutes } from "@tms/contracts/mitigator";
import { portalRoutes } from "@tms/contracts/portal";
import { Agent, fetch } from "undici";

// A person at a console, as far as the server can tell: HTTPS with the portal's or mitigator's own CA, a session cookie,
// the console's own origin.

/** The console's typed routes, and `download` for what is not JSON. */
export type Person<Routes extends Record<string, AnyRoute>> = ApiClient<Routes> & {
  download(path: string): Promise<Buffer>;
};
export type PortalPerson = Person<typeof portalRoutes>;
export type MitigatorPerson = Person<typeof mitigatorRoutes>;

export async function atPortal(consoleUrl: string, caFile: string): Promise<PortalPerson> {
  return atConsole(portalRoutes, consoleUrl, caFile);
}

export async function atMitigator(consoleUrl: string, caFile: string): Promise<MitigatorPerson> {
  return atConsole(mitigatorRoutes, consoleUrl, caFile);
}

async function atConsole<Routes extends Record<string, AnyRoute>>(
  routes: Routes,
  consoleUrl: string,
  caFile: string,
): Promise<Person<Routes>> {
  const dispatcher = new Agent({ connect: { ca: await readFile(caFile, "utf8") } });
  let cookie: string | null = null;
  const request = async (url: string, init: { method: string; headers?: Record<string, string>; body?: string }) => {
    const headers = { ...init.headers, origin: consoleUrl, ...(cookie === null ? {} : { cookie }) };
    const answer = await fetch(url, { ...init, headers, dispatcher, signal: AbortSignal.timeout(30_000) });
    const [given] = answer.headers.getSetCookie();
    if (given !== undefined) cookie = given.split(";")[0] ?? null;
    return answer;
  };
  const api = createApiClient(routes, {
    baseUrl: consoleUrl,
    fetch: async (url, init) => {
      const answer = await request(url, init);
      return { status: answer.status, text: () => answer.text() };
    },
  });
  return Object.assign(api, {
    download: async (path: string) => {
      const answer = await request(consoleUrl + path, { method: "GET" });
      if (answer.status !== 200) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
      return Buffer.from(await answer.arrayBuffer());
    },
  });
}
