/** A step of a roll-over is taken by a command on the host; it is in force here at most this much later. */
const LOOK_EVERY_MS = 2_000;

export interface WatchedKeys {
  /** Authority and SSH host key. */
  keys: readonly { look(): Promise<"same" | "changed"> }[];
  /** Listeners take up what is in force now. */
  onChange(): Promise<void>;
  /** What is in force stays. Called at each look that fails. */
  onError(error: unknown): void;
}

/** Keeps the keys of a running upper party in step with its disk. @returns what ends that. */
export function watchKeys({ keys, onChange, onError }: WatchedKeys): { close(): void } {
  let looking = false;
  const look = async () => {
    // A slow disk must not pile up looks.
    if (looking) return;
    looking = true;
    try {
      const found = await Promise.all(keys.map((key) => key.look()));
      if (found.includes("changed")) await onChange();
    } catch (error) {
      onError(error);
    } finally {
      looking = false;
    }
  };
  const timer = setInterval(() => void look(), LOOK_EVERY_MS);
  timer.unref();
  return { close: () => clearInterval(timer) };
}
