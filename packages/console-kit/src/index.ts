export { browserFetch } from "./api/browser-fetch.ts";
export { type ApiHooks, createApiHooks, POLL_MS, type ReadOptions } from "./api/create-hooks.ts";
export { ConsoleRoot, startConsoleWords } from "./ConsoleRoot.tsx";
export { ConfirmDialog } from "./dialog/ConfirmDialog.tsx";
export { ProblemLine } from "./dialog/ProblemLine.tsx";
export { EventFacts, ReceivedFact } from "./events/EventFacts.tsx";
export { EventColumns, StepsPanel } from "./events/EventPanels.tsx";
export { statusRow, useEventColumns } from "./events/event-columns.tsx";
export { lastOf, SinceThen } from "./events/SinceThen.tsx";
export { AppFrame, type MenuEntry } from "./frame/AppFrame.tsx";
export { CompatibilityPanel } from "./frame/CompatibilityPanel.tsx";
export { type Fact, FactsStrip } from "./frame/FactsStrip.tsx";
export { type Crumb, Page } from "./frame/Page.tsx";
export { Pairs, Panel } from "./frame/Panel.tsx";
export { type Tab, Tabs } from "./frame/Tabs.tsx";
export { TopRight } from "./frame/TopRight.tsx";
export { ChainGraph } from "./graph/ChainGraph.tsx";
export { ChainStrip } from "./graph/ChainStrip.tsx";
export {
  IconActivity,
  IconAdjustments,
  IconBuilding,
  IconCertificate,
  IconChevronDown,
  IconClipboard,
  IconDevicesPc,
  IconFilter,
  IconFolder,
  IconFolderPlus,
  IconListDetails,
  IconPlugConnected,
  IconPrinter,
  IconRoute,
  IconServer2,
  IconTimeline,
  type TmsIcon,
} from "./icons/icons.ts";
export {
  type ConsoleScreen,
  createConsoleRouter,
  goTo,
  type UrlFilters,
  usePathname,
  useRouteParam,
  useUrlFilters,
} from "./router/console-router.tsx";
export { SessionGate } from "./session/SessionGate.tsx";
export { SeverityBars } from "./state/SeverityBars.tsx";
export { StateBlock, StateInline } from "./state/StateBadge.tsx";
export { type ShapeKind, ToneShape } from "./state/ToneShape.tsx";
export { type StoryStep, StoryTimeline } from "./story/StoryTimeline.tsx";
export { type DataColumn, DataTable } from "./table/DataTable.tsx";
export type { EmptyFace } from "./table/EmptyRows.tsx";
export { ListPanel } from "./table/ListPanel.tsx";
export { NameCell, TwoLines } from "./table/NameCell.tsx";
export { chipsOf, type StateChip, StateChips } from "./table/StateChips.tsx";
export { TableFoot } from "./table/TableFoot.tsx";
export { CommandLine, Copyable, CopyButton } from "./text/Copyable.tsx";
export { escapeForeignText } from "./text/escape-foreign.ts";
export { ForeignText } from "./text/ForeignText.tsx";
export { ByteCount, bytesText, countText } from "./text/numbers.tsx";
export { plainFact } from "./text/plain-fact.ts";
export { shortPatternId } from "./text/short-pattern-id.ts";
export { useClock } from "./time/clock-context.tsx";
export {
  absoluteText,
  agoText,
  clockText,
  dateText,
  durationText,
  fullDateText,
  isSameDay,
  longDateText,
} from "./time/format-time.ts";
export { DateOnly, TimeAbsolute, TimeAgo, TimeBoth, TimeCell } from "./time/TimeText.tsx";
export { makeWords, type WordKey, type Words } from "./words/words.ts";
