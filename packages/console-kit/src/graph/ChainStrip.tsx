import type { ChainView } from "@tms/contracts";
import { Fragment, type ReactNode } from "react";
import { ForeignText } from "../text/ForeignText.tsx";
import { useClock } from "../time/clock-context.tsx";
import { clockText } from "../time/format-time.ts";
import { useKitWords } from "../words/kit-words.ts";
import { edgeWord, KIND_WORD, nameOf, tellingEdges } from "./chain-story.ts";

/** The path of a chain in one line of boxes; the whole chain is one link away. */
export function ChainStrip(props: { chain: ChainView }): ReactNode {
  const words = useKitWords();
  const { zone } = useClock();
  const { chain } = props;
  const byId = new Map(chain.nodes.map((node) => [node.id, node]));
  const above = chain.edges.find((edge) => edge.to === chain.path[0] && byId.get(edge.from)?.kind === "not-observed");
  const path = above === undefined || chain.path.includes(above.from) ? chain.path : [above.from, ...chain.path];
  // A gap lies on the edge: here it is the dash, the graph says how long it was.
  const ids = path.filter((id) => byId.get(id)?.kind !== "gap");
  const edges = tellingEdges(chain.edges);
  const folded = foldedOf(ids);
  const beside = chain.nodes.filter((node) => node.kind === "network" || node.kind === "persistence");
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a row that scrolls sideways must be reachable by keyboard. */}
      <ol className="tms-strip" tabIndex={0} aria-label={words("graph.title")}>
        {ids.map((id, index) => {
          const node = byId.get(id);
          if (node === undefined) return null;
          if (index === folded.from) return <FoldedSteps key="folded" count={folded.to - folded.from} />;
          if (index > folded.from && index < folded.to) return null;
          const edge = edges.find((known) => known.from === ids[index - 1] && known.to === id);
          return (
            <Fragment key={id}>
              {index === 0 ? null : (
                <li
                  className="tms-strip-edge"
                  data-inferred={edge === undefined || edge.quality === "inferred" || undefined}
                >
                  <span>{edge === undefined || edge.from === above?.from ? "" : edgeWord(edge)}</span>
                </li>
              )}
              <li className="tms-strip-node" data-kind={node.kind} data-detected={node.detected || undefined}>
                <span className="tms-small">
                  {node.id === chain.rootCause
                    ? words("graph.firstCause")
                    : node.detected
                      ? words("graph.detectedHere")
                      : node.kind === "not-observed"
                        ? words("graph.origin")
                        : KIND_WORD[node.kind]}
                </span>
                <strong>
                  <ForeignText text={nameOf(node)} truncate="command" />
                </strong>
                <span className="tms-small">
                  {node.startedAt === undefined
                    ? words("graph.timeUnknown")
                    : clockText(new Date(node.startedAt), zone)}
                </span>
              </li>
            </Fragment>
          );
        })}
      </ol>
      {beside.length === 0 ? null : (
        <ul className="tms-strip-beside">
          {beside.map((node) => {
            const edge = edges.find((known) => known.to === node.id);
            const by = byId.get(edge?.from ?? "");
            return (
              <li key={node.id}>
                {by === undefined || edge === undefined ? null : (
                  <>
                    <ForeignText text={nameOf(by)} truncate="command" /> {edgeWord(edge)}{" "}
                  </>
                )}
                <ForeignText text={node.line ?? nameOf(node)} mono truncate="command" />
              </li>
            );
          })}
        </ul>
      )}
    </>
  );
}

/** More boxes than this do not stand in one row. */
const SHOWN = 5;
const HEAD = 2;
const TAIL = 2;

function foldedOf(ids: readonly string[]): { from: number; to: number } {
  return ids.length <= SHOWN ? { from: -1, to: -1 } : { from: HEAD, to: ids.length - TAIL };
}

function FoldedSteps(props: { count: number }): ReactNode {
  const words = useKitWords();
  return (
    <>
      <li className="tms-strip-edge">
        <span />
      </li>
      <li className="tms-strip-node" data-kind="folded">
        <span className="tms-small">{words("graph.between")}</span>
        <strong>{words("graph.moreSteps", { count: props.count })}</strong>
      </li>
    </>
  );
}
