import type { BatchAnswer } from "@tms/contracts/link";

/** What the sender does about an answer; pure, so that the table can be tested. */
export type Reaction =
  | { kind: "acknowledge" }
  | { kind: "send-again" }
  | { kind: "replace-by-gap" }
  | { kind: "realign" }
  | { kind: "announce" }
  | { kind: "new-epoch" };

/**
 * @param tries How often this very answer came for this very batch before.
 */
export function reactToAnswer(answer: BatchAnswer, tries: number): Reaction {
  switch (answer.outcome) {
    case "accepted":
    case "duplicate":
      return { kind: "acknowledge" };
    case "damaged":
      return { kind: "send-again" };
    case "rejected":
      return { kind: "replace-by-gap" };
    case "gap":
      // The upper party lost something, or we did. If going back does not help, only a new epoch does.
      return tries < 3 ? { kind: "realign" } : { kind: "new-epoch" };
    case "fork":
      return { kind: "new-epoch" };
    case "epoch-unknown":
      // A heartbeat announces it; if it is still unknown afterwards, it was closed by a later one.
      return tries < 2 ? { kind: "announce" } : { kind: "new-epoch" };
  }
}
