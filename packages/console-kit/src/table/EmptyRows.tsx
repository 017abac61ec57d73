import type { Tone } from "@tms/records";
import type { ReactNode } from "react";
import { ToneShape } from "../state/ToneShape.tsx";

/** The four faces of an empty list; "not known" is one of them and never looks like "nothing". */
export type EmptyFace =
  | { face: "nothing-yet"; text: string }
  | { face: "nothing-matches"; text: string; clearText: string; onClear(): void }
  | { face: "all-done"; text: string }
  | { face: "not-known"; text: string };

export function EmptyRows(props: { face: EmptyFace }): ReactNode {
  const { face } = props;
  const tone = toneOf(face);
  return (
    <div className="tms-empty">
      {tone === null ? null : <ToneShape tone={tone} />}
      <span className={face.face === "not-known" ? "tms-gap-text" : undefined}>
        {face.text}{" "}
        {face.face === "nothing-matches" ? (
          <button type="button" className="tms-link" onClick={face.onClear}>
            {face.clearText}
          </button>
        ) : null}
      </span>
    </div>
  );
}

function toneOf(face: EmptyFace): Tone | null {
  switch (face.face) {
    case "all-done":
      return "ok";
    case "not-known":
      return "gap";
    default:
      return null;
  }
}
