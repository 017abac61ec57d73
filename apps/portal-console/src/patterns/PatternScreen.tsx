import {
  CommandLine,
  Copyable,
  FactsStrip,
  ForeignText,
  Page,
  Pairs,
  Panel,
  ProblemLine,
  StateBlock,
  StateInline,
  shortPatternId,
  TimeAbsolute,
  TimeBoth,
  ToneShape,
  useRouteParam,
} from "@tms/console-kit";
import type { PatternDetail } from "@tms/contracts/portal";
import { PATTERN_STATE_TABLE } from "@tms/records";
import type { ReactNode } from "react";
import { api } from "../api.ts";
import { paths } from "../paths.ts";
import { useWords } from "../words.ts";
import { CheckPanel } from "./CheckPanel.tsx";
import { DeploymentsPanel } from "./DeploymentsPanel.tsx";
import { limitText, type ManifestFace, manifestFaceSchema, targetText, verbText } from "./manifest-face.ts";

export function PatternScreen(): ReactNode {
  const words = useWords();
  const id = useRouteParam("id");
  const version = useRouteParam("version");
  const pattern = api.useRead("getPattern", { params: { id: id as never, version: Number(version) } });
  if (pattern.data === undefined) {
    return (
      <Page
        crumbs={[{ label: words("menu.patterns"), href: paths.patterns() }]}
        title={words("menu.patterns")}
        plainTitle={words("menu.patterns")}
      >
        <ProblemLine error={pattern.error} />
      </Page>
    );
  }
  return <LoadedPattern pattern={pattern.data} />;
}

function LoadedPattern(props: { pattern: PatternDetail }): ReactNode {
  const words = useWords();
  const { pattern } = props;
  const face = manifestFaceSchema.safeParse(pattern.manifest);
  return (
    <Page
      crumbs={[
        { label: words("menu.patterns"), href: paths.patterns() },
        { label: `${shortPatternId(pattern.id)} v${pattern.version}` },
      ]}
      title={<ForeignText text={pattern.title} />}
      plainTitle={`${shortPatternId(pattern.id)} v${pattern.version}`}
      badges={<StateBlock state={PATTERN_STATE_TABLE[pattern.state]} announce />}
    >
      <PatternFacts pattern={pattern} />
      <div className="tms-columns" data-keep-order="" style={{ "--right": "minmax(0, 1fr)" } as object}>
        <div>
          <SignaturesPanel pattern={pattern} />
          {face.success ? <ContentsPanel face={face.data} /> : null}
          <Panel title={words("pattern.manifest")} note={words("pattern.manifestNote")}>
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard. */}
            <pre className="tms-json tms-mono" tabIndex={0}>
              <ForeignLines text={JSON.stringify(pattern.manifest, null, 2)} />
            </pre>
          </Panel>
        </div>
        <div>
          <CheckPanel check={pattern.check} />
          <DeploymentsPanel deployments={pattern.deployments} />
        </div>
      </div>
    </Page>
  );
}

function ForeignLines(props: { text: string }): ReactNode {
  return props.text.split("\n").map((line, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: the lines of one text never move.
    <span key={index}>
      <ForeignText text={line} mono />
      {"\n"}
    </span>
  ));
}

function PatternFacts(props: { pattern: PatternDetail }): ReactNode {
  const words = useWords();
  const { pattern } = props;
  return (
    <FactsStrip
      facts={[
        {
          label: words("customer"),
          value: (
            <a className="tms-link" href={paths.customer(pattern.customer.id)}>
              {pattern.customer.name}
            </a>
          ),
          small: words(`role.${pattern.role}`),
        },
        {
          label: words("case"),
          value:
            pattern.case === null ? (
              words("patterns.noCase")
            ) : (
              <a className="tms-link" href={paths.case(pattern.case.id)}>
                {pattern.case.shortId}
              </a>
            ),
          small: words("pattern.caseNote"),
        },
        {
          label: words("patterns.signatures"),
          value: words("pattern.signatures", { given: pattern.signaturesGiven, needed: pattern.signaturesNeeded }),
          small: words.rich("since", { time: <TimeBoth at={pattern.stateSince} /> }),
        },
        { label: words("patterns.endpoints"), value: String(pattern.endpoints), small: words("pattern.endpointsNote") },
        {
          label: words("patterns.digest"),
          value: <Copyable text={pattern.digest} what={words("patterns.digest")} truncate="hash" />,
          small: words("pattern.digestNote"),
        },
      ]}
    />
  );
}

/** Digest, signatures given and waiting, and the command. Signing is never a button: the portal holds no key. */
function SignaturesPanel(props: { pattern: PatternDetail }): ReactNode {
  const words = useWords();
  const { pattern } = props;
  const waiting = Math.max(0, pattern.signaturesNeeded - pattern.signatures.length);
  return (
    <Panel
      title={words("patterns.signatures")}
      icon={<ToneShape tone={waiting === 0 ? "ok" : "wait"} />}
      note={words("pattern.needed", { count: pattern.signaturesNeeded })}
      right={
        <span className="tms-small">
          {words("pattern.signatures", { given: pattern.signatures.length, needed: pattern.signaturesNeeded })}
        </span>
      }
    >
      <Pairs
        pairs={[
          [
            words("pattern.plan"),
            <Copyable key="p" text={pattern.planDigest} what={words("pattern.plan")} truncate="hash" />,
          ],
        ]}
      />
      <ul className="tms-sig">
        {pattern.signatures.map((signature) => (
          <li key={signature.keyId}>
            <ToneShape tone="ok" />
            <span>
              <strong>
                <ForeignText text={signature.name} />
              </strong>
              <span className="tms-cell-second">
                {words.rich("pattern.signedAt", {
                  time: <TimeAbsolute at={signature.at} />,
                  key: <ForeignText text={signature.keyId} mono truncate="hash" />,
                })}
              </span>
            </span>
          </li>
        ))}
        {Array.from({ length: waiting }, (_, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a signature that nobody gave has no identity.
          <li key={index} data-waits="">
            <ToneShape tone="wait" />
            <span>
              <strong>
                {words(pattern.signatures.length === 0 && index === 0 ? "pattern.anyExpert" : "pattern.otherExpert")}
              </strong>
              <span className="tms-cell-second">{words("pattern.waits")}</span>
            </span>
          </li>
        ))}
      </ul>
      {pattern.signCommand === null ? null : (
        <>
          <p className="tms-small" style={{ marginBottom: 4 }}>
            {words("pattern.signHow")}
          </p>
          <CommandLine command={pattern.signCommand} />
        </>
      )}
    </Panel>
  );
}

function ContentsPanel(props: { face: ManifestFace }): ReactNode {
  const words = useWords();
  const { face } = props;
  return (
    <Panel title={words("pattern.contents")} padded={false}>
      <ul className="tms-list">
        {face.rules.map((rule) => (
          <li key={rule.id}>
            <StateInline state={{ text: words("pattern.rule"), tone: "still", still: "away" }} />
            <span>
              <ForeignText text={rule.id} mono /> <span className="tms-small">{rule.kind}</span>
            </span>
          </li>
        ))}
        {face.cleanup.map((step) => (
          <li key={step.step}>
            <span>
              <strong>{verbText(step.verb)}</strong> <ForeignText text={targetText(step.target)} />
              <span className="tms-cell-second">
                <ForeignText text={step.step} mono /> <ForeignText text={step.verb} mono />
              </span>
            </span>
          </li>
        ))}
        {Object.keys(face.limits).length === 0 ? null : (
          <li>
            <span className="tms-small">{words("pattern.limit")}</span>
            <span>{limitText(face.limits)}</span>
          </li>
        )}
      </ul>
    </Panel>
  );
}
