import type { ReactNode } from "react";
import { escapeForeign, escapeForeignText } from "./escape-foreign.ts";
import { middleTruncate, type TruncateKind } from "./middle-truncate.ts";

/**
 * Draws text that an endpoint, a product or another outsider sent: as text, in its own direction, with control and
 * bidirectional characters as visible escapes. Everything foreign goes through here.
 */
export function ForeignText(props: {
  text: string;
  mono?: boolean;
  truncate?: TruncateKind;
  block?: boolean;
}): ReactNode {
  const shown = props.truncate === undefined ? props.text : middleTruncate(props.text, props.truncate);
  const pieces = escapeForeign(shown);
  const cut = shown !== props.text;
  return (
    <bdi
      className={props.mono ? "tms-foreign tms-mono" : "tms-foreign"}
      {...(props.block ? { "data-lines": "4" } : {})}
      {...(cut ? { title: escapeForeignText(props.text) } : {})}
    >
      {pieces.map((piece, index) =>
        piece.escaped ? (
          // biome-ignore lint/suspicious/noArrayIndexKey: the pieces are a pure function of the text and never move.
          <span key={index} className="tms-escape">
            {piece.text}
          </span>
        ) : (
          piece.text
        ),
      )}
    </bdi>
  );
}
