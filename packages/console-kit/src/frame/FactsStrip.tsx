import type { ReactNode } from "react";

export interface Fact {
  label: string;
  value: ReactNode;
  /** Period, clock or source: a bare number does not ship. */
  small: ReactNode;
}

/** Four to six facts under a page's title. */
export function FactsStrip(props: { facts: Fact[] }): ReactNode {
  return (
    <dl className="tms-facts">
      {props.facts.map((fact) => (
        <div key={fact.label}>
          <dt>{fact.label}</dt>
          <dd>{fact.value}</dd>
          <dd>{fact.small}</dd>
        </div>
      ))}
    </dl>
  );
}
