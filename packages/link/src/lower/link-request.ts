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
import type { CaseId } from "@tms/records";
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

export function createLinkRequest(agent: Dispatcher, baseUrl: string): LinkRequest {
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
  return {
    putCase: (id, body) => ours(client.putCase({ params: { id }, body })),
    listCases: async (after) => (await ours(client.listCases({ query: { after } }))).cases,
    patternMetadata: async (name) => {
      const answer = await get(`${PATTERN_METADATA_PATH}/${encodeURIComponent(name)}`);
      if (answer.status === 404) return null;
      if (answer.status !== 200) throw problemFrom(answer);
      return answer.bytes;
    },
    patternTarget: async (path) => {
      const answer = await get(`${PATTERN_TARGETS_PATH}/${path.split("/").map(encodeURIComponent).join("/")}`);
      if (answer.status !== 200) throw problemFrom(answer);
      return answer.bytes;
    },
    uploadPackage: (upload) => uploadPackage(agent, { baseUrl, ...upload }),
    unregister: async () => {
      await ours(client.unregister({ body: { v: "link/1" } }));
    },
  };
}

async function ours<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw errorOfApi(error);
  }
}
