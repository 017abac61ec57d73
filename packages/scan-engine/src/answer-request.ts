import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import type { RunnerBackend, RunnerReply, RunnerRequest } from "./runner-protocol.ts";
import type { ScanInput } from "./scan-engine.ts";

/** Answers one request inside a runner; a failure becomes a reply, so that a bad file never ends the runner. */
export function answerRequest(backend: RunnerBackend, request: RunnerRequest): RunnerReply {
  try {
    switch (request.op) {
      case "validate":
        return { kind: "diagnostics", id: request.id, diagnostics: backend.validate(request.rules) };
      case "load":
        return { kind: "diagnostics", id: request.id, diagnostics: backend.load(request.set, request.rules) };
      case "scan": {
        const read = readInput(request.input, request.maxBytes);
        if (read.kind === "refused") return { kind: "failed", id: request.id, code: read.code, why: read.why };
        const matches = backend.scan(request.set, read.bytes, request.deadlineMs);
        return { kind: "matches", id: request.id, matches };
      }
    }
  } catch (error) {
    return { kind: "failed", id: request.id, code: "scan.engine_failed", why: String(error).slice(0, 300) };
  }
}

type Read =
  | { kind: "bytes"; bytes: Buffer }
  | { kind: "refused"; code: "scan.too_large" | "scan.input_unreadable"; why: string };

function readInput(input: ScanInput, maxBytes: number): Read {
  if (typeof input !== "string") {
    if (input.byteLength > maxBytes)
      return { kind: "refused", code: "scan.too_large", why: `${input.byteLength} bytes` };
    return { kind: "bytes", bytes: Buffer.from(input.buffer, input.byteOffset, input.byteLength) };
  }
  let fd: number;
  try {
    // O_NONBLOCK: a FIFO must not hang the runner. Symlinks under /proc/<pid>/fd are how the file is reached.
    fd = openSync(input, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    return { kind: "refused", code: "scan.input_unreadable", why: String(error) };
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) return { kind: "refused", code: "scan.input_unreadable", why: "not a regular file" };
    if (stat.size > maxBytes) return { kind: "refused", code: "scan.too_large", why: `${stat.size} bytes` };
    return readWhole(fd, stat.size, maxBytes);
  } finally {
    closeSync(fd);
  }
}

function readWhole(fd: number, statedSize: number, maxBytes: number): Read {
  // One byte more than stated: a file that grows while it is read is noticed, and never fills the memory.
  const buffer = Buffer.allocUnsafe(Math.min(statedSize + 1, maxBytes + 1));
  let filled = 0;
  while (filled < buffer.length) {
    const got = readSync(fd, buffer, filled, buffer.length - filled, filled);
    if (got === 0) break;
    filled += got;
  }
  if (filled > maxBytes) return { kind: "refused", code: "scan.too_large", why: "grew while it was read" };
  return { kind: "bytes", bytes: buffer.subarray(0, filled) };
}
