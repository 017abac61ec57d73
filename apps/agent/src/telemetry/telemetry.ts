import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { AppError, type Clock } from "@tms/records";
import type { TelemetryEvent } from "@tms/root-cause";
import { createCrontabWatch } from "./crontab-watch.ts";
import { createEventLog, type EventLog } from "./event-log.ts";
import { createFolderWatcher } from "./folder-watcher.ts";
import { createProcessTable, type ProcessTable } from "./process-table.ts";
import type { WatchedPaths } from "./watched-paths.ts";

export interface Telemetry {
  readonly log: EventLog;
  readonly processes: ProcessTable;
  start(): Promise<void>;
  /** Reads everything now, and tells what is new. */
  lookNow(): void;
  stop(): Promise<void>;
}

/** Hints of the watcher closer together than this are one look at all descriptors (25 ms of CPU at 400 processes). */
const HINT_PAUSE_MS = 50;

/**
 * The endpoint's sensors: a poll of /proc, hints of the file watcher, and the difference of crontabs.
 *
 * @param onChange Called after something under a watched folder changed.
 */
export function createTelemetry(deps: {
  watched: WatchedPaths;
  crontabs: readonly Buffer[];
  pollMs: number;
  clock: Clock;
  onChange: () => void;
  onProblem: (error: unknown) => void;
}): Telemetry {
  const log: EventLog = createEventLog((key) => processes.isAlive(key));
  const emit = (event: TelemetryEvent): void => log.add(event);
  const now = (): Date => deps.clock.now();
  const processes: ProcessTable = createProcessTable({ watched: deps.watched, extraPaths: deps.crontabs, now, emit });
  const crontabs = createCrontabWatch({ paths: deps.crontabs, processes: processesNow, now, emit });
  let poller: NodeJS.Timeout | null = null;
  let hint: NodeJS.Timeout | null = null;

  function processesNow() {
    processes.poll("everywhere");
    return processes.all();
  }

  function look(where: "young-and-related" | "everywhere"): void {
    // A failing look must not end the sensor: it is told, and the next poll tries again.
    try {
      processes.poll(where);
      crontabs.look();
    } catch (error) {
      deps.onProblem(error);
    }
  }

  function onHint(): void {
    hint ??= setTimeout(() => {
      hint = null;
      look("everywhere");
      deps.onChange();
    }, HINT_PAUSE_MS);
  }

  const watcher = createFolderWatcher({
    onHint,
    onLoss: (folder, error) => {
      emit(gapOf("The file watcher lost events.", now()));
      deps.onProblem(new AppError("telemetry.lost", { folder }, { cause: error }));
    },
    onProblem: deps.onProblem,
  });

  return {
    log,
    processes,
    lookNow: () => look("everywhere"),
    async start() {
      // Names that are not UTF-8 come broken from the watcher: its events are hints, the folder is read again by us.
      const ignore = deps.watched.own.map((path) => path.toString("utf8"));
      for (const folder of deps.watched.folders) await watcher.watch(folder.toString("utf8"), { ignore });
      for (const folder of await crontabFolders(deps)) await watcher.watch(folder, { ignore: [] });
      look("everywhere");
      poller = setInterval(() => look("young-and-related"), deps.pollMs);
    },
    async stop() {
      if (poller !== null) clearInterval(poller);
      if (hint !== null) clearTimeout(hint);
      await watcher.stop();
    },
  };
}

/** Folders of crontabs that no watched folder covers and that exist. */
async function crontabFolders(deps: { watched: WatchedPaths; crontabs: readonly Buffer[] }): Promise<string[]> {
  const folders = new Set<string>();
  for (const crontab of deps.crontabs) {
    const folder = dirname(crontab.toString("utf8"));
    const found = await stat(folder).catch(() => null); // no such folder: the poll still finds a crontab that appears
    if (!deps.watched.has(Buffer.from(folder)) && found?.isDirectory()) folders.add(folder);
  }
  return [...folders];
}

function gapOf(reason: string, now: Date): TelemetryEvent {
  const at = now.toISOString();
  return { kind: "gap", at, until: at, sensor: "watcher", quality: "observed", reason };
}
