const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

export interface OriginFacts {
  method: string;
  host: string | undefined;
  origin: string | undefined;
  secFetchSite: string | undefined;
}

/**
 * Whether a browser sent this on behalf of another site.
 *
 * Every current browser names its site on unsafe methods. A request that carries neither header comes from a program,
 * which no other site can drive; the cookie's SameSite=Strict stands behind this check, not instead of it.
 */
export function isForeignOrigin({ method, host, origin, secFetchSite }: OriginFacts): boolean {
  if (SAFE_METHODS.has(method)) return false;
  // same-site is another origin too: a neighbour's host under the same domain, or another port of this machine.
  if (secFetchSite !== undefined && secFetchSite !== "same-origin" && secFetchSite !== "none") return true;
  if (origin === undefined) return false;
  return host === undefined || hostOf(origin) !== host.toLowerCase();
}

function hostOf(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host.toLowerCase() : null;
}
