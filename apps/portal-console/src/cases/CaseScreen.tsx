import { Button, Textarea } from "@mantine/core";
import {
  CommandLine,
  ConfirmDialog,
  FactsStrip,
  ForeignText,
  Page,
  Panel,
  ProblemLine,
  StateBlock,
  StateInline,
  shortPatternId,
  TimeAbsolute,
  TimeAgo,
  TimeBoth,
  useRouteParam,
} from "@tms/console-kit";
import type { CaseDetail } from "@tms/contracts/portal";
import { CASE_STATE_TABLE, PATTERN_STATE_TABLE } from "@tms/records";
import { type ReactNode, useState } from "react";
import { api } from "../api.ts";
import { paths } from "../paths.ts";
import { useWords } from "../words.ts";
import { CaseTimeline } from "./CaseTimeline.tsx";
import { isEnded } from "./is-ended.ts";
import { PackagePanel } from "./PackagePanel.tsx";

export function CaseScreen(): ReactNode {
  const words = useWords();
  const found = api.useRead("getCase", { params: { id: useRouteParam("id") } });
  if (found.data === undefined) {
    return (
      <Page
        crumbs={[{ label: words("menu.cases"), href: paths.cases() }]}
        title={words("menu.cases")}
        plainTitle={words("menu.cases")}
      >
        <ProblemLine error={found.error} />
      </Page>
    );
  }
  return <LoadedCase detail={found.data} />;
}

function LoadedCase(props: { detail: CaseDetail }): ReactNode {
  const words = useWords();
  const { detail } = props;
  const [closing, setClosing] = useState(false);
  const [pattern] = detail.patterns;
  return (
    <Page
      crumbs={[{ label: words("menu.cases"), href: paths.cases() }, { label: detail.shortId }]}
      title={detail.shortId}
      plainTitle={`${detail.shortId} ${words("menu.cases")}`}
      subtitle={words.rich("case.about", {
        threat: <ForeignText text={detail.threatName} />,
        host: (
          <strong>
            <ForeignText text={detail.host} />
          </strong>
        ),
      })}
      badges={
        <>
          <StateBlock state={CASE_STATE_TABLE[detail.state]} announce />
          {pattern === undefined || pattern.signaturesGiven >= pattern.signaturesNeeded ? null : (
            <StateBlock state={PATTERN_STATE_TABLE[pattern.state]} />
          )}
        </>
      }
      actions={
        isEnded(detail.state) ? undefined : (
          <Button variant="default" onClick={() => setClosing(true)}>
            {words("case.closeAsClean")}
          </Button>
        )
      }
    >
      <CaseFacts detail={detail} />
      <div className="tms-columns" data-keep-order="" style={{ "--right": "minmax(0, 1.92fr)" } as object}>
        <div>
          <CaseTimeline detail={detail} />
        </div>
        <div>
          <CommandsPanel detail={detail} />
          <PatternsPanel detail={detail} />
          {detail.packages.map((found) => (
            <PackagePanel key={found.id} found={found} product={detail.product} />
          ))}
          {detail.note === "" ? null : (
            <Panel title={words("case.note")}>
              <p className="tms-prose">
                <ForeignText text={detail.note} />
              </p>
            </Panel>
          )}
        </div>
      </div>
      <CloseDialog detail={detail} opened={closing} onClose={() => setClosing(false)} />
    </Page>
  );
}

function CaseFacts(props: { detail: CaseDetail }): ReactNode {
  const words = useWords();
  const { detail } = props;
  const [event] = detail.events;
  const [pattern] = detail.patterns;
  return (
    <FactsStrip
      facts={[
        {
          label: words("customer"),
          value: (
            <a className="tms-link" href={paths.customer(detail.customer.id)}>
              {detail.customer.name}
            </a>
          ),
          small: words.rich("case.through", { product: <ForeignText text={detail.product.name} /> }),
        },
        {
          label: words("case.submitted"),
          value: <TimeAgo at={detail.openedAt} />,
          small: words.rich("case.submittedBy", {
            time: <TimeAbsolute at={detail.openedAt} />,
            who: <ForeignText text={detail.openedBy} />,
          }),
        },
        {
          label: words("turn"),
          value: words(`turn.${detail.turn}`),
          small: words.rich("since", { time: <TimeBoth at={detail.stateSince} /> }),
        },
        {
          label: words("case.event"),
          value:
            event === undefined ? (
              words("case.noEvent")
            ) : (
              <a className="tms-link" href={paths.event(detail.customer.id, event.id)}>
                {event.shortId}
              </a>
            ),
          small: event === undefined ? words("case.noEventWhy") : <ForeignText text={event.ruleId} mono />,
        },
        {
          label: words("case.pattern"),
          value:
            pattern === undefined ? (
              words("case.noPattern")
            ) : (
              <a className="tms-link" href={paths.pattern(pattern.id, pattern.version)}>
                {shortPatternId(pattern.id)} v{pattern.version}
              </a>
            ),
          small: pattern === undefined ? words("case.noPatternWhy") : PATTERN_STATE_TABLE[pattern.state].text,
        },
      ]}
    />
  );
}

/** What an expert types now: signing and opening a package are never buttons, because the portal holds no key. */
function CommandsPanel(props: { detail: CaseDetail }): ReactNode {
  const words = useWords();
  const { commands } = props.detail;
  if (commands.length === 0) return null;
  return (
    <Panel title={words("case.commands")} note={words("case.commandsNote")}>
      <ol className="tms-stack">
        {commands.map((command) => (
          <li key={command.command}>
            <p className="tms-small" style={{ marginBottom: 4 }}>
              {command.what}
            </p>
            <CommandLine command={command.command} />
          </li>
        ))}
      </ol>
    </Panel>
  );
}

function PatternsPanel(props: { detail: CaseDetail }): ReactNode {
  const words = useWords();
  const { patterns } = props.detail;
  if (patterns.length === 0) return null;
  return (
    <Panel title={words("case.patterns")} padded={false}>
      <ul className="tms-list">
        {patterns.map((pattern) => (
          <li key={`${pattern.id}/${pattern.version}`}>
            <StateInline
              state={PATTERN_STATE_TABLE[pattern.state]}
              small={words("pattern.signatures", { given: pattern.signaturesGiven, needed: pattern.signaturesNeeded })}
            />
            <span>
              <a className="tms-link tms-strong" href={paths.pattern(pattern.id, pattern.version)}>
                {shortPatternId(pattern.id)} v{pattern.version}
              </a>{" "}
              <ForeignText text={pattern.title} />
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function CloseDialog(props: { detail: CaseDetail; opened: boolean; onClose(): void }): ReactNode {
  const words = useWords();
  const [note, setNote] = useState("");
  const close = api.useAct("closeCase", { onDone: props.onClose });
  return (
    <ConfirmDialog
      opened={props.opened}
      onClose={props.onClose}
      title={words("close.title", { id: props.detail.shortId })}
      confirmLabel={words("close.do", { id: props.detail.shortId })}
      onConfirm={() => close.mutate({ params: { id: props.detail.id }, body: { note } })}
      busy={close.isPending}
      error={close.error}
    >
      <p>{words.rich("close.text", { host: <ForeignText text={props.detail.host} /> })}</p>
      <Textarea
        mt="md"
        rows={3}
        label={words("close.note")}
        maxLength={4000}
        value={note}
        onChange={(event) => setNote(event.currentTarget.value)}
      />
    </ConfirmDialog>
  );
}
