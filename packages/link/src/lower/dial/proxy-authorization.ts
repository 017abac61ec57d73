import { createHash, randomBytes } from "node:crypto";
import { AppError } from "@tms/records";
import type { ProxySettings } from "./proxy-settings.ts";

// The two log-ons an HTTP proxy may ask for: Digest (RFC 7616), else Basic (RFC 7617). Nothing here is ever logged: the
// header goes into the request and nowhere else.

export interface ChallengeAnswer {
  header: string;
  /** Whether a repeated challenge only says that the nonce had grown old. */
  isStale(challenges: string): boolean;
}

interface Challenge {
  scheme: string;
  parameters: Map<string, string>;
}

const HASHES = new Map([
  ["SHA-256", "sha256"],
  ["MD5", "md5"],
]);

/**
 * Answers a `Proxy-Authenticate` header.
 *
 * @param challenges All challenges, joined by commas as RFC 9110 allows.
 * @throws {AppError} `proxy.credentials_needed` without a user name, `proxy.scheme_unknown` for log-ons we do not speak.
 */
export function answerChallenge(
  challenges: string,
  asked: { proxy: ProxySettings; authority: string },
): ChallengeAnswer {
  const { proxy, authority } = asked;
  const offered = parseChallenges(challenges);
  const details = { host: proxy.host, port: proxy.port, offered: offered.map(({ scheme }) => scheme) };
  if (proxy.userName === undefined) throw new AppError("proxy.credentials_needed", details);
  const logOn = { userName: proxy.userName, password: proxy.password ?? "" };
  const digest = bestDigest(offered);
  if (digest !== undefined) {
    return {
      header: digestHeader(digest, { logOn, authority }),
      isStale: (again) => saysStale(parseChallenges(again)),
    };
  }
  if (!offered.some(({ scheme }) => scheme === "basic")) throw new AppError("proxy.scheme_unknown", details);
  const pair = Buffer.from(`${logOn.userName}:${logOn.password}`, "utf8").toString("base64");
  return { header: `Basic ${pair}`, isStale: () => false };
}

/** The strongest Digest challenge that we can answer. */
function bestDigest(offered: readonly Challenge[]): Challenge | undefined {
  const digests = offered.filter(({ scheme, parameters }) => scheme === "digest" && parameters.has("nonce"));
  for (const name of HASHES.keys()) {
    const found = digests.find((one) => algorithmOf(one).name === name);
    if (found !== undefined) return found;
  }
  return undefined;
}

function algorithmOf({ parameters }: Challenge): { name: string; session: boolean } {
  const asked = (parameters.get("algorithm") ?? "MD5").toUpperCase();
  return { name: asked.replace(/-SESS$/, ""), session: asked.endsWith("-SESS") };
}

function saysStale(offered: readonly Challenge[]): boolean {
  return offered.some(({ parameters }) => parameters.get("stale")?.toLowerCase() === "true");
}

function digestHeader(
  challenge: Challenge,
  asked: { logOn: { userName: string; password: string }; authority: string },
): string {
  const { parameters } = challenge;
  const { userName, password } = asked.logOn;
  const { name, session } = algorithmOf(challenge);
  const hash = (text: string) =>
    createHash(HASHES.get(name) ?? "md5")
      .update(text, "utf8")
      .digest("hex");
  const realm = parameters.get("realm") ?? "";
  const nonce = parameters.get("nonce") ?? "";
  const cnonce = randomBytes(16).toString("hex");
  const nc = "00000001";
  const plainSecret = hash(`${userName}:${realm}:${password}`);
  const secret = session ? hash(`${plainSecret}:${nonce}:${cnonce}`) : plainSecret;
  const target = hash(`CONNECT:${asked.authority}`);
  const withQop = (parameters.get("qop") ?? "").split(",").some((one) => one.trim().toLowerCase() === "auth");
  const response = withQop
    ? hash(`${secret}:${nonce}:${nc}:${cnonce}:auth:${target}`)
    : hash(`${secret}:${nonce}:${target}`);
  const fields = [
    `username="${quoted(userName)}"`,
    `realm="${quoted(realm)}"`,
    `nonce="${quoted(nonce)}"`,
    `uri="${quoted(asked.authority)}"`,
    `response="${response}"`,
    ...(parameters.has("algorithm") ? [`algorithm=${parameters.get("algorithm")}`] : []),
    ...(parameters.has("opaque") ? [`opaque="${quoted(parameters.get("opaque") ?? "")}"`] : []),
    ...(withQop ? ["qop=auth", `nc=${nc}`] : []),
    ...(withQop || session ? [`cnonce="${cnonce}"`] : []),
  ];
  return `Digest ${fields.join(", ")}`;
}

function quoted(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"');
}

const MAX_CHALLENGES_CHARS = 8192;
/** A token, then either `=value` (a parameter) or a space (a scheme); values are tokens or quoted strings. */
const PIECE = /([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+)))?/gy;

/** Reads a list of challenges (RFC 9110, 11.6.1); what it cannot read ends the list. */
function parseChallenges(text: string): Challenge[] {
  const challenges: Challenge[] = [];
  const bounded = text.slice(0, MAX_CHALLENGES_CHARS);
  let at = 0;
  while (at < bounded.length) {
    if (/[\s,]/.test(bounded.charAt(at))) {
      at += 1;
      continue;
    }
    PIECE.lastIndex = at;
    const piece = PIECE.exec(bounded);
    if (piece === null) break;
    at = PIECE.lastIndex;
    const [, name = "", inQuotes, plain] = piece;
    const value = inQuotes?.replaceAll(/\\(.)/g, "$1") ?? plain;
    if (value === undefined) challenges.push({ scheme: name.toLowerCase(), parameters: new Map() });
    else challenges.at(-1)?.parameters.set(name.toLowerCase(), value);
  }
  return challenges;
}
