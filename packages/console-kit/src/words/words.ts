import i18next, { type i18n } from "i18next";
import { createElement, Fragment, type ReactNode } from "react";
import { initReactI18next, useTranslation } from "react-i18next";

type PluralBase<Key> = Key extends `${infer Base}_one` | `${infer Base}_other` ? Base : Key;

/** Every key of a words file; plural forms count as one key. */
export type WordKey<File> = PluralBase<keyof File & string>;
export type WordValues = Record<string, string | number>;

export interface Words<File> {
  (key: WordKey<File>, values?: WordValues): string;
  /** A sentence whose named values are drawn by components (foreign text, times, links). */
  rich(key: WordKey<File>, values: Record<string, ReactNode>, count?: number): ReactNode;
}

let instance: i18n | undefined;

/** Starts the one language there is; called once by each console before it draws. */
export function startWords(files: Record<string, Record<string, string>>): i18n {
  instance = i18next.createInstance();
  instance.use(initReactI18next);
  // escapeValue is off because React escapes; skipOnVariables keeps `{{` and `$t(` inside a value plain text.
  instance.init({
    lng: "en",
    fallbackLng: "en",
    ns: Object.keys(files),
    resources: { en: files },
    keySeparator: false,
    nsSeparator: false,
    interpolation: { escapeValue: false, skipOnVariables: true },
    initAsync: false,
    returnNull: false,
  });
  return instance;
}

/** Makes the typed hook of one words file. */
export function makeWords<File extends Record<string, string>>(namespace: string): () => Words<File> {
  return function useWords() {
    const { t } = useTranslation(namespace);
    // Our own types are stricter than i18next's and know the plural forms as one key.
    const text = t as unknown as (key: string, values: WordValues) => string;
    const plain = (key: WordKey<File>, values: WordValues = {}): string => text(key, values);
    const rich = (key: WordKey<File>, values: Record<string, ReactNode>, count?: number): ReactNode => {
      const marks: WordValues = Object.fromEntries(Object.keys(values).map((name) => [name, `\uE000${name}\uE001`]));
      return piecesOf(text(key, count === undefined ? marks : { ...marks, count }), values);
    };
    return Object.assign(plain, { rich });
  };
}

/** Splits a sentence at its marks and puts the components there. */
export function piecesOf(text: string, values: Record<string, ReactNode>): ReactNode {
  const parts = text.split(/\uE000([^\uE001]*)\uE001/);
  return parts.map((part, index) =>
    createElement(Fragment, { key: `${index}:${part}` }, index % 2 === 1 ? values[part] : part),
  );
}
