// Whether the server answers: kept beside the queries, so that the top bar can say "Live" or "Not live since".

export interface LiveState {
  /** When the last answer arrived, by this browser's clock; 0 before the first. */
  answeredAt: number;
  /** Set while requests fail for want of an answer. */
  silentSince: number | null;
}

let state: LiveState = { answeredAt: 0, silentSince: null };
const listeners = new Set<() => void>();

export function noteAnswer(at: number): void {
  const wasSilent = state.silentSince !== null || state.answeredAt === 0;
  state = { answeredAt: at, silentSince: null };
  if (wasSilent) for (const listener of listeners) listener();
}

export function noteSilence(): void {
  if (state.silentSince !== null) return;
  state = { ...state, silentSince: state.answeredAt };
  for (const listener of listeners) listener();
}

export function readLive(): LiveState {
  return state;
}

export function subscribeLive(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
