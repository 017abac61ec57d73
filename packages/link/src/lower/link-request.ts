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
import { callLink, errorOfApi, fetchOver, problemFrom } from "./link-http.ts";
import { uploadPackage } from "./upload-package.ts";

/** Typed calls to the status server, each with the identity of this lower party. */
export interface LinkRequest {
  putCase(id: CaseId, body: CasePut): Promise<CaseView>;
  listCases(after: number): Promise<CaseView[]>;
  /** null = there is none. */
  patternMetadata(name: string): Promise<Buffer | null>;
  patternTarget(path: string): Promise<Buffer>;
  /** Resumes where an earlier try ended, also after a kill; resolves when the upper party has checked the hash. */
  uploadPackage(upload: {
    file: string;
    meta: PackageMetadata;
    onProgress?: (sentBytes: number, sizeBytes: number) => void;
    signal?: AbortSignal;
  }): Promise<void>;
  unregister(): Promise<void>;
}

const CALL_TIMEOUT_MS = 30_000;
const MAX_TARGET_BYTES = 64 * 1024 * 1024;

/**
 * @param keyChanges Counts the renewals: a call that began with the key before is made once more if that key ended
 *   meanwhile. Each of them may be repeated.
 */
export function createLinkRequest(agent: Dispatcher, baseUrl: string, keyChanges: () => number = () => 0): LinkRequest {
  const client = createApiClient(
    { putCase: linkPutCase, listCases: linkListCases, unregister: linkUnregister },
    { baseUrl, fetch: fetchOver(agent, { timeoutMs: CALL_TIMEOUT_MS }) },
  );
  const get = (path: string) =>
    callLink(agent, {
      method: "GET",
      url: baseUrl + path,
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
    patternTarget: (path) =>
      withKey(async () => {
        const answer = await get(`${PATTERN_TARGETS_PATH}/${path.split("/").map(encodeURIComponent).join("/")}`);
        if (answer.status !== 200) throw problemFrom(answer);
        return answer.bytes;
      }),
    uploadPackage: (upload) => withKey(() => uploadPackage(agent, { baseUrl, ...upload })),
    unregister: async () => {
      await withKey(() => client.unregister({ body: { v: "link/1" } }));
    },
  };
}
