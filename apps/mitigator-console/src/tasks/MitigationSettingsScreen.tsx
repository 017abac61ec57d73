import { Button, Radio } from "@mantine/core";
import { Page, ProblemLine, TimeAbsolute, useClock } from "@tms/console-kit";
import { type ReactNode, useState } from "react";
import { api } from "../api.ts";
import { useWords } from "../words.ts";

/** What happens without asking. */
export function MitigationSettingsScreen(): ReactNode {
  const words = useWords();
  const { now } = useClock();
  const settings = api.useRead("getMitigationSettings", {}, { pollMs: 5000 });
  const [draft, setDraft] = useState<NonNullable<typeof settings.data> | null>(null);
  const [savedAt, setSavedAt] = useState<string | null>(null);
  const save = api.useAct("saveMitigationSettings", {
    onDone: () => {
      setDraft(null);
      setSavedAt(now.toISOString());
    },
  });
  const shown = draft ?? settings.data;
  return (
    <Page
      crumbs={[{ label: words("menu.mitigationSettings") }]}
      title={words("menu.mitigationSettings")}
      plainTitle={words("menu.mitigationSettings")}
    >
      <ProblemLine error={settings.error} />
      {shown === undefined ? null : (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            save.mutate({ body: shown });
          }}
        >
          <div className="tms-panel" style={{ maxWidth: 720 }}>
            <div className="tms-form-section">
              <Radio.Group
                label={words("mitigation.onThreat")}
                value={shown.onThreat}
                onChange={(value) =>
                  setDraft({ ...shown, onThreat: value === "assess-only" ? "assess-only" : "assess-and-clean" })
                }
              >
                <Radio
                  mt="sm"
                  value="assess-only"
                  label={words("mitigation.assessOnly")}
                  description={words("mitigation.assessOnlyWhy")}
                />
                <Radio
                  mt="sm"
                  value="assess-and-clean"
                  label={words("mitigation.assessAndClean")}
                  description={words("mitigation.assessAndCleanWhy")}
                />
              </Radio.Group>
            </div>
            <div className="tms-form-section">
              <Radio.Group
                label={words("mitigation.onPattern")}
                value={shown.onPattern}
                onChange={(value) => setDraft({ ...shown, onPattern: value === "automatic" ? "automatic" : "by-hand" })}
              >
                <Radio
                  mt="sm"
                  value="automatic"
                  label={words("mitigation.automatic")}
                  description={words("mitigation.automaticWhy")}
                />
                <Radio
                  mt="sm"
                  value="by-hand"
                  label={words("mitigation.byHand")}
                  description={words("mitigation.byHandWhy")}
                />
              </Radio.Group>
            </div>
          </div>
          <ProblemLine error={save.error} />
          <div className="tms-foot-bar">
            <span className="tms-small">
              {draft !== null
                ? words("mitigation.inForce")
                : savedAt === null
                  ? words("mitigation.unchanged")
                  : words.rich("portal.savedAt", { time: <TimeAbsolute at={savedAt} /> })}
            </span>
            <div className="tms-row">
              {draft === null ? null : (
                <>
                  <Button className="tms-quiet" onClick={() => setDraft(null)}>
                    {words("mitigation.discard")}
                  </Button>
                  <Button type="submit" loading={save.isPending}>
                    {words("portal.save")}
                  </Button>
                </>
              )}
            </div>
          </div>
        </form>
      )}
    </Page>
  );
}
