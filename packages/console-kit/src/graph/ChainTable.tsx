import type { ChainView } from "@tms/contracts";
import type { ReactNode } from "react";
import { ToneShape } from "../state/ToneShape.tsx";
import { ForeignText } from "../text/ForeignText.tsx";
import { useClock } from "../time/clock-context.tsx";
import { clockText } from "../time/format-time.ts";
import { useKitWords } from "../words/kit-words.ts";
import { againText, BY_WORD, causeOf, detailOf, KIND_WORD, nameOf, readingOrder } from "./chain-story.ts";

/** The equal of the graph; narrow screens and print get it. */
export function ChainTable(props: { chain: ChainView; onSelect(id: string): void }): ReactNode {
  const words = useKitWords();
  const { zone } = useClock();
  const { chain } = props;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls sideways must be reachable by keyboard.
    <section className="tms-table-scroll" aria-label={words("graph.title")} tabIndex={0}>
      <table className="tms-table">
        <thead>
          <tr>
            <th scope="col">{words("graph.when")}</th>
            <th scope="col">{words("graph.what")}</th>
            <th scope="col">{words("graph.how")}</th>
            <th scope="col">{words("graph.place")}</th>
          </tr>
        </thead>
        <tbody>
          {readingOrder(chain).map((node) => {
            const cause = causeOf(node, chain);
            const by = chain.nodes.find((other) => other.id === cause?.from);
            const again = againText(node, chain);
            const unseen = node.kind === "gap" || node.kind === "not-observed";
            return (
              <tr key={node.id}>
                <td className="tms-tabular">
                  {node.startedAt === undefined
                    ? words("graph.timeUnknown")
                    : clockText(new Date(node.startedAt), zone)}
                </td>
                <td>
                  <button type="button" className="tms-link tms-strong" onClick={() => props.onSelect(node.id)}>
                    {unseen ? <ToneShape tone="gap" size={12} /> : null}{" "}
                    <ForeignText text={nameOf(node)} truncate="command" />
                  </button>
                  <span className="tms-cell-second">
                    {KIND_WORD[node.kind]} <ForeignText text={detailOf(node)} mono truncate="path" />
                  </span>
                </td>
                <td>
                  {cause === undefined || by === undefined ? (
                    <span className="tms-small">{words("graph.noCause")}</span>
                  ) : (
                    <>
                      {BY_WORD[cause.kind]} <ForeignText text={nameOf(by)} truncate="command" />
                      {cause.quality === "inferred" ? (
                        <span className="tms-cell-second">{words("graph.inferred")}</span>
                      ) : null}
                    </>
                  )}
                  {again === null ? null : (
                    <span className="tms-cell-second">
                      <ForeignText text={again} />
                    </span>
                  )}
                </td>
                <td>
                  {placeOf(words, {
                    first: node.id === chain.rootCause,
                    detected: node.detected === true,
                    onPath: chain.path.includes(node.id),
                  })}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </section>
  );
}

function placeOf(
  words: ReturnType<typeof useKitWords>,
  place: { first: boolean; detected: boolean; onPath: boolean },
): string {
  if (place.first) return words("graph.firstCause");
  if (place.detected) return words("graph.detectedHere");
  return place.onPath ? words("graph.onPath") : words("graph.beside");
}
