import "@xyflow/react/dist/style.css";
import type { ChainView } from "@tms/contracts";
import type { ChainNode } from "@tms/records";
import { Background, type Node, ReactFlow, ReactFlowProvider, useReactFlow, ViewportPortal } from "@xyflow/react";
import { type KeyboardEvent, type ReactNode, useEffect, useId, useMemo, useState } from "react";
import { IconMaximize, IconMinus, IconPlus } from "../icons/icons.ts";
import { escapeForeignText } from "../text/escape-foreign.ts";
import { useClock } from "../time/clock-context.tsx";
import { clockText, durationText } from "../time/format-time.ts";
import { useKitWords } from "../words/kit-words.ts";
import { backEdgesOf } from "./back-edges.ts";
import { ChainTable } from "./ChainTable.tsx";
import { type ChainMove, type ChainViewMode, moveIn, sentenceOf, shownPart } from "./chain-story.ts";
import { flowEdgesOf, flowNodesOf, layoutInputOf } from "./flow-parts.ts";
import { GraphLegend } from "./GraphLegend.tsx";
import { NODE_WIDTH, type Place } from "./layout-chain.ts";
import { NODE_HEIGHT, NodeBox } from "./NodeBox.tsx";
import { useLayout } from "./use-layout.ts";
import { BackEdge, VerbEdge } from "./VerbEdge.tsx";

interface ChainGraphProps {
  chain: ChainView;
  selected: string | null;
  onSelect(id: string): void;
  /** Enter on a node: its evidence. */
  onOpen(id: string): void;
}

const NODE_TYPES = { box: NodeBox };
const EDGE_TYPES = { verb: VerbEdge, back: BackEdge };
const KEYS: Record<string, ChainMove> = {
  ArrowUp: "up",
  ArrowDown: "down",
  ArrowLeft: "left",
  ArrowRight: "right",
  Home: "home",
  End: "end",
};

/** The root cause chain: a picture, the whole picture, or its equal as a table. */
export function ChainGraph(props: ChainGraphProps): ReactNode {
  const [view, setView] = useState<ChainViewMode | "table">(() => (window.innerWidth < 768 ? "table" : "path"));
  return (
    <ReactFlowProvider>
      <section className="tms-panel" aria-labelledby="chain-title">
        <GraphHead chain={props.chain} view={view} onView={setView} />
        {view === "table" ? (
          <ChainTable {...props} />
        ) : (
          <GraphCanvas {...props} mode={view} onTable={() => setView("table")} />
        )}
      </section>
    </ReactFlowProvider>
  );
}

/** Below this size names are no longer read; the reader moves the picture instead. */
const MIN_FIT_ZOOM = 0.75;

const CANVAS_MARGIN = 48;
const MIN_CANVAS = 300;
const MAX_CANVAS = 860;

/** As high as the picture at its own size, within bounds: a long chain is moved or zoomed, never made illegible. */
function canvasHeight(places: Record<string, Place> | null): number {
  if (places === null) return MIN_CANVAS * 2;
  const bottom = Math.max(0, ...Object.values(places).map((place) => place.y)) + NODE_HEIGHT;
  return Math.min(MAX_CANVAS, Math.max(MIN_CANVAS, bottom + CANVAS_MARGIN));
}

/** Everything that is drawn, the times in the left gutter included. */
function wholeViewport(nodes: Node[], box: { width: number; height: number }): { x: number; y: number; zoom: number } {
  const right = Math.max(...nodes.map((node) => node.position.x + NODE_WIDTH), 1) + 24;
  const bottom = Math.max(...nodes.map((node) => node.position.y + NODE_HEIGHT), 1) + 20;
  const top = 22;
  const zoom = Math.max(MIN_FIT_ZOOM, Math.min(1, box.width / right, box.height / (bottom + top)));
  return { x: 0, y: top * zoom, zoom };
}

function GraphHead(props: {
  chain: ChainView;
  view: ChainViewMode | "table";
  onView(view: ChainViewMode | "table"): void;
}): ReactNode {
  const words = useKitWords();
  const flow = useReactFlow();
  const views: [ChainViewMode | "table", string][] = [
    ["path", words("graph.path")],
    ["all", words("graph.all", { count: props.chain.nodes.length })],
    ["table", words("graph.table")],
  ];
  return (
    <header className="tms-panel-head">
      <div className="tms-row">
        <h2 id="chain-title">{words("graph.title")}</h2>
        <span className="tms-small">{words("graph.time")}</span>
      </div>
      <div className="tms-row">
        {/* biome-ignore lint/a11y/useSemanticElements: three views of one thing are no form. */}
        <div className="tms-switch" role="group" aria-label={words("graph.views")}>
          {views.map(([view, label]) => (
            <button key={view} type="button" aria-pressed={props.view === view} onClick={() => props.onView(view)}>
              {label}
            </button>
          ))}
        </div>
        {props.view === "table" ? null : (
          // biome-ignore lint/a11y/useSemanticElements: three zoom buttons are no form.
          <div className="tms-switch" role="group" aria-label={words("graph.zoom")}>
            <button type="button" aria-label={words("graph.zoomOut")} onClick={() => zoom(flow, "out")}>
              <IconMinus size={14} stroke={1.75} />
            </button>
            <button type="button" aria-label={words("graph.zoomIn")} onClick={() => zoom(flow, "in")}>
              <IconPlus size={14} stroke={1.75} />
            </button>
            <button type="button" aria-label={words("graph.fit")} onClick={() => zoom(flow, "whole")}>
              <IconMaximize size={14} stroke={1.75} />
            </button>
          </div>
        )}
      </div>
    </header>
  );
}

type Zoom = "in" | "out" | "whole";

function canvasSize(): { width: number; height: number } {
  const canvas = document.querySelector(".tms-graph .react-flow");
  return { width: canvas?.clientWidth ?? 800, height: canvas?.clientHeight ?? 500 };
}

function zoom(flow: ReturnType<typeof useReactFlow>, how: Zoom): void {
  const moving =
    how === "in"
      ? flow.zoomIn()
      : how === "out"
        ? flow.zoomOut()
        : flow.setViewport(wholeViewport(flow.getNodes(), canvasSize()));
  moving.catch(() => {
    // The picture went away while it was being moved.
  });
}

function GraphCanvas(props: ChainGraphProps & { mode: ChainViewMode; onTable(): void }): ReactNode {
  const words = useKitWords();
  const { zone } = useClock();
  const { chain, selected } = props;
  const flow = useReactFlow();
  const hint = useId();
  const shown = useMemo(() => shownPart(chain, props.mode), [chain, props.mode]);
  const places = useLayout(useMemo(() => layoutInputOf(chain, shown), [chain, shown]));
  const gapText = (node: ChainNode) => gapTextOf(node, words("graph.gap"));
  const nodes = places === null ? [] : flowNodesOf({ chain, shown, places, selected, gapText });
  const againLabel = (atBoot: boolean) => words(atBoot ? "graph.startsAgainAtBoot" : "graph.startsAgain");
  const edges =
    places === null
      ? []
      : [
          ...flowEdgesOf(chain, shown.edges, places, words("graph.inferred")),
          ...backEdgesOf(chain, shown.nodes, places, againLabel),
        ];
  const placed = places === null ? "" : Object.keys(places).sort().join();
  useEffect(() => {
    if (placed === "") return;
    const timer = setTimeout(() => zoom(flow, "whole"), 30);
    return () => clearTimeout(timer);
  }, [placed, flow]);
  const current = chain.nodes.find((node) => node.id === selected);
  const clock = (at: string) => clockText(new Date(at), zone);
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    const move = KEYS[event.key];
    if (move !== undefined && selected !== null) {
      event.preventDefault();
      props.onSelect(moveIn(chain, new Set(shown.nodes.map((node) => node.id)), selected, move));
    } else if (event.key === "Enter" && selected !== null) props.onOpen(selected);
    else if (event.key === "t" || event.key === "T") props.onTable();
    else if (event.key === "+") zoom(flow, "in");
    else if (event.key === "-") zoom(flow, "out");
    else if (event.key === "0") zoom(flow, "whole");
  };
  return (
    <>
      <div
        className="tms-graph"
        style={{ height: canvasHeight(places) }}
        role="application"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the graph is one tab stop with keys of its own.
        tabIndex={0}
        aria-label={words("graph.label")}
        aria-describedby={hint}
        onKeyDown={onKeyDown}
      >
        <span className="tms-hidden" aria-live="polite">
          {current === undefined ? "" : escapeForeignText(sentenceOf(current, chain, clock))}
        </span>
        <ReactFlow
          nodes={nodes as Node[]}
          edges={edges}
          nodeTypes={NODE_TYPES}
          edgeTypes={EDGE_TYPES}
          onNodeClick={(_event, node) => props.onSelect(node.id)}
          nodesFocusable={false}
          edgesFocusable={false}
          nodesConnectable={false}
          disableKeyboardA11y
          zoomOnScroll={false}
          preventScrolling={false}
          minZoom={0.3}
          maxZoom={1.6}
          proOptions={{ hideAttribution: true }}
        >
          <Background gap={16} size={1.4} color="var(--tms-line)" />
          <ViewportPortal>
            <TimeGutter nodes={shown.nodes} places={places ?? {}} clock={clock} />
          </ViewportPortal>
        </ReactFlow>
      </div>
      <p id={hint} className="tms-graph-hint tms-small">
        {shown.folded === 0 ? "" : words("graph.folded", { count: shown.folded })} {words("graph.keys")}
      </p>
      <GraphLegend />
    </>
  );
}

function TimeGutter(props: {
  nodes: ChainNode[];
  places: Record<string, Place>;
  clock(at: string): string;
}): ReactNode {
  const rows = new Set<number>();
  return props.nodes.map((node) => {
    const place = props.places[node.id];
    if (place === undefined || node.startedAt === undefined || node.kind === "network" || node.kind === "persistence")
      return null;
    if (rows.has(place.y)) return null;
    rows.add(place.y);
    return (
      <div
        key={node.id}
        className="tms-graph-time tms-tabular"
        style={{ transform: `translate(12px, ${place.y + 8}px)` }}
      >
        {props.clock(node.startedAt)}
        {node.kind === "gap" && node.endedAt !== undefined ? <div>– {props.clock(node.endedAt)}</div> : null}
      </div>
    );
  });
}

function gapTextOf(node: ChainNode, fallback: string): string {
  if (node.startedAt === undefined || node.endedAt === undefined) return node.reason ?? fallback;
  const duration = durationText(new Date(node.endedAt).getTime() - new Date(node.startedAt).getTime());
  return node.reason === undefined ? `${duration} ${fallback}` : `${duration} ${fallback}: ${node.reason}`;
}
