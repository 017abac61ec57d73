import { createHash } from "node:crypto";

// A node's id derives from the identity of what it stands for, so that any order of the same events gives the same ids.

/** Hexadecimal digits of the hash in an id: 96 bits. */
const ID_DIGITS = 24;

export function processId(keyText: string): string {
  return `process-${digest("process", keyText)}`;
}

export function fileId(path: string): string {
  return `file-${digest("file", path)}`;
}

export function persistenceId(path: string, line: string): string {
  return `persistence-${digest("persistence", path, line)}`;
}

export function networkId(remote: string): string {
  return `network-${digest("network", remote)}`;
}

/** `subject` is the id of the node whose cause was not seen. */
export function notObservedId(subject: string): string {
  return `not-observed-${digest("not-observed", subject)}`;
}

export function gapId(...identity: string[]): string {
  return `gap-${digest("gap", ...identity)}`;
}

function digest(...parts: string[]): string {
  const hash = createHash("sha256");
  // Lengths first: no two lists of parts run into the same bytes.
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part);
  return hash.digest("hex").slice(0, ID_DIGITS);
}
