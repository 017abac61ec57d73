import { createHash } from "node:crypto";

// What one seed plants. Pure: the same seed gives the same plan, so that a failure can be repeated.
// Nothing here is malware or named like any: a marker nobody uses, processes that sleep, a crontab that cron never reads.

export interface PlantedFile {
  /** Relative to the sandbox of its agent. */
  path: string;
  text: string;
}

export interface PlantPlan {
  seed: number;
  /** Which of the two agents gets the threat; the other gets the twin. */
  infected: 0 | 1;
  marker: string;
  downloader: string;
  /** The scripts in order: the downloader writes the first, each writes and starts the next. */
  scripts: string[];
  payload: PlantedFile;
  twin: PlantedFile;
  crontab: { path: string; before: string; line: string };
  /** Files of no concern that must be the same afterwards. */
  bystanders: PlantedFile[];
  /** Processes started and ended beforehand, so that pids differ from run to run. */
  pidShift: number;
}

const PLACES = [
  "home/ana/Downloads",
  "home/ana/.local/share",
  "srv/scans/incoming",
  "var/tmp/build",
  "opt/tools/cache",
];
const TOOLS = ["fetch-tool", "mail-sync", "pull-update", "get-invoice", "page-saver"];
const SCRIPT_WORDS = ["invoice", "refresh", "prepare", "unpack", "arrange", "open", "stage"];
const PAYLOAD_WORDS = ["upd-helper", "cache.bin", "notes.dat", "sync-state", "view.tmp", "index.idx"];
const SCHEDULES = ["@reboot", "*/17 * * * *", "5 4 * * 1-5", "@hourly"];
const INNOCENT_LINES = [
  "# kept by the office",
  'MAILTO=""',
  "0 6 * * * /usr/bin/true --morning",
  "30 22 * * 0 /usr/bin/true --weekly # do not move",
  "*/5 * * * *\t/usr/bin/true\t--tabs",
];

/** @param seed A whole number from 0 to 2^32 − 1. */
export function planOfSeed(seed: number): PlantPlan {
  const random = randomOfSeed(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const digits = (count: number) =>
    Array.from({ length: count }, () => Math.floor(random() * 16).toString(16)).join("");
  const place = pick(PLACES);
  const depth = 1 + Math.floor(random() * 3);
  const scripts = Array.from(
    { length: depth },
    (_, level) => `${place}/${pick(SCRIPT_WORDS)}-${digits(4)}-${level + 1}.sh`,
  );
  const marker = `TMS-HARMLESS-${digits(16).toUpperCase()}`;
  const filler = `${digits(64)}\n`.repeat(4 + Math.floor(random() * 200));
  const payloadPath = `${pick(PLACES)}/${pick(PAYLOAD_WORDS)}-${digits(3)}`;
  const lastScript = scripts.at(-1) ?? "";
  return {
    seed,
    infected: random() < 0.5 ? 0 : 1,
    marker,
    downloader: `${pick(TOOLS)}-${digits(3)}`,
    scripts,
    payload: { path: payloadPath, text: `${filler}${marker}\n${filler}` },
    twin: { path: payloadPath, text: `${filler}${marker.replace("HARMLESS", "HARMLES5")}\n${filler}` },
    crontab: {
      path: "var/spool/cron/crontabs/ana",
      before: crontabBefore(random),
      line: `${pick(SCHEDULES)} /bin/sh {sandbox}/${lastScript}`,
    },
    bystanders: PLACES.map((folder) => ({ path: `${folder}/read-me-${digits(3)}.txt`, text: `${digits(200)}\n` })),
    pidShift: Math.floor(random() * 24),
  };
}

function crontabBefore(random: () => number): string {
  const lines = INNOCENT_LINES.filter(() => random() < 0.7);
  return lines.map((line) => `${line}\n`).join("");
}

/** Deterministic numbers from 0 to below 1: SHA-256 in counter mode, four bytes each. Not for secrets. */
function randomOfSeed(seed: number): () => number {
  let counter = 0;
  return () => {
    const block = createHash("sha256").update(`${seed}:${counter}`).digest();
    counter += 1;
    return block.readUInt32BE(0) / 2 ** 32;
  };
}
