import { createHash } from "node:crypto";

export interface ProxyLogOn {
  userName: string;
  password: string;
  /** HTTP only; SOCKS has one log-on. `negotiate` stands for what we do not speak. */
  scheme?: "basic" | "digest-md5" | "digest-sha256" | "negotiate";
}

const NONCE = "fresh-nonce-0123456789";

/** The challenge that a proxy with this log-on sends. */
export function challengeOf({ scheme = "basic" }: ProxyLogOn): string {
  if (scheme === "basic") return 'Basic realm="squid, the proxy"';
  if (scheme === "negotiate") return "Negotiate, NTLM";
  const algorithm = scheme === "digest-md5" ? "MD5" : "SHA-256";
  return `Basic realm="x", Digest realm="squid, the \\"proxy\\"", nonce="${NONCE}", qop="auth,auth-int", algorithm=${algorithm}`;
}

/** Whether a `Proxy-Authorization` header proves the log-on for this CONNECT target. */
export function authorizes(logOn: ProxyLogOn, header: string | undefined, target: string): boolean {
  const { userName, password, scheme = "basic" } = logOn;
  if (header === undefined || scheme === "negotiate") return false;
  if (scheme === "basic") return header === `Basic ${Buffer.from(`${userName}:${password}`).toString("base64")}`;
  if (!header.startsWith("Digest ")) return false;
  const field = (name: string) =>
    new RegExp(`(?:^|[ ,])${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^ ,]+))`).exec(header)?.slice(1).find(Boolean) ?? "";
  const hash = (text: string) =>
    createHash(scheme === "digest-md5" ? "md5" : "sha256")
      .update(text)
      .digest("hex");
  const realm = 'squid, the "proxy"';
  const expected = hash(
    `${hash(`${userName}:${realm}:${password}`)}:${NONCE}:${field("nc")}:${field("cnonce")}:auth:${hash(`CONNECT:${target}`)}`,
  );
  return field("nonce") === NONCE && field("uri") === target && field("response") === expected;
}
