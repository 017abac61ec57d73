import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { acknowledgedBy, begun, earlierStartsOf, NO_STARTS, type StartsMemory } from "../lower/starts-memory.ts";
import { type ArrivingStart, type Judgement, judgeStart, type KnownStart } from "./judge-start.ts";

const SILENCE_MS = 180_000;
/** Histories of the property tests; the goal of issue 4 is no false clone in a thousand. */
const HISTORIES = 1_000;

/** Both ends by their pure functions, and a line that loses, delays and reorders. */
class World {
  known: KnownStart | null = null;
  nowMs = 0;
  readonly kinds: Judgement["kind"][] = [];
  #names = 0;

  name(prefix: string): string {
    this.#names += 1;
    return `${prefix}${this.#names}`;
  }

  judge(arriving: ArrivingStart): Judgement {
    const time = { nowMs: this.nowMs, silenceMs: SILENCE_MS, newChallenge: this.name("challenge ") };
    const judgement = judgeStart(this.known, arriving, time);
    this.kinds.push(judgement.kind);
    if (judgement.kind === "retry" || judgement.kind === "replayed") return judgement;
    const isTaken = ["first", "next", "restart", "restored"].includes(judgement.kind);
    this.known = isTaken || this.known === null ? judgement.after : { ...this.known, watch: judgement.after.watch };
    return judgement;
  }
}

/** An installation: what lies on its disk, and the process that runs over it. */
class Installation {
  disk: StartsMemory = NO_STARTS;
  readonly inFlight: { arriving: ArrivingStart; start: string }[] = [];
  readonly host: string;
  #world: World;
  #start = "";
  #challenge: string | null = null;

  constructor(world: World, host: string) {
    this.#world = world;
    this.host = host;
    this.boot();
  }

  /** A process ends, if there is one, and another begins; what was sent may still arrive. */
  boot(): void {
    this.#start = this.#world.name("start ");
    this.#challenge = null;
    this.disk = begun(this.disk, this.#start);
  }

  send(): void {
    this.disk = { ...this.disk, counter: this.disk.counter + 1 };
    const arriving = {
      start: this.#start,
      counter: this.disk.counter,
      contentDigest: `${this.#start} ${this.disk.counter} ${this.#challenge}`,
      earlierStarts: earlierStartsOf(this.disk, this.#start),
      challenge: this.#challenge,
      instanceId: "one",
      host: this.host,
      address: "10.0.0.1",
      version: "1.0.0",
    };
    this.inFlight.push({ arriving, start: this.#start });
  }

  /** One of the requests on their way arrives. */
  arrive(which: number, how: { isAnswerLost: boolean; isCopied: boolean }): Judgement | null {
    const sent = this.inFlight[which % Math.max(1, this.inFlight.length)];
    if (sent === undefined) return null;
    if (!how.isCopied) this.inFlight.splice(this.inFlight.indexOf(sent), 1);
    const judgement = this.#world.judge(sent.arriving);
    // Only the process that asked reads its answer.
    if (sent.start === this.#start && !how.isAnswerLost) this.#read(judgement);
    return judgement;
  }

  /** A heartbeat with its answer, and nothing in between. */
  beat(): Judgement {
    this.send();
    const judgement = this.arrive(this.inFlight.length - 1, { isAnswerLost: false, isCopied: false });
    if (judgement === null) throw new Error("nothing was sent");
    return judgement;
  }

  #read({ kind, challenge }: Judgement): void {
    if (challenge !== null) this.#challenge = challenge;
    const isTaken = ["first", "next", "restart", "restored", "retry"].includes(kind);
    if (isTaken) this.disk = acknowledgedBy(this.disk, this.#start);
  }
}

type Step =
  | { do: "send" | "boot" | "back up" }
  | { do: "restore" }
  | { do: "arrive"; which: number; isAnswerLost: boolean; isCopied: boolean }
  | { do: "wait"; ms: number };

const simple: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.constant<Step>({ do: "send" }) },
  { weight: 2, arbitrary: fc.constant<Step>({ do: "boot" }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("arrive" as const),
      which: fc.nat(20),
      isAnswerLost: fc.boolean(),
      isCopied: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.nat(2 * SILENCE_MS) }) },
);
const withRestores: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: simple },
  { weight: 1, arbitrary: fc.constant<Step>({ do: "back up" }) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: "restore" }) },
);

function run(steps: readonly Step[]): { world: World; one: Installation } {
  const world = new World();
  const one = new Installation(world, "host-1");
  let backup = one.disk;
  for (const step of steps) {
    switch (step.do) {
      case "send":
        one.send();
        break;
      case "boot":
        one.boot();
        break;
      case "back up":
        backup = one.disk;
        break;
      case "restore":
        one.disk = backup;
        one.boot();
        break;
      case "arrive":
        one.arrive(step.which, step);
        break;
      case "wait":
        world.nowMs += step.ms;
    }
  }
  return { world, one };
}

test("no history of restarts, lost answers, late requests and retries makes a false clone, and the living one is taken", () => {
  fc.assert(
    fc.property(fc.array(simple, { maxLength: 80 }), (steps) => {
      const { world, one } = run(steps);

      const last = one.beat();

      expect(world.kinds).not.toContain("clone");
      expect(["first", "next", "restart"]).toContain(last.kind);
    }),
    { numRuns: HISTORIES },
  );
});

test("no history with restored backups makes a false clone either, and the restored one is taken after the silence", () => {
  fc.assert(
    fc.property(fc.array(withRestores, { maxLength: 80 }), (steps) => {
      const { world, one } = run(steps);

      one.beat();
      one.beat();
      world.nowMs += SILENCE_MS;
      const last = one.beat();

      expect(world.kinds).not.toContain("clone");
      expect(["next", "restart", "restored"]).toContain(last.kind);
    }),
    { numRuns: HISTORIES },
  );
});

test("whatever happened before, two installations that both live are found out, and nothing of them is mixed", () => {
  fc.assert(
    fc.property(fc.array(withRestores, { maxLength: 60 }), fc.boolean(), (steps, isRestarted) => {
      const { world, one } = run(steps);
      one.beat();
      world.nowMs += SILENCE_MS;
      one.beat();
      const copy = new Installation(world, "host-2");
      copy.disk = one.disk;
      copy.boot();
      if (isRestarted) one.boot();

      const told: Judgement[] = [];
      for (let round = 0; round < 6 && !world.kinds.includes("clone"); round += 1) {
        world.nowMs += 30_000;
        told.push(copy.beat(), one.beat());
      }

      expect(world.kinds).toContain("clone");
      const faces = world.known?.watch?.clone?.faces.map((face) => face.host).sort();
      expect(faces).toEqual(["host-1", "host-2"]);
    }),
    { numRuns: HISTORIES },
  );
});

describe("one after the other", () => {
  function arrange() {
    const world = new World();
    const one = new Installation(world, "host-1");
    one.beat();
    const yesterday = one.disk;
    one.boot();
    one.beat();
    return { world, one, yesterday };
  }

  test("a restored backup waits three intervals, then takes over", () => {
    const { world, one, yesterday } = arrange();
    one.disk = yesterday;
    one.boot();

    const first = one.beat();
    world.nowMs += SILENCE_MS - 1;
    const early = one.beat();
    world.nowMs += 1;
    const late = one.beat();

    expect([first.kind, early.kind, late.kind]).toEqual(["diverged", "diverged", "restored"]);
    expect(one.beat().kind).toBe("next");
  });

  test("the copy of a backup beside the running installation is a clone once both answered their challenge", () => {
    const { world, one, yesterday } = arrange();
    const copy = new Installation(world, "host-2");
    copy.disk = yesterday;
    copy.boot();

    const kinds = [copy.beat(), one.beat(), copy.beat(), one.beat()].map((judgement) => judgement.kind);

    expect(kinds).toEqual(["diverged", "next", "diverged", "clone"]);
  });

  test("a start that was followed is not believed to be alive for a request alone, however often it comes", () => {
    const { world, one } = arrange();
    one.send();
    one.send();
    one.boot();
    one.beat();
    const late = [0, 0].map(() => one.arrive(0, { isAnswerLost: false, isCopied: false })?.kind);

    const next = [one.beat(), one.beat(), one.beat()].map((judgement) => judgement.kind);

    expect(late).toEqual(["late", "late"]);
    expect(next).toEqual(["next", "next", "next"]);
    expect(world.kinds).not.toContain("clone");
  });

  test("a wrong challenge proves nothing, and a right one of another start neither", () => {
    const { world, one, yesterday } = arrange();
    const copy = new Installation(world, "host-2");
    copy.disk = yesterday;
    copy.boot();
    const given = copy.beat().challenge;
    one.send();
    const sent = one.inFlight.at(-1)?.arriving;
    if (sent === undefined) throw new Error("nothing was sent");

    const forged = world.judge({ ...sent, challenge: given });
    const guessed = world.judge({ ...sent, counter: sent.counter + 1, challenge: "guess" });
    const rival = copy.beat();

    expect([forged.kind, guessed.kind, rival.kind]).toEqual(["next", "next", "diverged"]);
  });

  test("an upper party that was restored itself takes the one that it does not know, without a wait", () => {
    const { world, one } = arrange();
    const backup = world.known;
    one.boot();
    one.beat();
    one.boot();
    one.beat();
    world.known = backup;

    expect(one.beat().kind).toBe("restart");
  });

  test("a used counter with other content is refused, in force, followed or waiting", () => {
    const { world, one, yesterday } = arrange();
    const copy = new Installation(world, "host-2");
    copy.disk = yesterday;
    copy.boot();
    for (const who of [one, copy]) who.send();
    const sent = [one, copy].map((who) => who.inFlight[0]?.arriving);

    const kinds = sent.flatMap((arriving) => {
      if (arriving === undefined) throw new Error("nothing was sent");
      return [arriving, arriving, { ...arriving, contentDigest: "other" }].map((each) => world.judge(each).kind);
    });

    expect(kinds).toEqual(["next", "retry", "replayed", "diverged", "diverged", "replayed"]);
  });
});
