import { statfs } from "node:fs/promises";
import { AppError, type Clock, STREAMS, type Stream } from "@tms/records";

/** What a lower party may leave here. */
export type Deposit = "forensics" | Stream;
export const DEPOSITS: readonly Deposit[] = ["forensics", ...STREAMS];

/** Shares of the disk that are free: below `alarm` somebody is told, below a deposit's own share it is refused. */
export interface DiskShares {
  alarm: number;
  refuse: Readonly<Record<Deposit, number>>;
}

/** What is largest and can wait longest goes first; log-on, deletion and heartbeats are never refused. */
export const DISK_SHARES: DiskShares = {
  alarm: 0.1,
  refuse: { forensics: 0.05, "root-cause": 0.04, "threat-events": 0.03, audit: 0.03 },
};

export interface DiskState {
  /** 0 to 1. */
  freeShare: number;
  refused: Deposit[];
}

export interface DiskAdmission {
  /** @throws {AppError} `store.disk_low`, with `retryAfterSeconds` */
  admit(deposit: Deposit): Promise<void>;
  state(): Promise<DiskState>;
}

/** The free space moves slowly, and a stat a batch would be one too many. */
const LOOK_MS = 5_000;
const RETRY_AFTER_SECONDS = 60;

/** Refuses what the disk has no room for, before it is full: a full disk would also stop what must go on. */
export function createDiskAdmission(deps: {
  directory: string;
  shares?: DiskShares;
  /** Calls back when the alarm begins, when more or less is refused, and when it is over. */
  onChange?: (state: DiskState) => void;
  readFreeShare?: (directory: string) => Promise<number>;
  clock: Clock;
}): DiskAdmission {
  const { directory, clock, shares = DISK_SHARES, readFreeShare = freeShareOf } = deps;
  let known: { at: number; state: DiskState } | null = null;
  let told = "";

  async function state(): Promise<DiskState> {
    const now = clock.now().getTime();
    if (known !== null && now >= known.at && now - known.at < LOOK_MS) return known.state;
    const freeShare = await readFreeShare(directory);
    const refused = DEPOSITS.filter((deposit) => freeShare < shares.refuse[deposit]);
    known = { at: now, state: { freeShare, refused } };
    const news = freeShare < shares.alarm ? `low ${refused.join(" ")}` : "";
    if (news !== told) deps.onChange?.(known.state);
    told = news;
    return known.state;
  }

  return {
    state,
    admit: async (deposit) => {
      const { freeShare, refused } = await state();
      if (!refused.includes(deposit)) return;
      throw new AppError("store.disk_low", { deposit, freeShare, retryAfterSeconds: RETRY_AFTER_SECONDS });
    },
  };
}

async function freeShareOf(directory: string): Promise<number> {
  const { bavail, blocks } = await statfs(directory);
  return blocks === 0 ? 1 : bavail / blocks;
}
