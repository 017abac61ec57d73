import type { LowerParty } from "./lower-party.ts";
import type { PortalParty } from "./portal-party.ts";
import type { Random } from "./random.ts";
import type { LowerBackup, World } from "./world.ts";

export interface FaultCounts {
  kills: number;
  partitions: number;
  clockSteps: number;
  diskFull: number;
  corruptions: number;
  restores: number;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** How many of each kind; the first of each comes in every run, however short. */
const AMOUNT = { from: 3, to: 8 };

/** Brings about, at hours that the seed names, what goes wrong in years. */
export class Faults {
  readonly counts: FaultCounts = {
    kills: 0,
    partitions: 0,
    clockSteps: 0,
    diskFull: 0,
    corruptions: 0,
    restores: 0,
  };
  /** When something last was in a party's way; -1 is the portal. */
  readonly #disturbedAt = new Map<number, number>();
  readonly #world: World;
  readonly #random: Random;
  readonly #horizonMs: number;
  #isOver = false;

  constructor(world: World, horizonMs: number) {
    this.#world = world;
    this.#random = world.random.fork();
    this.#horizonMs = horizonMs;
    for (const { line } of world.lowers) {
      line.onCorruption = () => {
        this.counts.corruptions += 1;
      };
    }
  }

  plan(): void {
    const { lowers } = this.#world;
    this.#sometimes(() => this.#killLower());
    this.#sometimes(() => this.#killPortal());
    this.#sometimes(() => this.#partition());
    this.#sometimes(() => this.#stepClock());
    this.#sometimes(() => this.#fillDisk());
    this.#sometimes(() => this.#corruptLine());
    this.#sometimes(() => this.#rot());
    this.#sometimes(() => this.#rotMemory());
    this.#sometimes(() => this.#hint(), { from: 20, to: 40 });
    for (const lower of lowers) if (this.#random.chance(0.6)) this.#planRestore(lower);
    if (this.#random.chance(0.5)) this.#planPortalRestore();
  }

  /** Everything is mended; what was planned and did not come yet does not come. */
  end(): void {
    this.#isOver = true;
    const { portal, lowers } = this.#world;
    portal.disk.capacityBytes = Number.POSITIVE_INFINITY;
    portal.disk.spare();
    portal.start();
    for (const lower of lowers) {
      lower.disk.capacityBytes = Number.POSITIVE_INFINITY;
      lower.disk.spare();
      lower.line.isCut = false;
      lower.line.corruptsNextBatch = false;
      lower.start();
    }
  }

  #sometimes(cause: () => void, amount = AMOUNT): void {
    for (let left = this.#random.between(amount.from, amount.to); left > 0; left -= 1) this.#at(cause);
  }

  #at(cause: () => void, span = { from: 0.02, to: 0.97 }): void {
    const atMs = this.#horizonMs * (span.from + this.#random.float() * (span.to - span.from));
    this.#world.time.after(atMs, () => {
      if (!this.#isOver) cause();
    });
  }

  #later(ms: number, cause: () => void): void {
    this.#world.time.after(ms, () => {
      if (!this.#isOver) cause();
    });
  }

  #pickLower(): { number: number; lower: LowerParty } {
    const number = this.#random.between(0, this.#world.lowers.length - 1);
    const lower = this.#world.lowers[number];
    if (lower === undefined) throw new Error("a world without lower parties");
    this.#disturb(number);
    return { number, lower };
  }

  #disturb(number: number): void {
    this.#disturbedAt.set(number, this.#world.time.nowMs());
  }

  /** Now, or in the middle of one of the next operations of its disk. */
  #killLower(): void {
    const { number, lower } = this.#pickLower();
    const how = this.#random.pick(["kill", "power"] as const);
    const awayMs = this.#random.pick([2000, MINUTE, 20 * MINUTE, 2 * HOUR]);
    const kill = () => {
      if (this.#isOver || !lower.isUp) return;
      this.counts.kills += 1;
      this.#disturb(number);
      lower.crash(how);
      this.#later(awayMs, () => lower.start());
    };
    if (this.#random.chance(0.4)) kill();
    else lower.disk.killInOperation(this.#random.between(1, 30), kill);
  }

  #killPortal(): void {
    const { portal } = this.#world;
    const how = this.#random.pick(["kill", "power"] as const);
    const awayMs = this.#random.pick([2000, MINUTE, 40 * MINUTE, 3 * HOUR]);
    const kill = () => {
      if (this.#isOver || !portal.isUp) return;
      this.counts.kills += 1;
      this.#disturb(-1);
      portal.crash(how);
      this.#later(awayMs, () => {
        this.#disturb(-1);
        portal.start();
      });
    };
    if (this.#random.chance(0.3)) kill();
    else portal.disk.killInOperation(this.#random.between(1, 12), kill);
  }

  #partition(): void {
    const { number, lower } = this.#pickLower();
    this.counts.partitions += 1;
    lower.line.isCut = true;
    lower.line.cutRefuses = this.#random.chance(0.5);
    this.#later(this.#random.pick([MINUTE, 20 * MINUTE, HOUR, 4 * HOUR]), () => {
      lower.line.isCut = false;
      this.#disturb(number);
    });
  }

  #stepClock(): void {
    const { lower } = this.#pickLower();
    this.counts.clockSteps += 1;
    lower.clockOffsetMs = this.#random.pick([0, 1, -1]) * 24 * HOUR + this.#random.between(-HOUR, HOUR);
  }

  #fillDisk(): void {
    const { portal } = this.#world;
    const picked = this.#pickLower();
    const target: { disk: LowerParty["disk"] } = this.#random.chance(0.3) ? portal : picked.lower;
    this.counts.diskFull += 1;
    target.disk.capacityBytes = target.disk.usedBytes + this.#random.between(0, 3000);
    this.#later(this.#random.pick([2 * MINUTE, 20 * MINUTE, HOUR]), () => {
      target.disk.capacityBytes = Number.POSITIVE_INFINITY;
      this.#disturb(picked.number);
      this.#disturb(-1);
    });
  }

  #corruptLine(): void {
    this.#pickLower().lower.line.corruptsNextBatch = true;
  }

  /** A sealed batch loses a bit where it lies. */
  #rot(): void {
    this.#rotOf(/[.]batch$/);
  }

  /** What is not sealed yet loses one, or what the spool or the link remembers; mostly the next start finds it. */
  #rotMemory(): void {
    const lower = this.#rotOf(this.#random.pick([/[.]segment$/, /state[.]json$/, /link-memory[.]json$/]));
    if (lower?.isUp && this.#random.chance(0.5)) {
      this.counts.kills += 1;
      lower.crash("kill");
      this.#later(2000, () => lower.start());
    }
  }

  #rotOf(pattern: RegExp): LowerParty | null {
    const { lower } = this.#pickLower();
    const path = lower.disk.rot(pattern);
    if (path === null) return null;
    this.#world.time.note(`rot ${path}`);
    this.counts.corruptions += 1;
    this.#world.observer.rotted.add(lower.product);
    return lower;
  }

  #hint(): void {
    const number = this.#random.between(0, this.#world.lowers.length - 1);
    const { lowers, portal, time } = this.#world;
    const lower = lowers[number];
    const since = time.nowMs();
    const isCalm = () =>
      portal.isUp &&
      lower?.isUp === true &&
      !lower.line.isCut &&
      !portal.disk.isFull &&
      !lower.disk.isFull &&
      [number, -1].every((one) => (this.#disturbedAt.get(one) ?? Number.NEGATIVE_INFINITY) < since - 10 * MINUTE);
    if (isCalm()) this.#world.hint(number, isCalm);
  }

  #planRestore(lower: LowerParty): void {
    const number = this.#world.lowers.indexOf(lower);
    let backup: LowerBackup | null = null;
    this.#at(
      () => {
        backup = this.#world.backUp(lower);
        this.#later(this.#random.between(MINUTE, this.#horizonMs / 4), () => {
          if (backup === null) return;
          this.counts.restores += 1;
          this.#disturb(number);
          this.#world.restoreLower(lower, backup);
          this.#later(this.#random.between(MINUTE, 30 * MINUTE), () => lower.start());
        });
      },
      { from: 0.05, to: 0.6 },
    );
  }

  #planPortalRestore(): void {
    const portal: PortalParty = this.#world.portal;
    this.#at(
      () => {
        const image = portal.image();
        this.#later(this.#random.between(MINUTE, this.#horizonMs / 4), () => {
          this.counts.restores += 1;
          this.#disturb(-1);
          portal.crash("kill");
          portal.restore(image);
          this.#world.observer.portalRestored(portal);
          this.#later(this.#random.between(MINUTE, HOUR), () => portal.start());
        });
      },
      { from: 0.1, to: 0.6 },
    );
  }
}
