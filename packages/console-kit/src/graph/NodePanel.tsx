import type { ChainView } from "@tms/contracts";
import type { ReactNode } from "react";
import { Pairs, Panel } from "../frame/Panel.tsx";
import { Copyable } from "../text/Copyable.tsx";
import { ForeignText } from "../text/ForeignText.tsx";
import { useClock } from "../time/clock-context.tsx";
import { clockText } from "../time/format-time.ts";
import { useKitWords } from "../words/kit-words.ts";
import { BY_WORD, causeOf, KIND_WORD, nameOf } from "./chain-story.ts";

/** Everything the records say about the chosen part of a chain. */
export function NodePanel(props: { chain: ChainView; id: string }): ReactNode {
  const words = useKitWords();
  const { zone } = useClock();
  const node = props.chain.nodes.find((known) => known.id === props.id);
  if (node === undefined) return null;
  const clock = (at: string) => clockText(new Date(at), zone);
  const copy = (
    text: string | undefined,
    what: string,
    truncate: "path" | "command" | "hash",
  ): [string, ReactNode][] =>
    text === undefined ? [] : [[what, <Copyable key={what} text={text} what={what} truncate={truncate} />]];
  const cause = causeOf(node, props.chain);
  const by = props.chain.nodes.find((known) => known.id === cause?.from);
  const pairs: [string, ReactNode][] = [
    ...copy(node.path, words("node.path"), "path"),
    ...copy(node.image, words("node.image"), "path"),
    ...copy(node.commandLine, words("node.commandLine"), "command"),
    ...copy(node.line, words("node.line"), "command"),
    ...copy(node.remote, words("node.remote"), "command"),
    ...copy(node.sha256, "SHA-256", "hash"),
  ];
  if (node.pid !== undefined) pairs.push([words("node.process"), processText()]);
  if (node.user !== undefined) pairs.push([words("node.user"), <ForeignText key="user" text={node.user} />]);
  if (node.startedAt !== undefined && node.pid === undefined) pairs.push([words("node.seen"), clock(node.startedAt)]);
  if (cause !== undefined && by !== undefined) {
    pairs.push([
      sentenceStart(BY_WORD[cause.kind]),
      <span key="by">
        <ForeignText text={nameOf(by)} truncate="command" />
        <Quality quality={cause.quality} />
      </span>,
    ]);
  }
  pairs.push([words("node.known"), words(`quality.${node.quality}`)]);
  if (node.reason !== undefined) pairs.push([words("node.reason"), <ForeignText key="why" text={node.reason} />]);
  if (node.rootCauseReason !== undefined)
    pairs.push([words("graph.firstCause"), <ForeignText key="first" text={node.rootCauseReason} />]);
  function processText(): string {
    const started = node?.startedAt === undefined ? "" : words("node.started", { time: clock(node.startedAt) });
    const ended =
      node?.endedAt === undefined ? words("node.stillRunning") : words("node.ended", { time: clock(node.endedAt) });
    return [`pid ${node?.pid}`, started, ended].filter((part) => part !== "").join(", ");
  }
  return (
    <Panel title={words("node.title")} note={KIND_WORD[node.kind]}>
      <div id="evidence" tabIndex={-1}>
        <p className="tms-strong" style={{ marginBottom: 8 }}>
          <ForeignText text={nameOf(node)} truncate="command" />
        </p>
        <Pairs pairs={pairs} />
      </div>
    </Panel>
  );
}

function Quality(props: { quality: "observed" | "inferred" | "snapshot" }): ReactNode {
  const words = useKitWords();
  if (props.quality === "observed") return null;
  return <span className="tms-gap-text">, {words(`quality.short.${props.quality}`)}</span>;
}

function sentenceStart(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
