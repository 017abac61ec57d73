import { useClock } from "@tms/console-kit";
import type { ConnectionTest, PortalConnection, PortalSettings, ReadDetails } from "@tms/contracts/mitigator";
import { useEffect, useMemo, useState } from "react";
import { type UseFormReturn, useForm } from "react-hook-form";
import { api } from "../api.ts";
import { useWords } from "../words.ts";
import {
  changedFields,
  type FieldName,
  type Pins,
  pinsOf,
  readValues,
  type SettingsOutcome,
  type SettingsValues,
  valuesOf,
} from "./settings-values.ts";
import type { FormCure } from "./TestPanel.tsx";
import { type ConnectionTesting, useConnectionTest } from "./use-connection-test.ts";

type Step = ConnectionTest["lanes"]["logServer"][number];

export interface SettingsPage {
  form: UseFormReturn<SettingsValues>;
  saved: SettingsValues;
  values: SettingsValues;
  pins: Pins;
  changed: FieldName[];
  testing: ConnectionTesting<PortalSettings>;
  sameAsTested: boolean;
  /** Milliseconds for which Save still needs no confirmation; null when these values were not tested. */
  savableForMs: number | null;
  /** A sentence where the form as a whole cannot be read. */
  formError: string | null;
  saveError: Error | null;
  saving: boolean;
  savedAt: Date | null;
  submit(event: { preventDefault(): void }): void;
  test(): void;
  /** False when the form does not read; focus is on the first error then. */
  check(): boolean;
  save(confirmUntested: boolean, onDone?: () => void): void;
  /** On enabling: send what happened while sending was off. */
  sendMeanwhile: boolean;
  setSendMeanwhile(send: boolean): void;
  discard(): void;
  fill(details: ReadDetails): void;
  chooseProtocol(protocol: "ssh" | "ssl"): void;
  cureOf(lane: "logServer" | "statusServer", step: Step): FormCure | null;
}

/** What the settings page holds: the form, what is saved, what was tested, and what follows from the three. */
export function useSettingsPage(connection: PortalConnection, productName: string): SettingsPage {
  const words = useWords();
  const { now } = useClock();
  const savedText = JSON.stringify(connection.settings);
  const saved = useMemo(() => valuesOf(JSON.parse(savedText), productName), [savedText, productName]);
  const form = useForm<SettingsValues>({ defaultValues: saved });
  const [pins, setPins] = useState<Pins>(() => pinsOf(connection.settings));
  const [details, setDetails] = useState<ReadDetails | null>(null);
  const start = api.useAct("testPortalConnection");
  const [formError, setFormError] = useState<string | null>(null);
  const [savedAt, setSavedAt] = useState<Date | null>(null);
  const [sendMeanwhile, setSendMeanwhile] = useState(false);
  const testing = useConnectionTest((settings: PortalSettings) => start.mutateAsync({ body: settings }));
  const save = api.useAct("savePortalConnection");
  useEffect(() => {
    // Somebody else's save, or our own, becomes the new ground; what a person is typing stays.
    if (!form.formState.isDirty) form.reset(saved);
  }, [saved, form]);
  const values = form.watch();
  const outcome = readValues(values, pins, connection.passwordKeptSince !== null);
  const sameAsTested = outcome.kind === "valid" && JSON.stringify(outcome.settings) === testing.testedValues;
  const check = (): PortalSettings | null => {
    form.clearErrors();
    const read = readValues(form.getValues(), pins, connection.passwordKeptSince !== null);
    setFormError(read.kind === "invalid" && read.pinsMissing ? words("portal.pinsNeeded") : null);
    if (read.kind === "valid") return read.settings;
    showErrors(form, read, words);
    return null;
  };
  const test = () => {
    const settings = check();
    if (settings !== null) testing.start(settings);
  };
  return {
    form,
    saved,
    values,
    pins,
    changed: connection.settings === null ? [] : changedFields(values, saved),
    testing,
    sameAsTested,
    savableForMs: savableForMs(testing.test, sameAsTested, now),
    formError,
    saveError: save.error,
    saving: save.isPending,
    savedAt,
    submit: (event) => {
      event.preventDefault();
      test();
    },
    test,
    check: () => check() !== null,
    save: (confirmUntested, onDone) => {
      const settings = check();
      if (settings === null) return;
      const token = sameAsTested ? testing.test?.testToken : null;
      const proof = confirmUntested ? { confirmUntested } : token ? { testToken: token } : {};
      save.mutate(
        { body: { settings, ...proof, ...(sendMeanwhile ? { sendMeanwhile } : {}) } },
        {
          onSuccess: (answer) => {
            form.reset(valuesOf(answer.settings, productName));
            setSavedAt(now);
            setSendMeanwhile(false);
            onDone?.();
          },
        },
      );
    },
    sendMeanwhile,
    setSendMeanwhile,
    discard: () => {
      form.reset(saved);
      setPins(pinsOf(connection.settings));
      setFormError(null);
    },
    fill: (read) => {
      setDetails(read);
      const chosen = read[form.getValues("protocol")];
      setPins({ caPins: chosen.caPins, sshHostKeys: chosen.sshHostKeys, patternRoot: chosen.patternRoot });
      setFormError(null);
      fillForm(form, chosen);
    },
    chooseProtocol: (protocol) => {
      form.setValue("protocol", protocol, { shouldDirty: true });
      if (details !== null) fillForm(form, details[protocol]);
    },
    cureOf: (lane, step) => {
      if (lane !== "logServer" || details === null) return null;
      if (step.step !== "tcp" && step.step !== "handshake" && step.step !== "name-look-up") return null;
      const other = form.getValues("protocol") === "ssh" ? "ssl" : "ssh";
      const target = details[other];
      return {
        label: words("test.useOther", {
          protocol: other.toUpperCase(),
          target: `${target.logServer.host}:${target.logServer.port}`,
        }),
        apply: () => fillForm(form, target),
      };
    },
  };
}

function fillForm(form: UseFormReturn<SettingsValues>, from: ReadDetails["ssl"]): void {
  const dirty = { shouldDirty: true };
  form.setValue("logHost", from.logServer.host, dirty);
  form.setValue("logPort", String(from.logServer.port), dirty);
  form.setValue("protocol", from.protocol, dirty);
  form.setValue("statusHost", from.statusServer.host, dirty);
  form.setValue("statusPort", String(from.statusServer.port), dirty);
  form.setValue("userName", from.userName, dirty);
}

function showErrors(
  form: UseFormReturn<SettingsValues>,
  read: Extract<SettingsOutcome, { kind: "invalid" }>,
  words: ReturnType<typeof useWords>,
): void {
  for (const name of read.fields) form.setError(name, { message: words(`portal.error.${name}`) });
  const [first] = read.fields;
  if (first !== undefined) form.setFocus(first);
}

function savableForMs(test: ConnectionTest | null, sameAsTested: boolean, now: Date): number | null {
  if (test === null || !sameAsTested || test.ok !== true || test.testTokenExpiresAt === null) return null;
  const left = new Date(test.testTokenExpiresAt).getTime() - now.getTime();
  return left > 0 ? left : null;
}
