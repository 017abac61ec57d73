import { lstat } from "node:fs/promises";
import { type AsyncSubscription, type Event, subscribe } from "@parcel/watcher";

// Hints that something changed below some folders.
// W1  A hint is never the truth: names come broken if they are not UTF-8, events are merged and may be lost.
// W2  The watcher misses folders that appear inside a folder just made (17 of 20 in a trial with `mkdir -p`), and then
//     everything in them. So whenever a folder appears, the tree is subscribed anew, which finds all that stand.

/** Folders appear in bursts (an unpacked archive): one new subscription serves them all. */
const RENEW_PAUSE_MS = 150;

export interface FolderWatcher {
  watch(folder: string, options: { ignore: string[] }): Promise<void>;
  stop(): Promise<void>;
}

interface Watched {
  folder: string;
  ignore: string[];
  subscription: AsyncSubscription | null;
  renewal: NodeJS.Timeout | null;
  /** One change of the subscription at a time. */
  changing: Promise<void>;
}

export function createFolderWatcher(deps: {
  onHint: () => void;
  onLoss: (folder: string, error: Error) => void;
  onProblem: (error: unknown) => void;
}): FolderWatcher {
  const all: Watched[] = [];
  let isStopped = false;

  async function renew(watched: Watched): Promise<void> {
    await watched.subscription?.unsubscribe();
    watched.subscription = null;
    if (isStopped) return;
    watched.subscription = await subscribe(watched.folder, (error, events) => report(watched, error, events), {
      ignore: watched.ignore,
    });
  }

  function change(watched: Watched): Promise<void> {
    const changed = watched.changing.then(() => renew(watched));
    // A failed change is told to its caller; the next one is tried all the same.
    watched.changing = changed.catch(() => undefined);
    return changed;
  }

  function report(watched: Watched, error: Error | null, events: Event[]): void {
    if (error !== null) deps.onLoss(watched.folder, error);
    deps.onHint();
    holdsNewFolder(events)
      .then((isNew) => {
        if (isNew) renewSoon(watched);
      })
      .catch(deps.onProblem);
  }

  function renewSoon(watched: Watched): void {
    if (isStopped) return;
    watched.renewal ??= setTimeout(() => {
      watched.renewal = null;
      // What changed while nothing was subscribed is found by looking.
      change(watched).then(deps.onHint).catch(deps.onProblem);
    }, RENEW_PAUSE_MS);
  }

  return {
    async watch(folder, { ignore }) {
      const watched: Watched = { folder, ignore, subscription: null, renewal: null, changing: Promise.resolve() };
      all.push(watched);
      await change(watched);
    },
    async stop() {
      isStopped = true;
      for (const watched of all) if (watched.renewal !== null) clearTimeout(watched.renewal);
      await Promise.all(all.map(change));
    },
  };
}

async function holdsNewFolder(events: readonly Event[]): Promise<boolean> {
  for (const { type, path } of events) {
    if (type !== "create") continue;
    const found = await lstat(path).catch(() => null); // gone again: nothing in it can be watched
    if (found?.isDirectory()) return true;
  }
  return false;
}
