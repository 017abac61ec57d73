// Which installation speaks: pure, for every upper party (architecture, section 5, "Clones and restores").
//
// Each start of a lower party names the start that was acknowledged last and all since. From that alone:
// J1  A start that names the one in force is a restart and takes over.
// J2  One that names only starts which the one in force had followed stands behind: it is a restored backup, or a copy of
//     one. A start that was followed and speaks on stands beside. Either waits as the rival of the one in force.
// J3  One that names nothing known is ahead of us: we were restored ourselves. It takes over, and positions tell the rest.
// J4  A request may arrive long after its process died. So a start counts as alive only once it repeats a challenge that was
//     given to it after the two had met: a dead process reads no answer. Two that are both alive are a clone.
// J5  A rival that is alive takes over when the start in force was silent for three intervals: it was a restore. One that
//     never proved to be alive is forgotten after that time.
// J6  A request that comes a second time changes nothing, whosever it is.
// Nothing is taken of a start that is not in force: neither outcomes nor positions nor what it says of itself.

export interface LastOfStart {
  start: string;
  counter: number;
  contentDigest: string;
}

/** What tells one installation from its copy. */
export interface Face {
  start: string;
  instanceId: string;
  host: string;
  address: string;
  version: string;
  /** Milliseconds of the upper party's clock. */
  firstSeenMs: number;
  lastSeenMs: number;
}

/** A start that waits (J2). */
export interface Rival extends LastOfStart {
  face: Face;
  challenge: string;
  isAlive: boolean;
}

/** What is known beside the starts themselves; one value, to be stored as it is. */
export interface StartWatch {
  /** The start in force. */
  face: Face;
  /** Given to the start in force since there is a rival; null = it needs to prove nothing, or did. */
  challenge: string | null;
  /** Whether the start in force proved to be alive since there is this rival. */
  isAlive: boolean;
  rival: Rival | null;
  /** Two that proved to be alive at once. */
  clone: { sinceMs: number; faces: [Face, Face] } | null;
}

export interface KnownStart extends LastOfStart {
  /** Starts that the one in force followed, newest first. */
  earlier: readonly LastOfStart[];
  /** null = kept by an older version. */
  watch: StartWatch | null;
}

export interface ArrivingStart extends LastOfStart {
  earlierStarts: readonly string[];
  /** The challenge that it repeats. */
  challenge: string | null;
  instanceId: string;
  host: string;
  address: string;
  version: string;
}

export interface JudgingTime {
  nowMs: number;
  /** Three intervals of heartbeats. */
  silenceMs: number;
  /** Random; used if a challenge is to be given. */
  newChallenge: string;
}

/**
 * - `first`, `next`, `restart`, `restored`: taken in full, and `after` is stored.
 * - `late`, `diverged`, `clone`: nothing of it is taken; only `after.watch` is stored.
 * - `retry`, `replayed`: nothing is stored; a retry is answered, the other refused.
 */
export interface Judgement {
  kind: "first" | "next" | "restart" | "restored" | "late" | "diverged" | "clone" | "retry" | "replayed";
  /** To be answered, and repeated by whoever is alive. */
  challenge: string | null;
  after: KnownStart;
}

/** As many as a lower party may name. */
const MAX_EARLIER = 64;
/** Below every counter. */
const NEVER = -1;

/** Decides what an arriving heartbeat is in the light of what is known. */
export function judgeStart(known: KnownStart | null, arriving: ArrivingStart, time: JudgingTime): Judgement {
  if (known === null) return { kind: "first", challenge: null, after: inForce(null, arriving, time) };
  const repeated = repetitionOf(known, arriving);
  if (repeated !== null) return { kind: repeated, challenge: null, after: known };
  if (arriving.start === known.start) return ofTheOneInForce(known, arriving, time);
  const names = new Set(arriving.earlierStarts);
  if (names.has(known.start)) return { kind: "restart", challenge: null, after: inForce(known, arriving, time) };
  const rival = known.watch?.rival ?? null;
  const isOfRival = rival !== null && (rival.start === arriving.start || names.has(rival.start));
  const isFollowed = known.earlier.some((one) => one.start === arriving.start);
  const isBehind = isOfRival || known.earlier.some((one) => names.has(one.start));
  if (!isFollowed && !isBehind) return { kind: "restart", challenge: null, after: inForce(known, arriving, time) };
  return ofARival(known, arriving, { time, before: isOfRival ? rival : null, kind: isFollowed ? "late" : "diverged" });
}

function repetitionOf(known: KnownStart, arriving: ArrivingStart): "retry" | "replayed" | null {
  const last = [known, ...known.earlier].find((one) => one.start === arriving.start);
  if (last === undefined || arriving.counter > last.counter) return null;
  const isSame = arriving.counter === last.counter && arriving.contentDigest === last.contentDigest;
  return isSame ? "retry" : "replayed";
}

function ofTheOneInForce(known: KnownStart, arriving: ArrivingStart, time: JudgingTime): Judgement {
  const after = inForce(known, arriving, time);
  const { watch } = after;
  if (watch === null || watch.rival === null) return { kind: "next", challenge: null, after };
  const { rival } = watch;
  if (!rival.isAlive && time.nowMs - rival.face.lastSeenMs >= time.silenceMs) {
    return { kind: "next", challenge: null, after: { ...after, watch: { ...watch, ...NO_RIVAL } } };
  }
  const isAlive = watch.isAlive || (watch.challenge !== null && watch.challenge === arriving.challenge);
  if (isAlive && rival.isAlive) return cloneOf(after, [watch.face, rival.face], time);
  const challenge = isAlive ? null : (watch.challenge ?? time.newChallenge);
  return { kind: "next", challenge, after: { ...after, watch: { ...watch, isAlive, challenge } } };
}

function ofARival(
  known: KnownStart,
  arriving: ArrivingStart,
  context: { time: JudgingTime; before: Rival | null; kind: "late" | "diverged" },
): Judgement {
  const { time, before, kind } = context;
  const isSame = before !== null && before.start === arriving.start;
  if (isSame && arriving.counter <= before.counter) {
    const isRetry = arriving.counter === before.counter && arriving.contentDigest === before.contentDigest;
    return { kind: isRetry ? kind : "replayed", challenge: isRetry ? before.challenge : null, after: known };
  }
  const watch = watchOf(known, arriving, time);
  const { start, counter, contentDigest } = arriving;
  const rival: Rival = {
    start,
    counter,
    contentDigest,
    face: faceOf(arriving, time, before?.face.firstSeenMs),
    challenge: isSame ? before.challenge : time.newChallenge,
    isAlive: isSame && (before.isAlive || arriving.challenge === before.challenge),
  };
  // What the one in force proved before says nothing about now, if this is another rival.
  const met = before === null ? { ...watch, challenge: null, isAlive: false, rival } : { ...watch, rival };
  const after = { ...known, watch: met };
  if (rival.isAlive && met.isAlive) return cloneOf(after, [met.face, rival.face], time);
  const quietSinceMs = Math.max(met.face.lastSeenMs, rival.face.firstSeenMs);
  if (rival.isAlive && time.nowMs - quietSinceMs >= time.silenceMs) {
    return { kind: "restored", challenge: null, after: inForce(known, arriving, time) };
  }
  return { kind, challenge: rival.isAlive ? null : rival.challenge, after };
}

const NO_RIVAL = { rival: null, challenge: null, isAlive: false } as const;

/** From now on this start is the one in force; a rival that it does not name goes on waiting. */
function inForce(known: KnownStart | null, arriving: ArrivingStart, time: JudgingTime): KnownStart {
  const { start, counter, contentDigest } = arriving;
  const isSame = known !== null && known.start === start;
  const before = known?.watch ?? null;
  const rival = before?.rival ?? null;
  const isEnded = rival === null || rival.start === start || arriving.earlierStarts.includes(rival.start);
  const met = isSame && before !== null ? { challenge: before.challenge, isAlive: before.isAlive } : null;
  return {
    start,
    counter,
    contentDigest,
    earlier: isSame ? known.earlier : followedBy(known, arriving),
    watch: {
      face: faceOf(arriving, time, isSame ? before?.face.firstSeenMs : undefined),
      ...(isEnded ? NO_RIVAL : { challenge: null, isAlive: false, ...met, rival }),
      clone: null,
    },
  };
}

/** Also those that it names and that never arrived: one of their requests may still do. */
function followedBy(known: KnownStart | null, arriving: ArrivingStart): LastOfStart[] {
  const before =
    known === null
      ? []
      : [{ start: known.start, counter: known.counter, contentDigest: known.contentDigest }, ...known.earlier];
  const heard = new Set(before.map((one) => one.start));
  const unheard = arriving.earlierStarts.filter((one) => !heard.has(one));
  return [...before, ...unheard.map((start) => ({ start, counter: NEVER, contentDigest: "" }))]
    .filter((one) => one.start !== arriving.start)
    .slice(0, MAX_EARLIER);
}

function cloneOf(after: KnownStart, faces: [Face, Face], time: JudgingTime): Judgement {
  const told = after.watch === null ? null : { ...after.watch, clone: { sinceMs: time.nowMs, faces } };
  return { kind: "clone", challenge: null, after: { ...after, watch: told } };
}

/** What was kept by an older version has no face yet: that of whoever speaks is taken for it. */
function watchOf(known: KnownStart, arriving: ArrivingStart, time: JudgingTime): StartWatch {
  if (known.watch !== null) return known.watch;
  const face = { ...faceOf(arriving, time, undefined), start: known.start };
  return { face, ...NO_RIVAL, clone: null };
}

function faceOf(arriving: ArrivingStart, time: JudgingTime, firstSeenMs: number | undefined): Face {
  const { start, instanceId, host, address, version } = arriving;
  const { nowMs } = time;
  return { start, instanceId, host, address, version, firstSeenMs: firstSeenMs ?? nowMs, lastSeenMs: nowMs };
}
