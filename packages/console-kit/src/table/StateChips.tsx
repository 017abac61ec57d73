import type { StateRow } from "@tms/records";
import type { ReactNode } from "react";
import { ToneShape } from "../state/ToneShape.tsx";

export interface StateChip {
  /** Empty = all. */
  value: string;
  label: string;
  state: StateRow | null;
  count: number;
}

/** Filters by state, with shape and count; the chosen one lives in the URL. */
export function StateChips(props: {
  label: string;
  chips: StateChip[];
  chosen: string;
  onChoose(value: string): void;
  children?: ReactNode;
}): ReactNode {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset would bring a form's meaning; these are view filters.
    <div className="tms-chips" role="group" aria-label={props.label}>
      {props.chips.map((chip) => (
        <button
          type="button"
          key={chip.value}
          className="tms-chip"
          aria-pressed={props.chosen === chip.value}
          onClick={() => props.onChoose(chip.value)}
        >
          {chip.state === null ? null : <ToneShape tone={chip.state.tone} still={chip.state.still} />}
          <span>{chip.label}</span>
          <span>{chip.count}</span>
        </button>
      ))}
      {props.children}
    </div>
  );
}

/** "All" and every state of a table that occurs, in the table's order. */
export function chipsOf<State extends string>(
  table: Record<State, StateRow>,
  counts: Record<string, number>,
  all: { label: string; count: number },
): StateChip[] {
  const states = (Object.keys(table) as State[]).filter((state) => (counts[state] ?? 0) > 0);
  return [
    { value: "", label: all.label, state: null, count: all.count },
    ...states.map((state) => ({
      value: state,
      label: table[state].text,
      state: table[state],
      count: counts[state] ?? 0,
    })),
  ];
}
