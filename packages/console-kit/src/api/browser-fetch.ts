import type { FetchLike } from "@tms/contracts";
import { noteAnswer, noteSilence } from "./live-store.ts";

/** Longest wait for an answer; a proxy that swallows packets must not freeze a page. */
const TIMEOUT_MS = 20_000;

/** The browser's fetch with a bound, the session cookie and the note of whether the server answers. */
export const browserFetch: FetchLike = async (url, init) => {
  let answer: Response;
  try {
    answer = await fetch(url, { ...init, credentials: "same-origin", signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (error) {
    noteSilence();
    throw error;
  }
  // A gateway in front that answers for a dead server is silence, too.
  if (answer.status >= 502 && answer.status <= 504) noteSilence();
  else noteAnswer(Date.now());
  return answer;
};
