import type { ReactNode } from "react";
import { IconShare } from "../icons/icons.ts";

/** The frame of the screens before log-on. */
export function GateShell(props: { brand: string; title: string; children: ReactNode }): ReactNode {
  return (
    <main className="tms-gate">
      <div className="tms-panel">
        <div className="tms-panel-body tms-stack">
          <div className="tms-brand" style={{ padding: 0 }}>
            <span className="tms-brand-mark">
              <IconShare size={17} stroke={2} aria-hidden="true" />
            </span>
            {props.brand}
          </div>
          <h1 style={{ fontSize: "1.25rem" }}>{props.title}</h1>
          {props.children}
        </div>
      </div>
    </main>
  );
}
