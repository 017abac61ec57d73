import type { RecordId, RootCauseChain, ThreatEventBody } from "@tms/records";
import { assembleChain, type LoggedEvent, type ThreatLogStore } from "./threat-event.ts";

export interface ShownEvent {
  event: LoggedEvent;
  body: ThreatEventBody;
  chain: RootCauseChain | null;
  chainMissingReason: string | null;
  story: LoggedEvent[];
}

/** Everything that an event's page shows of the log itself. */
export function createShowEvent(deps: { log: Pick<ThreatLogStore, "get" | "story" | "chainBodies"> }) {
  return async function showEvent(id: RecordId): Promise<ShownEvent | null> {
    const found = await deps.log.get(id);
    if (found === null) return null;
    const story = await deps.log.story(found.event.threatId);
    // An event without a chain of its own shows the one that the threat's assessment brought.
    const chainId = found.event.chain ?? story.find((event) => event.chain !== null)?.chain ?? null;
    if (chainId === null) {
      return { ...found, chain: null, chainMissingReason: "No chain was recorded for this threat.", story };
    }
    const chain = assembleChain(await deps.log.chainBodies(chainId));
    return {
      ...found,
      chain,
      chainMissingReason: chain === null ? "The chain's records have not arrived from the endpoint yet." : null,
      story,
    };
  };
}
