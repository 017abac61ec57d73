import type { ReactNode } from "react";

interface PanelProps {
  title: string;
  /** A few quiet words beside the title. */
  note?: ReactNode;
  right?: ReactNode;
  icon?: ReactNode;
  /** False where a table or a list brings its own padding. */
  padded?: boolean;
  children: ReactNode;
}

export function Panel(props: PanelProps): ReactNode {
  return (
    <section className="tms-panel" aria-label={props.title}>
      <header className="tms-panel-head">
        <div className="tms-row">
          {props.icon}
          <h2>{props.title}</h2>
          {props.note === undefined ? null : <span className="tms-small">{props.note}</span>}
        </div>
        {props.right}
      </header>
      {props.padded === false ? props.children : <div className="tms-panel-body">{props.children}</div>}
    </section>
  );
}

/** Label and value in two columns; a term and its fact. */
export function Pairs(props: { pairs: [string, ReactNode][] }): ReactNode {
  return (
    <dl className="tms-pairs">
      {props.pairs.map(([term, fact]) => (
        <PairRow key={term} term={term} fact={fact} />
      ))}
    </dl>
  );
}

function PairRow(props: { term: string; fact: ReactNode }): ReactNode {
  return (
    <>
      <dt>{props.term}</dt>
      <dd>{props.fact}</dd>
    </>
  );
}
