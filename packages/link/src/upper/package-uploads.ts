import { createHash, randomBytes } from "node:crypto";
import { createReadStream, mkdirSync } from "node:fs";
import { open, rm, stat } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { FORENSICS_PATH, type PackageMetadata, packageMetadataSchema } from "@tms/contracts/link";
import { AppError, type Sha256 } from "@tms/records";
import { FileStore } from "@tus/file-store";
import { Server, type Upload } from "@tus/server";
import { readIfThere, writeDurably } from "../authority/private-file.ts";
import { asAppError, problemOf } from "./link-problem.ts";
import type { Peer } from "./peer.ts";
import type { PackagePort } from "./status-server.ts";

// Resumable uploads of forensic packages (tus 1.0).
// I1  An upload belongs to the product that made it; to every other one it does not exist.
// I2  The announced SHA-256 is checked over the whole file after its last byte; only then is it `finished`.
// I3  A finished upload leaves a marker, so that a client which lost the last answer learns by HEAD that it is done.
// I4  No name from outside becomes a path: upload ids are ours, metadata is parsed, the app names the final file.

/** 4 GiB; the deployment's own limit comes from the app. */
const DEFAULT_MAX_BYTES = 4 * 1024 * 1024 * 1024;
const UPLOAD_ID = /^[0-9a-f]{32}$/;
const EXPIRES_MS = 7 * 86_400_000;

type TusRequest = Parameters<NonNullable<Server["options"]["onIncomingRequest"]>>[0];

interface Deps {
  packages: PackagePort;
  peerOf(raw: IncomingMessage): Peer | undefined;
}

export function createPackageUploads(deps: Deps): {
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
} {
  mkdirSync(deps.packages.directory, { recursive: true, mode: 0o700 });
  const store = new FileStore({
    directory: deps.packages.directory,
    expirationPeriodInMilliseconds: EXPIRES_MS,
  });
  const maxBytes = deps.packages.maxBytes ?? DEFAULT_MAX_BYTES;
  const server = new Server({
    path: FORENSICS_PATH,
    datastore: store,
    maxSize: maxBytes,
    relativeLocation: true,
    respectForwardedHeaders: false,
    namingFunction: () => randomBytes(16).toString("hex"),
    getFileIdFromRequest: (_request, lastPath) =>
      lastPath !== undefined && UPLOAD_ID.test(lastPath) ? lastPath : undefined,
    onIncomingRequest: (request, id) => asTusError(() => checkOwner(deps, { store, request, id })),
    onUploadCreate: (request, upload) => asTusError(() => announce(deps, { request, upload })),
    onUploadFinish: (request, upload) =>
      asTusError(async () => finish(deps, { store, peer: peerOf(deps, request), upload })),
  });
  return {
    async handle(request, response) {
      if (request.method === "HEAD" && (await answeredFromMarker(deps, { store, request, response }))) return;
      await server.handle(request, response);
    },
  };
}

/** tus answers with `status_code` and `body`; ours is the same problem+json as everywhere. */
async function asTusError<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const problem = problemOf(error, "");
    throw { status_code: problem.status, body: JSON.stringify(problem) };
  }
}

function peerOf(deps: Deps, request: TusRequest): Peer {
  const raw = request.runtime?.node?.req as IncomingMessage | undefined;
  const peer = raw === undefined ? undefined : deps.peerOf(raw);
  if (peer === undefined) throw new AppError("link.identity_required");
  return peer;
}

async function checkOwner(deps: Deps, asked: { store: FileStore; request: TusRequest; id: string }): Promise<void> {
  const peer = peerOf(deps, asked.request);
  if (asked.request.method === "POST" || asked.request.method === "PATCH") await deps.packages.admit?.();
  if (asked.request.method === "POST") return;
  const upload = await uploadOf(asked.store, asked.id);
  if (upload?.metadata?.product !== peer.product) throw new AppError("package.unknown", { upload: asked.id });
  const offset = Number(asked.request.headers.get("upload-offset"));
  if (asked.request.method === "PATCH" && offset > 0 && offset < (upload.size ?? 0)) {
    await deps.packages.resumed(peer, metadataOf(upload), offset);
  }
}

async function uploadOf(store: FileStore, id: string): Promise<Upload | null> {
  try {
    return await store.getUpload(id);
  } catch (error) {
    // tus throws plain objects with a status for "not found" and "no longer there": both mean no upload.
    if (typeof (error as { status_code?: unknown })?.status_code === "number") return null;
    throw error;
  }
}

async function announce(deps: Deps, asked: { request: TusRequest; upload: Upload }) {
  const peer = peerOf(deps, asked.request);
  const { size } = asked.upload;
  if (size === undefined) throw new AppError("request.malformed", { reason: "Upload-Length is missing" });
  const meta = metadataOf(asked.upload);
  await deps.packages.announced(peer, meta, size);
  return { metadata: { ...meta, product: peer.product } };
}

function metadataOf(upload: Upload): PackageMetadata {
  const parsed = packageMetadataSchema.safeParse(upload.metadata);
  if (parsed.success) return parsed.data;
  const fields = parsed.error.issues.map((issue) => ({ path: issue.path.join("."), message: issue.message }));
  throw new AppError("request.malformed", { fields });
}

async function finish(deps: Deps, asked: { store: FileStore; peer: Peer; upload: Upload }) {
  const { peer } = asked;
  const upload = (await uploadOf(asked.store, asked.upload.id)) ?? asked.upload;
  const meta = metadataOf(upload);
  const file = join(deps.packages.directory, upload.id);
  const marker = `${file}.finished`;
  if ((await readIfThere(marker)) !== null) return {};
  if ((await hashAndSync(file)) !== meta.sha256) {
    await asked.store.remove(upload.id);
    await deps.packages.failed(peer, meta, "package.hash_mismatch");
    throw new AppError("package.hash_mismatch", { package: meta.package });
  }
  await deps.packages.finished(peer, meta, file);
  await writeDurably(marker, JSON.stringify({ product: peer.product, size: upload.size, sha256: meta.sha256 }));
  await rm(file, { force: true });
  return {};
}

async function hashAndSync(path: string): Promise<Sha256> {
  const file = await open(path, "r+");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex") as Sha256;
}

/** Answers HEAD of a finished upload; finishes one whose last byte arrived just before a crash. */
async function answeredFromMarker(
  deps: Deps,
  asked: { store: FileStore; request: IncomingMessage; response: ServerResponse },
): Promise<boolean> {
  const id = /\/([0-9a-f]{32})$/.exec(asked.request.url ?? "")?.[1];
  const peer = deps.peerOf(asked.request);
  if (id === undefined || peer === undefined) return false;
  const marker = await readIfThere(join(deps.packages.directory, `${id}.finished`));
  if (marker === null) return finishedLate(deps, { ...asked, id, peer });
  const known = JSON.parse(marker) as { product: string; size: number };
  if (known.product !== peer.product) return false;
  head(asked.response, { status: 200, size: known.size });
  return true;
}

async function finishedLate(
  deps: Deps,
  asked: { store: FileStore; response: ServerResponse; id: string; peer: Peer },
): Promise<boolean> {
  const upload = await uploadOf(asked.store, asked.id);
  if (upload === null || upload.metadata?.product !== asked.peer.product) return false;
  const { size } = upload;
  const there = await stat(join(deps.packages.directory, asked.id));
  if (size === undefined || there.size !== size) return false;
  try {
    await finish(deps, { store: asked.store, peer: asked.peer, upload });
    head(asked.response, { status: 200, size });
  } catch (error) {
    head(asked.response, { status: asAppError(error).row.status, size: 0 });
  }
  return true;
}

function head(response: ServerResponse, answer: { status: number; size: number }): void {
  response.writeHead(answer.status, {
    "tus-resumable": "1.0.0",
    "upload-offset": String(answer.size),
    "upload-length": String(answer.size),
    "cache-control": "no-store",
  });
  response.end();
}
