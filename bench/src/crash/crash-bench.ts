import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bench, Measured } from "../bench.ts";
import {
  downloadPhase,
  EventLedger,
  eventsInStore,
  indexingPhase,
  intakePhase,
  type PhaseRun,
  uploadPhase,
} from "./crash-phases.ts";
import { type CrashWorld, openCrashWorld } from "./crash-world.ts";

// `kill -9` in the middle of everything: what arrives in the end is what was sent, and little is sent twice.

const PHASES = ["upload", "intake", "indexing", "download"] as const;
type Phase = (typeof PHASES)[number];

const ROUNDS = { full: 1_000, quick: 24 };
const SEED = 20_261_124;
/** In one piece of work; then it may end, and its bytes are counted. */
const MAX_KILLS_A_PIECE = 6;

export const crashBench: Bench = {
  seconds: 2_700,
  async run({ quick, say, rounds = quick ? ROUNDS.quick : ROUNDS.full }) {
    const directory = await realpath(await mkdtemp(join(tmpdir(), "tms-bench-crash-")));
    const world = await openCrashWorld(directory, SEED);
    try {
      return await measure(world, { rounds, say });
    } finally {
      await world.close();
      await rm(directory, { recursive: true, force: true });
    }
  },
};

/** What the runs of one phase came to. */
class Tally {
  readonly kills: Record<string, number> = {};
  /** Of each piece of work: bytes sent again for each kill, as a share of one batch or chunk. */
  readonly again: number[] = [];
  /** Of each piece of work: bytes that passed without any kill, as a share of what it takes. */
  readonly calm: number[] = [];
  sent = 0;
  stored = 0;
  seconds = 0;

  get count(): number {
    return countOf(this.kills);
  }

  add(run: PhaseRun): void {
    for (const [victim, count] of Object.entries(run.kills)) this.kills[victim] = (this.kills[victim] ?? 0) + count;
    this.sent += run.sent;
    this.stored += run.stored;
    if (run.bytes === null) return;
    const { work, passed, chunk } = run.bytes;
    const kills = countOf(run.kills);
    if (kills === 0) this.calm.push(passed / work);
    else this.again.push((passed - work * this.overhead) / kills / chunk);
  }

  /** TLS, SSH and HTTP heads, heartbeats: what passes beside the work itself when nobody falls. */
  get overhead(): number {
    return this.calm.length === 0 ? 1 : Math.max(...this.calm);
  }
}

async function measure(
  world: CrashWorld,
  { rounds, say }: { rounds: number; say: (line: string) => void },
): Promise<Measured> {
  const tallies: Record<Phase, Tally> = {
    upload: new Tally(),
    intake: new Tally(),
    indexing: new Tally(),
    download: new Tally(),
  };
  const ledger = new EventLedger();
  const quota = Math.ceil(rounds / PHASES.length);
  const work = piecesOf(world, ledger);
  let isDigestEqual = true;
  for (let piece = 0; PHASES.some((phase) => tallies[phase].count < quota); piece += 1) {
    for (const phase of PHASES) {
      const tally = tallies[phase];
      // Indexing has work only from what intake left, and goes to its end each time.
      const left = quota - tally.count;
      if (left <= 0 && phase !== "indexing") continue;
      // The first piece is calm: it says what the work takes without any kill.
      const began = performance.now();
      tally.add(await work[phase](piece, piece === 0 ? 0 : Math.max(0, Math.min(left, MAX_KILLS_A_PIECE))));
      tally.seconds += (performance.now() - began) / 1000;
    }
    const inStore = await eventsInStore(world, ledger);
    isDigestEqual &&= inStore.digestEqual && inStore.stored === ledger.sent;
    const told = PHASES.map((phase) => `${phase} ${tallies[phase].count} in ${Math.round(tallies[phase].seconds)} s`);
    say(`kills of ${quota} each: ${told.join(", ")}`);
    if (!isDigestEqual) break;
    if (tallies.intake.count >= quota && tallies.indexing.count < quota)
      tallies.intake.add(await work.intake(piece, 0));
  }
  return result(world, { tallies, ledger, isDigestEqual, quota });
}

function piecesOf(
  world: CrashWorld,
  ledger: EventLedger,
): Record<Phase, (piece: number, kills: number) => Promise<PhaseRun>> {
  return {
    upload: (_, maxKills) => uploadPhase(world, { maxKills }),
    intake: (piece, maxKills) =>
      intakePhase(world, ledger, { maxKills, protocol: maxKills > 0 && piece % 2 === 1 ? "ssh" : "ssl" }),
    indexing: (_, maxKills) => indexingPhase(world, ledger, { maxKills }),
    download: (_, maxKills) => downloadPhase(world, { maxKills }),
  };
}

async function result(
  world: CrashWorld,
  run: { tallies: Record<Phase, Tally>; ledger: EventLedger; isDigestEqual: boolean; quota: number },
): Promise<Measured> {
  const { tallies, ledger, isDigestEqual, quota } = run;
  const inStore = await eventsInStore(world, ledger);
  const told = await world.portal.completenessOf(world.product.identity.product);
  const figures: Record<string, number> = {};
  for (const phase of PHASES) {
    const { count, kills, again, overhead } = tallies[phase];
    figures[`${phase}Kills`] = count;
    for (const [victim, of] of Object.entries(kills)) figures[`${phase}Kills ${victim}`] = of;
    if (again.length === 0) continue;
    figures[`${phase}AgainPerKill`] = inThousandths(Math.max(...again));
    figures[`${phase}BytesWithoutKills`] = inThousandths(overhead);
  }
  const files = [tallies.upload, tallies.download];
  const total = (of: "sent" | "stored") =>
    ledger.sent * (of === "sent" ? 1 : 0) + files.reduce((all, one) => all + one[of], 0);
  return {
    params: {
      seed: SEED,
      killsAPhase: quota,
      eventsSent: ledger.sent,
      againPerKill: "the worst piece of work, in batches or chunks a kill",
    },
    samples: tallies.upload.again.length,
    figures,
    baseline: {},
    goals: [
      ...PHASES.map((phase) => ({ name: `${phase}Kills`, op: ">=" as const, goal: Math.min(50, quota) })),
      ...(["upload", "intake", "download"] as const).map((phase) => ({
        name: `${phase}AgainPerKill`,
        op: "<=" as const,
        goal: 1,
      })),
    ],
    verified: {
      sent: total("sent"),
      stored: total("stored") + inStore.stored,
      digestEqual: isDigestEqual && inStore.digestEqual,
    },
    controls: [
      {
        name: "the portal's own count of what is indexed",
        expected: String(ledger.sent),
        got: String(told.distinctIndexed),
      },
      { name: "gaps by the portal", expected: "0", got: String(told.gaps) },
      { name: "the digest with one event more than was sent", expected: "differs", got: await oneMore(world, ledger) },
    ],
  };
}

/** Proof that the comparison would notice: the same store against a ledger with one more event. */
async function oneMore(world: CrashWorld, ledger: EventLedger): Promise<string> {
  ledger.digest.add("one", "more");
  return (await eventsInStore(world, ledger)).digestEqual ? "equal" : "differs";
}

function countOf(kills: Record<string, number>): number {
  return Object.values(kills).reduce((sum, count) => sum + count, 0);
}

function inThousandths(value: number): number {
  return Math.round(value * 1000) / 1000;
}
