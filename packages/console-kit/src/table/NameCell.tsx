import type { ReactNode } from "react";

/** The first cell: the name that people gave, which opens the row, over the technical one. */
export function NameCell(props: { href: string; name: ReactNode; technical?: ReactNode }): ReactNode {
  return (
    <div className="tms-name">
      <a href={props.href}>{props.name}</a>
      {props.technical === undefined ? null : <span className="tms-cell-second tms-mono">{props.technical}</span>}
    </div>
  );
}

export function TwoLines(props: { first: ReactNode; second: ReactNode }): ReactNode {
  return (
    <>
      {props.first}
      <span className="tms-cell-second">{props.second}</span>
    </>
  );
}
