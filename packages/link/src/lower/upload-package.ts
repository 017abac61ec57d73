import { createReadStream } from "node:fs";
import { rm, stat } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { FORENSICS_PATH, type PackageMetadata } from "@tms/contracts/link";
import { AppError } from "@tms/records";
import type { Dispatcher } from "undici";
import { readIfThere, writeDurably } from "../authority/private-file.ts";
import { callLink, type LinkHttpAnswer, problemFrom } from "./link-http.ts";
import { backoffMs, isPassingFailure, pauseAfter } from "./link-outcome.ts";

// A tus 1.0 client that resumes after a kill on either side.
// I1  The upload's address is stored beside the file before the first byte is sent.
// I2  The offset is always asked of the server, never remembered.
// I3  Done means: the server compared the hash of the whole file with the announced one.

export interface PackageUpload {
  baseUrl: string;
  file: string;
  meta: PackageMetadata;
  onProgress?: (sentBytes: number, sizeBytes: number) => void;
  signal?: AbortSignal;
}

const TUS = { "tus-resumable": "1.0.0" } as const;
/** One PATCH; a cut costs at most this much again on servers that keep nothing of a broken one. */
const CHUNK_BYTES = 16 * 1024 * 1024;
const CALL_TIMEOUT_MS = 30_000;
/** Without any progress. */
const CHUNK_TIMEOUT_MS = 120_000;
/** Without any progress in between; the caller may begin again later, from the same offset. */
const MAX_FAILURES = 8;
const MAX_PAUSE_MS = 60_000;

/** @throws {AppError} the server's refusal (`package.hash_mismatch`, `case.unknown`, …) or the last line failure. */
export async function uploadPackage(agent: Dispatcher, upload: PackageUpload): Promise<void> {
  const sizeBytes = (await stat(upload.file)).size;
  let failures = 0;
  let reached = -1;
  for (;;) {
    try {
      const url = await addressOf(agent, upload, sizeBytes);
      const offset = url === null ? null : await offsetOf(agent, { url, upload });
      if (offset === null || url === null) {
        await rm(noteOf(upload), { force: true });
        continue;
      }
      if (offset > reached) failures = 0;
      reached = Math.max(reached, offset);
      if (offset >= sizeBytes) {
        await rm(noteOf(upload), { force: true });
        return;
      }
      await sendChunk(agent, { url, offset, sizeBytes, upload });
    } catch (error) {
      failures += 1;
      // A pause of hours is the caller's to make: it has other things to do meanwhile.
      const isLongPause = error instanceof AppError && pauseAfter(error, 0, () => 0) > MAX_PAUSE_MS;
      const retryable = isPassingFailure(error) && !isLongPause;
      if (!retryable || failures >= MAX_FAILURES || upload.signal?.aborted) throw error;
      await pause(backoffMs(failures, Math.random), undefined, upload.signal ? { signal: upload.signal } : {});
    }
  }
}

function noteOf(upload: PackageUpload): string {
  return `${upload.file}.upload.json`;
}

async function addressOf(agent: Dispatcher, upload: PackageUpload, sizeBytes: number): Promise<string | null> {
  const note = await readIfThere(noteOf(upload));
  if (note !== null) {
    const known = JSON.parse(note) as { baseUrl: string; path: string };
    if (known.baseUrl === upload.baseUrl) return upload.baseUrl + known.path;
  }
  const metadata = Object.entries(upload.meta)
    .map(([key, value]) => `${key} ${Buffer.from(value, "utf8").toString("base64")}`)
    .join(",");
  const answer = await callLink(agent, {
    method: "POST",
    url: upload.baseUrl + FORENSICS_PATH,
    headers: { ...TUS, "upload-length": String(sizeBytes), "upload-metadata": metadata, "content-length": "0" },
    timeoutMs: CALL_TIMEOUT_MS,
    signal: upload.signal,
  });
  const location = answer.headers.location;
  if (answer.status !== 201 || typeof location !== "string") throw problemFrom(answer);
  const path = new URL(location, upload.baseUrl).pathname;
  await writeDurably(noteOf(upload), JSON.stringify({ baseUrl: upload.baseUrl, path }));
  return upload.baseUrl + path;
}

/** Where the server stands; null if it no longer knows the upload, so that a new one is made. */
async function offsetOf(agent: Dispatcher, at: { url: string; upload: PackageUpload }): Promise<number | null> {
  const answer = await callLink(agent, {
    method: "HEAD",
    url: at.url,
    headers: TUS,
    timeoutMs: CALL_TIMEOUT_MS,
    signal: at.upload.signal,
  });
  if (answer.status === 404 || answer.status === 410) return null;
  if (answer.status === 460) throw new AppError("package.hash_mismatch", { package: at.upload.meta.package });
  if (answer.status >= 400) throw problemFrom(answer);
  return readOffset(answer);
}

async function sendChunk(
  agent: Dispatcher,
  chunk: { url: string; offset: number; sizeBytes: number; upload: PackageUpload },
): Promise<void> {
  const { upload, offset } = chunk;
  const bytes = Math.min(CHUNK_BYTES, chunk.sizeBytes - offset);
  const answer = await callLink(agent, {
    method: "PATCH",
    url: chunk.url,
    headers: {
      ...TUS,
      "upload-offset": String(offset),
      "content-type": "application/offset+octet-stream",
      "content-length": String(bytes),
    },
    body: createReadStream(upload.file, { start: offset, end: offset + bytes - 1 }),
    timeoutMs: CHUNK_TIMEOUT_MS,
    signal: upload.signal,
  });
  // 409: another request moved the offset, 423: it still holds the lock; both are settled by asking again.
  if (answer.status === 409 || answer.status === 423) throw new AppError("link.unreachable", { status: answer.status });
  if (answer.status >= 300) throw problemFrom(answer);
  upload.onProgress?.(readOffset(answer), chunk.sizeBytes);
}

function readOffset(answer: LinkHttpAnswer): number {
  const offset = Number(answer.headers["upload-offset"]);
  if (!Number.isSafeInteger(offset) || offset < 0) throw new AppError("link.unreachable", { status: answer.status });
  return offset;
}
