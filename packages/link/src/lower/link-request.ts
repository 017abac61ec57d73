import { createApiClient } from "@tms/contracts";
import {
  type CasePut,
  type CaseView,
  linkListCases,
  linkPutCase,
  linkUnregister,
  PATTERN_METADATA_PATH,
  PATTERN_TARGETS_PATH,
  type PackageMetadata,
} from "@tms/contracts/link";
import { AppError, type CaseId } from "@tms/records";
import type { Dispatcher } from "undici";
import type { Pace } from "./dial/pace.ts";
import { callLink, errorOfApi, fetchOver, type LinkHttpAnswer, problemFrom } from "./link-http.ts";
import { uploadPackage } from "./upload-package.ts";

/** Typed calls to the status server, each with the identity of this lower party. */
export interface LinkRequest {
  putCase(id: CaseId, body: CasePut): Promise<CaseView>;
  listCases(after: number): Promise<CaseView[]>;
  /** null = there is none. */
  patternMetadata(name: string): Promise<Buffer | null>;
  /** The whole, or bytes `from` up to `to` (excluded). */
  patternTarget(path: string, range?: ByteRange): Promise<Buffer>;
  /** How many bytes of a target to ask for at once; resolves when the line is free for them. */
  nextSlice(): Promise<number>;
  /** Resumes where an earlier try ended, also after a kill; resolves when the upper party has checked the hash. */
  uploadPackage(upload: {
    file: string;
    meta: PackageMetadata;
    onProgress?: (sentBytes: number, sizeBytes: number) => void;
    signal?: AbortSignal;
  }): Promise<void>;
  unregister(): Promise<void>;
}

export interface ByteRange {
  from: number;
  to: number;
}

const CALL_TIMEOUT_MS = 30_000;
const MAX_TARGET_BYTES = 64 * 1024 * 1024;
/** One slice of a download takes about so long, and its answer's head must not outweigh it. */
const SLICE_MS = 250;
const MIN_SLICE_BYTES = 4096;
const MAX_SLICE_BYTES = 4 * 1024 * 1024;

/**
 * @param options.down The clock of downloads; absent = as fast as it goes.
 * @param options.keyChanges Counts the renewals: a call that began with the key before is made once more if that key
 *   ended meanwhile. Each of them may be repeated.
 */
export function createLinkRequest(
  agent: Dispatcher,
  options: { baseUrl: string; down?: Pace | undefined; keyChanges?: () => number },
): LinkRequest {
  const { baseUrl, down, keyChanges = () => 0 } = options;
  const client = createApiClient(
    { putCase: linkPutCase, listCases: linkListCases, unregister: linkUnregister },
    { baseUrl, fetch: fetchOver(agent, { timeoutMs: CALL_TIMEOUT_MS }) },
  );
  const get = (path: string, headers: Record<string, string> = {}) =>
    callLink(agent, {
      method: "GET",
      url: baseUrl + path,
      headers,
      timeoutMs: CALL_TIMEOUT_MS,
      maxAnswerBytes: MAX_TARGET_BYTES,
    });
  const withKey = async <T>(call: () => Promise<T>): Promise<T> => {
    const before = keyChanges();
    try {
      return await call();
    } catch (error) {
      const known = errorOfApi(error);
      const isOfOldKey = known instanceof AppError && known.code === "link.identity_unknown" && keyChanges() !== before;
      if (!isOfOldKey) throw known;
    }
    return call().catch((error: unknown) => {
      throw errorOfApi(error);
    });
  };
  return {
    putCase: (id, body) => withKey(() => client.putCase({ params: { id }, body })),
    listCases: async (after) => (await withKey(() => client.listCases({ query: { after } }))).cases,
    patternMetadata: (name) =>
      withKey(async () => {
        const answer = await get(`${PATTERN_METADATA_PATH}/${encodeURIComponent(name)}`);
        if (answer.status === 404) return null;
        if (answer.status !== 200) throw problemFrom(answer);
        return answer.bytes;
      }),
    patternTarget: (path, range) =>
      withKey(async () => {
        const url = `${PATTERN_TARGETS_PATH}/${path.split("/").map(encodeURIComponent).join("/")}`;
        const answer = await get(url, range === undefined ? {} : { range: `bytes=${range.from}-${range.to - 1}` });
        if (answer.status === 206) return sliceOf(answer, range);
        if (answer.status !== 200) throw problemFrom(answer);
        return range === undefined ? answer.bytes : answer.bytes.subarray(range.from, range.to);
      }),
    nextSlice: async () => {
      if (down === undefined) return MAX_SLICE_BYTES;
      await down.take(0);
      return Math.max(MIN_SLICE_BYTES, down.bytesIn(SLICE_MS, MAX_SLICE_BYTES));
    },
    uploadPackage: (upload) => withKey(() => uploadPackage(agent, { baseUrl, ...upload })),
    unregister: async () => {
      await withKey(() => client.unregister({ body: { v: "link/1" } }));
    },
  };
}

function sliceOf(answer: LinkHttpAnswer, range: ByteRange | undefined): Buffer {
  const named = String(answer.headers["content-range"]);
  if (range !== undefined && named.startsWith(`bytes ${range.from}-`)) return answer.bytes;
  throw new AppError("link.unreachable", { reason: "another range than was asked for", named });
}
