// Middle truncation by kind (design, section 6). Copy always copies the whole text.

export type TruncateKind = "hash" | "fingerprint" | "path" | "command" | "epoch";

const ELLIPSIS = "…";

export function middleTruncate(text: string, kind: TruncateKind): string {
  switch (kind) {
    case "hash":
      return ends(text, 8, 8);
    case "fingerprint":
      return fingerprint(text);
    case "epoch":
      return ends(text, 4, 4);
    case "path":
      return path(text);
    case "command":
      return ends(text, 24, 12);
  }
}

/** As many of a path's last parts as fit beside its first one: `/tmp/…/var/tmp/build`; a part is never cut. */
export function fitPath(text: string, atMost: number): string {
  if (Array.from(text).length <= atMost) return text;
  const parts = text.split("/");
  const root = parts.slice(0, text.startsWith("/") ? 2 : 1).join("/");
  let shown = parts.length - 1;
  const withTail = (from: number) => `${root}/${ELLIPSIS}/${parts.slice(from).join("/")}`;
  while (shown > 2 && Array.from(withTail(shown - 1)).length <= atMost) shown -= 1;
  return withTail(shown);
}

function ends(text: string, head: number, tail: number): string {
  const points = Array.from(text);
  if (points.length <= head + tail + 1) return text;
  return points.slice(0, head).join("") + ELLIPSIS + points.slice(-tail).join("");
}

function fingerprint(text: string): string {
  const colon = text.indexOf(":");
  const prefix = colon > 0 && colon < 8 ? text.slice(0, colon + 1) : "";
  return prefix + ends(text.slice(prefix.length), 6, 6);
}

/** Root part … last two parts. */
function path(text: string): string {
  const parts = text.split("/");
  if (parts.length <= 5 || text.length <= 32) return text;
  const root = parts.slice(0, text.startsWith("/") ? 3 : 2).join("/");
  return `${root}/${ELLIPSIS}/${parts.slice(-2).join("/")}`;
}
